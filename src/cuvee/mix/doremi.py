"""DoReMi: the shares that a distributionally robust proxy gives, measured against a reference."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Shares, Study, Trial
from cuvee.mix import online
from cuvee.mix.linear_mixing import doremi as matrix
from cuvee.mix.linear_mixing import next_shares

SAME = 1e-3
"""Rounds end when no share changes by more."""


@dataclass(frozen=True, slots=True)
class Doremi:
    """Raises the shares of the sources on which a proxy lags behind a reference model.

    The reference is trained on baseline shares. The proxy then starts from equal weights a and
    moves them at every step: `log a_j += eta * excess_j`, normalised, then `(1 - c) a + c / k`.
    The excess is the mean over the tokens of source j's own text of the proxy's loss above that of
    the reference, where it is above. The published proxy draws from the baseline and weights losses
    by a; here it draws from a, which is the same in the mean. The answer is the mean weight over
    the steps; later rounds take it as their reference. It does not look at the target.

    Args:
        steps: Of the proxy.
        eta: Step size of the log weights.
        smoothing: c, the part that is spread over all sources.
        reference: Baseline shares: `"natural"` (by available tokens) or `"uniform"`.
        rounds: At most; it ends earlier if no share changes by 0.001.

    Fails when: the worst lag comes from text that no training helps with; the reference is poor
    where it matters; the target is not the worst of all sources.

    References: Xie et al., "DoReMi: Optimizing Data Mixtures Speeds Up Language Model
    Pretraining", arXiv 2305.10429, 2023.
    """

    needs: ClassVar[tuple[str, ...]] = ("own",)

    steps: int = 40
    eta: float = 1.0
    smoothing: float = 1e-3
    reference: Literal["natural", "uniform"] = "natural"
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.reference not in ("natural", "uniform"):
            raise CuveeError(
                f"doremi: reference must be natural or uniform, got {self.reference!r}."
            )
        if min(self.steps, self.rounds) < 1 or self.eta <= 0 or not 0 <= self.smoothing <= 1:
            raise CuveeError(
                "doremi: steps and rounds must be at least 1, eta above 0, smoothing in 0..1."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The reference run, then the next step of the proxy."""
        return online.propose(study, self._search)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean weights of the last round."""
        return online.recommend(study, self._search, "doremi")

    def _search(self, problem: Problem, ask: online.Ask) -> Shares:
        start = problem.available if self.reference == "natural" else np.ones(len(problem.sources))
        shares = problem.fit(start)
        for _ in range(self.rounds):
            before, shares = shares, problem.fit(self._round(problem, ask, shares))
            if np.abs(shares - before).max() < SAME:
                break
        return shares

    def _round(self, problem: Problem, ask: online.Ask, baseline: Shares) -> Shares:
        k, length = len(baseline), problem.per_trial(2 * self.rounds)
        (reference,) = ask(Trial(baseline, length, per_token=True))
        weights, schedule, trial = np.full(k, 1 / k), [], None
        for _ in range(self.steps):
            shares = problem.fit(weights)
            (leg,) = ask(
                Trial(shares, length / self.steps, after=trial, per_token=True, horizon=length)
            )
            trial = leg.trial
            lag = excess(leg.outcome, reference.outcome)[problem.own()]
            weights = self.reweighted(weights, lag)
            schedule.append(weights)
        return online.average(schedule)

    def reweighted(self, weights: Shares, lag: Float[np.ndarray, "sources"]) -> Shares:
        """The weights after one step."""
        up = next_shares(weights, matrix(lag), self.eta)
        return (1 - self.smoothing) * up + self.smoothing / len(up)


def excess(proxy: Outcome, reference: Outcome) -> Float[np.ndarray, "targets"]:
    """Mean over tokens of the loss above the reference's; of means, if tokens are not known."""
    if proxy.log_probs is None or reference.log_probs is None:
        return np.maximum(proxy.losses.mean - reference.losses.mean, 0)
    pairs = zip(reference.log_probs, proxy.log_probs)
    return np.array([np.maximum(high - low, 0).mean() for high, low in pairs])
