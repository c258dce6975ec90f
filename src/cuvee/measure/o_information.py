"""O-information of columns, had they a Gaussian copula: do they repeat each other?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import digamma

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.columns import no_dependence, normal_scores, varying
from cuvee.measure.groups import around

TEST_ROWS = 5_000
"""Rows of which the joint kurtosis is looked at."""
ODD = 6
"""Standard errors from a Gaussian's kurtosis that show another copula."""


@dataclass(frozen=True, slots=True)
class OInformation:
    """Total less dual total correlation of columns: above 0 redundant, below 0 synergetic.

    The closed form for Gaussians, of columns turned to normal scores, less the bias of its log
    determinants, which is known. Fewer than three variables have none.

    Args:
        width: Columns that make up one variable, side by side.
        scores: Turn columns to normal scores; without, columns are taken as they are.
        rows: That are looked at, at most; of more, so many are drawn.
        nulls: Shuffles of each column behind the value under independence.

    Fails when: columns depend in another way than Gaussians: of three signs, each the product of
    the other two, nothing is seen. `o_information_score` sees it. Redundancy of some columns and
    synergy of others cancel.

    References: Rosas, Mediano, Gastpar and Jensen, "Quantifying high-order interdependencies via
    multivariate extensions of the mutual information", Physical Review E 100, 2019; Misra, Singh
    and Demchuk, "Estimation of the entropy of a multivariate normal distribution", Journal of
    Multivariate Analysis 92, 2005; Bounoua, Franzese and Michiardi, "SΩI: Score-based O-INFORMATION
    estimation", ICML 2024.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    width: int = 1
    scores: bool = True
    rows: int = 100_000
    nulls: int = 20

    def __post_init__(self) -> None:
        if self.width < 1 or self.rows < 16 or self.nulls < 0:
            raise CuveeError(
                "expected width from 1, rows from 16 and nulls from 0 on, got "
                f"{self.width}, {self.rows}, {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows for the columns, too few variables, or joint tails that no Gaussian has."""
        found, dims = [], a.rows.shape[1]
        if len(a) < 10 * dims:
            found.append(f"{len(a)} rows for {dims} columns: expected {10 * dims} or more.")
        if dims // self.width < 3:
            found.append(f"{dims // self.width} variables: O-information is 0 for fewer than 3.")
        some = np.asarray(a.rows[:TEST_ROWS], np.float64)
        some = some[:, np.ptp(some, axis=0) > 0]
        odd = kurtosis(normal_scores(some) if self.scores else some) if some.size else 0.0
        if abs(odd) > ODD:
            found.append(
                f"the joint kurtosis of the scores is {odd:.0f} standard errors from a Gaussian's: "
                "the dependence has another form; use o_information_score."
            )
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        dims = a.rows.shape[1]
        if dims % self.width:
            raise CuveeError(
                f"{a.name} has {dims} columns, which variables of {self.width} do not fill: give "
                "another width."
            )
        x = varying(a, self.rows, rng)
        if not x.size:
            return no_dependence(self.unit)
        if len(x) < dims + 3:
            raise CuveeError(f"{len(x)} rows for {dims} columns: expected {dims + 3} or more.")
        x = normal_scores(x) if self.scores else (x - x.mean(axis=0)) / x.std(axis=0)
        still = np.ptp(np.asarray(a.rows[: self.rows], np.float64), axis=0) > 0
        terms = entropies(np.flatnonzero(still) // self.width)
        free = sum(sign * _lost(len(x), len(some)) for sign, some in terms)
        value = o_information(_correlations(x), terms) - free
        null = np.array([
            o_information(_correlations(_shuffled(x, rng)), terms) - free
            for _ in range(self.nulls)
        ])  # fmt: skip
        # Under independence what each row adds vanishes, and chance of higher order is left.
        sd = np.hypot(_sd(x, terms), null.std(ddof=1) if len(null) > 1 else 0.0)
        found = around(value, float(sd), abs(free), rng=rng, unit=self.unit)
        return Estimate(
            found.draws, self.unit, "samples", found.center, null=null if self.nulls else None
        )


Terms = list[tuple[float, np.ndarray]]
"""Weights of entropies, and the columns of which they are."""


def entropies(variable: np.ndarray) -> Terms:
    """What O-information is made of: of all, of each variable, and of all but each (Rosas, eq. 1).

    Args:
        variable: That each column is part of.
    """
    kinds, every = np.unique(variable), np.arange(len(variable))
    terms: Terms = [(len(kinds) - 2.0, every)]
    for kind in kinds:
        terms += [(1.0, every[variable == kind]), (-1.0, every[variable != kind])]
    return [term for term in terms if len(term[1])]


def o_information(cov: Float[np.ndarray, "p p"], terms: Terms) -> float:
    """Of a Gaussian with this covariance."""
    return float(sum(w * 0.5 * np.linalg.slogdet(cov[np.ix_(s, s)])[1] for w, s in terms))


def kurtosis(x: Float[np.ndarray, "rows p"]) -> float:
    """Mardia's statistic of joint tails, in standard errors from a Gaussian's."""
    rows, dims = x.shape
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / rows)
    if rows < dims + 3 or dims < 2 or values[0] < 1e-8 * values[-1]:
        return 0.0
    far = (((centred @ vectors) ** 2) / values).sum(axis=1)
    return float(((far**2).mean() - dims * (dims + 2)) / np.sqrt(8 * dims * (dims + 2) / rows))


def _lost(rows: int, dims: int) -> float:
    """Bias of a Gaussian's entropy from so many rows: the mean of log Wishart determinants."""
    free = rows - 1
    return 0.5 * float(digamma((free - np.arange(dims)) / 2).sum() + dims * np.log(2 / free))


def _correlations(x: Float[np.ndarray, "rows p"]) -> Float[np.ndarray, "p p"]:
    return np.atleast_2d(np.corrcoef(x, rowvar=False))


def _shuffled(x: Float[np.ndarray, "rows p"], rng: Generator) -> Float[np.ndarray, "rows p"]:
    return np.column_stack([column[rng.permutation(len(x))] for column in x.T])


def _sd(x: Float[np.ndarray, "rows p"], terms: Terms) -> float:
    """Of what each row adds: half its squared Mahalanobis distance, among the columns of a term."""
    found = np.zeros(len(x))
    for sign, some in terms:
        part = x[:, some]
        weight = np.linalg.inv(part.T @ part / len(x))
        found += sign * 0.5 * ((part @ weight) * part).sum(axis=1)
    return float(np.sqrt(found.var() / len(x)))
