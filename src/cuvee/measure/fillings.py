"""The measures of spread, each of an array of rows; more is more spread."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.random import default_rng
from scipy.special import logsumexp, ndtr

from cuvee.core.clusters import unit as lengths_of_one
from cuvee.measure.near import nearest
from cuvee.measure.spacings import spacing_entropy

NORMAL = 0.5 * np.log(2 * np.pi * np.e)
"""Entropy of the standard normal law, in nats."""
BINS, PROBES, LEAST = 30, 1000, 1e-12
EULER = 0.5772156649015329
Variances = Float[np.ndarray, "components"]
Rows = Float[np.ndarray, "rows dims"]


def eee(variances: Variances) -> float:
    """1 - area between the running sum of the variances, largest first, and an even one; what
    area there can be is half of all.
    """
    many = len(variances)
    if many == 1:
        return 1.0
    above = np.cumsum(variances / variances.sum()) - np.arange(1, many + 1) / many
    return float(1 - np.trapezoid(above) / (many / 2))


def pc_ratio(variances: Variances) -> float:
    """The smallest variance beside the largest."""
    return float(variances[-1] / variances[0])


def kl_gaussian(variances: Variances) -> float:
    """exp(-KL / dims) of a Gaussian of these variances from a round one of the same sum."""
    scaled = np.maximum(variances / variances.mean(), LEAST)
    return float(np.exp(0.5 * np.log(scaled).mean()))


def vrm(rows: Rows, seed: int) -> float:
    """1 - mean squared error of each component's share of the entropy power of a round cloud."""
    ratio = np.exp(spacing_entropy(_components(rows)) - NORMAL)
    return float(1 - ((1 - ratio) ** 2).mean())


def koleo(rows: Rows, seed: int) -> float:
    """Entropy from nearest neighbours, as published for one dimension, beside that of a normal
    sample.
    """
    scaled = rows * np.sqrt(rows.shape[1] / rows.var(axis=0).sum())
    normal = default_rng(seed).standard_normal(rows.shape)
    ours, theirs = (
        np.log(len(x) * nearest(x, None, 1)[0] + 1e-16).mean() + np.log(2) + EULER
        for x in (scaled, normal)
    )
    return float(ours / theirs)


def neighbour_overlap(rows: Rows, seed: int) -> float:
    """Of the distances to the first neighbour and to a late one: what their laws share."""
    near = nearest(rows, None, min(5 * rows.shape[1], 100))[0]
    edges = np.linspace(near[:, 0].min(), near[:, -1].max(), BINS + 1)
    first, last = (np.histogram(near[:, j], edges)[0] for j in (0, -1))
    return float(np.minimum(first, last).sum() / len(rows))


def kl_binned(rows: Rows, seed: int) -> float:
    """exp of minus the mean squared divergence of the components from a normal law, in bins."""
    parts = _components(rows)
    edges = np.linspace(-4, 4, BINS + 1)
    odds = np.maximum(np.diff(ndtr(edges)), 1e-16)
    squares = []
    for column in parts.T:
        found = np.histogram(np.clip(column, -4, 4), edges)[0] / len(rows)
        some = found > 0
        squares.append(float(found[some] @ np.log(found[some] / odds[some])) ** 2)
    return float(np.exp(-np.mean(squares)))


def kl_neighbours(rows: Rows, seed: int) -> float:
    """exp(-KL / dims) from a normal law, by nearest neighbours among both; none counts below 0."""
    parts = _components(rows)
    normal = default_rng(seed).standard_normal(parts.shape)
    ours, theirs = nearest(parts, None, 1)[0], nearest(parts, normal, 1)[0]
    return float(np.exp(-np.maximum(np.log((theirs + 1e-16) / (ours + 1e-16)), 0).mean()))


def cosine(rows: Rows, seed: int) -> float:
    """1 - mean cosine of pairs."""
    total, many = lengths_of_one(rows).astype(np.float64).sum(axis=0), len(rows)
    return float(1 - (total @ total - many) / (many * (many - 1)))


def partition(rows: Rows, seed: int) -> float:
    """The smallest to the largest partition function, over random directions."""
    ways = default_rng(seed).standard_normal((PROBES, rows.shape[1]))
    sums = np.asarray(logsumexp(rows @ lengths_of_one(ways).T, axis=0))
    return float(np.exp(sums.min() - sums.max()))


def _components(rows: Rows) -> Rows:
    """Principal components, scaled so that their variances are 1 on average."""
    middle = rows - rows.mean(axis=0)
    ways = np.linalg.eigh(middle.T @ middle)[1]
    return (middle @ ways) * np.sqrt(rows.shape[1] / middle.var(axis=0).sum())


FILLINGS: dict[str, Callable[[Rows, int], float]] = {
    "vrm": vrm, "koleo": koleo, "neighbour_overlap": neighbour_overlap, "kl_binned": kl_binned,
    "kl_neighbours": kl_neighbours, "cosine": cosine, "partition": partition,
}  # fmt: skip
