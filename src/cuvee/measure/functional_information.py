"""Functional entropy of class probabilities: what columns tell of a class, and which of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import log_softmax, xlogy

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.columns import no_dependence, normal_scores, varying
from cuvee.measure.groups import around
from cuvee.measure.softmax import Terms, fisher, fitted

RIDGES = (0.3, 0.03, 0.003)
"""On weights of columns of variance 1, the strongest first."""
FEW, SHOWN = 20, 5


@dataclass(frozen=True, slots=True)
class FunctionalInformation:
    """What columns tell of the class, by its probabilities as a smooth function of the columns.

    The functional entropies of all classes' probabilities add up to the mutual information. Where
    columns are Gaussian, it is at most half the Fisher information of the function (the logarithmic
    Sobolev inequality), and that adds up over columns: the notes give the bound, and the columns
    that have most of it. Columns are turned to normal scores first.

    Args:
        degree: Of the function's logarithm: 1, or 2 (squares; products, too, of few columns).
        folds: Rows are judged by a function that was fitted to the others.
        rows: That are looked at, at most; of more, so many are drawn.
        nulls: Shuffles of the classes behind the value under independence.

    Fails when: probabilities are no such function of the columns: the number is then too small.
    Shares of columns that go together are not told apart.

    References: Gat, Calderon, Reichart and Hazan, "A functional information perspective on model
    interpretation", ICML 2022; Gross, "Logarithmic Sobolev inequalities", American Journal of
    Mathematics 97, 1975.
    """

    takes: ClassVar[tuple[str, str]] = ("points", "labels")
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone", "rename")
    degree: int = 2
    folds: int = 4
    rows: int = 10_000
    nulls: int = 3

    def __post_init__(self) -> None:
        if self.degree not in (1, 2) or self.folds < 2 or self.rows < 32 or self.nulls < 0:
            raise CuveeError(
                "expected degree 1 or 2, folds from 2, rows from 32 and nulls from 0 on, got "
                f"{self.degree}, {self.folds}, {self.rows}, {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows for the terms; classes that hardly occur."""
        found, kinds = [], np.unique((b or a).classes, return_counts=True)[1]
        terms = 1 + a.rows.shape[1] + len(Terms(self.degree, a.rows.shape[1]).pairs[0])
        rows = min(len(a), self.rows)
        if rows < FEW * terms:
            found.append(
                f"{rows} rows for {terms} terms: expected {FEW * terms}; set degree=1, or give "
                "fewer columns."
            )
        if kinds.min() < FEW:
            found.append(f"a class has {kinds.min()} rows: expected {FEW}; put rare ones together.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x = varying(a, self.rows, rng)
        kinds, y = np.unique((b or a).classes[: self.rows], return_inverse=True)
        if not x.size or len(kinds) < 2:
            return no_dependence(self.unit)
        if len(x) < 8 * self.folds:
            raise CuveeError(f"{len(x)} rows: expected {8 * self.folds} or more for these folds.")
        x = normal_scores(x)
        terms = Terms(self.degree, x.shape[1])
        shown, fold = terms.of(x), rng.permutation(np.arange(len(x)) % self.folds)
        tried = [_gained(shown, y, len(kinds), fold, ridge) for ridge in RIDGES]
        best = int(np.argmax([outside.mean() for outside, _ in tried]))
        outside, inside = tried[best]
        # Judged by others a function says too little, by its own rows too much: as much.
        value = float(outside.mean() + inside.mean()) / 2
        sd = float(np.std((outside + inside) / 2) / np.sqrt(len(x)))
        missed = abs(float(inside.mean() - outside.mean())) / 2
        null = []
        for _ in range(self.nulls):
            moved = _gained(shown, rng.permutation(y), len(kinds), fold, RIDGES[best])
            null.append(float(moved[0].mean() + moved[1].mean()) / 2)
        found = around(value, sd, missed, rng=rng, unit=self.unit, low=0.0)
        weights = fitted(shown, y, len(kinds), RIDGES[best])
        moves = np.ptp(np.asarray(a.rows[: self.rows], np.float64), axis=0) > 0
        note = _told(fisher(terms, x, weights), np.corrcoef(x, rowvar=False), np.flatnonzero(moves))
        return Estimate(
            found.draws, self.unit, "samples", found.center, "lower",
            np.array(null) if null else None, (note,),
        )  # fmt: skip


def functional_entropy(values: Float[np.ndarray, "rows"]) -> float:
    """Of the values of a positive function: mean of f log f, less that of the mean."""
    return float(xlogy(values, values).mean() - xlogy(values.mean(), values.mean()))


def fisher_bound(
    values: Float[np.ndarray, "rows"], gradients: Float[np.ndarray, "rows dims"],
    cov: Float[np.ndarray, "dims dims"],
) -> float:  # fmt: skip
    """What the functional entropy is below, if rows are Gaussian with this covariance.

    Args:
        values: Of a positive function.
        gradients: Of the function.
        cov: Of the rows.
    """
    return float(((gradients @ cov) * gradients).sum(axis=1) @ (1 / values) / (2 * len(values)))


def shares(information: Float[np.ndarray, "dims dims"]) -> Float[np.ndarray, "dims"]:
    """Part of each column in the Fisher information, were the others left where they are."""
    own = np.diag(information)
    return own / own.sum() if own.sum() > 0 else np.full(len(own), 1 / len(own))


def _gained(
    shown: np.ndarray, y: np.ndarray, kinds: int, fold: np.ndarray, ridge: float
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
    """Log probability of each row's class beyond its share: by the others' function, by its own."""
    outside, inside, folds = np.empty(len(y)), np.zeros(len(y)), int(fold.max()) + 1
    for i in range(folds):
        here, there = fold == i, fold != i
        weights = fitted(shown[there], y[there], kinds, ridge)
        share = np.log(np.bincount(y[there], minlength=kinds) + 0.5)
        share -= np.log((np.exp(share)).sum())
        logs = log_softmax(shown @ weights, axis=1)[np.arange(len(y)), y] - share[y]
        outside[here] = logs[here]
        inside[there] += logs[there] / (folds - 1)
    return outside, inside


def _told(information: np.ndarray, corr: np.ndarray, columns: np.ndarray) -> str:
    """The bound, and the columns with most of it."""
    bound = float((np.atleast_2d(corr) * information).sum())
    part = shares(information)
    most = np.argsort(-part, kind="stable")[:SHOWN]
    named = ", ".join(f"{columns[i] + 1} ({part[i]:.0%})" for i in most)
    return f"Fisher's bound: {bound:.4g} nats, of which columns {named} have most."
