"""EXP3-FLAD: an adversarial bandit over sources, rewarded by aligned gradients."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online


@dataclass(frozen=True, slots=True)
class Exp3Flad:
    """Exp3 over sources; the reward is the cosine of the source's and the target's gradient.

    A training step on source j lowers target i by `<g_i, g_j>` times the step size, so minus the
    trainer's derivative of the target's loss with respect to the share of j is that product. It is
    divided by |g_j|, known from the source's loss on its own text, and by the largest such quotient
    so far: the length of the target's gradient if the target is text of a source, else of its
    largest projection, so that the best source has similarity 1. A trainer without derivatives
    is asked for short runs of the sources played. Rewards are divided by the chance of being
    played and summed up; the policy is `(1 - K e_t) softmax(e_{t-1} R) + e_t`. The answer is the
    mean policy.

    Args:
        steps: Of the chain.
        plays: Micro-batches of one step, each of a source drawn from the policy.

    Fails when: sources help only together, or gradients at one point say little of what training
    would bring; the trainer has no losses on the sources' own text.

    References: Albalak, Raffel and Wang, "Improving Few-Shot Generalization by Exploring and
    Exploiting Auxiliary Data", arXiv 2302.00674, 2023.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    plays: int = 8

    def __post_init__(self) -> None:
        if min(self.steps, self.plays) < 1:
            raise CuveeError("exp3_flad: steps and plays must be at least 1.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next step of the chain, or the short runs that stand in for its gradient."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean policy."""
        return online.recommend(study, self._search, "exp3_flad")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        k = len(problem.sources)
        reward, length, policies, trial = np.zeros(k), 0.0, [], None
        probes = PROBE * min(self.plays, k)
        tokens = online.step_tokens(problem, self.steps, aside=self.steps * probes)
        policy = problem.fit(np.ones(k))
        for step in range(self.steps):
            count = online.played(policy, self.plays, online.step_rng(step))
            (leg,) = ask(Trial(count / self.plays, tokens, after=trial, gradient="mean"))
            trial = leg.trial
            projected = alignment(problem, ask, leg, PROBE * tokens, np.flatnonzero(count))
            length = max(length, np.abs(projected).max())
            similarity = projected / max(length, online.TINY)
            reward = reward + estimate(similarity, count, policy)
            policies.append(policy := problem.fit(online.exp3(reward, step + 1)))
        return online.average(policies)


PROBE = 0.25
"""Length of a short run, in steps."""


def estimate(
    similarity: Float[np.ndarray, "sources"], count: Int[np.ndarray, "sources"], policy: Shares
) -> Float[np.ndarray, "sources"]:
    """Unbiased estimate of all rewards from those of the sources played."""
    mean = count * similarity / count.sum()
    return np.divide(mean, policy, out=np.zeros(len(policy)), where=policy > 0)


def alignment(
    problem: Problem,
    ask: online.Ask,
    leg: online.Leg,
    tokens: float,
    sources: Int[np.ndarray, "played"],
) -> Float[np.ndarray, "sources"]:
    """`<g, g_j> / |g_j|`: the target's gradient along that of each source, up to one factor.

    Of all sources where the trainer knows derivatives, else of the given ones; the others are 0.
    """
    k = len(problem.sources)
    pull = online.pulls(ask, leg, tokens, sources.tolist(), k)
    own = np.maximum(pull[problem.own(), np.arange(k)], 0)
    products = online.wanted(problem, leg.losses) @ pull
    return np.divide(products, np.sqrt(own), out=np.zeros(k), where=own > online.TINY)
