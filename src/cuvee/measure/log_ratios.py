"""How much likelier a row is under one law than under another, from samples of both.

The ratio at a row never comes from the row itself: it is learned from other folds.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import expit

from cuvee.measure.kernel_tables import distances

Ratio = Callable[[np.ndarray], np.ndarray]
"""Rows in, log ratios out."""
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e5)
"""Of the waves, over the number of rows; that of all else is 1."""
PRODUCTS = 24
"""Up to so many dimensions a classifier sees all products of two; of more, the squares."""
WAVES = 64
"""Random Fourier features that a classifier sees beside."""
FAR = 30.0
"""No log ratio is farther from 0."""
BLOCK = 1024


def crossed(
    x: np.ndarray, y: np.ndarray, by: str, rng: Generator, *, folds: int = 5,
    hold: dict[str, float] | None = None,
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "others"]]:  # fmt: skip
    """Log ratios at all rows of both samples, each learned from other rows.

    Args:
        x: Rows of the law above the line.
        y: Rows of the law below it.
        by: Key of WAYS.
        rng: Of the folds.
        folds: Parts that rows are cut into.
        hold: What is chosen once and kept from call to call.
    """
    marks = [rng.permutation(len(z)) % folds for z in (x, y)]
    found = np.empty(len(x)), np.empty(len(y))
    hold = {} if hold is None else hold
    for fold in range(folds):
        ratio = WAYS[by](x[marks[0] != fold], y[marks[1] != fold], rng, hold)
        for z, mark, into in zip((x, y), marks, found):
            into[mark == fold] = np.clip(ratio(z[mark == fold]), -FAR, FAR)
    return found


def gaussian(x: np.ndarray, y: np.ndarray, rng: Generator, hold: dict[str, float]) -> Ratio:
    """The ratio of the Gaussians that have the samples' moments."""
    one, two = _normal(x), _normal(y)
    return lambda z: _log_normal(z, *one) - _log_normal(z, *two)


def kde(x: np.ndarray, y: np.ndarray, rng: Generator, hold: dict[str, float]) -> Ratio:
    """The ratio of two densities of Gaussian kernels, as wide as Silverman's rule says."""
    return lambda z: log_density(z, x)[0] - log_density(z, y)[0]


def neighbours(x: np.ndarray, y: np.ndarray, rng: Generator, hold: dict[str, float]) -> Ratio:
    """From the share of each sample among a row's nearest ones, a root of all of them."""
    from scipy.spatial import KDTree

    both = np.concatenate([x, y])
    scale = both.std(axis=0)
    scale[scale == 0] = 1
    tree, near = KDTree(both / scale), max(int(np.sqrt(len(both))), 3)

    def ratio(z: np.ndarray) -> np.ndarray:
        ours = (tree.query(z / scale, near)[1] < len(x)).sum(axis=1)
        return np.log((ours + 0.5) / len(x)) - np.log((near - ours + 0.5) / len(y))

    return ratio


def classifier(x: np.ndarray, y: np.ndarray, rng: Generator, hold: dict[str, float]) -> Ratio:
    """What a logistic regression on squares, products and waves of the features says."""
    rows = np.concatenate([x, y])
    seen = _seeing(rows, rng)
    table = seen(rows)
    label = np.repeat([1.0, 0.0], [len(x), len(y)])
    weight = np.repeat([0.5 / len(x), 0.5 / len(y)], [len(x), len(y)])
    if "penalty" not in hold:
        hold["penalty"] = _best_penalty(table, label, weight, rng)
    found = logistic(table, label, weight, _ridge(table, hold["penalty"]))
    return lambda z: seen(z) @ found


WAYS: dict[str, Callable[[np.ndarray, np.ndarray, Generator, dict[str, float]], Ratio]] = {
    "classifier": classifier, "gaussian": gaussian, "kde": kde, "neighbours": neighbours,
}  # fmt: skip
"""What a ratio can be learned by."""


