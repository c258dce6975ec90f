"""Distance to prototypes: what is usual in each cluster, or what is not."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int64
from numpy.random import Generator
from scipy.sparse import csr_array

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.kernels import scaled, unit

ENDS = ("hard", "easy")
METRICS = ("cosine", "euclidean")
SHARES = ("proportional", "equal", "none")
FIT = 20_000
"""Rows that centers are fitted to, at most."""
ROUNDS = 25
BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Takes rows far from their cluster's prototype, or near to it.

    Clusters are found by k-means on a sample; a pass costs rows times clusters times features, and
    memory is that of the points.

    Args:
        end: "hard": the farthest first, for plenty of data; "easy": the nearest first, for little.
        clusters: How many; 0: the square root of the number of rows, at most 1000.
        metric: "cosine" or "euclidean".
        share: What a cluster gives: a part of it as large as of all others ("proportional"), as
            many rows as others ("equal"), or whatever its distances decide ("none").

    Fails when: what is far from everything is broken, or "hard" is asked of a small pool.

    References: Sorscher et al., "Beyond neural scaling laws: beating power law scaling via data
    pruning", NeurIPS 2022, https://arxiv.org/abs/2206.14486
    """

    end: str = "hard"
    clusters: int = 0
    metric: str = "cosine"
    share: str = "proportional"
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        for setting, among in (("end", ENDS), ("metric", METRICS), ("share", SHARES)):
            if getattr(self, setting) not in among:
                raise unknown(setting, getattr(self, setting), among)
        if self.clusters < 0:
            raise CuveeError(f"clusters: expected 0 or more, got {self.clusters}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by their place in their cluster."""
        points = pool.need("points")
        points, size = (unit(points), 1.0) if self.metric == "cosine" else scaled(points)
        centers, labels = kmeans(points, self.clusters or usual(len(points)), rng)
        far = size * np.linalg.norm(points - centers[labels], axis=1).astype(np.float64)
        if self.metric == "cosine":
            toward = np.einsum("nd,nd->n", points, unit(centers)[labels], dtype=np.float64)
            far = np.maximum(1 - toward, 0)
        scores = far if self.end == "hard" else -far
        rows = k.fill(self._order(scores, labels), pool.sizes)
        meaning = "distance to the prototype" if self.end == "hard" else "nearness to the prototype"
        note = f"{len(np.unique(labels))} clusters; weighed as one each by share={self.share}."
        return Choice(rows, scores[rows], meaning, labels[rows], "cluster", None, scores, (note,))

    def _order(self, scores: np.ndarray, labels: np.ndarray) -> Int64[np.ndarray, "rows"]:
        """All rows, the most wanted first."""
        best = np.argsort(-scores, kind="stable")
        if self.share == "none":
            return best
        sizes = np.bincount(labels)
        order = best[np.argsort(labels[best], kind="stable")]
        first = np.cumsum(sizes) - sizes
        turn = np.arange(len(labels)) - np.repeat(first, sizes)
        if self.share == "proportional":
            turn = (turn + 0.5) / np.repeat(sizes, sizes)
        return order[np.argsort(turn, kind="stable")]


def usual(rows: int) -> int:
    """Clusters for so many rows, where nobody said."""
    return min(max(round(rows**0.5), 1), 1000)


def kmeans(
    points: Float32[np.ndarray, "rows features"], count: int, rng: Generator
) -> tuple[Float32[np.ndarray, "clusters features"], Int64[np.ndarray, "rows"]]:
    """Centers, and the nearest one of each row; some may be nobody's.

    Args:
        points: Any number: a sample of `FIT` is what centers are fitted to.
        count: Clusters, at most one for each row.
        rng: Of the sample and the start.

    References: Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii,
    "k-means++: the advantages of careful seeding", SODA 2007.
    """
    some = points
    if len(points) > FIT:
        some = points[np.sort(rng.choice(len(points), FIT, replace=False))]
    centers = _spread(some, min(count, len(some)), rng)
    labels = nearest(some, centers)
    for _ in range(ROUNDS):
        sizes = np.bincount(labels, minlength=len(centers))
        member = csr_array(
            (np.ones(len(some), np.float32), (labels, np.arange(len(some)))),
            shape=(len(centers), len(some)),
        )
        means = (member @ some) / np.maximum(sizes, 1)[:, None]
        centers = np.where(sizes[:, None] > 0, means, centers).astype(np.float32)
        moved = nearest(some, centers)
        if np.array_equal(moved, labels):
            break
        labels = moved
    return centers, labels if some is points else nearest(points, centers)


def nearest(points: np.ndarray, centers: np.ndarray) -> Int64[np.ndarray, "rows"]:
    """The nearest center of each point; of equals the first."""
    half = np.sum(centers**2, axis=1) / 2
    return np.concatenate(
        [np.argmax(points[i : i + BLOCK] @ centers.T - half, axis=1)
         for i in range(0, len(points), BLOCK)]
    )  # fmt: skip


def _spread(points: np.ndarray, count: int, rng: Generator) -> Float32[np.ndarray, "clusters dims"]:
    """Rows far apart: each drawn in proportion to its squared distance from those before."""
    squares = np.sum(points**2, axis=1)
    chosen = [int(rng.integers(len(points)))]
    left = np.full(len(points), np.inf)
    while len(chosen) < count:
        last = points[chosen[-1]]
        away = squares + last @ last - 2 * (points @ last)
        left = np.minimum(left, np.maximum(away, 0))
        left[chosen[-1]] = 0
        ends = np.cumsum(left)
        if not ends[-1] > 0:
            break
        chosen.append(int(np.searchsorted(ends, rng.random() * ends[-1], side="right")))
    return points[np.minimum(chosen, len(points) - 1)]
