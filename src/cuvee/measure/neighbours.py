"""Neighbours of two groups of columns at once, as the estimator of Kraskov et al. counts them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.spatial import KDTree

from cuvee.core.estimate import Estimate
from cuvee.measure.groups import around

TREE = 6
"""Columns up to which trees are faster."""
CELLS = 1 << 18
"""Distances that are worked on at a time: they stay in the processor's cache."""
FOLD = 16
"""Distances of a group, of which only the lowest is looked at first."""
DEALS, SPREAD = 4, 1.15
"""Of the rows into parts; and what the step onward adds to the spread."""


def shared_counts(
    x: Float[np.ndarray, "rows dx"], y: Float[np.ndarray, "rows dy"], k: int, norm: str
) -> tuple[Int64[np.ndarray, "rows"], Int64[np.ndarray, "rows"]]:
    """Rows nearer than the k-th neighbour of all columns: by the columns of x, and of y, alone.

    The distance of all columns is the larger of both distances.

    Args:
        x: A group of columns.
        y: Another, of the same rows.
        k: Which neighbour.
        norm: Of the columns of a group: "euclidean" or "max".
    """
    wide = max(x.shape[1], y.shape[1])
    if x.shape[1] + y.shape[1] <= TREE and (norm == "max" or wide == 1):
        both = np.column_stack([x, y])
        reach = np.asarray(KDTree(both).query(both, k + 1, p=np.inf)[0])[:, k]
        return _nearer(x, reach), _nearer(y, reach)
    return _brute_counts(x, y, k, norm)


def _nearer(x: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Other rows that are strictly nearer."""
    if x.shape[1] > 1:
        inner = np.nextafter(reach, 0)
        within = KDTree(x).query_ball_point(x, inner, p=np.inf, return_length=True)
        return np.asarray(within) - 1
    values = x[:, 0]
    line = np.sort(values)
    # Just inside of the reach: a sum that is rounded must not take in the neighbour itself.
    inner = reach * (1 - 1e-12)
    above = np.searchsorted(line, values + inner, "right")
    return above - np.searchsorted(line, values - inner, "left") - 1


def _brute_counts(x: np.ndarray, y: np.ndarray, k: int, norm: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    sides = [_sides(z) if norm == "euclidean" else (z, z) for z in (x, y)]
    counts = np.empty((2, len(x)), np.int64)
    for part in parts(len(x), len(x)):
        tables = [
            one[part] @ other if norm == "euclidean" else _largest(one[part], other)
            for one, other in sides
        ]
        line = np.arange(part.stop - part.start)
        for table in tables:
            table[line, line + part.start] = -1
        reach = _lowest(np.maximum(*tables), k)
        for i, table in enumerate(tables):
            counts[i, part] = [np.count_nonzero(row) - 1 for row in table < reach]
    return counts[0], counts[1]


def _sides(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices whose product are the squared distances of all rows."""
    square, ones = (z**2).sum(axis=1, keepdims=True), np.ones((len(z), 1))
    return np.hstack([z, square, ones]), np.hstack([-2 * z, ones, square]).T.copy()


def _lowest(table: Float[np.ndarray, "points rows"], k: int) -> Float[np.ndarray, "points 1"]:
    """The k-th lowest of each line, from 0: it is among the k + 1 groups with the lowest minima."""
    width = table.shape[1] // FOLD
    if width <= 4 * (k + 1):
        return np.partition(table, k, axis=1)[:, k : k + 1]
    least = table[:, :width].copy()
    for start in range(width, FOLD * width, width):
        np.minimum(least, table[:, start : start + width], out=least)
    groups = np.argpartition(least, k, axis=1)[:, None, : k + 1]
    members = (groups + width * np.arange(FOLD)[:, None]).reshape(len(table), -1)
    near = np.hstack([np.take_along_axis(table, members, axis=1), table[:, FOLD * width :]])
    return np.partition(near, k, axis=1)[:, k : k + 1]


def _largest(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The largest difference of a column."""
    found = np.abs(points[:, :1] - among[:, 0])
    for j in range(1, among.shape[1]):
        np.maximum(found, np.abs(points[:, j : j + 1] - among[:, j]), out=found)
    return found


def parts(points: int, rows: int) -> list[slice]:
    """Slices of the points of which the distances to all rows are few enough."""
    step = max(CELLS // rows, 1)
    return [slice(start, min(start + step, points)) for start in range(0, points, step)]


def carried_on(
    number: Callable[..., float], samples: list[np.ndarray], *, rng: Generator, unit: str,
    onward: float = 0.0, unknown: tuple[float, float] = (0.0, 0.0), low: float = -np.inf,
) -> Estimate:  # fmt: skip
    """A number of nearest neighbours, and where its halves and quarters say that it is going.

    The law by which the bias falls depends on the density's tails, and is not known.

    Args:
        number: Of an array for each sample.
        samples: Arrays of rows.
        rng: Of the parts.
        unit: Of the number.
        onward: How often what a doubling of the rows changed is added.
        unknown: What else may be missing, at least: a fixed part, and a share of the number.
        low: The number cannot be less.
    """
    value = number(*samples)
    half = np.mean([_of_parts(number, samples, 2, rng) for _ in range(DEALS)])
    quarters = np.array([_of_parts(number, samples, 4, rng) for _ in range(DEALS)])
    # Parts of one deal share no row: how much they differ is chance alone.
    sd = SPREAD * float(np.sqrt(quarters.var(axis=1, ddof=1).mean() / 4))
    step = (value - quarters.mean()) / 2
    missed = max(abs(step), abs(value - half)) * max(onward, 1.0)
    missed = max(missed, unknown[0] + unknown[1] * abs(value))
    middle = float(value + onward * step)
    return around(middle, sd, float(missed), rng=rng, unit=unit, low=low)


def _of_parts(
    number: Callable[..., float], samples: list[np.ndarray], parts: int, rng: Generator
) -> list[float]:
    split = [np.array_split(rng.permutation(len(s)), parts) for s in samples]
    return [number(*(s[rows] for s, rows in zip(samples, some))) for some in zip(*split)]
