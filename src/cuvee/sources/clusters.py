"""Many clusters become few domains."""

import numpy as np
from jaxtyping import Float, Int

from cuvee.core.clusters import nearest

TINY = 0.2
"""Clusters with less than this part of the mean weight are dropped."""
LOOSE = 3.0
"""So are clusters whose mean distance is beyond the median's by so many times its usual spread."""


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
