"""Determinantal point processes: random rows that keep apart from each other."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import Purse
from cuvee.select.kernels import scaled, unit
from cuvee.select.memory import check_room

KERNELS = ("cosine", "linear", "rbf")
ZERO = 1e-9
"""Eigenvalues below this part of the largest are 0."""
INSTEAD = "choose from fewer rows, or with fewer features"


@dataclass(frozen=True, slots=True)
class Dpp:
    """Draws k rows with a chance in proportion to the determinant of their similarities.

    Exact, by the kernel of features by features: n rows of d features cost n d^2 once and n d k for
    the draw; memory is 16 n (d + min(k, d)) bytes beside the points. No more rows than features can
    keep apart: beyond, draws are repeated among the rows that are left. `weight` is one over the
    chance of each row in its draw: weighted sums over the choice are unbiased for sums over the
    pool (of one draw; nearly so of several).

    Args:
        kernel: "cosine", "linear" (the points as they are, whose length says how wanted a row is)
            or "rbf", through similarities to `landmarks` random rows.
        width: Distance at which "rbf" is exp(-1/2); 0: the root mean square over all pairs.
        landmarks: Of "rbf": so many features are made.

    Fails when: odd rows are errors: what is like nothing else is drawn most of all.

    References: Kulesza and Taskar, "k-DPPs: fixed-size determinantal point processes", ICML 2011;
    the same, "Determinantal point processes for machine learning", 2012,
    https://arxiv.org/abs/1207.6083; Affandi et al., "Nyström approximation for large-scale
    determinantal processes", AISTATS 2013, https://proceedings.mlr.press/v31/affandi13a.html;
    Nouy and Michel, "Weighted least-squares approximation with determinantal point processes and
    generalized volume sampling", 2023, https://arxiv.org/abs/2312.14057
    """

    kernel: str = "cosine"
    width: float = 0.0
    landmarks: int = 256
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.kernel not in KERNELS:
            raise unknown("kernel", self.kernel, KERNELS)
        if self.width < 0 or self.landmarks < 1:
            raise CuveeError("expected width from 0 on, and landmarks from 1 on.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows in the order of the draws; the score is the chance of each in its draw."""
        features = self._features(pool, k, rng)
        purse, open_ = Purse(k, pool.sizes), np.ones(len(pool), bool)
        draws = 0
        while not purse.full:
            open_ &= pool.sizes <= purse.left
            rest = np.flatnonzero(open_)
            if not len(rest):
                break
            some = features if len(rest) == len(features) else features[rest]
            drawn, chances = k_dpp(some, _wanted(purse, rest), rng)
            if not len(drawn):
                drawn = rng.permutation(len(rest))  # all that is left is zeros
                chances = np.ones(len(rest))
            draws += 1
            for row, chance in zip(rest[drawn].tolist(), chances.tolist(), strict=True):
                if not purse.full and purse.fits(row):
                    purse.take(row, chance)
                open_[row] = False
        rows, chances = purse.found
        weight = 1 / np.maximum(chances, 1e-12)
        notes = (f"{draws} draws, each among the rows that were left.",) if draws > 1 else ()
        return Choice(
            rows, chances, "chance of being drawn", weight=weight / weight.mean(), notes=notes
        )

    def _features(
        self, pool: Pool, k: Quota, rng: Generator
    ) -> Float64[np.ndarray, "rows features"]:
        points = pool.need("points")
        size = min(self.landmarks, len(pool)) if self.kernel == "rbf" else points.shape[1]
        least = 16 * len(pool) * (size + min(size, k.about(pool.sizes)))
        check_room(f"dpp on {len(pool):,} rows of {size} features", least, INSTEAD)
        if self.kernel == "rbf":
            return nystrom(points.astype(np.float64), self.width, self.landmarks, rng)
        return (unit(points) if self.kernel == "cosine" else scaled(points)[0]).astype(np.float64)


def _wanted(purse: Purse, rest: Int64[np.ndarray, "rows"]) -> int:
    """Rows that are still to be drawn; of tokens, about so many."""
    if purse.k.rows is not None:
        return purse.k.rows - len(purse.rows)
    return min(len(rest), max(1, round(purse.left / max(float(purse.sizes[rest].mean()), 1.0))))


