"""The k-center problem: no row far from a chosen one."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import Purse
from cuvee.select.kernels import scaled, unit

SAME = 1e-6
"""Squared distances below this part of the squared lengths are rounding: the rows are equal."""
STARTS = ("middle", "random")
METRICS = ("euclidean", "cosine")


@dataclass(frozen=True, slots=True)
class KCenter:
    """Farthest first: always the row farthest from all chosen ones.

    The largest distance of a row to the choice is at most twice the smallest possible. Each step
    costs rows times features; nothing but the distances is kept.

    Args:
        metric: "euclidean", or "cosine": the same between points of length 1.
        start: The first row: the one nearest to the mean ("middle") or a random one ("random").

    Fails when: there are odd rows, such as errors: they are chosen first.

    References: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985,
    https://doi.org/10.1016/0304-3975(85)90224-5; Sener and Savarese, "Active learning for
    convolutional neural networks: a core-set approach", 2018, https://arxiv.org/abs/1708.00489
    """

    metric: str = "euclidean"
    start: str = "middle"
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise CuveeError(f"metric: expected {' or '.join(METRICS)}, got {self.metric!r}.")
        if self.start not in STARTS:
            raise CuveeError(f"start: expected {' or '.join(STARTS)}, got {self.start!r}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by their distance to those chosen before; the first, by the largest distance."""
        points = pool.need("points")
        points, size = (unit(points), 1.0) if self.metric == "cosine" else scaled(points)
        squares = np.sum(points**2, axis=1)
        middle = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        start = _squared(points, squares, middle)
        far = rng.permutation(len(pool)).astype(float) if self.start == "random" else -start
        purse, distance = Purse(k, pool.sizes), np.full(len(pool), np.inf, np.float32)
        open_ = np.ones(len(pool), bool)
        while not purse.full:
            if purse.left < purse.largest:
                open_ &= pool.sizes <= purse.left
            row = int(np.argmax(np.where(open_, far, -np.inf)))
            if not open_[row]:
                break
            gain = float(distance[row])
            np.minimum(distance, _squared(points, squares, points[row]), out=distance)
            far, open_[row] = distance, False
            purse.take(row, size * np.sqrt(gain if np.isfinite(gain) else float(distance.max())))
        rows, gains = purse.found
        radius = size * float(np.sqrt(distance.max()))
        note = f"No row is farther than {radius:.4g} from a chosen one."
        return Choice(rows, gains, "distance to those chosen before", notes=(note,))


def _squared(points: np.ndarray, squares: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Squared distances of all points to one; those of equal points are 0."""
    both = squares + float(to @ to)
    found = both - 2 * (points @ to)
    return np.where(found > SAME * both, found, 0).astype(np.float32)
