"""The hardest, or the easiest, rows, and a share of random ones."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.difficulty import Reads, checked_scores, ease

KEEP = ("easiest", "hardest")


@dataclass(frozen=True, slots=True)
class Pruning:
    """Score pruning with calibration: rows of the highest scores, and random ones of the others.

    What goes by scores alone leaves whole parts of the data out, however many rows there are; below
    some 30% kept it is worse than random choice. A random share sees every part, and weights let
    each random row stand for all that were left out: `weight` is 1 for a row kept for its score and
    (rows not kept for it) / (rows drawn) for a random one, so that a weighted sum over the choice
    is, on average, the sum over the whole pool.

    Args:
        score: How hard a row is: `aum` (margin), `el2n` or `forgetting`, from training a small
            classifier on points and labels; or `quality`, for rows without labels: low is hard.
        keep: `easiest` or `hardest` rows; the paper's scores keep the hardest.
        random: Share of the choice that is random; 0: by score alone.
        calibrated: State these weights; without, all rows count the same.
        epochs: Of the classifier.
        hidden: Units of its hidden layer; 0: linear.

    Fails when: wrong labels are many and the hardest are kept; or few rows are kept and none are
    random.

    References: Ayed and Hayou, "Data pruning and neural scaling laws: fundamental limitations of
    score-based algorithms", 2023, https://arxiv.org/abs/2302.06960.
    """

    score: str = "aum"
    keep: str = "easiest"
    random: float = 0.5
    calibrated: bool = True
    epochs: int = 10
    hidden: int = 0

    needs = Reads()
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        checked_scores("pruning", self.score, self.epochs, self.hidden)
        if self.keep not in KEEP:
            raise unknown("pruning: keep", self.keep, KEEP)
        if not 0 <= self.random <= 1:
            raise CuveeError(f"pruning: random: expected a share from 0 to 1, got {self.random}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """First those of the best scores, then the random ones."""
        easy = ease(pool, self.score, rng=rng, epochs=self.epochs, hidden=self.hidden)
        ranked = np.argsort(-easy if self.keep == "easiest" else easy, kind="stable")
        first = self._by_score(ranked, pool, k)
        others = np.setdiff1d(np.arange(len(pool)), first)
        rows = k.fill(np.r_[first, rng.permutation(others)], pool.sizes)
        at_random = np.arange(len(rows)) >= len(first)
        weight = None
        if self.calibrated and at_random.any():
            weight = np.where(at_random, len(others) / at_random.sum(), 1.0)
        return Choice(
            rows, easy[rows], f"ease ({self.score})", at_random.astype(np.int64),
            "way (0: by score, 1: at random)", weight=weight, scores=easy,
        )  # fmt: skip

    def _by_score(
        self, ranked: Int[np.ndarray, "rows"], pool: Pool, k: Quota
    ) -> Int[np.ndarray, "some"]:
        """The first of the ranked rows, as far as the share that goes by score reaches."""
        part = round((1 - self.random) * ((k.rows or 0) + (k.tokens or 0)))
        if part < 1:
            return ranked[:0]
        own = Quota(rows=part) if k.rows is not None else Quota(tokens=part)
        return own.fill(ranked, pool.sizes)
