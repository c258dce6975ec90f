"""Entropies of a law from how often each symbol occurs, less the bias of what was not seen.

A count says more about a law than its share: how many symbols occur once says how much of the law
has not occurred at all.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.polynomial.legendre import leggauss
from scipy.special import digamma, gammaln, rgamma, xlogy

Counts = Float[np.ndarray, "symbols"]
SHANNON = 1e-9
"""An order as near to 1 is 1."""
NODES, WEIGHTS = leggauss(200)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts, put together where they are equal.

    Args:
        counts: That occur; none is 0.
        often: Symbols that have each.
    """

    counts: Float[np.ndarray, "distinct"]
    often: Float[np.ndarray, "distinct"]

    @staticmethod
    def of(counts: Counts) -> "Tally":
        """Of each symbol's count."""
        values, often = np.unique(counts[counts > 0], return_counts=True)
        return Tally(values.astype(np.float64), often.astype(np.float64))

    @property
    def total(self) -> float:
        """Occurrences."""
        return float(self.counts @ self.often)

    def of_count(self, count: int) -> float:
        """Symbols that occur so often."""
        return float(self.often[self.counts == count].sum())

    def mean(self, values: Float[np.ndarray, "distinct"]) -> float:
        """Of a value for each count, over occurrences."""
        return float((self.counts * self.often) @ values / self.total)


def plugin(tally: Tally) -> float:
    """Entropy of the shares: too small."""
    return float(np.log(tally.total) - tally.mean(np.log(tally.counts)))


def miller_madow(tally: Tally) -> float:
    """The first term of the bias taken off (Miller 1955)."""
    return plugin(tally) + float(tally.often.sum() - 1) / (2 * tally.total)


def jackknife(tally: Tally) -> float:
    """Bias as leaving out one occurrence after the other shows it (Zahl 1977)."""
    n, c = tally.total, tally.counts
    if n < 2:
        return 0.0
    less = xlogy(c, c).dot(tally.often) - xlogy(c, c) + xlogy(c - 1, c - 1)
    return n * plugin(tally) - (n - 1) * tally.mean(np.log(n - 1) - less / (n - 1))


def grassberger(tally: Tally) -> float:
    """Logarithms of counts replaced by what is unbiased for Poisson counts (Grassberger 2003)."""
    c = tally.counts
    even = np.where(c % 2, -1.0, 1.0) * (digamma((c + 1) / 2) - digamma(c / 2)) / 2
    return float(np.log(tally.total) - tally.mean(digamma(c) + even))


def chao_shen(tally: Tally) -> float:
    """Shares scaled to the coverage, each term by the odds of being seen (Chao and Shen 2003)."""
    n = tally.total
    once = min(tally.of_count(1), n - 1)
    share = (1 - once / n) * tally.counts / n
    seen = -np.expm1(n * np.log1p(-np.minimum(share, 1 - 1e-15)))
    return float(-(tally.often / seen) @ xlogy(share, share))


def chao_wang_jost(tally: Tally) -> float:
    """What the growth curve of the number of symbols says (Chao, Wang and Jost 2013)."""
    n = tally.total
    seen = tally.mean(digamma(n) - digamma(tally.counts))
    return float(seen + _unseen(tally, 1.0))


ENTROPIES = {
    "chao_wang_jost": chao_wang_jost, "grassberger": grassberger, "chao_shen": chao_shen,
    "jackknife": jackknife, "miller_madow": miller_madow, "plugin": plugin,
}  # fmt: skip


def power_sum(tally: Tally, order: float) -> float:
    """Sum of the probabilities, each to this power (Chao and Jost 2015).

    Orders from 0, of which it is the number of symbols (Chao 1984), to 2, at which it has no bias.
    """
    n, c = tally.total, tally.counts
    # At 2, once seen is not drawn twice: the gamma function of 0 is infinite.
    logs = gammaln(c + 1) - gammaln(c - order + 1) + gammaln(n - order + 1) - gammaln(n + 1)
    return float(tally.often @ np.exp(logs) + rgamma(1 - order) * _unseen(tally, order))


def entropy_of_order(tally: Tally, order: float) -> float:
    """Rényi's entropy."""
    if abs(order - 1) < SHANNON:
        return chao_wang_jost(tally)
    return float(np.log(max(power_sum(tally, order), np.finfo(float).tiny)) / (1 - order))


def _unseen(tally: Tally, order: float) -> float:
    """What symbols that did not occur add, from how many occur once and twice.

    A sum over larger and larger samples, by Euler and Maclaurin: there may be millions of terms.
    """
    n, once, twice = tally.total, tally.of_count(1), tally.of_count(2)
    # The mean probability of what occurs once, for want of pairs with one pair less.
    pairs = (2 * twice, (n - 1) * once) if twice else (2.0, (n - 1) * (once - 1))
    if not once or pairs[1] <= 0:
        return 0.0
    rate = float(-np.log1p(-pairs[0] / sum(pairs)))

    def weight(at: np.ndarray) -> np.ndarray:
        return np.exp(gammaln(at + 1 - order) - gammaln(at + 1))

    low, high = np.log(1e-9 * min(n * rate, 1.0)), np.log(50.0)
    time = np.exp((low + high) / 2 + NODES * (high - low) / 2)
    under = (WEIGHTS * time * np.exp(-time) * weight(n + time / rate)).sum() * (high - low) / 2
    first, fall = float(weight(np.array(n))), rate + order / n
    ends = first * (1 / 2 + fall / 12 - fall**3 / 720)
    return float(once / n * np.exp(-rate) * (under / rate + ends))
