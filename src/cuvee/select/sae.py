"""Cover of the features that a sparse autoencoder finds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32
from numpy.random import Generator
from scipy.sparse import csc_array, csr_array

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.greedy import greedy
from cuvee.select.kernels import scaled

BATCH = 512
BLOCK = 4096
DECAY = (0.9, 0.999)
"""Of Adam's means of gradients and of their squares."""


@dataclass(frozen=True, slots=True)
class Sae:
    """Takes the row with the most features that no chosen row has, anew once all are covered.

    Features are those of a sparse autoencoder: a wide layer of which each point keeps only the
    `active` largest values, trained to give the point back. Training costs steps * 512 * features *
    dimensions, then a pass over the rows; memory is rows times `active`.

    Args:
        features: Width of the layer; 0: 4 times the dimensions of the points, at most 4096.
        active: Features that a row may have.
        steps: Of training (Adam), on 512 rows each.
        rate: Size of the steps.
        threshold: Part of a feature's largest value from which a row has it.

    Fails when: the pool is too small to find features in, or what differs is not in the points.

    References: Yang et al., "Diversity-driven data selection for language model tuning through
    sparse autoencoder", 2025, https://arxiv.org/abs/2502.14050; Gao et al., "Scaling and evaluating
    sparse autoencoders", 2024, https://arxiv.org/abs/2406.04093
    """

    features: int = 0
    active: int = 8
    steps: int = 300
    rate: float = 3e-3
    threshold: float = 0.1
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.features < 0 or self.active < 1 or self.steps < 1:
            raise CuveeError("expected features from 0 on, active and steps from 1 on.")
        if not self.rate > 0 or not 0 <= self.threshold < 1:
            raise CuveeError("expected rate above 0, and threshold from 0 to below 1.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by the number of features that were new when they were taken."""
        points, _ = scaled(pool.need("points"))
        fitted = Autoencoder.fit(
            points, self.features or min(4 * points.shape[1], 4096), self.active, self.steps,
            self.rate, rng,
        )  # fmt: skip
        found = fitted.features(points, self.threshold)
        rows, gains = greedy(Cover(found, len(fitted.bias)), pool.sizes, k)
        used = len(np.unique(found.indices))
        note = (
            f"{used} of {len(fitted.bias)} features stand in some row; the autoencoder leaves "
            f"{fitted.left(points):.0%} of the variance."
        )
        return Choice(rows, gains, "features not chosen before", notes=(note,))


class Cover:
    """How many features some row of the set has, counted anew whenever no row has a new one.

    Args:
        having: Features of each row.
        features: How many there are.
    """

    def __init__(self, having: csr_array, features: int) -> None:
        self.having, self.rows = having, csc_array(having)
        self.counts = np.diff(having.indptr).astype(np.float64)
        self.current = self.counts.copy()
        self.open = np.ones(features, bool)

    def add(self, row: int) -> None:
        """Its features are covered: rows that have them have fewer new ones."""
        self.current[row] = -np.inf
        for feature in self.having.indices[self.having.indptr[row] : self.having.indptr[row + 1]]:
            if self.open[feature]:
                self.open[feature] = False
                ends = self.rows.indptr[feature : feature + 2]
                self.current[self.rows.indices[ends[0] : ends[1]]] -= 1
        if self.current.max() <= 0:
            self.open[:] = True
            self.current = np.where(self.current > -np.inf, self.counts, -np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Autoencoder:
    """A sparse autoencoder: `point = center + size * (values @ out + shift)`.

    Args:
        center: Mean of the points.
        size: Root mean square of their coordinates.
        into: Weights from a point to the values of features.
        bias: Added to the values.
        out: Direction of each feature, of length 1.
        shift: Added to what comes out.
        active: Features that a point keeps.
    """

    center: Float32[np.ndarray, "dims"]
    size: float
    into: Float32[np.ndarray, "features dims"]
    bias: Float32[np.ndarray, "features"]
    out: Float32[np.ndarray, "features dims"]
    shift: Float32[np.ndarray, "dims"]
    active: int

    @staticmethod
    def fit(
        points: np.ndarray, features: int, active: int, steps: int, rate: float, rng: Generator
    ) -> "Autoencoder":
        """Trained on random rows, the mean squared error made small."""
        center = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        size = float(np.sqrt(np.mean((points - center) ** 2, dtype=np.float64))) or 1.0
        into = rng.standard_normal((features, points.shape[1])).astype(np.float32)
        into /= np.linalg.norm(into, axis=1, keepdims=True)
        out, active = into.copy(), min(active, features)
        bias, shift = np.zeros(features, np.float32), np.zeros(points.shape[1], np.float32)
        adam = Adam((into, bias, out, shift), rate, steps)
        for _ in range(steps):
            some = points[rng.integers(len(points), size=min(BATCH, len(points)))]
            near = ((some - center) / size).astype(np.float32)
            adam.step(_slopes(near, into, bias, out, shift, active))
            out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-8)
        return Autoencoder(center, size, into, bias, out, shift, active)

    def values(self, points: np.ndarray) -> Float32[np.ndarray, "rows features"]:
        """Of each point's features; all but the largest are 0."""
        near = ((points - self.center) / self.size).astype(np.float32)
        return _values(near, self.into, self.bias, self.shift, self.active)

    def features(self, points: np.ndarray, threshold: float) -> csr_array:
        """Which features each point has, as ones."""
        rows, columns, values = [], [], []
        for start in range(0, len(points), BLOCK):
            block = self.values(points[start : start + BLOCK])
            row, column = np.nonzero(block)
            rows.append(row + start)
            columns.append(column)
            values.append(block[row, column])
        row, column, value = (np.concatenate(part) for part in (rows, columns, values))
        most = np.zeros(len(self.bias), np.float32)
        np.maximum.at(most, column, value)
        has = value > threshold * most[column]
        shape = (len(points), len(self.bias))
        return csr_array((np.ones(has.sum(), np.int8), (row[has], column[has])), shape=shape)

    def left(self, points: np.ndarray) -> float:
        """Part of the variance that is not given back, on at most `BLOCK` rows."""
        some = points[np.linspace(0, len(points) - 1, min(BLOCK, len(points))).astype(np.int64)]
        near = (some - self.center) / self.size
        missed = self.values(some) @ self.out + self.shift - near
        return float(np.sum(missed**2) / max(np.sum(near**2), 1e-12))


class Adam:
    """Changes weights in place, at a rate that falls to 0 in the second half.

    Args:
        weights: To be changed.
        rate: Size of the steps.
        steps: How many there will be.

    References: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015,
    https://arxiv.org/abs/1412.6980
    """

    def __init__(self, weights: tuple[np.ndarray, ...], rate: float, steps: int) -> None:
        self.weights, self.rate, self.steps, self.done = weights, rate, steps, 0
        self.means = [np.zeros_like(w) for w in weights]
        self.squares = [np.zeros_like(w) for w in weights]

    def step(self, slopes: tuple[np.ndarray, ...]) -> None:
        """Down along the slopes."""
        rate = self.rate * min(1.0, 2 * (1 - self.done / self.steps))
        self.done += 1
        late, wide = (1 - decay**self.done for decay in DECAY)
        for w, slope, mean, square in zip(
            self.weights, slopes, self.means, self.squares, strict=True
        ):
            mean += (1 - DECAY[0]) * (slope - mean)
            square += (1 - DECAY[1]) * (slope**2 - square)
            w -= rate / late * mean / (np.sqrt(square / wide) + 1e-8)


def _values(
    points: np.ndarray, into: np.ndarray, bias: np.ndarray, shift: np.ndarray, active: int
) -> Float32[np.ndarray, "rows features"]:
    found = (points - shift) @ into.T + bias
    np.maximum(found, 0, out=found)
    if active < found.shape[1]:
        last = np.partition(found, found.shape[1] - active, axis=1)[:, found.shape[1] - active]
        found[found < last[:, None]] = 0
    return found


def _slopes(
    points: np.ndarray, into: np.ndarray, bias: np.ndarray, out: np.ndarray, shift: np.ndarray,
    active: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Of the mean squared error, with regard to all weights."""
    values = _values(points, into, bias, shift, active)
    missed = (2 / len(points)) * (values @ out + shift - points)
    back = (missed @ out.T) * (values > 0)
    total = back.sum(axis=0)
    return (
        back.T @ (points - shift), total, values.T @ missed, missed.sum(axis=0) - total @ into,
    )  # fmt: skip