def log_density(
    z: Float[np.ndarray, "rows dims"], kernels: Float[np.ndarray, "points dims"], width: float = 0.0
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
    """Log density of Gaussian kernels at rows, exactly; and of how many points each is made.

    The kernels have the shape of the points' covariance. Memory: 1024 x points numbers.

    Args:
        z: Where.
        kernels: Points that each carry a kernel.
        width: Of the kernels, in standard deviations of the points; 0 for Silverman's rule.
    """
    mean, root = _normal(kernels)
    dims = len(mean)
    width = width or (4 / ((dims + 2) * len(kernels))) ** (1 / (dims + 4))
    points = np.linalg.solve(root, (kernels - mean).T).T / width
    rows = np.linalg.solve(root, (z - mean).T).T / width
    size = dims * np.log(width * np.sqrt(2 * np.pi)) + np.log(np.diag(root)).sum()
    found, made = np.empty(len(z)), np.empty(len(z))
    for start in range(0, len(z), BLOCK):
        part = -0.5 * distances(rows[start : start + BLOCK], points)
        top = part.max(axis=1)
        np.exp(part - top[:, None], out=part)
        total = part.sum(axis=1)
        found[start : start + BLOCK] = top + np.log(total) - np.log(len(kernels)) - size
        made[start : start + BLOCK] = total**2 / np.einsum("nk,nk->n", part, part)
    return found, made


def logistic(
    table: Float[np.ndarray, "rows features"], label: Float[np.ndarray, "rows"],
    weight: Float[np.ndarray, "rows"], ridge: Float[np.ndarray, "features"],
) -> Float[np.ndarray, "features"]:  # fmt: skip
    """Coefficients of a ridge logistic regression, by Newton's method."""
    found = np.zeros(table.shape[1])

    def loss(at: np.ndarray) -> float:
        margin = table @ at
        return float(weight @ (np.logaddexp(0, margin) - label * margin) + ridge @ at**2 / 2)

    now = loss(found)
    for _ in range(30):
        chance = expit(table @ found)
        slope = table.T @ (weight * (chance - label)) + ridge * found
        bend = (table * (weight * chance * (1 - chance))[:, None]).T @ table
        step = np.linalg.solve(bend + np.diag(ridge), slope)
        length = 1.0
        while (then := loss(found - length * step)) > now and length > 1e-4:
            length /= 2
        found = found - length * step
        if now - then < 1e-7:
            break
        now = then
    return found


def _best_penalty(
    table: np.ndarray, label: np.ndarray, weight: np.ndarray, rng: Generator
) -> float:
    """The penalty whose answer to two thirds of the rows fits the last third best."""
    held = rng.random(len(table)) < 1 / 3
    best, least = PENALTIES[-1], np.inf
    for penalty in PENALTIES[::-1]:
        ridge = _ridge(table[~held], penalty)
        found = logistic(table[~held], label[~held], weight[~held] * 1.5, ridge)
        margin = table[held] @ found
        loss = float(weight[held] @ (np.logaddexp(0, margin) - label[held] * margin))
        if loss < least:
            best, least = penalty, loss
    return best


def _ridge(table: np.ndarray, penalty: float) -> np.ndarray:
    """Penalties of the features, the waves last; the first feature is free."""
    ridge = np.full(table.shape[1], 1 / len(table))
    ridge[0] = 1e-9
    ridge[-WAVES:] *= penalty
    return ridge


def _seeing(rows: np.ndarray, rng: Generator) -> Ratio:
    """From rows to what a classifier sees: 1, features, squares and products, waves."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale == 0] = 1
    dims = rows.shape[1]
    ways = rng.standard_normal((dims, WAVES)) / np.sqrt(dims)
    phase = rng.uniform(0, 2 * np.pi, WAVES)
    i, j = np.triu_indices(dims) if dims <= PRODUCTS else (np.arange(dims),) * 2

    def seen(z: np.ndarray) -> np.ndarray:
        unit = np.clip((z - mean) / scale, -8, 8)
        waves = np.cos(2 * unit @ ways + phase)
        # Of about one size each, so that one penalty fits all.
        return np.hstack([np.ones((len(z), 1)), unit, unit[:, i] * unit[:, j] / 2, waves])

    return seen


def _normal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and the Cholesky root of the covariance, which a little ridge keeps regular."""
    mean = x.mean(axis=0)
    cov = np.atleast_2d(np.cov(x, rowvar=False)) if len(x) > 1 else np.zeros((x.shape[1],) * 2)
    ridge = 1e-9 * np.trace(cov) / len(mean) + 1e-12
    if len(x) <= len(mean) + 1:
        ridge += 0.1 * np.trace(cov) / len(mean)
    return mean, np.linalg.cholesky(cov + ridge * np.eye(len(mean)))


def _log_normal(z: np.ndarray, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    far = np.linalg.solve(root, (z - mean).T)
    return -0.5 * (far**2).sum(axis=0) - np.log(np.diag(root)).sum()
