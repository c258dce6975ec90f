"""Online data mixing: a bandit that plays the sources with the highest loss."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online


@dataclass(frozen=True, slots=True)
class Odm:
    """Bandit over sources whose reward is the loss on text of the source that was played.

    Each step trains on a few micro-batches, each of a source drawn from the policy; warm-up steps
    draw from natural shares. As in the paper, rewards are divided by the chance of being played,
    averaged with weight `smoothing` on the past, and turned into a policy by Exp3:
    `(1 - K e_t) softmax(e_{t-1} R) + e_t`, `e_t = min(1/K, sqrt(ln K / (K t)))`. The released code
    averages `exp(loss)` without that division and is linear: `(1 - K e_t) R / sum R + e_t`. The
    answer is the mean policy played after the warm-up; it does not look at the target.

    Args:
        steps: Of the chain.
        plays: Micro-batches of one step.
        warmup: Part of the steps on natural shares, before the bandit starts.
        smoothing: Weight of the past in a source's reward.
        variant: `"paper"` or `"released"`.

    Fails when: a high loss is a sign of noise instead of something to learn; what is wanted is
    not a low loss on all sources alike.

    References: Albalak, Pan, Raffel and Wang, "Efficient Online Data Mixing For Language Model
    Pre-Training", arXiv 2312.02406, 2023.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    plays: int = 8
    warmup: float = 0.05
    smoothing: float = 0.9
    variant: Literal["paper", "released"] = "paper"

    def __post_init__(self) -> None:
        if self.variant not in ("paper", "released"):
            raise CuveeError(f"odm: variant must be paper or released, got {self.variant!r}.")
        if min(self.steps, self.plays) < 1 or not (
            0 <= self.warmup < 1 and 0 <= self.smoothing < 1
        ):
            raise CuveeError(
                "odm: steps and plays must be at least 1, warmup and smoothing in 0 to below 1."
            )
        if self.warmup * self.steps > self.steps - 1:
            raise CuveeError(
                f"odm: a warmup of {self.warmup:g} leaves none of {self.steps} steps to the "
                "bandit: lower it, or ask for more steps."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next step of the chain."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean policy."""
        return online.recommend(study, self._search, "odm")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        own, tokens = problem.own(), online.step_tokens(problem, self.steps)
        natural = problem.fit(problem.available)
        reward, policies, trial = np.zeros(len(own)), [], None
        for step in range(self.steps):
            policy = natural
            if step >= self.warmup * self.steps:
                policies.append(policy := problem.fit(self.policy(reward, step)))
            count = online.played(policy, self.plays, online.step_rng(step))
            (leg,) = ask(
                Trial(count / self.plays, tokens, after=trial, horizon=self.steps * tokens)
            )
            trial = leg.trial
            reward = self.rewards(reward, leg.losses[own], count, policy)
        return online.average(policies)

    def rewards(
        self,
        reward: Float[np.ndarray, "sources"],
        losses: Float[np.ndarray, "sources"],
        count: Int[np.ndarray, "sources"],
        policy: Shares,
    ) -> Float[np.ndarray, "sources"]:
        """The rewards after one step, from losses, times played and the policy played.

        The paper's estimate is of a mean over draws: a source not drawn in it counts as 0. The
        released code leaves such a source as it was.
        """
        if self.variant == "paper":
            worth = np.divide(count * losses, count.sum() * policy, out=np.zeros(len(losses)),
                              where=policy > 0)  # fmt: skip
            return self.smoothing * reward + (1 - self.smoothing) * worth
        new = self.smoothing * reward + (1 - self.smoothing) * np.exp(losses)
        return np.where(count > 0, new, reward)

    def policy(self, reward: Float[np.ndarray, "sources"], step: int) -> Shares:
        """What to play after so many steps; equal shares before the first."""
        if not reward.any():
            return np.full(len(reward), 1 / len(reward))
        if self.variant == "paper":
            return online.exp3(reward, step)
        least = online.exploration(max(step, 1), len(reward))
        return (1 - len(reward) * least) * reward / max(reward.sum(), online.TINY) + least
