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
    """Exp3 over sources; the reward is how well the source's and the target's gradients align.

    A training step on source j lowers target i by `<g_i, g_j>` times the step size, so minus the
    trainer's derivative of the target's loss with respect to the share of j is that product. It is
    divided by |g_j|, known from the source's loss on its own text, and by the length |g| of the
    target's gradient in this step, which is known if what is wanted is text of the sources: that is
    the cosine. Of a target from elsewhere |g| is not known; the largest projection of this step
    stands in for it, so the cosines come out too large by one factor, the best source at 1 (or the
    worst at -1). A trainer without derivatives is asked for short runs of the sources played. They
    tell |g| if all that is wanted was played, and it is taken as it was last known; where it never
    is, the largest projection of all steps stands in for it, and rewards shrink as gradients
    do. Rewards are divided by the chance of being played and summed up;
    the policy is `(1 - K e_t) softmax(e_{t-1} R) + e_t`. The answer is the mean policy.

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
        reward, longest, policies, trial = np.zeros(k), 0.0, [], None
        probes = online.PROBE * min(self.plays, k)
        tokens = online.step_tokens(problem, self.steps, aside=self.steps * probes)
        policy = problem.fit(np.ones(k))
        for step in range(self.steps):
            count = online.played(policy, self.plays, online.step_rng(step))
            (leg,) = ask(
                Trial(count / self.plays, tokens, 0, trial, "mean", horizon=self.steps * tokens)
            )
            trial = leg.trial
            similarity, longest = alignment(
                problem, ask, leg, tokens, np.flatnonzero(count), longest
            )
            reward = reward + estimate(similarity, count, policy)
            policies.append(policy := problem.fit(online.exp3(reward, step + 1)))
        return online.average(policies)


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
    longest: float,
) -> tuple[Float[np.ndarray, "sources"], float]:
    """Cosine of each source's and the target's gradient after a leg.

    Args:
        problem: Says what is wanted.
        ask: For short runs.
        leg: Of the chain.
        tokens: Of a step.
        sources: To look at where derivatives are not known; the others are 0.
        longest: What short runs gave for the length of the target's gradient before; 0: nothing.

    Returns:
        The cosines, and what short runs give for that length by now.
    """
    k, own = len(problem.sources), problem.own()
    pull = online.pulls(ask, leg, online.PROBE * tokens, sources.tolist(), k)
    squares, weights = np.maximum(pull[own, np.arange(k)], 0), online.wanted(problem, leg.losses)
    known = squares > online.TINY
    projected = np.divide(weights @ pull, np.sqrt(squares), out=np.zeros(k), where=known)
    largest = float(np.abs(projected).max())
    if leg.outcome.gradient is not None:
        largest = max(largest, length(pull[own], weights, own))
        return projected / max(largest, online.TINY), longest
    seen = set(np.flatnonzero(weights[own])) <= set(sources.tolist())
    lately = length(pull[own], weights, own) if seen else 0.0
    longest = max(lately or longest, largest)
    return projected / max(longest, online.TINY), longest


def length(
    products: Float[np.ndarray, "sources sources"],
    weights: Float[np.ndarray, "targets"],
    own: Int[np.ndarray, "sources"],
) -> float:
    """Of the target's gradient, if what is wanted is text of the sources alone; else 0.

    It is `sum_j w_j g_j` then, whose square the sources' products tell.
    """
    if not np.isclose(weights[own].sum(), weights.sum()):
        return 0.0
    return float(max(weights[own] @ products @ weights[own], 0) ** 0.5)
