"""DUMP: a curriculum over distributions by how much is still learned from each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online

ROUNDING = 1e-9
"""Losses that move by less have not moved."""


@dataclass(frozen=True, slots=True)
class Dump:
    """Upper confidence bound on the learnability of each source, turned into shares by a softmax.

    In reinforcement learning the learnability of a distribution is the mean absolute advantage of
    its recent samples. A loss has no advantages: here it is how far the loss on the source's own
    text moved in a step, in either direction, as a part of the largest such move (advantages are
    normalised, too). Shares are `softmax(UCB / tau)` with
    `UCB = learnability + sqrt(2 ln(n + 1) / (n_j + 1))`. The answer is the mean over the steps; it
    does not look at the target.

    Args:
        steps: Of the chain.
        window: Steps over which learnability is averaged.
        samples: That one step counts as.
        tau: Temperature of the softmax.

    Fails when: the source that is learned fastest is not the one that is wanted; losses move for
    other reasons than learning. An advantage is that of a sample; a loss moves the more, the more
    of its source was drawn, so a source that is hardly drawn looks as if it were learned: on
    levels of difficulty that build on each other this is far slower than equal shares, where the
    rule on advantages is faster.

    References: Wang, Cui, Li, Wan and Zhao, "DUMP: Automated Distribution-Level Curriculum
    Learning for RL-based LLM Post-training", arXiv 2504.09710, 2025.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    window: int = 4
    samples: int = 64
    tau: float = 0.1

    def __post_init__(self) -> None:
        if min(self.steps, self.window, self.samples) < 1 or not self.tau > 0:
            raise CuveeError("dump: steps, window and samples must be at least 1, tau above 0.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next step of the chain."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of the schedule."""
        return online.recommend(study, self._search, "dump")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        own, tokens = problem.own(), online.step_tokens(problem, self.steps)
        schedule, losses, trial = [problem.fit(np.ones(len(own)))], [], None
        for _ in range(self.steps):
            (leg,) = ask(Trial(schedule[-1], tokens, after=trial, horizon=self.steps * tokens))
            trial = leg.trial
            losses.append(leg.losses[own])
            moves = np.abs(np.diff(losses, axis=0))
            learned = learnability(moves, self.window) if len(moves) else np.zeros(len(own))
            learned = np.where(learned > ROUNDING, learned / max(learned.max(), ROUNDING), 0)
            scores = upper(learned, self.samples * np.sum(schedule, axis=0))
            schedule.append(problem.fit(online.softmax(scores / self.tau)))
        return online.average(schedule[:-1])


def learnability(
    sizes: Sequence[Float[np.ndarray, "sources"]] | Float[np.ndarray, "past sources"], window: int
) -> Float[np.ndarray, "sources"]:
    """Mean of the last absolute advantages, or of what stands in for them."""
    return np.mean(sizes[-window:], axis=0)


def upper(
    learned: Float[np.ndarray, "sources"], seen: Float[np.ndarray, "sources"]
) -> Float[np.ndarray, "sources"]:
    """Learnability, and a bonus for what was seldom seen."""
    return learned + np.sqrt(2 * np.log(seen.sum() + 1) / (seen + 1))
