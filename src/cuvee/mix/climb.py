"""CLIMB: rounds of proxy runs, each nearer to where the last ones were good."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Study, Trial
from cuvee.mix.boosted import Boosting, Predict, Regression, enough, objective, regress
from cuvee.mix.regmix import allowed, dirichlet

PREDICTOR = Boosting(rate=0.05, rounds=500, depth=4, leaf=5, l1=0.01, l2=0.1, patience=20)
"""Depth, leaves and patience are the paper's; it names no rate, and no size of its penalties."""

BEST = 8
"""Runs that a round looks around."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Samples mixtures, fits a predictor, keeps the best, samples near them, and again.

    Each round runs half as many mixtures as the one before. The first ones are spread around the
    natural shares, tempered; later ones are drawn at random from the `top` mixtures that boosted
    trees (the extra "lightgbm") predict to be best: of new draws from everywhere and of draws
    around the best 8 runs so far, ever closer to them. That half of each pool lies around the
    best runs is ours; the paper's later rounds are drawn from predictions alone. The answer is
    what is predicted best. All runs of a study are learnt from. Those as long as the ones it asks
    for count as its own, whoever made them, so that an interrupted search goes on: where a table
    has as many as `trials`, none is left to ask for, and `trials` must be more than there are.
    Domains for text without labels come from `cuvee.sources.discover`. No spread of the shares
    is stated; forecasts miss as runs did that were left out of the fit.

    Args:
        trials: Proxy runs in all; 112 in the paper (64, 32 and 16).
        iterations: Rounds; 1 is a search in one shot.
        top: Mixtures kept of each round's pool.
        pool: Mixtures predicted in each round.
        near: Strength of the Dirichlet distribution around a good run in the second round; it
            doubles with each further round.
        average: Mixtures predicted best whose mean is the answer; 1 in the paper.
        validation: Fraction of the runs held out to stop the trees early, with a patience of 20
            rounds; 0 to do all 500.
        folds: Parts of the runs that are left out in turn to see how far off forecasts are.

    Fails when: the first round misses the region of the best mixtures, as it does with many
    sources and few runs: later rounds look near what was found.

    References: Diao et al., "CLIMB: CLustering-based Iterative Data Mixture Bootstrapping for
    Language Model Pre-training", arXiv 2504.13161, 2025.
    """

    trials: int = 56
    iterations: int = 3
    top: int = 256
    pool: int = 4000
    near: float = 10.0
    average: int = 16
    validation: float = 0.0
    folds: int = 5

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.folds < 2:
            raise CuveeError("climb: iterations must be 1 or more, folds 2 or more.")
        if self.trials < 2 * self.folds or self.trials < 2 ** (self.iterations + 1):
            raise CuveeError("climb: trials must be 2 x folds or more, and 4 in the last round.")
        if (
            not 1 <= self.average <= self.top <= self.pool
            or not self.near > 0
            or not 0 <= self.validation < 1
        ):
            raise CuveeError(
                "climb: average in 1..top, top in 1..pool, near above 0, validation in [0, 1)."
            )

    def sizes(self) -> tuple[int, ...]:
        """Runs of each round, each about half of the one before."""
        parts = 0.5 ** np.arange(self.iterations)
        ends = np.round(self.trials * np.cumsum(parts) / parts.sum()).astype(int)
        return tuple(int(n) for n in np.diff(ends, prepend=0))

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """What is missing of the round that the study is in."""
        ends, done = np.cumsum(self.sizes()), self._done(study)
        if done >= ends[-1]:
            return ()
        turn = int(np.searchsorted(ends, done, side="right"))
        problem, count = study.problem, int(ends[turn] - done)
        if turn == 0:
            chosen = _everywhere(problem, count, rng)
        else:
            options, values = self._ranked(study, turn, rng)
            best = np.argsort(values, kind="stable")[: max(self.top, count)]
            chosen = options[rng.choice(best, size=count, replace=False)]
        tokens = problem.per_trial(self.trials)
        return tuple(Trial(shares, tokens) for shares in chosen)

    def _done(self, study: Study) -> int:
        """Runs from scratch that are as long as its own."""
        own = study.problem.per_trial(self.trials)
        return sum(
            bool(np.isclose(t.tokens, own, rtol=1e-9)) and t.after is None and not t.merge
            for t in study.trials
        )

    def fit(self, study: Study, *, rng: Generator) -> Regression:
        """The predictor, one for each target."""
        enough(study, 2 * self.folds, "climb")
        return regress(study, self._predictor(), folds=self.folds, rng=rng)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The mean of the mixtures predicted best."""
        enough(study, 2 * self.folds, "climb")
        options, values = self._ranked(study, self.iterations, rng)
        best = options[np.argsort(values, kind="stable")[: self.average]]
        return Estimate(study.problem.fit(best.mean(axis=0))[None], "share", "none")

    def _ranked(
        self, study: Study, turn: int, rng: Generator
    ) -> tuple[Float[np.ndarray, "options sources"], Float[np.ndarray, "options"]]:
        """The pool of a round, and what is predicted of it."""
        law: Predict = objective(study, self._predictor(), rng=rng)
        order = np.argsort(study.scores, kind="stable")[:BEST]
        options = _pool(study.problem, study.points.shares[order], self.pool,
                        self.near * 2 ** (turn - 1), rng)  # fmt: skip
        return options, law(options)

    def _predictor(self) -> Boosting:
        p = PREDICTOR
        return Boosting(p.rate, p.rounds, p.depth, p.leaf, p.l1, p.l2, self.validation, p.patience)


def _pool(
    problem: Problem, best: np.ndarray, count: int, strength: float, rng: Generator
) -> Float[np.ndarray, "options sources"]:
    """Half of it from everywhere, half around the best runs; all allowed."""
    centers = best[rng.integers(len(best), size=count - count // 2)]
    # A share of 0 stays possible to leave: one part in a hundred is spread over all sources.
    close = dirichlet(strength * (0.99 * centers + 0.01 / centers.shape[1]), rng)
    return np.vstack([_everywhere(problem, count // 2, rng), allowed(problem, close)])


def _everywhere(problem: Problem, count: int, rng: Generator) -> Float[np.ndarray, "count sources"]:
    """Draws around the natural shares, tempered; flat where all sources are of one size."""
    root = np.sqrt(problem.available / problem.available.max())
    strengths = np.broadcast_to(len(root) * root / root.sum(), (count, len(root)))
    return allowed(problem, dirichlet(strengths, rng))
