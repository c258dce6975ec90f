"""RegMix: the mixture as a regression problem."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Study, Trial
from cuvee.core.mixture import nearest
from cuvee.mix.boosted import Boosting, Fit, Predict, Regression, enough, objective, regress

STRENGTHS = np.logspace(-1, np.log10(5), 15)
"""Of the Dirichlet distributions that mixtures are drawn from."""
USAGE = 15
"""A source's share may be so many times its share of all tokens."""
LEAST = 2e-4
"""Shares below this are none."""
OVERSAMPLE = 100


@dataclass(frozen=True, slots=True)
class Regmix:
    """Runs random mixtures, regresses loss on shares, averages the best of many simulated ones.

    Mixtures are drawn around the natural shares, tempered: each from a Dirichlet distribution of
    one of 15 strengths, none with more than 15 times a source's natural share, unless the limits
    leave no other. The answer is the mean of the `top` mixtures with the lowest prediction among
    those simulated from Dirichlet(natural shares); the paper has no limits, so draws that break
    one are moved to the nearest mixture that does not. No spread of the shares is stated;
    forecasts miss as runs did that were left out of the fit. Where runs differ in tokens or size
    of the model, both are features.

    Args:
        trials: Proxy runs; 512 in the paper.
        regressor: "lightgbm" (needs the extra of that name) or "linear".
        rate: Learning rate of the trees.
        rounds: Number of trees.
        validation: Fraction of the runs held out to stop after 3 rounds without gain; 0 to do all
            rounds. The released notebook stops on the test set, which is not done here.
        temper: Exponent of the natural shares in the design.
        simulated: Mixtures that are predicted; 100,000 in the paper.
        top: How many of the best are averaged; 128 in the paper, the same part of them.
        folds: Parts of the runs that are left out in turn to see how far off forecasts are.

    Fails when: sources are many and runs few; the best mixture lies where no run was: trees say
    there what they say at the nearest runs. Fewest runs in a leaf are 20 at 512 runs and above,
    a 25th of the runs below.

    References: Liu et al., "RegMix: Data Mixture as Regression for Language Model Pre-training",
    arXiv 2407.01492, 2024, and its released `synthesize_mixture.py`.
    """

    trials: int = 64
    regressor: str = "lightgbm"
    rate: float = 0.01
    rounds: int = 1000
    validation: float = 0.0
    temper: float = 0.5
    simulated: int = 10_000
    top: int = 13
    folds: int = 5

    def __post_init__(self) -> None:
        if self.regressor not in ("lightgbm", "linear"):
            raise CuveeError(f"regmix: regressor is lightgbm or linear, got {self.regressor!r}.")
        if self.folds < 2 or self.trials < 2 * self.folds:
            raise CuveeError("regmix: folds must be 2 or more, trials at least twice as many.")
        if self.rounds < 1 or not 0 < self.rate <= 1 or not 0 <= self.validation < 1:
            raise CuveeError("regmix: rounds from 1 on, rate in (0, 1], validation in [0, 1).")
        if not 1 <= self.top <= self.simulated or not 0 < self.temper <= 1:
            raise CuveeError("regmix: top must lie in 1..simulated, temper in (0, 1].")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """All mixtures at once."""
        if study.trials:
            return ()
        tokens = study.problem.per_trial(self.trials)
        return tuple(Trial(w, tokens) for w in mixtures(study.problem, self.trials, rng,
                                                        self.temper))  # fmt: skip

    def fit(self, study: Study, *, rng: Generator) -> Regression:
        """One regression for each target."""
        self._enough(study)
        return regress(study, self._regressor(), folds=self.folds, rng=rng)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Mean of the simulated mixtures with the lowest predicted objective."""
        self._enough(study)
        problem = study.problem
        law = objective(study, self._regressor(), rng=rng)
        options = simulate(problem, self.simulated, rng)
        best = np.argsort(law(options), kind="stable")[: self.top]
        return Estimate(problem.fit(options[best].mean(axis=0))[None], "share", "none")

    def _regressor(self) -> Fit:
        if self.regressor == "linear":
            return linear
        return Boosting(self.rate, self.rounds, validation=self.validation)

    def _enough(self, study: Study) -> None:
        k = len(study.problem.sources)
        least = 2 * self.folds if self.regressor == "lightgbm" else max(k + 2, 2 * self.folds)
        enough(study, least, f"regmix ({self.regressor})")


def linear(x: Float[np.ndarray, "runs features"], y: np.ndarray, rng: Generator) -> Predict:
    """Least squares; the constant is in the shares, as they sum to 1."""
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    return lambda points: points @ slopes


def mixtures(
    problem: Problem, count: int, rng: Generator, temper: float = 0.5
) -> Float[np.ndarray, "count sources"]:
    """RegMix's design: far more draws than wanted, without copies, and some of them.

    Args:
        problem: Whose natural shares they scatter around; all obey its limits, and the bound on
            usage as far as those allow.
        count: Mixtures wanted.
        rng: Of the draws.
        temper: Exponent of the natural shares.
    """
    natural = problem.available / problem.available.sum()
    prior = natural**temper / (natural**temper).sum()
    strength = rng.choice(STRENGTHS, size=OVERSAMPLE * count)
    draws = dirichlet(strength[:, None] * prior, rng)
    most = np.minimum(USAGE * natural, 1)
    kept = draws[(draws <= most).all(axis=1)]
    kept = np.where(kept < LEAST, 0, kept)
    kept = np.round(kept / kept.sum(axis=1, keepdims=True) / LEAST) * LEAST
    kept = np.unique(kept, axis=0)
    if len(kept) < count:  # nearly all broke the bound on usage: some are moved within it below
        kept = np.vstack([kept, draws[: count - len(kept)]])
    chosen = kept[rng.choice(len(kept), size=count, replace=False)]
    high = np.maximum(problem.low, np.minimum(problem.high, most))
    # Where no mixture obeys the bound and the limits, the limits count.
    return problem.fit(chosen) if high.sum() < 1 else nearest(chosen, problem.low, high)


def dirichlet(
    strengths: Float[np.ndarray, "n sources"], rng: Generator
) -> Float[np.ndarray, "n sources"]:
    """One draw for each row of strengths; where all parts vanish, the largest strength has all."""
    parts = rng.standard_gamma(strengths)
    lost = parts.sum(axis=1) < 1e-300
    parts[lost] = np.eye(parts.shape[1])[strengths[lost].argmax(axis=1)]
    return parts / parts.sum(axis=1, keepdims=True)


def simulate(problem: Problem, count: int, rng: Generator) -> Float[np.ndarray, "count sources"]:
    """Draws from Dirichlet(natural shares), moved within the limits where they break one."""
    natural = problem.available / problem.available.sum()
    return allowed(problem, dirichlet(np.broadcast_to(natural, (count, len(natural))), rng))


def allowed(
    problem: Problem, draws: Float[np.ndarray, "n sources"]
) -> Float[np.ndarray, "n sources"]:
    """The draws; those that break a limit are moved to the nearest mixture that does not."""
    slack = 1e-12
    out = ((draws < problem.low - slack) | (draws > problem.high + slack)).any(axis=1)
    found = draws.copy()
    found[out] = problem.fit(draws[out])
    return found
