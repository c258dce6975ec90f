"""Entropy and reconstruction: what one side must say about the other, since it can rebuild it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.columns import no_dependence, normal_scores, ranks, varying
from cuvee.measure.groups import around
from cuvee.measure.knn_entropy import local_entropy

RIDGES = 10.0 ** np.arange(-4.0, 3.5)
"""Per row; the one whose rows left out are guessed best is taken."""
LOG_ROOT = 0.5 * np.log(2 * np.pi)
FREEDOM = 0.9
"""Largest share of a row's own value in its guess."""


@dataclass(frozen=True, slots=True)
class ErBound:
    """Bound of mutual information from below: entropy of b, less what a leaves open about it.

    Columns are brought to normal scores. The entropy is that of nearest neighbours; what is open is
    how badly a Gaussian around a smooth function of a predicts b, on rows that it has not seen.

    Args:
        features: Random waves that the smooth function is made of, beside the columns themselves.
        neighbours: Which neighbour the entropy is taken from.
        folds: Parts of the rows; each is judged by what was learned from the others.
        rows: That are looked at, at most.
        nulls: Shuffles of the rows behind the value under independence.

    Fails when: what is left of b given a is far from Gaussian, or as wide as a says: the bound is
    then loose. With more than some five columns of b its entropy is off, too.

    References: Rodríguez-Gálvez et al., "The role of entropy and reconstruction in multi-view
    self-supervised learning", ICML 2023; Rahimi and Recht, "Random features for large-scale kernel
    machines", NeurIPS 2007.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    features: int = 200
    neighbours: int = 5
    folds: int = 5
    rows: int = 20_000
    nulls: int = 5

    def __post_init__(self) -> None:
        if self.features < 1 or self.neighbours < 1 or self.folds < 2 or self.nulls < 0:
            raise CuveeError(
                "features and neighbours must be 1 or more, folds 2 or more, nulls 0 or more, got "
                f"{self.features}, {self.neighbours}, {self.folds}, {self.nulls}."
            )
        if self.rows < 32:
            raise CuveeError(f"rows must be 32 or more, got {self.rows}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows, or an entropy of many columns."""
        said, dims = [], (b or a).rows.shape[1]
        if len(a) < 200:
            said.append(f"{len(a)} rows: expected 200 or more, for what is learned to be close.")
        if dims > 5:
            said.append(
                f"{dims} columns are to be rebuilt: their entropy by neighbours is too high by an "
                "unknown part, and the bound none; swap the sides, or compress."
            )
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = varying(a, self.rows, rng), varying(b or a, self.rows, rng)
        if not x.size or not y.size:
            return no_dependence(self.unit)
        if len(x) < 8 * self.folds:
            raise CuveeError(f"{len(x)} rows: expected {8 * self.folds} or more for these folds.")
        order = np.lexsort(np.column_stack([y, x]).T)
        x, y = normal_scores(x[order]), _as_drawn(y[order], rng)
        waves = self._waves(x, rng)
        surprise, missed = self._surprise(y, rng)
        fold = rng.permutation(np.arange(len(x)) % self.folds)
        terms = surprise + self._rebuilt(waves, y, fold)
        value, sd = float(terms.mean()), float(terms.std() / np.sqrt(len(x)))
        found = around(value, sd, missed, rng=rng, unit=self.unit, low=0.0)
        null = [
            surprise.mean() + self._rebuilt(waves, y[rng.permutation(len(y))], fold).mean()
            for _ in range(self.nulls)
        ]
        nulls = np.maximum(null, 0) if null else None
        return replace(found, bound="lower", null=nulls)

    def _surprise(self, y: np.ndarray, rng: Generator) -> tuple[np.ndarray, float]:
        """What each row adds to the entropy, and how far their mean may be off."""
        if y.shape[1] == 1:  # a Gaussian by making
            return np.full(len(y), LOG_ROOT + 0.5), 0.0
        found = local_entropy(y, self.neighbours)
        halves = np.array_split(rng.permutation(len(y)), 2)
        smaller = [local_entropy(y[half], self.neighbours).mean() for half in halves]
        return found, abs(float(found.mean() - np.mean(smaller)))

    def _waves(self, x: np.ndarray, rng: Generator) -> Float[np.ndarray, "rows features"]:
        """The columns, and cosines of random directions of them, half slow and half fast."""
        wide = np.sqrt(x.shape[1]) * np.where(np.arange(self.features) % 2, 0.4, 1.5)
        turn = rng.standard_normal((x.shape[1], self.features)) / wide
        phase = rng.uniform(0, 2 * np.pi, self.features)
        return np.column_stack([np.ones(len(x)), x, np.sqrt(2) * np.cos(x @ turn + phase)])

    def _rebuilt(
        self, waves: np.ndarray, y: np.ndarray, fold: np.ndarray
    ) -> Float[np.ndarray, "rows"]:
        """Log density of each row of y, as the others have it."""
        found = np.empty(len(y))
        for i in range(self.folds):
            here = fold == i
            weights, spread = learned(waves[~here], y[~here])
            found[here] = _log_normal(y[here] - waves[here] @ weights, spread)
        return found


def _as_drawn(y: Float[np.ndarray, "rows dims"], rng: Generator) -> np.ndarray:
    """Each column as a Gaussian sample in the order of its values.

    Quantiles in place of a sample lie so evenly that neighbours would see another law.
    """
    if y.shape[1] == 1:
        return normal_scores(y)
    drawn = np.sort(rng.standard_normal(y.shape), axis=0)
    return np.take_along_axis(drawn, ranks(y), axis=0)


def learned(
    waves: Float[np.ndarray, "rows features"], y: Float[np.ndarray, "rows dims"]
) -> tuple[Float[np.ndarray, "features dims"], Float[np.ndarray, "dims dims"]]:
    """Ridge regression, the ridge by leaving out each row, and the covariance of what it misses."""
    rows = len(y)
    values, vectors = np.linalg.eigh(waves.T @ waves / rows)
    turned, values = waves @ vectors, np.maximum(values, 0)
    target, squared = turned.T @ y / rows, turned**2 / rows
    best, lowest = (np.zeros((0, 0)), np.eye(y.shape[1])), np.inf
    for ridge in RIDGES:
        shrink = 1 / (values + ridge)
        weights = shrink[:, None] * target
        own = np.minimum(squared @ shrink, FREEDOM)
        missed = (y - turned @ weights) / (1 - own)[:, None]
        spread = missed.T @ missed / rows
        size = float(np.linalg.slogdet(spread)[1])
        if size < lowest:
            best, lowest = (vectors @ weights, spread), size
    return best


def _log_normal(
    missed: Float[np.ndarray, "rows dims"], spread: Float[np.ndarray, "dims dims"]
) -> Float[np.ndarray, "rows"]:
    """Log density of a centred Gaussian."""
    root = np.linalg.cholesky(spread + 1e-12 * np.eye(len(spread)))
    far = np.linalg.solve(root, missed.T)
    return -0.5 * (far**2).sum(axis=0) - np.log(np.diag(root)).sum() - len(root) * LOG_ROOT
