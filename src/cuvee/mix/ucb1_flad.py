"""UCB1-FLAD: an optimistic bandit over sources, rewarded by aligned gradients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online
from cuvee.mix.exp3_flad import alignment


@dataclass(frozen=True, slots=True)
class Ucb1Flad:
    """UCB1 over sources; the reward is how well the source's and the target's gradients align.

    The first step is on equal shares and gives every source a similarity to start from. Each
    further step trains on a few micro-batches, each of the source with the largest
    `R_j + sqrt(2 ln t / n_j)`, n_j times played among t in all, and moves the R_j of those played
    towards their new similarities. As in `Exp3Flad` these are cosines where the target is text of
    the sources, and are divided by the largest projection of the step where it is not (without a
    trainer's derivatives: of all steps so far). The answer is how often each source was played.

    Args:
        steps: Of the chain.
        plays: Micro-batches of one step.
        smoothing: Weight of the newest similarity of a source in its R_j.

    Fails when: sources help only together; the bonus, made for rewards as noisy as 0 and 1,
    explores long after the best source is known.

    References: Albalak, Raffel and Wang, "Improving Few-Shot Generalization by Exploring and
    Exploiting Auxiliary Data", arXiv 2302.00674, 2023; Auer, Cesa-Bianchi and Fischer,
    "Finite-time Analysis of the Multiarmed Bandit Problem", Machine Learning 47, 2002.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    plays: int = 4
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 2 or self.plays < 1 or not 0 < self.smoothing <= 1:
            raise CuveeError(
                "ucb1_flad: steps must be at least 2, plays at least 1, smoothing above 0 and up "
                "to 1."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next step of the chain, or the short runs that stand in for its gradient."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of what was played."""
        return online.recommend(study, self._search, "ucb1_flad")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        k = len(problem.sources)
        aside = online.PROBE * (self.steps * min(self.plays, k) + k)
        tokens = online.step_tokens(problem, self.steps, aside)
        (leg,) = ask(
            Trial(problem.fit(np.ones(k)), tokens, gradient="mean", horizon=self.steps * tokens)
        )
        reward, longest = alignment(problem, ask, leg, tokens, np.arange(k), 0.0)
        times, schedule = np.ones(k), []
        for _ in range(1, self.steps):
            count = optimistic(reward, times, self.plays)
            schedule.append(problem.fit(count / self.plays))
            (leg,) = ask(Trial(schedule[-1], tokens, after=leg.trial, gradient="mean"))
            arms = np.flatnonzero(count)
            new, longest = alignment(problem, ask, leg, tokens, arms, longest)
            reward[arms] += self.smoothing * (new - reward)[arms]
            times = times + count
        return online.average(schedule)


def optimistic(
    reward: Float[np.ndarray, "sources"], times: Float[np.ndarray, "sources"], plays: int
) -> Float[np.ndarray, "sources"]:
    """How often each source is played in the next step: always the largest index, as they fall."""
    count = np.zeros(len(reward))
    for _ in range(plays):
        count[np.argmax(upper(reward, times + count))] += 1
    return count


def upper(
    reward: Float[np.ndarray, "sources"], times: Float[np.ndarray, "sources"]
) -> Float[np.ndarray, "sources"]:
    """UCB1's index: the mean and the half width of its confidence bound."""
    return reward + np.sqrt(2 * np.log(times.sum()) / times)
