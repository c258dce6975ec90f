"""Nearest rows: by a tree in few dimensions, by blocks of a matrix product in many."""

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

TREE = 12
"""Dimensions up to which a tree is quicker."""
CELLS = 1 << 23
"""Distances that are held at a time."""


def nearest(
    points: Float[np.ndarray, "rows dims"], others: Float[np.ndarray, "others dims"] | None, k: int
) -> tuple[Float[np.ndarray, "rows k"], Int[np.ndarray, "rows k"]]:
    """Distances to the nearest others in order, and which these are.

    Args:
        points: Rows.
        others: Rows among which they are sought; None: the points themselves, without the own one.
        k: How many; at most as many as there are.
    """
    own = others is None
    among = points if others is None else others
    k = min(k, len(among) - own)
    if points.shape[1] <= TREE:
        return _by_tree(points, among, k, own)
    found, which = np.empty((len(points), k)), np.empty((len(points), k), np.int64)
    square, step = np.einsum("nd,nd->n", among, among), max(CELLS // len(among), 1)
    for start in range(0, len(points), step):
        block = points[start : start + step]
        gap = square - 2 * (block @ among.T)
        if own:
            gap[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        near = np.argpartition(gap, k - 1, axis=1)[:, :k]
        away = _exact(block, among, near)  # the product has lost digits where rows are close
        order = np.argsort(away, axis=1, kind="stable")
        found[start : start + step] = np.take_along_axis(away, order, 1)
        which[start : start + step] = np.take_along_axis(near, order, 1)
    return found, which


def _by_tree(
    points: np.ndarray, among: np.ndarray, k: int, own: bool
) -> tuple[np.ndarray, np.ndarray]:
    tree = KDTree(among).query(points, k + own)
    found, which = (np.asarray(x).reshape(len(points), k + own) for x in tree)
    if not own:
        return found, which
    # The own row comes first, unless there are copies of it: then any of these, or none.
    self = which == np.arange(len(points))[:, None]
    self[~self.any(axis=1), -1] = True
    return found[~self].reshape(len(points), k), which[~self].reshape(len(points), k)


def _exact(block: np.ndarray, among: np.ndarray, near: np.ndarray) -> np.ndarray:
    away = np.empty(near.shape)
    for j in range(near.shape[1]):
        gap = block - among[near[:, j]]
        away[:, j] = np.sqrt(np.einsum("nd,nd->n", gap, gap))
    return away
