"""Skill-It: more of the sources that lead to what is still badly known."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online
from cuvee.mix.linear_mixing import next_shares
from cuvee.mix.linear_mixing import skill_it as matrix


@dataclass(frozen=True, slots=True)
class SkillIt:
    """Shares by a graph of which source teaches which target, and the targets' recent losses.

    The graph comes from short runs of one source each that continue a first step on equal shares:
    A_ij is the part by which the loss of target i falls on source j, at least 0, divided by the
    largest. Then, step by step, `p_j ~ exp(eta sum_i k w_i A_ij (sum of the last losses of i))`,
    with w the objective's weights over k targets (for the worst target: all on the one that is
    worst now). The answer is the mean of the shares over the steps.

    Args:
        steps: Of the chain; the first is on equal shares.
        eta: Strength.
        window: Steps whose losses are summed.
        graph: Length of each short run, as a part of the chain.

    Fails when: losses are high because text is noisy; what helps changes during training.

    References: Chen et al., "Skill-it! A Data-Driven Skills Framework for Understanding and
    Training Language Models", arXiv 2307.14430, 2023.
    """

    steps: int = 20
    eta: float = 0.2
    window: int = 3
    graph: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 2 or self.window < 1 or not min(self.eta, self.graph) > 0:
            raise CuveeError(
                "skill_it: steps must be at least 2, window at least 1, eta and graph above 0."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The first step, the short runs of one source each, then one step after another."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of the schedule."""
        return online.recommend(study, self._search, "skill_it")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        k, short = len(problem.sources), self.graph * self.steps
        tokens = online.step_tokens(problem, self.steps, aside=k * short)
        (leg,) = ask(Trial(problem.fit(np.ones(k)), tokens, horizon=self.steps * tokens))
        ends = ask(*(Trial(row, short * tokens, after=leg.trial) for row in np.eye(k)))
        edges = skills(leg.losses, np.array([end.losses for end in ends]))
        past, schedule, equal = [leg.losses], [], np.full(k, 1 / k)
        eta = self.eta * float((problem.objective.weights > 0).sum())
        for _ in range(self.steps - 1):
            need = np.sum(past[-self.window :], axis=0) * online.wanted(problem, leg.losses)
            schedule.append(problem.fit(next_shares(equal, matrix(edges, need), eta)))
            (leg,) = ask(Trial(schedule[-1], tokens, after=leg.trial))
            past.append(leg.losses)
        return online.average(schedule)


def skills(
    before: Float[np.ndarray, "targets"], after: Float[np.ndarray, "sources targets"]
) -> Float[np.ndarray, "targets sources"]:
    """The graph: by which part each source lowers each loss, in units of the largest."""
    fall = np.maximum((before - after) / before, 0).T
    return fall / max(fall.max(), online.TINY)
