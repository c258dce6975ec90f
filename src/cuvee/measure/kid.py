"""Kernel distance of features: the unbiased companion of the Fréchet distance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.energy import left_out
from cuvee.measure.kernel_tables import some_rows, table_of, told
from cuvee.measure.mmd import squared


@dataclass(frozen=True, slots=True)
class Kid:
    """Squared discrepancy of the kernel (x.y / dims + 1)^degree, unbiased, with a permutation test.

    Compares moments up to the degree. All pairs of up to `rows` rows are looked at (32 MB).

    Args:
        degree: Of the polynomial.
        rows: Of more rows of a sample, so many are drawn.

    Fails when: features are large (the number grows with their size to the power of twice the
    degree), or laws differ in what moments up to the degree do not see.

    References: Bińkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared kernel units"
    keeps: ClassVar[tuple[str, ...]] = ("rotation", "swap")
    degree: int = 3
    rows: int = 10_000

    def __post_init__(self) -> None:
        if self.degree < 1 or self.rows < 2:
            raise CuveeError(
                f"degree must be 1 or more and rows 2 or more, got {self.degree} and {self.rows}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Rows that are not looked at."""
        return left_out(self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (some_rows(z, self.rows, rng) for z in (a.rows, (b or a).rows))

        def kernel(products: np.ndarray) -> np.ndarray:
            return (products / x.shape[1] + 1) ** self.degree

        table = table_of(x, y, kernel, rng, products=True)
        return told(table, squared, rng=rng, unit=self.unit)
