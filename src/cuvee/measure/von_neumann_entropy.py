"""Von Neumann entropy: how evenly rows point into all directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import of_groups
from cuvee.measure.vendi import check_kernel, few, renyi, spectrum


@dataclass(frozen=True, slots=True)
class VonNeumannEntropy:
    """Entropy of the eigenvalues of the rows' autocorrelation: the logarithm of the Vendi score.

    At most log(dims), which isotropic rows reach; 0 for rows on one line through 0.

    Args:
        order: Of the Rényi entropy; 1: Shannon's.
        kernel: "cosine", or "gaussian".
        width: Of the Gaussian kernel, in units of the features; 0: the median distance.
        rows: That similarities are computed of, where rows are fewer than dimensions or the kernel
            is Gaussian.

    Fails when: rows are few beside dimensions, or lie far from 0: a shift then hides all spread.

    References: Kim et al., "VNE: An effective method for improving deep representation by
    manipulating eigenvalue distribution", CVPR 2023.
    """

    order: float = 1.0
    kernel: str = "cosine"
    width: float = 0.0
    rows: int = 1000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("scale", "rotation")

    def __post_init__(self) -> None:
        check_kernel(self.order, self.kernel, self.width, self.rows)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows for the eigenvalues."""
        return few(a, self.kernel)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        values = spectrum(a.rows, self.kernel, self.width, self.rows, rng)
        most = np.log(a.rows.shape[1]) if self.kernel == "cosine" else np.inf
        return of_groups(lambda some: renyi(values(some), self.order), rng=rng, unit=self.unit,
                         low=0.0, high=most)  # fmt: skip
