"""Kernel herding: a choice that has the mean of all rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import Purse
from cuvee.select.kernels import Kernel, scaled, sites

KERNELS = ("rbf", "linear")


@dataclass(frozen=True, slots=True)
class Herding:
    """Takes the row whose direction the choice's mean lacks most, against that of all rows.

    After t rows the next maximises E k(x, x') - sum k(x, chosen) / (t + 1): means of functions in
    the kernel's space come out with an error of about 1/t, where random rows give 1/sqrt(t). Each
    step costs rows times features.

    Args:
        kernel: "rbf", which matches the whole distribution, or "linear", the mean only.
        width: Distance at which "rbf" is exp(-1/2); 0: the root mean square over all pairs.
        sites: "rbf" averages over at most so many random rows of the pool.

    Fails when: rare kinds matter: a small choice has the common ones.

    References: Welling, "Herding dynamical weights to learn", ICML 2009,
    https://doi.org/10.1145/1553374.1553517; Chen, Welling and Smola, "Super-samples from kernel
    herding", UAI 2010, https://arxiv.org/abs/1203.3472
    """

    kernel: str = "rbf"
    width: float = 0.0
    sites: int = 20_000
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.kernel not in KERNELS:
            raise CuveeError(f"kernel: expected {' or '.join(KERNELS)}, got {self.kernel!r}.")
        if self.width < 0 or self.sites < 1:
            raise CuveeError("expected width from 0 on, and sites from 1 on.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by what they were worth when taken."""
        points, _ = scaled(pool.need("points"))
        rbf = self.kernel == "rbf"
        kernel = Kernel.of(pool.need("points"), "rbf", self.width) if rbf else None
        mean = self._mean(points, kernel, rng)
        chosen, open_ = np.zeros(len(pool)), np.ones(len(pool), bool)
        purse = Purse(k, pool.sizes)
        while not purse.full:
            if purse.left < purse.largest:
                open_ &= pool.sizes <= purse.left
            worth = np.where(open_, mean - chosen / (len(purse.rows) + 1), -np.inf)
            row = int(np.argmax(worth))
            if not open_[row]:
                break
            purse.take(row, float(worth[row]))
            open_[row] = False
            chosen += (
                points @ points[row] if kernel is None else kernel.rows(slice(row, row + 1))[0]
            )
        rows, worths = purse.found
        return Choice(rows, worths, "kernel mean of all rows less that of the choice")

    def _mean(
        self, points: np.ndarray, kernel: Kernel | None, rng: Generator
    ) -> Float64[np.ndarray, "rows"]:
        """Of each row, the mean of the kernel with all rows."""
        if kernel is None:
            return (points @ points.mean(axis=0, dtype=np.float64)).astype(np.float64)
        some = sites(len(points), self.sites, rng)
        return Kernel(kernel.points, kernel.norms, some).sums() / min(self.sites, len(points))
