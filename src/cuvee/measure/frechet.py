"""Fréchet distance: how far two laws are apart, had they been Gaussian."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.estimate import Estimate
from cuvee.core.resampling import resampled
from cuvee.core.sample import Sample


@dataclass(frozen=True, slots=True)
class Frechet:
    """Squared 2-Wasserstein distance of the Gaussians that have the samples' moments.

    Fails when: laws differ in more than mean and covariance, or rows are not many times the
    dimensions: the bias then is larger than any difference.

    References: Dowson and Landau, "The Fréchet distance between multivariate normal distributions",
    Journal of Multivariate Analysis 12, 1982; Heusel et al., "GANs trained by a two time-scale
    update rule converge to a local Nash equilibrium", NeurIPS 2017.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows for the covariance."""
        rows, dims = min(len(a), len(b or a)), a.rows.shape[1]
        if rows >= 10 * dims:
            return ()
        return (f"{rows} rows for {dims} dimensions: the bias is as large as the number.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return resampled(distance, [a.rows, (b or a).rows], rng=rng, unit=self.unit)


def distance(x: np.ndarray, y: np.ndarray) -> float:
    """Of two arrays of rows."""
    gap = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
    one, two = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    # The trace of the root of the product is the sum of the singular values of the roots' product.
    both = np.linalg.svd(_root(one) @ _root(two), compute_uv=False).sum()
    return float(gap @ gap + np.trace(one) + np.trace(two) - 2 * both)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
