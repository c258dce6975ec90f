"""Mid-training: the last part of the tokens on a special mix, in several orders, averaged."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
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
class Annealing:
    """A long run on natural shares, a short end on a special mix, models of several orders merged.

    After the long run each source is tried in a short end of its own, half of it and half natural
    shares ("microanneals"). The special mixes to choose from are the sources that came out best,
    with and without those behind them; the one with the lowest objective is run in further
    orders of its data, and the parameters of these models are averaged. The answer is the shares
    of all tokens; `schedule` says which when. All limits hold for the whole schedule. No spread
    of the shares is stated.

    Args:
        end: Fraction of the tokens in the end; about a tenth in OLMo 2.
        orders: Models that are averaged, each with the data of the end in another order.
        part: Share of the source under trial in its own short end; the rest is natural.

    Fails when: the proxy knows no order, as the count proxy does not: then only the shares of
    all tokens count, and averaging changes nothing; the trainer cannot merge; the learning rate
    does not fall in the end.

    References: OLMo team, "2 OLMo 2 Furious", arXiv 2501.00656, 2025, section 4 (mid-training,
    microanneals and the average of models of three data orders).
    """

    end: float = 0.1
    orders: int = 3
    part: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.end < 1 or not 0 < self.part <= 1 or self.orders < 1:
            raise CuveeError("annealing: end in (0, 1), part in (0, 1], orders from 1 on.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The long run, short ends for each source, special mixes, further orders, the merge."""
        for stage in (self._long, self._short, self._special, self._reordered):
            if left := missing(study, stage(study)):
                return left
        return missing(study, [self._merged(study)])

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Shares of all tokens of one run with its special end."""
        shares = study.problem.fit(overall(self.schedule(study)))
        return Estimate(shares[None], "share", "none")

    def schedule(self, study: Study) -> Schedule:
        """Fraction of the tokens and shares of each phase; the end is run in several orders."""
        return schedule_of(self._merged(study))

    def _tokens(self, problem: Problem) -> float:
        """Of one whole chain, such that all runs together stay within what may be spent."""
        ends = len(problem.sources) + len(CONTRASTS) + 1 + self.orders - 1
        return problem.per_trial(ceil(1 - self.end + ends * self.end))

    def _long(self, study: Study) -> list[Trial]:
        problem = study.problem
        whole = self._tokens(problem)
        long = Trial(_natural(problem), (1 - self.end) * whole, horizon=whole)
        return [same(study, long)]

    def _end(self, study: Study, wish: Shares) -> Trial:
        problem, start = study.problem, self._long(study)[0]
        shares = within(problem, wish, _natural(problem), self.end)
        return Trial(shares, self.end * self._tokens(problem), after=start)

    def _short(self, study: Study) -> list[Trial]:
        problem, start = study.problem, self._long(study)[0]
        tokens = self.end * self._tokens(problem)
        mixed = (1 - self.part) * _natural(problem) + self.part * np.eye(len(problem.sources))
        return [Trial(shares, tokens, after=start) for shares in mixed]

    def _special(self, study: Study) -> list[Trial]:
        """Ends to choose from, "as before" among them."""
        problem = study.problem
        found = outcomes(study, self._short(study), "annealing")
        wishes = [helpful(problem, found, contrast) for contrast in CONTRASTS]
        return [self._end(study, wish) for wish in (_natural(problem), *wishes)]

    def _reordered(self, study: Study) -> list[Trial]:
        """The best end in each of the orders."""
        problem, ends = study.problem, self._special(study)
        found = outcomes(study, ends, "annealing")
        best = ends[int(np.argmin(scores(problem, found)))].shares
        start, tokens = self._long(study)[0], self.end * self._tokens(problem)
        return [same(study, Trial(best, tokens, seed=i, after=start)) for i in range(self.orders)]

    def _merged(self, study: Study) -> Trial:
        ends = self._reordered(study)
        whole = self._tokens(study.problem)
        return Trial(
            overall(schedule_of(ends[0])), whole, merge=tuple((1 / len(ends), t) for t in ends)
        )  # fmt: skip


def _natural(problem: Problem) -> Shares:
    return problem.fit(problem.available)
