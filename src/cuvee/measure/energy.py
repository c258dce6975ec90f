"""Energy distance: how much farther rows are from the other sample than from their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import some_rows, table_of, told
from cuvee.measure.mmd import squared


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy distance 2 E|x-y| - E|x-x'| - E|y-y'|, unbiased, with a permutation test.

    No bandwidth to choose. All pairs of up to `rows` rows are looked at, block by block (32 MB).

    Args:
        rows: Of more rows of a sample, so many are drawn.

    Fails when: laws differ in few of many dimensions, or in shape far more than in place: the
    number then is small, though not 0.

    References: Székely and Rizzo, "Energy statistics: a class of statistics based on distances",
    Journal of Statistical Planning and Inference 143, 2013.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    rows: int = 10_000

    def __post_init__(self) -> None:
        if self.rows < 2:
            raise CuveeError(f"rows must be 2 or more, got {self.rows}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Rows that are not looked at."""
        return left_out(self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (some_rows(z, self.rows, rng) for z in (a.rows, (b or a).rows))
        table = table_of(x, y, minus_distance, rng)
        return told(table, squared, rng=rng, unit=self.unit)


def minus_distance(squares: np.ndarray) -> np.ndarray:
    """The kernel of which the energy distance is the discrepancy."""
    np.sqrt(squares, out=squares)
    return np.negative(squares, out=squares)


def left_out(rows: int, a: Sample, b: Sample | None) -> tuple[str, ...]:
    """A sentence if some rows are not looked at."""
    most = max(len(a), len(b or a))
    return (f"{rows} of {most} rows are drawn (more with rows).",) if most > rows else ()
