"""Cauchy-Schwarz divergence: how little two densities overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import logsumexp

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.energy import left_out
from cuvee.measure.kernel_tables import some_rows, table_of, told

DIMS = 10
"""From so many on, a density of kernels is made of single rows."""


@dataclass(frozen=True, slots=True)
class CauchySchwarz:
    """Minus the log of the squared overlap of two densities, which kernels blur by a bandwidth.

    It is the divergence of the two blurred laws, without bias of their overlaps: no pair of a row
    with itself counts. For two mixtures of Gaussians, `of_mixtures` has the exact number.

    Args:
        bandwidth: Of the blur, in units of the features; 0 for Silverman's rule.
        rows: Of more rows of a sample, so many are drawn.

    Fails when: the bandwidth is not small beside what the laws differ in (the number is too small),
    or too small for the rows (no pair overlaps); both at once from some ten dimensions on.

    References: Principe, "Information Theoretic Learning", Springer 2010; Kampa, Hasanbelliu and
    Principe, "Closed-form Cauchy-Schwarz PDF divergence for mixture of Gaussians", IJCNN 2011; Yu
    et al., "Cauchy-Schwarz divergence information bottleneck for regression", ICLR 2024.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation", "swap")
    bandwidth: float = 0.0
    rows: int = 10_000

    def __post_init__(self) -> None:
        if not self.bandwidth >= 0 or self.rows < 2:
            raise CuveeError(
                f"bandwidth must be 0 or more and rows 2 or more, got {self.bandwidth} and "
                f"{self.rows}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too many dimensions for a density, or rows that are not looked at."""
        dims = a.rows.shape[1]
        found = list(left_out(self.rows, a, b))
        if dims > DIMS:
            found.append(f"a density in {dims} dimensions cannot be seen: choose mmd, or frechet.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (some_rows(z, self.rows, rng) for z in (a.rows, (b or a).rows))
        width = self.bandwidth or silverman(x, y)

        def overlap(squares: np.ndarray) -> np.ndarray:
            # Two densities, each blurred by the width: by twice its square together.
            return np.exp(np.multiply(squares, -0.25 / width**2, out=squares), out=squares)

        table = table_of(x, y, overlap, rng)
        note = f"of the laws blurred by a bandwidth of {width:.4g}: sharper ones differ more."
        return told(table, divergence, rng=rng, unit=self.unit, notes=(note,), tested=False)


def divergence(own: np.ndarray, other: np.ndarray, across: np.ndarray) -> np.ndarray:
    """From the mean overlaps; what no pair of rows shows counts as the smallest number."""
    least = np.finfo(float).tiny
    own, other, across = (np.log(np.maximum(part, least)) for part in (own, other, across))
    return own + other - 2 * across


def silverman(x: np.ndarray, y: np.ndarray) -> float:
    """A bandwidth for both samples, by the rule for Gaussians; 1 if all rows are the same."""
    dims = x.shape[1]
    spread = np.sqrt(np.mean([x.var(axis=0).mean(), y.var(axis=0).mean()]))
    rows = min(len(x), len(y))
    return float(spread * (4 / ((dims + 2) * rows)) ** (1 / (dims + 4))) or 1.0


Mixture = tuple[
    Float[np.ndarray, "parts"],
    Float[np.ndarray, "parts dims"],
    Float[np.ndarray, "parts dims dims"],
]
"""Weights, means and covariances."""


def of_mixtures(one: Mixture, two: Mixture) -> float:
    """The exact divergence of two mixtures of Gaussians, in nats."""
    return float(_overlap(one, one) + _overlap(two, two) - 2 * _overlap(one, two))


def _overlap(one: Mixture, two: Mixture) -> float:
    """Log of the integral of the product: Gaussians of the sum of the covariances."""
    (weight, mean, cov), (others, means, covs) = one, two
    both = cov[:, None] + covs[None]
    gap = mean[:, None] - means[None]
    far = np.einsum("ijd,ijd->ij", gap, np.linalg.solve(both, gap[..., None])[..., 0])
    size = np.linalg.slogdet(2 * np.pi * both)[1]
    return float(np.asarray(logsumexp(-0.5 * (far + size), b=np.outer(weight, others))))
