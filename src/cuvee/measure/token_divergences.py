"""Divergences of two samples' words, or classes, from counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import entr

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample

HALF = 0.5
LARGEST = float(np.log(2))
"""Jensen-Shannon divergence of samples that have no symbol in common."""
FEW = 5.0
"""Occurrences of a symbol, on average, that a divergence needs."""
Counts = Float[np.ndarray, "symbols"]


@dataclass(frozen=True, slots=True)
class TokenJs:
    """Jensen-Shannon divergence of two samples' words or classes, in nats (at most ln 2).

    What there is between halves of one sample's documents is taken off: counts of one law differ,
    too, the more so the fewer they are. Halves also say how much documents vary.

    Args:
        splits: Pairs of halves of the blocks behind the interval.

    Fails when: most symbols occur once or never: what is not seen is not compared.

    References: Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37, 1991.
    """

    takes: ClassVar[str] = "symbols"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("rename", "swap")
    splits: int = 20

    def __post_init__(self) -> None:
        _check(self.splits)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Symbols that are seen too seldom."""
        return _seldom(a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _of_counts(jensen_shannon, a, b or a, self.splits, self.unit, rng, LARGEST)


@dataclass(frozen=True, slots=True)
class TokenKl:
    """Kullback-Leibler divergence of a sample's words, or classes, from another's, in nats.

    The second sample's counts get half an occurrence more of each symbol that there is, so that
    the number is finite; what there is between halves of one sample's documents is taken off.

    Args:
        splits: Pairs of halves of the blocks behind the interval.

    Fails when: the first sample has symbols that the second has not: the divergence is as large as
    the added half makes it. Jensen-Shannon divergence (`token_js`) has no such trouble.

    References: Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22, 1951; Krichevsky and Trofimov, "The performance of universal encoding", IEEE
    Transactions on Information Theory 27, 1981.
    """

    takes: ClassVar[str] = "symbols"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("rename",)
    splits: int = 20

    def __post_init__(self) -> None:
        _check(self.splits)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Symbols that are seen too seldom, or only in the first sample."""
        one, two = (counts.sum(axis=0) for counts in _aligned(a, b or a))
        only = float(one[two == 0].sum() / max(one.sum(), 1))
        if only < 0.001:
            return _seldom(a, b)
        return (
            *_seldom(a, b),
            f"{only:.1%} of {a.name} are symbols that the other has not: choose token_js.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        return _of_counts(kullback_leibler, a, b or a, self.splits, self.unit, rng)


def jensen_shannon(one: Counts, two: Counts) -> float:
    """Of two rows of counts, as they are."""
    if not one.sum() or not two.sum():
        return 0.0
    p, q = one / one.sum(), two / two.sum()
    return float(entr((p + q) / 2).sum() - (entr(p).sum() + entr(q).sum()) / 2)


def kullback_leibler(one: Counts, two: Counts) -> float:
    """Of two rows of counts, of which the second one is smoothed."""
    if not one.sum():
        return 0.0
    kinds = int(((one > 0) | (two > 0)).sum())
    p, other = one / one.sum(), np.log((two + HALF) / (two.sum() + HALF * kinds))
    return float(-entr(p).sum() - p @ other)


def _of_counts(
    statistic: Callable[[Counts, Counts], float], a: Sample, b: Sample, splits: int, unit: str,
    rng: Generator, ceiling: float | None = None,
) -> Estimate:  # fmt: skip
    """The statistic of all blocks, less what it is between halves of one sample."""

    def of_blocks(one: np.ndarray, two: np.ndarray) -> float:
        return statistic(one.sum(axis=0), two.sum(axis=0))

    return contrasted(
        of_blocks, *_aligned(a, b), rng=rng, unit=unit, ceiling=ceiling, splits=splits
    )


def _aligned(a: Sample, b: Sample) -> list[Float[np.ndarray, "blocks symbols"]]:
    """Counts by block, of the symbols that occur."""
    seen = np.union1d(*(np.flatnonzero(_totals(sample)) for sample in (a, b)))
    found = []
    for sample in (a, b):
        known = seen[seen < len(_totals(sample))]
        table = np.asarray(sample.blocks[:, known].todense(), np.float64)
        found.append(np.pad(table, ((0, 0), (0, len(seen) - len(known)))))
    return found


def _totals(sample: Sample) -> Counts:
    """Occurrences of each symbol."""
    return np.asarray(sample.blocks.sum(axis=0)).ravel()


def _seldom(a: Sample, b: Sample | None) -> tuple[str, ...]:
    """A sentence if counts are small."""
    for sample in (a, b or a):
        counts = _totals(sample)
        seen = counts[counts > 0]
        if len(seen) and seen.mean() < FEW:
            return (
                f"symbols of {sample.name} occur {seen.mean():.1f} times on average: what is not "
                "seen is not compared (give more text).",
            )
    return ()


def _check(splits: int) -> None:
    if splits < 4:
        raise CuveeError(f"splits must be 4 or more, got {splits}.")
