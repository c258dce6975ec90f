"""cuvee's own mixer: a few real runs, placed where they teach most, on top of a free forecast."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix.search import candidates
from cuvee.mix.surrogate_choice import Aim, hopeful, nearby, optimism, optimum, spread_out, telling
from cuvee.mix.surrogate_inputs import Prior
from cuvee.mix.surrogate_law import FEWEST, SurrogateForecast, learn

DESIGN_SEED = 1
PLENTY, SOME = 400, 48
"""Mixtures looked at: where a law answers at once, and where a free forecast is asked for each."""


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Gaussian processes on the shares, around a free forecast such as the count proxy's.

    Each target's loss is the free forecast, corrected by a line that all targets share, plus a
    Gaussian process; the process alone without a free forecast, or where that forecasts left-out
    runs better. Parameters are learned for all
    targets together, noise depends on the mixture, runs at several sizes and token counts inform
    each other, and stated errors are held against the runs' left-out errors. The first runs are
    spread out; each later one is where the knowledge gradient of the objective is largest (or, for
    `aim="losses"`, where the uncertainty of all losses falls most). The answer's draws are the
    lowest points of functions drawn from the posterior.

    Args:
        runs: Trials in all; runs that the study holds already count.
        first: Spread-out trials before the first choice by what would be learned.
        batch: Trials proposed at once after that, each chosen as if the others had been run.
        aim: What runs should teach: "optimum", the best mixture, or "losses", all mixtures.
        draws: Functions drawn behind the stated spread, and draws of a prediction.

    Fails when: the losses jump, or depend on shares far below a thousandth; the shares of the
    runs lie all near each other, and the answer far from them.

    References: Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006;
    Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast
    approximations are available", Biometrika 87, 2000; Frazier, Powell and Dayanik, "The
    knowledge-gradient policy for correlated normal beliefs", INFORMS J. Comput. 21, 2009; Wilson et
    al., "Efficiently sampling functions from Gaussian process posteriors", arXiv 2002.09309, 2020.
    """

    runs: int = 16
    first: int = 8
    batch: int = 2
    aim: Aim = "optimum"
    draws: int = 200

    def __post_init__(self) -> None:
        if not FEWEST <= self.first <= self.runs or self.batch < 1 or self.draws < 2:
            raise CuveeError(
                f"surrogate: expected {FEWEST} <= first <= runs, batch >= 1 and draws >= 2, got "
                f"first={self.first}, runs={self.runs}, batch={self.batch}, draws={self.draws}."
            )
        if self.aim not in ("optimum", "losses"):
            raise CuveeError(f"surrogate: aim must be optimum or losses, got {self.aim!r}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Spread-out mixtures first, then those whose runs teach most."""
        done, problem = len(study.trials), study.problem
        tokens = _tokens(study, self.runs)
        if done >= self.runs or tokens <= 0:
            return ()
        fixed = default_rng(DESIGN_SEED + done)  # the same trials whenever this study is met
        if done < self.first:
            rows = spread_out(
                problem, self.first - done, study.points.shares, _likely(study, fixed), fixed
            )
        else:
            law = self.fit(study, rng=fixed)
            options = hopeful(law, problem, _looked_at(law), fixed)
            place = law.look(problem.points(options))
            count = min(self.batch, self.runs - done)
            rows = place.points.shares[
                telling(law, problem, place, self.aim, count=count, rng=fixed)
            ]
        return tuple(Trial(row, tokens, params=problem.params) for row in rows)

    def fit(self, study: Study, *, rng: Generator) -> SurrogateForecast:
        """The law, fitted to every trial of the study."""
        return learn(study, self.draws, rng=rng)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The lowest point of the expected objective, and of functions that could be true."""
        law = self.fit(study, rng=rng)
        return optimum(law, study, samples=_looked_at(law), draws=self.draws, rng=rng)

    def corrected(self, study: Study, shares: Shares, *, rng: Generator) -> Estimate:
        """The objective to expect of a mixture that was chosen for its low forecast.

        Args:
            study: Whose runs led to the choice.
            shares: The choice.
            rng: Of the draws.

        Returns:
            The objective, with its bias by the choice taken out.
        """
        law, problem = self.fit(study, rng=rng), study.problem
        options = np.vstack([shares, hopeful(law, problem, _looked_at(law), rng)])
        place = law.look(problem.points(options))
        flattery = optimism(law, problem, place, self.draws, rng).mean()
        values = problem.objective.score(law.functions(self.draws, rng)(place[np.array([0])]))[0]
        here = float(problem.objective.score(law.expected(place[np.array([0])]))[0])
        return Estimate(values + flattery, law.unit, "posterior", center=np.array(here + flattery))


def _tokens(study: Study, runs: int) -> float:
    """Of each trial to come: all of them together keep to what may be spent."""
    problem, left = study.problem, max(runs - len(study.trials), 1)
    return min(problem.per_trial(runs), (problem.spend - study.spent) / left)


def _looked_at(law: SurrogateForecast) -> int:
    return PLENTY if law.prior is None else SOME


def _likely(study: Study, rng: Generator) -> list[Shares]:
    """Where the optimum may lie: equal and natural shares, and what the free forecast prefers."""
    problem = study.problem
    found = [np.ones(len(problem.sources)), problem.available]
    if study.prior is not None:
        found.append(_preferred(problem, study.prior, rng))
    return found


def _preferred(problem: Problem, prior: Prior, rng: Generator) -> Shares:
    """The mixture of the lowest free forecast, of some that lie ever nearer to the best."""
    options, scores, near = candidates(problem, SOME, rng), np.zeros(0), 1.0
    for _ in range(5):
        new = [prior(Trial(w, problem.tokens, params=problem.params)).losses.mean
               for w in options[len(scores) :]]  # fmt: skip
        scores = np.r_[scores, problem.objective.score(np.array(new))]
        best, near = options[int(np.argmin(scores))], near / 2
        options = np.vstack([options, nearby(problem, best[None], SOME // 3, near, rng)])
    return options[int(np.argmin(scores))]
