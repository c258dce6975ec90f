"""K-means: centers that each stand for the points around them."""

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy.random import Generator

ROUNDS = 25
BLOCK = 8192
"""Points whose distances are held at a time."""


def kmeans(
    points: Float[np.ndarray, "rows features"],
    count: int,
    rng: Generator,
    *,
    weights: Float[np.ndarray, "rows"] | None = None,
    rounds: int = ROUNDS,
    most: int | None = None,
    sphere: bool = False,
) -> tuple[Float[np.ndarray, "clusters features"], Int64[np.ndarray, "rows"]]:
    """Centers, and the nearest one of each row; centers that are nobody's are left out.

    Starts far apart (k-means++), then moves each center to the mean of what is nearest to it.

    Args:
        points: A row each.
        count: Clusters, at most; fewer if fewer rows differ.
        rng: Of the start, and of the rows that centers are fitted to.
        weights: What each row counts; all the same if None.
        rounds: Moves of the centers, at most.
        most: Rows that centers are fitted to, at most; all if None.
        sphere: Rows are compared by their angle, and centers have length 1.

    References: Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii,
    "k-means++: the advantages of careful seeding", SODA 2007; Dhillon and Modha, "Concept
    decompositions for large sparse text data using clustering", Machine Learning 42, 2001.
    """
    weights = np.ones(len(points)) if weights is None else weights
    some = points
    if most is not None and len(points) > most:
        rows = np.sort(rng.choice(len(points), most, replace=False))
        some, weights = points[rows], weights[rows]
    fitted = unit(some) if sphere else some
    centers = _far_apart(fitted, weights, min(count, len(fitted)), rng)
    labels = nearest(fitted, centers, sphere=sphere)
    for _ in range(rounds):
        centers = _means(fitted, weights, labels, centers)
        centers = unit(centers) if sphere else centers
        moved = nearest(fitted, centers, sphere=sphere)
        if np.array_equal(moved, labels):
            break
        labels = moved
    if some is not points:
        labels = nearest(points, centers, sphere=sphere)
    kept, labels = np.unique(labels, return_inverse=True)
    return centers[kept], labels


def nearest(
    points: Float[np.ndarray, "rows features"],
    centers: Float[np.ndarray, "clusters features"],
    *,
    sphere: bool = False,
) -> Int64[np.ndarray, "rows"]:
    """Number of the nearest center of each row, or that of the smallest angle; of equals the first.

    Centers must have length 1 for angles, rows need not.
    """
    half = 0 if sphere else (centers**2).sum(axis=1) / 2
    parts = [
        np.argmax(points[i : i + BLOCK] @ centers.T - half, axis=1)
        for i in range(0, len(points), BLOCK)
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def unit(points: np.ndarray) -> Float32[np.ndarray, "rows features"]:
    """Points of length 1; zeros stay zeros."""
    largest = np.abs(points).max(axis=1, keepdims=True, initial=0)
    found = points / np.where(largest > 0, largest, 1)  # or squares may not fit into float32
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return (found / np.where(length > 0, length, 1)).astype(np.float32)


def _far_apart(points: np.ndarray, weights: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    """Each next start is drawn by weight and squared distance from those before."""
    chosen = [int(rng.choice(len(points), p=weights / weights.sum()))]
    near = points - np.average(points, axis=0, weights=weights).astype(points.dtype)
    square = np.einsum("nd,nd->n", near, near)
    rounding = 8 * np.finfo(points.dtype).eps
    away = np.full(len(points), np.inf)
    while len(chosen) < count:
        last = chosen[-1]
        both = square + square[last]
        gap = both - 2 * (near @ near[last])
        gap[gap <= rounding * both] = 0  # the same point
        away = np.minimum(away, gap)
        sums = np.cumsum(weights * away, dtype=np.float64)
        if not sums[-1] > 0:
            break
        drawn = np.searchsorted(sums, rng.random() * sums[-1], side="right")
        chosen.append(min(int(drawn), len(points) - 1))
    return points[chosen]


def _means(
    points: np.ndarray, weights: np.ndarray, labels: np.ndarray, old: np.ndarray
) -> np.ndarray:
    """Of what is nearest to each center; one that is nobody's stays where it was."""
    from scipy.sparse import csr_array

    place = (labels, np.arange(len(labels)))
    member = csr_array((weights.astype(points.dtype), place), shape=(len(old), len(labels)))
    sizes = np.bincount(labels, weights, minlength=len(old))[:, None]
    means = np.where(sizes > 0, member @ points / np.maximum(sizes, 1e-12), old)
    return means.astype(points.dtype)
