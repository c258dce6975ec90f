"""Two phases: diverse first, then what helps the targets most."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Study, Trial
from cuvee.mix.phases import (
    CONTRASTS,
    Schedule,
    helpful,
    missing,
    outcomes,
    overall,
    same,
    schedule_of,
    scores,
    within,
)


@dataclass(frozen=True, slots=True)
class TwoPhase:
    """A diverse first phase, and a second one on the sources that help the targets most.

    First phases are the natural and the equal shares. From the equal one, each source alone goes
    on for the length of the second phase: that shows what it is worth at that point. Second
    phases are the sources that came out best, with and without those behind them, or no change;
    every first phase is continued with each, and the chain with the lowest objective wins. The
    answer is the shares of all its tokens; `schedule` says which when. All limits, epochs too,
    hold for the whole schedule. No spread of the shares is stated.

    Args:
        second: Fraction of the tokens in the second phase.

    Fails when: the proxy knows no order, as the count proxy does not: then only the shares of
    all tokens count; the learning rate does not fall, so that late data weigh no more.

    References: Feng et al., "Maximize Your Data's Potential: Enhancing LLM Accuracy with
    Two-Phase Pretraining", arXiv 2412.15285, 2024.
    """

    second: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.second < 1:
            raise CuveeError(f"two_phase: second must lie between 0 and 1, got {self.second}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """First phases, then each source alone after one of them, then the candidates."""
        if left := missing(study, self._first(study)):
            return left
        if left := missing(study, self._alone(study)):
            return left
        return missing(study, self._candidates(study))

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Shares of all tokens of the best chain."""
        shares = study.problem.fit(overall(self.schedule(study)))
        return Estimate(shares[None], "share", "none")

    def schedule(self, study: Study) -> Schedule:
        """Fraction of the tokens and shares of each phase of the best chain."""
        trials = self._candidates(study)
        found = outcomes(study, trials, "two_phase")
        return schedule_of(trials[int(np.argmin(scores(study.problem, found)))])

    def _tokens(self, problem: Problem) -> float:
        """Of one whole chain, such that all of them together stay within what may be spent."""
        first, last = len(_starts(problem)), len(problem.sources)
        runs = first * (1 - self.second) + (last + first * (len(CONTRASTS) + 1)) * self.second
        return problem.per_trial(ceil(runs))

    def _first(self, study: Study) -> list[Trial]:
        problem = study.problem
        whole = self._tokens(problem)
        tokens = (1 - self.second) * whole
        return [same(study, Trial(shares, tokens, horizon=whole)) for shares in _starts(problem)]

    def _alone(self, study: Study) -> list[Trial]:
        problem, start = study.problem, self._first(study)[0]
        tokens = self.second * self._tokens(problem)
        return [Trial(row, tokens, after=start) for row in np.eye(len(problem.sources))]

    def _candidates(self, study: Study) -> list[Trial]:
        problem = study.problem
        found = outcomes(study, self._alone(study), "two_phase")
        tokens, trials = self.second * self._tokens(problem), []
        for start in self._first(study):
            wishes = [helpful(problem, found, c) for c in CONTRASTS]
            for wish in [start.shares, *wishes]:
                shares = within(problem, wish, start.shares, self.second)
                trials.append(Trial(shares, tokens, after=start))
        return trials


def _starts(problem: Problem) -> list[np.ndarray]:
    """Equal and natural shares; one of them if they are the same."""
    equal, natural = (problem.fit(w) for w in (np.ones(len(problem.sources)), problem.available))
    return [equal] if np.allclose(equal, natural) else [equal, natural]
