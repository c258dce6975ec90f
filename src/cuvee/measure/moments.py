"""Mean and covariance of groups of rows, which are read once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cuvee.measure.groups import GROUPS, dealt

BLOCK = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums of the rows of each group, and of their products, about a common point.

    Args:
        counts: Rows.
        sums: Of the rows.
        products: Of all pairs of columns.
    """

    counts: Float[np.ndarray, "groups"]
    sums: Float[np.ndarray, "groups dims"]
    products: Float[np.ndarray, "groups dims dims"]

    @staticmethod
    def of(points: np.ndarray) -> "Moments":
        """A block at a time; memory is 16 times dims squared."""
        dims = points.shape[1]
        dealt(len(points))
        middle = np.asarray(points[:BLOCK], np.float64).mean(axis=0)
        counts, sums = np.zeros(GROUPS), np.zeros((GROUPS, dims))
        products = np.zeros((GROUPS, dims, dims))
        for start in range(0, len(points), BLOCK):
            block = np.asarray(points[start : start + BLOCK], np.float64) - middle
            for g in range(GROUPS):
                own = block[g::GROUPS]
                counts[g] += len(own)
                sums[g] += own.sum(axis=0)
                products[g] += own.T @ own
        return Moments(counts, sums, products)

    def covariance(self, groups: Int[np.ndarray, "some"]) -> Float[np.ndarray, "dims dims"]:
        """Of some of the groups."""
        rows, mean = self.counts[groups].sum(), self.sums[groups].sum(axis=0)
        spread = self.products[groups].sum(axis=0) - np.outer(mean, mean) / rows
        return spread / max(rows - 1, 1)

    def variances(self, groups: Int[np.ndarray, "some"]) -> Float[np.ndarray, "dims"]:
        """Of the principal components, the largest first."""
        return np.maximum(np.linalg.eigvalsh(self.covariance(groups))[::-1], 0)
