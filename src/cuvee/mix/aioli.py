"""Aioli: the law of the next steps is measured while training, and followed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix import online
from cuvee.mix.linear_mixing import Matrix, measured, next_shares


@dataclass(frozen=True, slots=True)
class Aioli:
    """Learns at every round how the shares lower the losses, and moves the shares by it.

    The law is that of linear mixing, `L_i(t + 1) = L_i(t) - sum_j A_ij p_j` (see
    `cuvee.mix.linear_mixing`). A round starts with measuring A: passes over the sources, each
    trained on for a little while with the share `one_hot`; the falls of the losses give A by a
    linear system. A is weighted by the objective (for the worst target: all on the one that is
    worst now), shifted to 0 or more, divided by its sum; then `p_j ~ p_j exp(eta sum_i A_ij)`, and
    the rest of the round is trained on p. The answer is the mean of p over the rounds.

    Args:
        rounds: Of the chain, after a first leg on equal shares.
        lp_rounds: Passes over the sources in which A is measured.
        lp_part: Part of a round that measuring takes.
        one_hot: Share of the source that is measured, above an equal one; the others share the
            rest.
        eta: Strength.
        ema: Weight of the earlier rounds in A. Above 0, shares start from equal ones each round, as
            in the released code, instead of from those of the round before.

    Fails when: losses are noisier than the falls that are measured; many sources leave too few
    tokens for each.

    References: Chen et al., "Aioli: A Unified Optimization Framework for Language Model Data
    Mixing", arXiv 2411.05735, 2024.
    """

    rounds: int = 6
    lp_rounds: int = 1
    lp_part: float = 0.3
    one_hot: float = 0.75
    eta: float = 0.5
    ema: float = 0.0

    def __post_init__(self) -> None:
        if min(self.rounds, self.lp_rounds) < 1 or not self.eta > 0:
            raise CuveeError("aioli: rounds and lp_rounds must be at least 1, eta above 0.")
        if not (0 < self.lp_part < 1 and 0 < self.one_hot <= 1 and 0 <= self.ema < 1):
            raise CuveeError("aioli: lp_part, one_hot and ema must lie between 0 and 1.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The next leg of the chain."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of the rounds' shares."""
        return online.recommend(study, self._search, "aioli")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        k = len(problem.sources)
        mixtures = smoothed_one_hot(k, self.one_hot)
        tokens = online.step_tokens(problem, self.rounds + 1)
        (leg,) = ask(Trial(problem.fit(np.ones(k)), tokens, horizon=(self.rounds + 1) * tokens))
        shares, schedule, kept = np.full(k, 1 / k), [], np.zeros((1, 1))
        for i in range(self.rounds):
            rng = np.random.default_rng(i)
            matrix, leg = self.learn(ask, leg, mixtures, self.lp_part * tokens, rng)
            matrix = share_of_fall(matrix, online.wanted(problem, leg.losses))
            kept = matrix if i == 0 else (1 - self.ema) * matrix + self.ema * kept
            start = np.full(k, 1 / k) if self.ema else shares
            shares = next_shares(start, kept, self.eta)
            schedule.append(problem.fit(shares))
            rest = (1 - self.lp_part) * tokens
            (leg,) = ask(Trial(schedule[-1], rest, after=leg.trial))
        return online.average(schedule)

    def learn(
        self,
        ask: online.Ask,
        leg: online.Leg,
        mixtures: Float[np.ndarray, "sources sources"],
        tokens: float,
        rng: Generator,
    ) -> tuple[Matrix, online.Leg]:
        """A, measured by training on for so many tokens, and where that ended."""
        k = len(mixtures)
        falls = np.zeros((k, len(leg.losses)))
        for j in np.concatenate([rng.permutation(k) for _ in range(self.lp_rounds)]):
            part = tokens / (k * self.lp_rounds)
            (new,) = ask(Trial(mixtures[j], part, after=leg.trial))
            falls[j] += (leg.losses - new.losses) / self.lp_rounds
            leg = new
        return measured(mixtures, falls), leg


def smoothed_one_hot(k: int, factor: float) -> Float[np.ndarray, "sources sources"]:
    """One mixture per source: `factor` of it, the rest of the others alike.

    Raises:
        CuveeError: That is no more than the share that it has of equal ones.
    """
    if k == 1:
        return np.ones((1, 1))
    if factor <= 1 / k:
        raise CuveeError(
            f"aioli: one_hot must be above 1/{k}, the equal share of {k} sources, got {factor:g}: "
            "raise it."
        )
    rest = (1 - factor) / (k - 1)
    return np.full((k, k), rest) + (factor - rest) * np.eye(k)


def share_of_fall(
    matrix: Float[np.ndarray, "targets sources"], weights: Float[np.ndarray, "targets"]
) -> Float[np.ndarray, "counted sources"]:
    """The rows that count, weighted, shifted to 0 or more, divided by their sum."""
    rows = weights[weights > 0, None] * matrix[weights > 0]
    rows = rows - min(rows.min(), 0)
    return rows / rows.sum() if rows.sum() > online.TINY else np.full_like(rows, 1 / rows.size)
