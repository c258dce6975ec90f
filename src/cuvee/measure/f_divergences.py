"""Divergences that are a mean of a function of the ratio of two densities."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy.special import logsumexp

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import resampled
from cuvee.core.sample import Sample
from cuvee.measure.energy import left_out
from cuvee.measure.kernel_tables import some_rows
from cuvee.measure.log_ratios import WAYS, crossed, log_density

Form = Callable[[np.ndarray, np.ndarray], float]
"""Of log ratios at the rows of both samples: a divergence."""
DENSE, FEW = 8, 10.0
"""Dimensions up to which densities can be seen; points that a density should be made of."""


def _check(by: str, rows: int, splits: int) -> None:
    if by not in WAYS:
        raise CuveeError(f"by must be one of {tuple(WAYS)}, got {by!r}.")
    if rows < 10:
        raise CuveeError(f"rows must be 10 or more, got {rows}.")
    if splits < 4:
        raise CuveeError(f"splits must be 4 or more, got {splits}.")


@dataclass(frozen=True, slots=True)
class Kl:
    """Kullback-Leibler divergence of the first law from the second, from ratios of densities.

    The ratio is learned from other rows, and its variational form is a bound from below, whose gap
    shrinks as more is learned: what it gains from half of the rows to all is added once more.

    Args:
        by: What ratios come from: a "classifier" (logistic, on products and waves), "gaussian" or
            "kde" densities, or shares among nearest "neighbours".
        rows: Of more rows of a sample, so many are drawn.
        splits: Pairs of halves behind the interval; ratios are learned from each.

    Fails when: the laws hardly overlap: ratios beyond what rows can show are not seen, and the
    number is too small.

    References: Nguyen, Wainwright and Jordan, "Estimating divergence functionals and the likelihood
    ratio by convex risk minimization", IEEE Transactions on Information Theory 56, 2010; Sugiyama,
    Suzuki and Kanamori, "Density Ratio Estimation in Machine Learning", Cambridge 2012.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")
    by: str = "classifier"
    rows: int = 3000
    splits: int = 10

    def __post_init__(self) -> None:
        _check(self.by, self.rows, self.splits)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows, or too many dimensions for a density."""
        return _outside(self.by, self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _divergence(_kl, self, a, b or a, rng)


@dataclass(frozen=True, slots=True)
class JensenShannon:
    """Jensen-Shannon divergence: what a row says of which sample it came from, in nats.

    At most ln 2. The loss of a classifier is its bound from below.

    Args:
        by: As of `kl`: "classifier", "gaussian", "kde" or "neighbours".
        rows: Of more rows of a sample, so many are drawn.
        splits: Pairs of halves behind the interval; ratios are learned from each.

    Fails when: what tells the laws apart cannot be learned from the rows that there are.

    References: Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37, 1991; Nguyen, Wainwright and Jordan, 2010 (see `kl`).
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "swap")
    by: str = "classifier"
    rows: int = 3000
    splits: int = 10

    def __post_init__(self) -> None:
        _check(self.by, self.rows, self.splits)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows, or too many dimensions for a density."""
        return _outside(self.by, self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _divergence(_jensen_shannon, self, a, b or a, rng)


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """Chi-squared divergence: the variance of the ratio of the densities, under the second law.

    Args:
        by: As of `kl`: "classifier", "gaussian", "kde" or "neighbours".
        rows: Of more rows of a sample, so many are drawn.
        splits: Pairs of halves behind the interval; ratios are learned from each.

    Fails when: the first law has the longer tails: the divergence is infinite, which no sample
    shows.

    References: Pearson, Philosophical Magazine 50, 1900; Kanamori, Hido and Sugiyama, "A
    least-squares approach to direct importance estimation", JMLR 10, 2009.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared relative deviation"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")
    by: str = "classifier"
    rows: int = 3000
    splits: int = 10

    def __post_init__(self) -> None:
        _check(self.by, self.rows, self.splits)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows, or too many dimensions for a density."""
        return _outside(self.by, self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        found = _divergence(_chi_squared, self, a, b or a, rng)
        null = None if found.null is None else np.expm1(found.null)
        return replace(found, draws=np.expm1(found.draws), center=np.expm1(found.mean), null=null)


@dataclass(frozen=True, slots=True)
class Alpha:
    """Alpha-divergence: from one Kullback-Leibler divergence (1) to the other (0), and beyond.

    At 1/2 it is four times (1 less the Bhattacharyya overlap); at 2 half of `chi_squared`.

    Args:
        alpha: Its order; 0 and 1 are limits, and allowed.
        by: As of `kl`: "classifier", "gaussian", "kde" or "neighbours".
        rows: Of more rows of a sample, so many are drawn.
        splits: Pairs of halves behind the interval; ratios are learned from each.

    Fails when: the order is above 1 and the first law has the longer tails, or below 0 and the
    second has: the divergence is infinite, which no sample shows.

    References: Amari, "Differential-Geometrical Methods in Statistics", Springer 1985; Cichocki and
    Amari, "Families of alpha- beta- and gamma-divergences", Entropy 12, 2010.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats (of the order alpha)"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")
    alpha: float = 0.5
    by: str = "classifier"
    rows: int = 3000
    splits: int = 10

    def __post_init__(self) -> None:
        _check(self.by, self.rows, self.splits)
        if not np.isfinite(self.alpha):
            raise CuveeError(f"alpha must be a finite number, got {self.alpha}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows, or too many dimensions for a density."""
        return _outside(self.by, self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _divergence(partial(_alpha, alpha=self.alpha), self, a, b or a, rng)


def _kl(one: np.ndarray, two: np.ndarray) -> float:
    """Donsker and Varadhan's form, of log ratios at the rows of both samples."""
    return float(one.mean() - _level(two))


def _jensen_shannon(one: np.ndarray, two: np.ndarray) -> float:
    """ln 2 less the loss of a classifier."""
    return float(np.log(2) - (np.logaddexp(0, -one).mean() + np.logaddexp(0, two).mean()) / 2)


def _chi_squared(one: np.ndarray, two: np.ndarray) -> float:
    """Log of 1 and the bound of Hammersley, Chapman and Robbins, with the ratio as its witness.

    The log, as the bound itself is ruled by a few rows.
    """
    top = max(one.max(), two.max())
    witness, under = np.exp(one - top), np.exp(two - top)
    return float(np.log1p((witness.mean() - under.mean()) ** 2 / max(under.var(), 1e-300)))


def _alpha(one: np.ndarray, two: np.ndarray, alpha: float) -> float:
    """The variational form, of ratios whose mean under the second law is 1."""
    one, two = one - _level(two), two - _level(two)
    return float(_power(one, alpha - 1) - _power(two, alpha))


def _power(ratio: np.ndarray, order: float) -> float:
    """The mean of (u^order - 1) / order; of the log at 0."""
    return float((np.expm1(order * ratio) / order).mean() if order else ratio.mean())


def _level(ratio: np.ndarray) -> float:
    """The log of the mean ratio."""
    return float(logsumexp(ratio) - np.log(len(ratio)))


def _divergence(
    form: Form, method: Kl | JensenShannon | ChiSquared | Alpha, a: Sample, b: Sample,
    rng: Generator,
) -> Estimate:  # fmt: skip
    """A variational form: at the right ratio it is the divergence, at any other one it is less, by
    about the square of what the ratio is off.
    """
    x, y = (some_rows(z.rows, method.rows, rng) for z in (a, b))
    hold: dict[str, float] = {}

    def statistic(one: np.ndarray, two: np.ndarray) -> float:
        return form(*crossed(one, two, method.by, rng, hold=hold))

    notes = _notes(method.by, x, y, crossed(x, y, method.by, rng, hold=hold), rng)
    found = resampled(
        statistic,
        [x, y],
        rng=rng,
        unit=method.unit,
        splits=method.splits,
        nulls=method.splits,
        doubt=1.0,
    )
    return replace(found, notes=notes)


def _outside(by: str, rows: int, a: Sample, b: Sample | None) -> tuple[str, ...]:
    """Why a ratio cannot be learned."""
    dims, least = a.rows.shape[1], min(len(a), len(b or a), rows)
    found = list(left_out(rows, a, b))
    if by in ("kde", "neighbours") and dims > DENSE:
        found.append(f'a density in {dims} dimensions cannot be seen: choose by="classifier".')
    if by in ("classifier", "gaussian") and least < 10 * dims:
        found.append(f"{least} rows for {dims} dimensions: too few to learn a ratio from.")
    return tuple(found)


def _notes(
    by: str, x: np.ndarray, y: np.ndarray, at: tuple[np.ndarray, np.ndarray], rng: Generator
) -> tuple[str, ...]:
    """What the ratios themselves say of how far they can be trusted."""
    found = []
    if by == "kde":
        made = np.median([np.median(log_density(some_rows(z, 200, rng), z)[1]) for z in (x, y)])
        if made < FEW:
            found.append(f"the density at a row is made of {made:.1f} points: it is not seen.")
    weight = np.exp(at[1] - at[1].max())
    heavy = float(weight.sum() ** 2 / (weight @ weight))
    # The mean ratio under the second law is 1, unless none of its rows lies where the first one is.
    if heavy < max(0.01 * len(weight), 2) or _level(at[1]) < -1:
        found.append("no row, or few, of the second sample lie where the first one's do: the laws "
                     "hardly overlap, and the number is too small.")  # fmt: skip
    return tuple(found)
