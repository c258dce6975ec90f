"""Spread: how much of the space that rows could fill they fill."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.fillings import FILLINGS, eee, kl_gaussian, pc_ratio
from cuvee.measure.groups import of_groups, of_rows, some_rows
from cuvee.measure.moments import Moments

FROM_VARIANCES = {"eee": eee, "pc_ratio": pc_ratio, "kl_gaussian": kl_gaussian}
"""Of the variances of the principal components."""
BY = (*FROM_VARIANCES, *FILLINGS)
FEW = ("koleo", "neighbour_overlap", "kl_neighbours")
"""What neighbours are sought for."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Share of even spread: near 1 for a round Gaussian cloud, near 0 for one line or one point.

    All are turned so that more is more spread, and none knows the scale: see `radius` for that. The
    published sizes are 1 - eee, 1 - vrm and -dims log(kl_gaussian); cosine is 1 - mean cosine.

    Args:
        by: From principal components "eee" (eigenvalue early enrichment), "pc_ratio" (smallest to
            largest); from entropies "vrm" (Vasicek ratio, mean squared error), "koleo"; from
            neighbours "neighbour_overlap"; from the divergence to a normal law "kl_gaussian",
            "kl_binned", "kl_neighbours"; and, to compare with, two that fail: "cosine",
            "partition" (the ratio I(V) of partition functions).
        rows: That are looked at; of more so many random ones, and a fifth of them for neighbours.
            "eee", "pc_ratio" and "kl_gaussian" look at all of them, once.

    Fails when: rows are few beside dimensions; for "cosine" and "partition" where the cloud does
    not lie around 0, whatever its spread.

    References: Marbut, McKinney-Bock and Wheeler, "Reliable measures of spread in high dimensional
    latent spaces", ICML 2023.
    """

    by: str = "eee"
    rows: int = 10_000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "of even spread"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.rows < 160:
            raise CuveeError("expected rows from 160 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows for the components; a measure that fails, or misses what it looks for."""
        rows, dims, found = len(a), a.rows.shape[1], []
        if rows < 10 * dims:
            found.append(f"{rows} rows for {dims} dimensions: small components are mostly noise.")
        if dims == 1:
            found.append("one column: every spread is even. radius tells how far.")
        if self.by in ("cosine", "partition"):
            found.append(f"by={self.by} mistakes a shift for no spread: by=eee does not.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        if self.by in FROM_VARIANCES:
            return self._of_variances(a.rows, rng)
        some = some_rows(a.rows, self.rows // (5 if self.by in FEW else 1), rng)
        _check(float(some.var(axis=0).max()))
        filling, seed = FILLINGS[self.by], int(rng.integers(2**32))
        number = of_rows(lambda rows: filling(rows, seed), some)
        return of_groups(number, rng=rng, unit=self.unit)

    def _of_variances(self, points: np.ndarray, rng: Generator) -> Estimate:
        moments, function = Moments.of(points), FROM_VARIANCES[self.by]
        whole = moments.variances(np.arange(len(moments.counts)))
        _check(float(whole[0]))
        found = of_groups(lambda some: function(moments.variances(some)), rng=rng,
                          unit=self.unit, low=0.0, high=1.0)  # fmt: skip
        round_ = np.array([function(v) for v in _of_round_clouds(len(points), len(whole), rng)])
        draws, center = found.draws, float(found.mean)
        high = float(found.interval()[1])
        if function(whole) >= np.quantile(round_, 0.05) and center < high < 1:
            # The cloud may be round: equal variances come out unequal, by the root of the rows.
            over = draws > center
            wider = center + (draws - center) * 1.01 * (1 - center) / (high - center)
            draws = np.where(over, np.minimum(wider, 1), draws)
        return Estimate(draws, self.unit, "samples", found.center, null=round_)


def _of_round_clouds(rows: int, dims: int, rng: Generator) -> Iterator[np.ndarray]:
    """Variances of the components of as many rows of a round Gaussian (Bartlett's matrices)."""
    for _ in range(40 if dims <= 128 else 12):
        root = np.tril(rng.standard_normal((dims, dims)), -1)
        root[np.diag_indices(dims)] = np.sqrt(rng.chisquare(np.maximum(rows - 1 - np.arange(dims),
                                                                       1e-3)))  # fmt: skip
        yield np.linalg.svd(root, compute_uv=False) ** 2


def _check(variance: float) -> None:
    if not variance > 0:
        raise CuveeError("all rows are equal: there is nothing to measure the spread of.")
