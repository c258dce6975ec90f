"""Columns made comparable: constant ones left out, ties spread, whitened, or turned into scores."""

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.special import ndtri

from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample


def varying(sample: Sample, rows: int, rng: Generator) -> Float[np.ndarray, "rows dims"]:
    """The points of the first so many rows, without columns that never change, and without ties.

    `cuvee.measure.measure` lays rows out in an order that says nothing, so that the first are as
    good as any; both samples of a pair lose the same rows.
    """
    points = np.asarray(sample.rows[:rows], np.float64)
    points = points[:, np.ptp(points, axis=0) > 0]
    return np.column_stack([untied(column, rng) for column in points.T]) if points.size else points


def untied(column: Float[np.ndarray, "rows"], rng: Generator) -> Float[np.ndarray, "rows"]:
    """Equal values, spread at random over half of the gap to the next larger value.

    No two values change places, and the random part says nothing about anything else: what the
    column tells about other columns stays exactly the same.
    """
    values, place, often = np.unique(column, return_inverse=True, return_counts=True)
    if len(values) == len(column) or len(values) < 2:
        return column
    gaps = np.diff(values)
    gaps = np.append(gaps, gaps[-1])
    spread = np.where(often > 1, 0.5 * gaps, 0)[place]
    return column + spread * rng.random(len(column))


def ranks(x: Float[np.ndarray, "rows dims"]) -> Int64[np.ndarray, "rows dims"]:
    """Places of the values of each column, counted from 0."""
    found = np.empty(x.shape, np.int64)
    np.put_along_axis(found, np.argsort(x, axis=0, kind="stable"), np.arange(len(x))[:, None], 0)
    return found


def normal_scores(x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows dims"]:
    """The normal quantiles of the ranks."""
    return ndtri((np.arange(len(x)) + 0.5) / len(x))[ranks(x)]


def whitened(x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows dims"]:
    """Centred and turned so that the covariance is the identity; what has no variance stays 0."""
    centred = x - x.mean(axis=0)
    centred = centred / np.maximum(centred.std(axis=0), 1e-300)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    usable = values > 1e-10 * values[-1]
    return centred @ (vectors * np.where(usable, 1 / np.sqrt(np.where(usable, values, 1)), 0))


def no_dependence(unit: str) -> Estimate:
    """Nothing depends on a column that never changes."""
    why = "all columns of a group are constant: nothing depends on them."
    return Estimate(np.zeros(1), unit, "exact", null=np.zeros(1), notes=(why,))
