"""Sinkhorn divergence: transport that may blur a little, and counts a sample as at home."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import median_distance
from cuvee.measure.wasserstein import squares

ROUNDS, NEAR = 200, 1e-5
"""Of Sinkhorn's algorithm, at most, and how far off the margins may be in the end."""


@dataclass(frozen=True, slots=True)
class Sinkhorn:
    """Sinkhorn divergence: entropic transport of squared distances, less that of each to itself.

    Between the squared 2-Wasserstein distance (no blur) and that of the means (much blur). Of
    large samples, blocks of `rows` are looked at: memory rows x rows. Needs POT (extra `ot`).

    Args:
        blur: Entropic regularisation, as a part of the squared median distance of two rows.
        rows: At most so many of each sample are matched with one another at a time.
        splits: Pairs of halves, or blocks, behind the number and its interval.

    Fails when: the blur is small and dimensions are many: the bias is that of plain transport.
    Numbers of different blurs cannot be compared.

    References: Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NeurIPS
    2013; Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
    divergences", AISTATS 2019; Flamary et al., "POT: Python Optimal Transport", JMLR 22, 2021.
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
    own = [entropic(squares(z, z), blur) for z in (x, y)]
    return entropic(squares(x, y), blur) - sum(own) / 2


def entropic(cost: Float[np.ndarray, "rows others"], blur: float) -> float:
    """The least mean cost plus blur times the plan's divergence from independence.

    Raises:
        CuveeError: POT is not installed.
    """
    try:
        import ot
    except ModuleNotFoundError as error:
        raise missing(error) from error
    n, m = cost.shape
    even = np.full(n, 1 / n), np.full(m, 1 / m)
    if cost.max(initial=0) < 500 * blur:  # or the kernel has zeros
        _, log = ot.sinkhorn(*even, cost, blur, numItermax=ROUNDS, stopThr=NEAR, log=True,
                             warn=False)  # fmt: skip
        one, two = np.log(log["u"]), np.log(log["v"])
    else:
        _, log = ot.bregman.sinkhorn_log(*even, cost, blur, numItermax=ROUNDS, stopThr=NEAR,
                                         log=True, warn=False)  # fmt: skip
        one, two = log["log_u"], log["log_v"]
    # The dual value: at the optimum the plan is u exp(-cost / blur) v.
    return float(blur * (one.mean() + two.mean() + np.log(n) + np.log(m)))
