"""Easy and hard rows alike, without the hardest."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.difficulty import Reads, checked_scores, ease


@dataclass(frozen=True, slots=True)
class Ccs:
    """Coverage-centric choice: rows of all degrees of difficulty, none of the very hardest.

    The hardest part of the rows is left out, as labels are most often wrong there. The range of the
    scores of all others is cut into strata of equal width; every stratum gives the same number of
    random rows, and one that has fewer gives all and leaves the others more.

    Args:
        score: How hard a row is: `aum` (margin), `el2n` or `forgetting`, from training a small
            classifier on points and labels; or `quality`, for rows without labels: low is hard.
        beta: Part of the rows that is left out as the hardest; -1: as the paper found best on
            CIFAR-10, namely 0 to a pruning rate of 50%, 0.1 to 80%, and 0.3 beyond.
        strata: How many.
        epochs: Of the classifier.
        hidden: Units of its hidden layer; 0: linear.

    Fails when: more labels are wrong than `beta` leaves out: strata of few, hard rows count as much
    as those of many; or little is pruned, as random rows then do as well.

    References: Zheng, Liu, Lai and Prakash, "Coverage-centric coreset selection for high pruning
    rates", 2023, https://arxiv.org/abs/2210.15809.
    """

    score: str = "aum"
    beta: float = -1.0
    strata: int = 50
    epochs: int = 10
    hidden: int = 0

    needs = Reads()
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        checked_scores("ccs", self.score, self.epochs, self.hidden)
        if self.beta != -1 and not 0 <= self.beta < 1:
            raise CuveeError(f"ccs: beta: expected 0 to below 1, or -1, got {self.beta}.")
        if self.strata < 1:
            raise CuveeError(f"ccs: expected 1 stratum or more, got {self.strata}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Strata take turns; the rows left out come last, should the others not be enough."""
        easy = ease(pool, self.score, rng=rng, epochs=self.epochs, hidden=self.hidden)
        part = k.about(pool.sizes) / len(pool)
        beta = self.beta if self.beta >= 0 else 0.0 if part >= 0.5 else 0.1 if part >= 0.2 else 0.3
        hardest = np.argsort(easy, kind="stable")
        cut = int(beta * len(pool))
        kept = np.sort(hardest[cut:])
        stratum = strata_of(easy[kept], self.strata)
        order = np.r_[kept[in_turns(stratum, rng)], hardest[:cut][::-1]]
        rows = k.fill(order, pool.sizes)
        group = np.full(len(pool), -1, np.int64)
        group[kept] = stratum
        notes = (f"the hardest {beta:.0%} of the rows, {cut}, were left out",) if cut else ()
        return Choice(
            rows, easy[rows], f"ease ({self.score})", group[rows], "stratum (-1: hardest)",
            scores=easy, notes=notes,
        )  # fmt: skip


def strata_of(scores: Float[np.ndarray, "rows"], strata: int) -> Int[np.ndarray, "rows"]:
    """Number of each score's stratum; strata are of equal width."""
    low, high = scores.min(), scores.max()
    if high <= low:
        return np.zeros(len(scores), np.int64)
    return np.minimum((scores - low) / (high - low) * strata, strata - 1).astype(np.int64)


def in_turns(stratum: Int[np.ndarray, "rows"], rng: Generator) -> Int[np.ndarray, "rows"]:
    """An order in which strata take turns, each with its rows in random order.

    So after any number of rows every stratum has given as many as any other, or all it has.
    """
    shuffled = rng.permutation(len(stratum))
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    ranked = stratum[order]
    start = np.r_[0, np.flatnonzero(np.diff(ranked)) + 1]
    sizes = np.diff(np.r_[start, len(ranked)])
    turn = np.arange(len(ranked)) - np.repeat(start, sizes)
    # In which order strata come within a turn is random, too.
    place = np.repeat(rng.permutation(len(start)), sizes)
    return order[np.lexsort((place, turn))]
