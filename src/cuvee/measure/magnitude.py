"""Magnitude: how many rows there are, in effect, at a scale of distances."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.linalg import cho_factor, cho_solve

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import Number, dealt, of_sets

MOST = 5000
JITTER = 1e-10
"""Added to the diagonal: copies of a row make the matrix singular, and share one weight so."""


@dataclass(frozen=True, slots=True)
class Magnitude:
    """Effective number of rows: the sum of the weights that make all similarities sum to 1.

    Similarity is exp(-scale times distance). Rows far apart each count 1, copies count 1 together.
    It is a property of a set of so many rows; compare sets of the same size at the same scale. Time
    is the cube of `rows`, memory the square.

    Args:
        scale: Of distances, per unit of the features.
        rows: Of a set, 5000 at most: of more, up to four random sets are measured.

    Fails when: the scale makes all rows one (magnitude near 1) or all different (near `rows`).

    References: Leinster, "The magnitude of metric spaces", Documenta Mathematica 18, 2013; Andreeva
    et al., "Metric space magnitude and generalisation in neural networks", 2023.
    """

    scale: float = 1.0
    rows: int = 1000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "effective rows"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation")

    def __post_init__(self) -> None:
        if not self.scale > 0 or not 32 <= self.rows <= MOST:
            raise CuveeError(f"expected a scale above 0, and rows in 32..{MOST}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Copied rows, or a scale that is none of these data."""
        some = np.asarray(a.rows[:200], np.float64)
        away = distances(some)[np.triu_indices(len(some), 1)] * self.scale
        typical = float(np.median(away))
        if 0.5 <= typical <= 10:
            return ()
        fit = f": scale={2 * self.scale / typical:.3g} would fit." if typical > 0 else "."
        return (f"the median distance is {typical:.3g} at this scale, far from a few{fit}",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""

        def of(rows: np.ndarray) -> Number:
            near = np.exp(-self.scale * distances(np.asarray(a.rows[rows], np.float64)))
            at = [np.arange(len(rows))[s] for s in dealt(len(rows))]

            def number(groups: np.ndarray) -> float:
                own = np.concatenate([at[g] for g in groups])
                return float(_weights(near[np.ix_(own, own)]).sum())

            return number

        return of_sets(of, len(a), self.rows, rng=rng, unit=self.unit, low=1.0)


def weighting(
    points: Float[np.ndarray, "rows dims"], scale: float = 1.0
) -> Float[np.ndarray, "rows"]:
    """What each row adds to the magnitude: near 1 for a row far from all others.

    Args:
        points: Rows, 5000 at most.
        scale: Of distances.

    Raises:
        CuveeError: There are too many rows.
    """
    if len(points) > MOST:
        raise CuveeError(f"expected {MOST} rows at most, got {len(points)}: take some of them.")
    return _weights(np.exp(-scale * distances(np.asarray(points, np.float64))))


def distances(points: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows rows"]:
    """Between all pairs."""
    middle = points - points.mean(axis=0)
    square = np.einsum("nd,nd->n", middle, middle)
    away = np.maximum(square[:, None] + square - 2 * (middle @ middle.T), 0)
    np.fill_diagonal(away, 0)
    # The product has lost the digits of what is much nearer than the rows are long.
    close = np.argwhere(away < 1e-8 * (square[:, None] + square))
    gap = middle[close[:, 0]] - middle[close[:, 1]]
    away[close[:, 0], close[:, 1]] = np.einsum("nd,nd->n", gap, gap)
    return np.sqrt(away)


def _weights(near: np.ndarray) -> np.ndarray:
    """The kernel of Euclidean distances is positive definite, but for copies of a row."""
    factor = cho_factor(near + JITTER * np.eye(len(near)), lower=True, check_finite=False)
    return cho_solve(factor, np.ones(len(near)), check_finite=False)
