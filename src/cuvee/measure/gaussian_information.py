"""Mutual information of two groups of columns, had they a Gaussian copula."""

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


@dataclass(frozen=True, slots=True)
class GaussianInformation:
    """What canonical correlations say: -1/2 the sum of log(1 - r^2), without the bias of the size.

    The bias is known in closed form where rows are Gaussian: the mean of the log determinant of a
    Wishart matrix. Columns are turned to normal scores first, as mutual information does not change
    when a column is stretched; what is assumed to be Gaussian is then the copula alone.

    Args:
        scores: Turn columns to normal scores; without, columns are taken as they are.
        rows: That are looked at, at most; of more, so many are drawn.
        nulls: Shuffles of the rows behind the value under independence.

    Fails when: the dependence is not that of a Gaussian: tails that come together, curves and
    mixtures are missed. `mutual_information` looks at those, too.

    References: Hotelling, "Relations between two sets of variates", Biometrika 28, 1936; Misra,
    Singh and Demchuk, "Estimation of the entropy of a multivariate normal distribution", Journal of
    Multivariate Analysis 92, 2005; Ince et al., "A statistical framework for neuroimaging data
    analysis based on mutual information estimated via a Gaussian copula", Human Brain Mapping 38,
    2017.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone", "swap")
    scores: bool = True
    rows: int = 100_000
    nulls: int = 40

    def __post_init__(self) -> None:
        if self.rows < 16 or self.nulls < 0:
            raise CuveeError(
                f"rows must be 16 or more and nulls not negative, got {self.rows}, {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows for the columns; joint tails that no Gaussian has."""
        said, other = [], b or a
        dims = a.rows.shape[1] + other.rows.shape[1]
        if len(a) < 10 * dims:
            said.append(f"{len(a)} rows for {dims} columns: expected {10 * dims} or more.")
        odd = self._kurtosis(a, other) if len(a) > dims + 2 else 0.0
        if abs(odd) > 6:
            said.append(
                f"the joint kurtosis of the scores is {odd:.0f} standard errors from a Gaussian's: "
                "the dependence has another form; use mutual_information."
            )
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = varying(a, self.rows, rng), varying(b or a, self.rows, rng)
        if not x.size or not y.size:
            return no_dependence(self.unit)
        n, p = len(x), x.shape[1] + y.shape[1]
        if n < p + 3:
            raise CuveeError(
                f"{n} rows for {p} columns: expected {p + 3} or more; give more rows, or fewer "
                "columns."
            )
        if self.scores:
            x, y = normal_scores(x), normal_scores(y)
        both = np.column_stack([x, y])
        dims, free = x.shape[1], _too_much(n, x.shape[1], y.shape[1])
        value = max(_information(np.corrcoef(both, rowvar=False), dims) - free, 0.0)
        sd = _sd(both, dims, free)
        null = []
        for _ in range(self.nulls):
            both[:, dims:] = both[rng.permutation(n), dims:]
            null.append(_information(np.corrcoef(both, rowvar=False), dims) - free)
        # The bias is taken off; what is left of it is that scores are not quite Gaussian.
        found = around(value, sd, 0.1 * free / np.sqrt(n / p), rng=rng, unit=self.unit, low=0.0)
        return Estimate(
            found.draws, self.unit, "samples", found.center, null=np.array(null) if null else None
        )

    def _kurtosis(self, a: Sample, b: Sample) -> float:
        """Mardia's statistic, in standard errors."""
        both = np.column_stack([s.rows[:TEST_ROWS] for s in (a, b)]).astype(np.float64)
        both = both[:, np.ptp(both, axis=0) > 0]
        if both.shape[1] < 2:
            return 0.0
        if self.scores:
            both = normal_scores(both)
        n, p = both.shape
        both = both - both.mean(axis=0)
        values, vectors = np.linalg.eigh(both.T @ both / n)
        if values[0] < 1e-8 * values[-1]:
            return 0.0
        far = (((both @ vectors) ** 2) / values).sum(axis=1)
        return float(((far**2).mean() - p * (p + 2)) / np.sqrt(8 * p * (p + 2) / n))


def _information(corr: Float[np.ndarray, "p p"], dims: int) -> float:
    """Of a Gaussian with these correlations, the first `dims` columns with the others."""
    parts = [np.linalg.slogdet(c)[1] for c in (corr[:dims, :dims], corr[dims:, dims:], corr)]
    return float(0.5 * (parts[0] + parts[1] - parts[2]))


def _too_much(rows: int, dx: int, dy: int) -> float:
    """How much correlations of so many rows say too much, in the mean: Misra et al., eq. 8."""

    def lost(dims: int) -> float:
        free = rows - 1
        return float(digamma((free - np.arange(dims)) / 2).sum() + dims * np.log(2 / free))

    return 0.5 * (lost(dx) + lost(dy) - lost(dx + dy))


def _sd(both: Float[np.ndarray, "rows p"], dims: int, free: float) -> float:
    """Of what each row adds, and of the correlations that come about by chance."""
    n = len(both)
    gaps = np.zeros(n)
    for part, sign in ((both[:, :dims], 1), (both[:, dims:], 1), (both, -1)):
        weight = np.linalg.inv(part.T @ part / n)
        gaps += sign * 0.5 * ((part @ weight) * part).sum(axis=1)
    # Under independence n times the plug-in is half a chi-squared variable.
    return float(np.sqrt(gaps.var() / n + free / n))
