"""MIG: the most information, spread over a graph of labels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int
from numpy.random import Generator

from cuvee.core.clusters import BLOCK, kmeans
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import greedy
from cuvee.select.kernels import unit
from cuvee.select.prototypes import FIT, usual

LABELS = ("clusters", "given")


@dataclass(frozen=True, slots=True)
class Mig:
    """Maximises information over labels: of quality at each label, more counts less and less.

    A row brings its quality to its labels, and labels pass it on to those that mean nearly the same
    (a graph: cosine of label points at least `threshold`, the weights of each label made to sum
    to 1). The value is sum phi(information of a label), phi(x) = x^power, and the next row has the
    highest phi'(information so far) . (what it would bring). Labels are clusters of points, as many
    as `tags` of which a row has, or the classes of the pool.

    Args:
        labels: "clusters", or "given": the labels of the pool, whose points are their rows' means.
        clusters: How many; 0: the square root of the number of rows, at most 1000.
        tags: Nearest clusters that a row has; its quality is shared among them.
        threshold: Cosine from which labels are joined.
        spread: What an edge between labels counts, against 1 for a label itself.
        power: Of phi; the smaller, the more diverse the choice.

    Fails when: quality says nothing, or the clusters do not follow what matters.

    References: Chen et al., "MIG: automatic data selection for instruction tuning by maximizing
    information gain in semantic space", 2025, https://arxiv.org/abs/2504.13835
    """

    labels: str = "clusters"
    clusters: int = 0
    tags: int = 1
    threshold: float = 0.9
    spread: float = 1.0
    power: float = 0.8
    needs: ClassVar[tuple[str, ...]] = ("points", "quality")
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise unknown("labels", self.labels, LABELS)
        if self.clusters < 0 or self.tags < 1 or self.spread < 0:
            raise CuveeError("expected clusters and spread from 0 on, and tags from 1 on.")
        if not 0 < self.power < 1 or not 0 < self.threshold <= 1:
            raise CuveeError(
                "expected power between 0 and 1, and threshold above 0 and up to 1, got "
                f"{self.power} and {self.threshold}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by the information that they brought."""
        points, quality = unit(pool.need("points")), pool.need("quality").astype(np.float64)
        notes = ()
        if quality.min() < 0:
            quality = quality - quality.min()
            notes = ("Some quality is below 0: the lowest of all counts as 0.",)
        if not quality.max() > 0:
            quality = np.ones(len(pool))
        if self.labels == "given":
            classes, tags = np.unique(pool.need("labels"), return_inverse=True)
            centers = np.stack([points[tags == i].mean(axis=0) for i in range(len(classes))])
            tags = tags[:, None]
        else:
            centers, _ = kmeans(points, self.clusters or usual(len(points)), rng, most=FIT)
            tags = _nearest(points, centers, min(self.tags, len(centers)))
        state = Information(tags, quality, self._passing(centers), self.power)
        rows, gains = greedy(state, pool.sizes, k)
        return Choice(rows, gains, "gain in information", tags[rows, 0], "label", notes=notes)

    def _passing(self, centers: np.ndarray) -> Float64[np.ndarray, "labels labels"]:
        """What of the information at each label arrives at which."""
        ways = unit(centers).astype(np.float64)
        like = ways @ ways.T
        graph = np.where(like >= self.threshold, like, 0) * self.spread
        np.fill_diagonal(graph, 1)
        return graph / graph.sum(axis=0)


class Information:
    """Information at each label.

    Args:
        tags: Labels of each row.
        quality: Of each row.
        passing: What of the information at each label arrives at which.
        power: Of phi.
    """

    slack = 1e-9

    def __init__(
        self,
        tags: Int[np.ndarray, "rows tags"],
        quality: Float64[np.ndarray, "rows"],
        passing: Float64[np.ndarray, "labels labels"],
        power: float,
    ) -> None:
        self.tags, self.passing, self.power = tags, passing, power
        self.each = quality / tags.shape[1]
        scale = float(quality.max())
        self.least = 1e-6 * scale
        self.slack = 1e-12 * scale**power
        self.got = np.zeros(len(passing))
        self._worth()

    def _worth(self) -> None:
        """What a little at each label is worth now."""
        self.worth = self.passing @ (self.power * (self.got + self.least) ** (self.power - 1))

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """The slope of the value along what each row brings."""
        return self.each[rows] * self.worth[self.tags[rows]].sum(axis=1)

    def add(self, row: int) -> None:
        """Its information arrives."""
        self.got += self.each[row] * self.passing[self.tags[row]].sum(axis=0)
        self._worth()


def _nearest(points: np.ndarray, centers: np.ndarray, many: int) -> Int[np.ndarray, "rows tags"]:
    """The nearest centers of each point, the nearest first."""
    half = np.sum(centers**2, axis=1) / 2
    found = []
    for start in range(0, len(points), BLOCK):
        near = points[start : start + BLOCK] @ centers.T - half
        found.append(np.argsort(-near, axis=1, kind="stable")[:, :many])
    return np.concatenate(found)
