"""NovelSum: rows that are new beside their nearest chosen rows, more so where rows are dense."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import Purse
from cuvee.select.kernels import parts, sites, unit

DENSITIES = ("chosen", "both")
LARGEST = 1 << 25
"""Distances that are held at a time."""
LEAST = 1e-3
"""Mean distance to neighbours below which rows are copies: density goes no higher."""


@dataclass(frozen=True, slots=True)
class NovelSum:
    """Takes the row of the highest novelty: its distances to chosen rows, near ones counting more.

    The novelty of a row is the sum over chosen rows of cosine distance times density, the r-th
    smallest of these divided by r^proximity. Density is (mean distance to the nearest rows of the
    pool)^-density. Each step costs rows times (features + ranks); memory is rows times ranks.

    Args:
        neighbours: Rows that density is measured with.
        sites: Rows among which they are sought: of a larger pool so many random ones.
        density: Its power; 0: density does not count.
        proximity: Power of the rank; 0: near and far chosen rows count the same.
        ranks: Nearest chosen rows that count.
        densities: Whose density counts: that of the "chosen" row, as in the paper, or the sum of
            "both", as in the released program.

    Fails when: far-off rows are broken ones, or k is far above `ranks`, whose tail is left out.

    References: Yang et al., "Measuring data diversity for instruction tuning: a systematic analysis
    and a reliable metric", ACL 2025, https://arxiv.org/abs/2502.17184
    """

    neighbours: int = 10
    sites: int = 30_000
    density: float = 0.5
    proximity: float = 1.0
    ranks: int = 100
    densities: str = "chosen"
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.densities not in DENSITIES:
            raise unknown("densities", self.densities, DENSITIES)
        if (
            min(self.neighbours, self.ranks, self.sites) < 1
            or self.density < 0
            or self.proximity < 0
        ):
            raise CuveeError(
                "expected neighbours, sites and ranks from 1 on, density and proximity from 0 on."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by their novelty when taken; the first is random and has none."""
        points = unit(pool.need("points"))
        some = sites(len(pool), self.sites, rng)
        dense = densities(points, self.neighbours, self.density, some)
        ranks = min(self.ranks, max(k.most(pool.sizes) - 1, 1))
        weights = (1 / np.arange(1, ranks + 1) ** self.proximity).astype(np.float32)
        nearest = np.full((len(pool), ranks), np.inf, np.float32)
        novelty = np.zeros(len(pool))
        novelty[rng.permutation(len(pool))[0]] = 1
        open_, purse = np.ones(len(pool), bool), Purse(k, pool.sizes)
        while not purse.full:
            if purse.left < purse.largest:
                open_ &= pool.sizes <= purse.left
            row = int(np.argmax(np.where(open_, novelty, -np.inf)))
            if not open_[row]:
                break
            purse.take(row, float(novelty[row]) if purse.rows else 0.0)
            open_[row] = False
            factor = dense[row] + dense if self.densities == "both" else dense[row]
            away = np.maximum(1 - points @ points[row], 0) * factor
            many = min(len(purse.rows), ranks)
            _insert(nearest[:, :many], away)
            novelty = (nearest[:, :many] @ weights[:many]).astype(np.float64)
        rows, gains = purse.found
        return Choice(rows, gains, "novelty beside those chosen before")


def densities(
    points: Float32[np.ndarray, "rows features"],
    neighbours: int,
    power: float,
    among: Int[np.ndarray, "sites"] | None = None,
) -> Float32[np.ndarray, "rows"]:
    """Of points of length 1, (mean distance to the nearest others)^-power.

    Args:
        points: Of length 1.
        neighbours: How many are the nearest.
        power: 0: every density is 1.
        among: Rows among which they are sought; None: all.
    """
    others = np.arange(len(points)) if among is None else among
    many = min(neighbours, len(others) - 1)
    if not power or many < 1:
        return np.ones(len(points), np.float32)
    place = np.full(len(points), -1)
    place[others] = np.arange(len(others))
    found, step = [], max(LARGEST // len(others), 1)
    for start in range(0, len(points), step):
        block = points[start : start + step] @ points[others].T
        own = place[start : start + step]
        block[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        near = np.partition(block, len(others) - many, axis=1)[:, len(others) - many :]
        found.append(np.sqrt(np.maximum(2 - 2 * near, 0)).mean(axis=1))
    return np.maximum(np.concatenate(found), LEAST) ** np.float32(-power)


def novelsum(points: np.ndarray, dense: np.ndarray | None = None, proximity: float = 1.0) -> float:
    """How diverse a set is: the mean of all rows' novelty beside all others.

    Args:
        points: Of the set.
        dense: Density of each of them, measured in the whole pool; None: all the same.
        proximity: Power of the rank.

    Returns:
        A weighted mean of distances times density: higher is more diverse.
    """
    ways = unit(points)
    away = np.maximum(1 - ways @ ways.T, 0).astype(np.float64)
    if dense is not None:
        away *= dense
    np.fill_diagonal(away, -1)
    others = np.sort(away, axis=1)[:, 1:]
    weights = 1 / np.arange(1, others.shape[1] + 1) ** proximity
    return float((others @ weights / weights.sum()).mean())


def _insert(nearest: Float32[np.ndarray, "rows ranks"], new: Float32[np.ndarray, "rows"]) -> None:
    """Put one more number into each row, which stays sorted; the largest drops out."""
    for part in parts(nearest):
        block, late = nearest[part], new[part, None]
        moved = np.minimum(block[:, 1:], np.maximum(block[:, :-1], late))
        np.minimum(block[:, :1], late, out=block[:, :1])
        block[:, 1:] = moved