def orthonormal(
    features: Float64[np.ndarray, "rows features"],
) -> tuple[Float64[np.ndarray, "rows rank"], Float64[np.ndarray, "rank"]]:
    """Left singular vectors, and the squares of the singular values, without those that are 0."""
    values, ways = np.linalg.eigh(features.T @ features)
    keep = values > ZERO * max(values[-1], np.finfo(float).tiny)
    return (features @ ways[:, keep]) / np.sqrt(values[keep]), values[keep]


def k_dpp(
    features: Float64[np.ndarray, "rows features"], k: int, rng: Generator
) -> tuple[Int64[np.ndarray, "chosen"], Float64[np.ndarray, "chosen"]]:
    """At most k rows by a k-DPP whose kernel is `features @ features.T`.

    Returns:
        Rows, no more than the rank, and the chance of each to be in such a draw.
    """
    vectors, values = orthonormal(features)
    k = min(k, len(values))
    logs = np.log(values)
    chosen = _directions(logs, k, rng)
    rows = projection(vectors[:, chosen], rng)
    return rows, vectors[rows] ** 2 @ _included(logs, k)


def projection(
    vectors: Float64[np.ndarray, "rows k"], rng: Generator
) -> Int64[np.ndarray, "chosen"]:
    """As many rows as there are orthonormal columns, by the projection DPP on what they span.

    A row is drawn by its squared length, and all others lose what they have along its direction.
    """
    left = np.sum(vectors**2, axis=1)
    along: list[np.ndarray] = []
    rows: list[int] = []
    for _ in range(vectors.shape[1]):
        left[rows] = 0
        ends = np.cumsum(np.maximum(left, 0))
        row = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
        row = min(row, int(np.flatnonzero(left > 0)[-1]))
        way = vectors @ vectors[row]
        for before in along:
            way -= before * before[row]
        way /= np.sqrt(way[row])
        along.append(way)
        left -= way**2
        rows.append(row)
    return np.array(rows, np.int64)


def sums(logs: Float64[np.ndarray, "values"], k: int) -> Float64[np.ndarray, "values+1 k+1"]:
    """Logarithms of elementary symmetric polynomials: `[j, l]` is that of order l of the first j
    values."""
    table = np.full((len(logs) + 1, k + 1), -np.inf)
    table[:, 0] = 0
    for j, value in enumerate(logs):
        table[j + 1, 1:] = np.logaddexp(table[j, 1:], table[j, :-1] + value)
    return table


def _directions(
    logs: Float64[np.ndarray, "values"], k: int, rng: Generator
) -> Bool[np.ndarray, "values"]:
    """Which k eigenvectors, by the product of their eigenvalues."""
    table, left = sums(logs, k), k
    chosen = np.zeros(len(logs), bool)
    for j in range(len(logs), 0, -1):
        if not left:
            break
        odds = logs[j - 1] + table[j - 1, left - 1] - table[j, left]
        if np.log(max(rng.random(), np.finfo(float).tiny)) < odds or j == left:
            chosen[j - 1] = True
            left -= 1
    return chosen


def _included(logs: Float64[np.ndarray, "values"], k: int) -> Float64[np.ndarray, "values"]:
    """The chance of each eigenvector to be among the k."""
    if k == len(logs) or not k:
        return np.ones(len(logs)) if k else np.zeros(len(logs))
    before, after = sums(logs, k), sums(logs[::-1], k)[::-1]
    # Of all values but j: orders l from those before it, and k - 1 - l from those behind it.
    both = before[:-1, :k] + after[1:, :k][:, ::-1]
    return np.exp(np.logaddexp.reduce(both, axis=1) + logs - before[-1, k])


def nystrom(
    points: Float64[np.ndarray, "rows dims"], width: float, landmarks: int, rng: Generator
) -> Float64[np.ndarray, "rows landmarks"]:
    """Features whose inner products are about exp(-distance^2 / (2 width^2))."""
    centered = points - points.mean(axis=0)
    width = width or float(np.sqrt(2 * np.mean(np.sum(centered**2, axis=1)))) or 1.0
    scaled = centered / width
    some = scaled[np.sort(rng.permutation(len(points))[:landmarks])]
    half = np.sum(some**2, axis=1) / 2

    def like(rows: np.ndarray) -> np.ndarray:
        return np.exp(np.minimum(rows @ some.T - half - np.sum(rows**2, axis=1)[:, None] / 2, 0))

    values, ways = np.linalg.eigh(like(some))
    keep = values > ZERO * values[-1]
    return like(scaled) @ (ways[:, keep] / np.sqrt(values[keep]))
