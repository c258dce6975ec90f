"""Fréchet distance: how far two laws are apart, had they been Gaussian."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample

BLOCK = 1 << 14
"""Rows that are looked at at a time."""
GROUPS, NUMBERS = 256, 1 << 24
"""Groups of rows whose moments are kept, and numbers that these may be, at most."""
MANY = 256
"""Dimensions from which fewer halves are looked at, as each takes a second or so."""


@dataclass(frozen=True, slots=True)
class Frechet:
    """Squared 2-Wasserstein distance of the Gaussians that have the samples' moments.

    Also a choice of sources: the one whose features are the least far from the target's (CSI).
    Needs one pass over the rows, and at most 256 tables of dims x dims (32 of many dimensions).

    Args:
        splits: Pairs of halves behind the interval; a quarter of them from 256 dimensions on.

    Fails when: laws differ in more than mean and covariance, or rows are not many times the
    dimensions: what is left of the bias then is as large as small differences.

    References: Dowson and Landau, "The Fréchet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 12, 1982; Heusel et al., "GANs trained by a two time-scale
    update rule converge to a local Nash equilibrium", NeurIPS 2017; "Towards data-efficient
    pretraining for atomic property prediction", 2025 (CSI).
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    splits: int = 20

    def __post_init__(self) -> None:
        if self.splits < 4:
            raise CuveeError(f"splits must be 4 or more, got {self.splits}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows for the covariance."""
        rows, dims = min(len(a), len(b or a)), a.rows.shape[1]
        if rows >= 10 * dims:
            return ()
        return (
            f"{rows} rows for {dims} dimensions: the bias of unequal covariances is not known well "
            "(give ten times as many rows as dimensions, or use mmd, which has none).",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = a.rows, (b or a).rows
        middle = np.asarray(x[:BLOCK], np.float64).mean(axis=0)
        splits = self.splits if x.shape[1] < MANY else max(self.splits // 4, 4)
        return contrasted(
            of_moments, moments(x, middle, rng), moments(y, middle, rng), rng=rng, unit=self.unit,
            splits=splits, nulls=splits,
        )  # fmt: skip


def moments(
    x: Float[np.ndarray, "rows dims"], middle: Float[np.ndarray, "dims"], rng: Generator
) -> Float[np.ndarray, "groups numbers"]:
    """Of groups of rows: how many, their sum, and the sum of their products, less the middle.

    Groups are drawn: the same rows may lie beside one another.
    """
    dims = x.shape[1]
    groups = int(min(len(x), np.clip(NUMBERS // dims**2, 32, GROUPS)))
    group = rng.permutation(len(x)) % groups
    found = np.zeros((groups, 1 + dims + dims * dims))
    for start in range(0, len(x), BLOCK):
        mine = group[start : start + BLOCK]
        order = np.argsort(mine, kind="stable")
        rows = np.asarray(x[start : start + BLOCK], np.float64)[order] - middle
        ends = np.searchsorted(mine[order], np.arange(groups + 1))
        for i in np.flatnonzero(np.diff(ends)):
            part = rows[ends[i] : ends[i + 1]]
            found[i, 0] += len(part)
            found[i, 1 : 1 + dims] += part.sum(axis=0)
            found[i, 1 + dims :] += (part.T @ part).ravel()
    return found


def of_moments(a: np.ndarray, b: np.ndarray) -> float:
    """The distance of two arrays of groups."""
    return between(_normal(a), _normal(b))


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """Of two arrays of rows."""
    return between(*((z.mean(axis=0), np.atleast_2d(np.cov(z, rowvar=False))) for z in (x, y)))


def between(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> float:
    """Of two Gaussians, each a mean and a covariance."""
    (mean, cov), (other_mean, other_cov) = one, other
    gap = mean - other_mean
    root = _root(cov)
    both = np.linalg.eigvalsh(root @ other_cov @ root)
    cross = np.sqrt(np.maximum(both, 0)).sum()
    return float(gap @ gap + np.trace(cov) + np.trace(other_cov) - 2 * cross)


def _normal(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of all rows of the groups."""
    sums = groups.sum(axis=0)
    dims = round((np.sqrt(4 * len(sums) - 3) - 1) / 2)
    mean = sums[1 : 1 + dims] / sums[0]
    square = sums[1 + dims :].reshape(dims, dims) - sums[0] * np.outer(mean, mean)
    return mean, square / max(sums[0] - 1, 1)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
