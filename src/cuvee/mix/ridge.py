"""Regressions on a handful of runs, with what leaving each run out says of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

Predict = Callable[[Float[np.ndarray, "points features"]], Float[np.ndarray, "points"]]
PENALTIES = tuple(10.0**e for e in range(-4, 4))
"""Strengths tried, per run and unit of variance of a feature."""
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Length scales tried, in standard deviations of a feature times the root of their number."""
WIDE = 1e4
"""Prior variance of what is not penalised, in units of the variance of the losses."""


ALONE = 32
"""Up to so many runs each is left out by itself, beyond that in `FOLDS` parts."""
FOLDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A regression.

    Args:
        predict: Its forecast for rows of features.
        misses: Of each run, its loss less what a fit without that run says, whose settings were
            chosen without it, too.
    """

    predict: Predict
    misses: Float[np.ndarray, "runs"]


def line(
    x: Float[np.ndarray, "runs features"],
    y: Float[np.ndarray, "runs"],
    free: Bool[np.ndarray, "features"],
    penalties: tuple[float, ...] = PENALTIES,
) -> Fitted:
    """Ridge regression; the penalty is the one whose forecasts of left-out runs are best.

    Args:
        x: Features.
        y: Losses.
        free: Features that are not penalised; neither is the constant.
        penalties: To choose from.
    """
    return _judged(lambda a, b: ridge(a, b, free, penalties), x, y)


def process(
    x: Float[np.ndarray, "runs features"],
    y: Float[np.ndarray, "runs"],
    free: Bool[np.ndarray, "features"],
) -> Fitted:
    """Gaussian process: a line in the free features and a smooth function of all of them.

    Length scale and noise are those whose forecasts of left-out runs are best.
    """
    return _judged(lambda a, b: _gaussian(a, b, free), x, y)


def _judged(
    fit: Callable[[np.ndarray, np.ndarray], Predict], x: np.ndarray, y: np.ndarray
) -> Fitted:
    """A fit to all runs, and nested: settings are chosen anew without the runs that judge."""
    fold = np.arange(len(y)) % (len(y) if len(y) <= ALONE else FOLDS)
    misses = np.empty(len(y))
    for i in np.unique(fold):
        away = fold == i
        misses[away] = y[away] - fit(x[~away], y[~away])(x[away])
    return Fitted(fit(x, y), misses)


def ridge(
    x: Float[np.ndarray, "runs features"],
    y: Float[np.ndarray, "runs"],
    free: Bool[np.ndarray, "features"],
    penalties: tuple[float, ...] = PENALTIES,
) -> Predict:
    """As `line`, without its misses."""
    center, scale = x.mean(axis=0), _spread(x)
    design = np.c_[np.ones(len(x)), (x - center) / scale]
    penalised = np.r_[0.0, ~free] * len(x)
    tried = []
    for penalty in penalties:
        solve = np.linalg.pinv(design.T @ design + np.diag(penalty * penalised)) @ design.T
        misses = (y - design @ (solve @ y)) / np.maximum(1 - np.diag(design @ solve), 1e-3)
        tried.append((float(misses @ misses), solve @ y))
    slopes = min(tried, key=lambda t: t[0])[1]
    return lambda p: slopes[0] + (p - center) / scale @ slopes[1:]


def _gaussian(x: np.ndarray, y: np.ndarray, free: np.ndarray) -> Predict:
    center, scale = x.mean(axis=0), _spread(x)
    middle, unit = y.mean(), max(y.std(), 1e-12)

    def kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
        apart = ((a[:, None] - b[None]) ** 2).sum(axis=2) / x.shape[1]
        return WIDE * (1 + a[:, free] @ b[:, free].T) + np.exp(-apart / (2 * length**2))

    rows, values, tried = (x - center) / scale, (y - middle) / unit, []
    for length in LENGTHS:
        sizes, ways = np.linalg.eigh(kernel(rows, rows, length))
        for noise in PENALTIES:
            shrunk = ways / (np.maximum(sizes, 0) + noise)
            weights = shrunk @ (ways.T @ values)
            misses = weights / np.maximum((shrunk * ways).sum(axis=1), 1e-12)
            tried.append((float(misses @ misses), length, weights))
    _, length, weights = min(tried, key=lambda t: t[0])
    return lambda p: middle + unit * kernel((p - center) / scale, rows, length) @ weights


def _spread(x: np.ndarray) -> np.ndarray:
    """Standard deviation of each column; 1 for a constant one, which then says nothing."""
    spread = x.std(axis=0)
    return np.where(spread > 1e-12, spread, 1.0)
