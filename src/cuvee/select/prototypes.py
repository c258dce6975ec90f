"""Distance to prototypes: what is usual in each cluster, or what is not."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int64
from numpy.random import Generator

from cuvee.core.clusters import kmeans
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.kernels import scaled, unit

ENDS = ("hard", "easy")
METRICS = ("cosine", "euclidean")
SHARES = ("proportional", "equal", "none")
FIT = 20_000
"""Rows that centers are fitted to, at most."""


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
        centers, labels = kmeans(points, self.clusters or usual(len(points)), rng, most=FIT)
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
