"""K-means, and what is done to many clusters to make few domains of them."""

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

ROUNDS = 30
BLOCK = 8192
TINY = 0.2
"""Clusters with less than this part of the mean weight are dropped."""
LOOSE = 3.0
"""So are clusters whose mean distance is beyond the median's by so many times its usual spread."""


def nearest(
    vectors: Float[np.ndarray, "documents size"], centers: Float[np.ndarray, "clusters size"]
) -> Int[np.ndarray, "documents"]:
    """Number of the nearest center of each vector."""
    half = (centers**2).sum(axis=1) / 2
    parts = [
        np.argmax(vectors[i : i + BLOCK] @ centers.T - half, axis=1)
        for i in range(0, len(vectors), BLOCK)
    ]
    return np.concatenate([np.zeros(0, int), *parts])


def kmeans(
    vectors: Float[np.ndarray, "documents size"],
    weights: Float[np.ndarray, "documents"],
    count: int,
    rng: Generator,
) -> tuple[Float[np.ndarray, "clusters size"], Int[np.ndarray, "documents"]]:
    """Centers and labels; empty clusters are left out.

    Starts far apart (k-means++), then moves each center to the mean of what is nearest to it, a
    document counting as much as it weighs.
    """
    centers = _far_apart(vectors, weights, count, rng)
    labels = nearest(vectors, centers)
    for _ in range(ROUNDS):
        centers = _means(vectors, weights, labels, centers)
        moved = nearest(vectors, centers)
        if np.array_equal(moved, labels):
            break
        labels = moved
    kept, labels = np.unique(labels, return_inverse=True)
    return centers[kept], labels


def pruned(
    vectors: Float[np.ndarray, "documents size"],
    weights: Float[np.ndarray, "documents"],
    centers: Float[np.ndarray, "clusters size"],
    labels: Int[np.ndarray, "documents"],
    least: int,
) -> tuple[Float[np.ndarray, "clusters size"], Int[np.ndarray, "documents"]]:
    """Without clusters that are tiny or loose, at least so many; documents go to the others."""
    sizes = np.bincount(labels, weights, minlength=len(centers))
    far = weights * np.linalg.norm(vectors - centers[labels], axis=1)
    spread = np.bincount(labels, far, minlength=len(centers)) / np.maximum(sizes, 1e-12)
    usual = np.median(np.abs(spread - np.median(spread)))
    loose = spread > np.median(spread) + LOOSE * max(float(usual), 1e-12)
    bad = (sizes < TINY * sizes.mean()) | loose
    order = np.lexsort((-sizes, bad))  # good ones first, the largest of them first
    kept = np.sort(order[: max(least, int((~bad).sum()))])
    return centers[kept], nearest(vectors, centers[kept])


def merged(
    centers: Float[np.ndarray, "clusters size"], sizes: Float[np.ndarray, "clusters"], count: int
) -> Int[np.ndarray, "clusters"]:
    """Domain of each cluster: merged by the distance of centers; the largest domain is 0."""
    if len(centers) > count:
        from scipy.cluster.hierarchy import fcluster, linkage

        groups = fcluster(linkage(centers, "ward"), count, criterion="maxclust") - 1
    else:
        groups = np.arange(len(centers))
    totals = np.bincount(groups, sizes)
    place = np.empty(len(totals), int)
    place[np.argsort(-totals, kind="stable")] = np.arange(len(totals))
    return place[groups]


def _far_apart(vectors: np.ndarray, weights: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    """Each next start is drawn by weight and squared distance from those before."""
    chosen = [int(rng.choice(len(vectors), p=weights / weights.sum()))]
    away = ((vectors - vectors[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count and away.sum() > 1e-12:
        sums = np.cumsum(weights * away)
        chosen.append(int(np.searchsorted(sums, rng.random() * sums[-1])))
        away = np.minimum(away, ((vectors - vectors[chosen[-1]]) ** 2).sum(axis=1))
    return vectors[chosen]


def _means(
    vectors: np.ndarray, weights: np.ndarray, labels: np.ndarray, old: np.ndarray
) -> np.ndarray:
    from scipy.sparse import csr_array

    shape = (len(old), len(labels))
    member = csr_array((weights, (labels, np.arange(len(labels)))), shape=shape)
    sizes = np.bincount(labels, weights, minlength=len(old))[:, None]
    return np.where(sizes > 0, member @ vectors / np.maximum(sizes, 1e-12), old)
