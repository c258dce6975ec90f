"""DoGE: more of the sources whose gradients help the targets."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online
from cuvee.mix.linear_mixing import next_shares


@dataclass(frozen=True, slots=True)
class Doge:
    """Exponentiated gradient on the shares, by the product of each source's and the target's.

    At every step `log a_j += <g_j, g> / mu`, with g the sum of the targets' gradients, weighted as
    the objective weighs them (for the worst target: all on the one that is worst now). The product
    is minus the derivative of the targets' loss with respect to the share of j. The answer is the
    mean of the shares over the steps.

    The scale is ours: products are divided by the mean squared length of the sources' own
    gradients, which leaves pure numbers, and `mu` = 5 is chosen for these. The released code
    multiplies by the learning rate lr, divides by the gradients' mean length and limits the scores
    to 0 to 5 lr, which `clip` stands for; where the sources are the targets, it leaves out the
    product of a source with itself. It can mix in a part `reweight_eps` of equal shares (0 unless
    set). Those two are not done here.

    Args:
        steps: Of the chain.
        mu: Weight of staying near the shares of the step before.
        clip: Scores are limited to 0 to this; inf: not limited at all, not even to 0.

    Fails when: a source pays off only later than in the step in which it is seen; the trainer has
    no losses on the sources' own text.

    References: Fan, Pagliardini and Jaggi, "DoGE: Domain Reweighting with Generalization
    Estimation", arXiv 2310.15393, 2023.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    mu: float = 5.0
    clip: float = float("inf")

    def __post_init__(self) -> None:
        if self.steps < 1 or not min(self.mu, self.clip) > 0 or np.isnan(self.clip):
            raise CuveeError("doge: steps must be at least 1, mu and clip above 0.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next step of the chain, or the short runs that stand in for its gradient."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of the schedule."""
        return online.recommend(study, self._search, "doge")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        k, own = len(problem.sources), problem.own()
        tokens = online.step_tokens(problem, self.steps, aside=self.steps * k * online.PROBE)
        shares, schedule, trial = np.full(k, 1 / k), [], None
        for _ in range(self.steps):
            (leg,) = ask(
                Trial(problem.fit(shares), tokens, 0, trial, "mean", horizon=self.steps * tokens)
            )
            trial = leg.trial
            pull = online.pulls(ask, leg, online.PROBE * tokens, range(k), k)
            score = scores(pull, online.wanted(problem, leg.losses), own)
            if np.isfinite(self.clip):
                score = np.clip(score, 0, self.clip)
            shares = next_shares(shares, score[None], 1 / self.mu)
            schedule.append(shares)
        return online.average(schedule)


def scores(
    pull: Float[np.ndarray, "targets sources"],
    weights: Float[np.ndarray, "targets"],
    own: np.ndarray,
) -> Float[np.ndarray, "sources"]:
    """Products with the targets' gradient, per mean squared length of a source's gradient."""
    length = np.maximum(pull[own, np.arange(pull.shape[1])], 0).mean()
    return weights @ pull / max(length, online.TINY)
