"""Sinkhorn divergence: transport that may blur a little, and counts a sample as at home."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import median_distance
from cuvee.measure.wasserstein import squares

ROUNDS, STEPS, NEAR = 20, 15, 1e-3
"""Rounds and steps of Sinkhorn's algorithm, at most, and how far off rows may be on average."""
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Sinkhorn:
    """Sinkhorn divergence: entropic transport of squared distances, less that of each to itself.

    Between the squared 2-Wasserstein distance (no blur) and that of the means (much blur). Of
    large samples, blocks of `rows` are looked at: memory rows x rows.

    Args:
        blur: Entropic regularisation, as a part of the squared median distance of two rows.
        rows: At most so many of each sample are matched with one another at a time.
        splits: Pairs of halves, or blocks, behind the number and its interval.

    Fails when: the blur is small and dimensions are many: the bias is that of plain transport.
    Numbers of different blurs cannot be compared.

    References: Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NeurIPS
    2013; Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
    divergences", AISTATS 2019.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    blur: float = 0.1
    rows: int = 250
    splits: int = 16

    def __post_init__(self) -> None:
        if not self.blur > 0:
            raise CuveeError(f"blur must be above 0, got {self.blur}.")
        if self.rows < 8 or self.splits < 4:
            raise CuveeError(
                f"rows must be 8 or more and splits 4 or more, got {self.rows} and {self.splits}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Rows that are not looked at."""
        rows, seen = min(len(a), len(b or a)), 2 * self.rows * self.splits
        return (f"{seen} of {rows} rows are looked at (more with splits).",) if rows > seen else ()

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = a.rows, (b or a).rows
        blur = self.blur * median_distance(x, y, rng) ** 2

        def statistic(one: np.ndarray, two: np.ndarray) -> float:
            return divergence(one, two, blur)

        return contrasted(
            statistic, x, y, rng=rng, unit=self.unit, cap=self.rows, splits=self.splits,
            nulls=self.splits,
        )  # fmt: skip


def divergence(x: np.ndarray, y: np.ndarray, blur: float) -> float:
    """Of two arrays of rows, as they are."""
    own = [entropic(squares(z, z), blur, even=True) for z in (x, y)]
    return entropic(squares(x, y), blur) - sum(own) / 2


def entropic(cost: Float[np.ndarray, "rows others"], blur: float, *, even: bool = False) -> float:
    """The least mean cost plus blur times the plan's divergence from independence.

    Args:
        cost: Of all pairs.
        blur: Of the plan.
        even: Whether the cost is that of a sample to itself: one potential then serves both.

    References: Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport
    problems", SIAM Journal on Scientific Computing 41, 2019.
    """
    two = cost.min(axis=0)
    one = (cost - two).min(axis=1)
    for _ in range(ROUNDS):
        # Potentials go into the kernel, so that it holds a 1 in each row, however small the blur.
        kernel = np.exp((one[:, None] + two - cost) / blur)
        u, v, off = _even(kernel) if even else _scaled(kernel)
        one, two = one + blur * np.log(u), two + blur * np.log(v)
        if off < NEAR:
            break
    return float(one.mean() + two.mean())


def _scaled(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors of rows and columns after some steps, and how far the rows are off."""
    n, m = kernel.shape
    u, v = np.ones(n), np.ones(m)
    for _ in range(STEPS):
        u = m / np.maximum(kernel @ v, TINY)
        v = n / np.maximum(u @ kernel, TINY)
    return u, v, float(np.abs(u * (kernel @ v) / m - 1).mean())


def _even(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The same for a sample and itself."""
    u = np.ones(len(kernel))
    for _ in range(STEPS):
        u = np.sqrt(u * len(kernel) / np.maximum(kernel @ u, TINY))
    return u, u, float(np.abs(u * (kernel @ u) / len(kernel) - 1).mean())
