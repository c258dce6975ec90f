"""Sample by sample: as likely as it is good and its surroundings are diverse."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.clusters import kmeans, unit
from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.difficulty import drawn, inclusion

BLOCK = 16_384
A_CLUSTER = 64
"""Rows for each cluster from which the centers are found; all rows are then put to the nearest."""
SHOWN = 20
"""Sources whose shares are told."""


@dataclass(frozen=True, slots=True)
class SampleMix:
    """Draws rows by quality and diversity; shares of the sources come out of it.

    Rows are clustered by the angle between their points. The diversity of a row is that of its
    cluster: compactness (mean distance to the center; high in a loose cluster) times separation
    (mean distance of its center to all others). With diversity d and quality q, each scaled to 0..1
    over the pool, a row is drawn in proportion to exp((alpha d + (1 - alpha) q) / temperature).

    A row whose expected number is above 1 would be repeated; here it is taken once, and `weight`
    says how often it should count.

    Args:
        alpha: Weight of diversity against quality, 0 to 1.
        temperature: Of the softmax; low: only the best rows.
        clusters: How many; 0: the square root of the number of rows.
        rounds: Of k-means, at most.

    Fails when: a loose, far cluster is noise: it counts as diverse; or qualities are not on one
    scale across sources.

    References: Xi, Kong, Yang, Yang, Chen, Wang, Wang, Cai, Zhang and Ye, "SampleMix: a
    sample-wise pre-training data mixing strategy by coordinating data quality and diversity", 2025,
    https://arxiv.org/abs/2503.01506.
    """

    alpha: float = 0.8
    temperature: float = 0.2
    clusters: int = 0
    rounds: int = 20

    needs: ClassVar[tuple[str, ...]] = ("points", "quality")
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "quality"

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1 or not 0 < self.temperature < np.inf:
            raise CuveeError(
                "samplemix: expected alpha from 0 to 1 and a temperature above 0, got "
                f"{self.alpha} and {self.temperature}."
            )
        if self.clusters < 0 or self.rounds < 1:
            raise CuveeError(
                "samplemix: expected 0 clusters or more and 1 round or more, got "
                f"{self.clusters} and {self.rounds}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Each row's expected number, rounded at random."""
        points, quality = pool.need("points"), pool.need("quality")
        count = self.clusters or round(np.sqrt(len(pool)))
        centers, cluster = kmeans(
            points, count, rng, rounds=self.rounds, most=A_CLUSTER * count, sphere=True
        )
        spread = diversity(points, centers, cluster)
        score = self.alpha * scaled(spread)[cluster] + (1 - self.alpha) * scaled(quality)
        weights = np.exp((score - score.max()) / self.temperature)
        wanted = k.about(pool.sizes)
        chances = inclusion(weights, wanted)
        rows = k.fill(drawn(chances, rng), pool.sizes)
        times = wanted * weights / weights.sum() / chances
        return Choice(
            rows, score[rows], "alpha diversity + (1 - alpha) quality", cluster[rows], "cluster",
            weight=times[rows], scores=score, notes=shares(pool, rows),
        )  # fmt: skip


def diversity(
    points: Float[np.ndarray, "rows features"],
    centers: Float[np.ndarray, "clusters features"],
    cluster: Int[np.ndarray, "rows"],
) -> Float[np.ndarray, "clusters"]:
    """Compactness times separation, both as cosine distances."""
    near = np.concatenate([
        1 - np.einsum("nd,nd->n", unit(points[i : i + BLOCK]), centers[cluster[i : i + BLOCK]])
        for i in range(0, len(points), BLOCK)
    ])  # fmt: skip
    sizes = np.maximum(np.bincount(cluster, minlength=len(centers)), 1)
    compactness = np.bincount(cluster, near, minlength=len(centers)) / sizes
    apart = len(centers) - centers @ centers.sum(axis=0) - (1 - np.square(centers).sum(axis=1))
    return compactness * apart / max(len(centers) - 1, 1)


def scaled(values: Float[np.ndarray, "rows"]) -> Float[np.ndarray, "rows"]:
    """To 0..1; zeros if all are the same."""
    low, high = float(values.min()), float(values.max())
    return (np.asarray(values, np.float64) - low) / (high - low or 1.0)


def shares(pool: Pool, rows: Int[np.ndarray, "chosen"]) -> tuple[str, ...]:
    """What part of the chosen tokens each source gives, in a sentence."""
    if pool.groups is None or not pool.names:
        return ()
    tokens = np.bincount(pool.groups[rows], pool.sizes[rows], minlength=len(pool.names))
    part = tokens / max(tokens.sum(), 1)
    told = [f"{pool.names[i]} {part[i]:.1%}" for i in np.argsort(-part, kind="stable")[:SHOWN]]
    return ("shares of the chosen tokens: " + ", ".join(told),)
