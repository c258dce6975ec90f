"""Mixture of data experts: mix the predictions of models that were trained on one source each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Outcome, Points, Shares, Study, Trial
from cuvee.core.runs import unit_of
from cuvee.mix.boosted import Boosting
from cuvee.mix.ridge import Fitted, Predict, line, process, ridge
from cuvee.mix.search import lowest, minimise

DESIGN_SEED = 7
FOLDS = 5
LEAST_RUNS = 5
"""Mixed runs without which no regression is made."""
AT_ONCE = 64
"""Mixtures whose tokens are gone through together; bounds the memory."""
REGRESSIONS = ("none", "linear", "gp", "gbm")


@dataclass(frozen=True, slots=True)
class Mde:
    """Forecasts the loss of a mixture from one expert per source, whose predictions are mixed.

    An expert is trained on each source alone. A mixture's loss on a target is that of the mean
    of the experts' probabilities of each token, weighted by the shares: convex in the shares,
    and no training for a new mixture. With `regress`, these forecasts and the shares are
    features of a regression that is fitted to the losses of a few mixed runs. Where the trainer
    says no probabilities of tokens, those of the study's prior (the count proxy) are used.

    Args:
        regress: "none" takes the experts' forecast as it is; "linear" (ridge), "gp" (Gaussian
            process) and "gbm" (boosted trees) correct it by mixed runs. The forecast for the
            target itself is never penalised.
        runs: Mixed runs to ask for, beside the experts; 0 leaves those that are in the study.
        tokens: Of each target, drawn at random, that the experts' forecasts are made on.
        strength: Of the Dirichlet distribution that mixed runs are drawn from.

    Fails when: a mixed run learns what no expert does, as from what sources have in common, or
    forgets it; experts repeat a small source; the trainer gives no log-probabilities and there
    is no prior; runs differ in tokens or size of the model: neither is looked at, beyond taking
    the longest run of each source as its expert. No spread of the shares is stated.

    References: Belenki, Agarwal, Shi and Toutanova, "Optimizing Pre-Training Data Mixtures with
    Mixtures of Data Expert Models", arXiv 2502.15950, 2025.
    """

    regress: str = "none"
    runs: int = 0
    tokens: int = 20_000
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.regress not in REGRESSIONS:
            raise CuveeError(f"mde: regress is one of {REGRESSIONS}, got {self.regress!r}.")
        if self.runs < 0 or self.tokens < 1 or not self.strength > 0:
            raise CuveeError("mde: runs from 0 on, tokens from 1 on, strength above 0.")
        if 0 < self.runs < LEAST_RUNS or (self.regress == "none" and self.runs):
            raise CuveeError(
                f"mde: runs correct the experts with regress linear, gp or gbm, and at least "
                f"{LEAST_RUNS} of them; got {self.runs} with regress {self.regress!r}."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The experts, unless the prior stands in for them, and the mixed runs."""
        problem, k = study.problem, len(study.problem.sources)
        free = _prior(study) is not None
        each = problem.per_trial(max(1, self.runs + (0 if free else k)))
        asked = [] if free else [Trial(row, each, per_token=True) for row in np.eye(k)]
        if _mixed(study).sum() < self.runs:
            draws = default_rng(DESIGN_SEED).dirichlet(np.full(k, self.strength), size=self.runs)
            asked += [Trial(w, each) for w in problem.fit(draws)]
        return tuple(trial for trial in asked if study.find(trial) is None)

    def fit(self, study: Study, *, rng: Generator) -> "Mixed":
        """The experts' forecast, corrected by the mixed runs if asked for."""
        experts = self._experts(study)
        if self.regress == "none":
            return Mixed(experts, (), unit_of(study))
        rows = np.flatnonzero(_mixed(study))
        if len(rows) < LEAST_RUNS:
            raise CuveeError(
                f"mde: regress {self.regress!r} needs {LEAST_RUNS} runs of mixtures beside the "
                f"experts, got {len(rows)}: set runs, give more rows or take regress none."
            )
        shares, losses = study.points.shares[rows], study.losses[rows]
        found = experts.losses(shares)
        fits = [_corrected(self.regress, shares, found, y, t) for t, y in enumerate(losses.T)]
        return Mixed(experts, tuple(fits), unit_of(study))

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The shares of the lowest forecast: exactly for experts alone, by search else."""
        law, problem = self.fit(study, rng=rng), study.problem
        if law.corrections:
            shares = lowest(problem, lambda w: law.mean(problem.points(w)), rng=rng)
        else:
            k = len(problem.sources)
            start = problem.fit(np.ones(k))
            found = minimise(problem, law.experts.slopes, start, steps=200, tolerance=1e-10)
            shares = problem.fit(np.clip(found.x[:k], 0, None))
        return Estimate(shares[None], "share", "none")

    def _experts(self, study: Study) -> "Experts":
        outcomes = _own_experts(study) or _prior(study)
        if outcomes is None:
            raise CuveeError(
                "mde: expected log-probabilities of the targets' tokens by a model of each source "
                "alone, got none: run what it proposes with a proxy that gives them, as counts do."
            )
        return experts_of([o.log_probs or () for o in outcomes], self.tokens)


@dataclass(frozen=True, slots=True, eq=False)
class Experts:
    """What the experts say of a sample of each target's tokens.

    Args:
        likely: Probabilities, by target, over those of the expert to whom the token is likeliest.
        most: Mean log-probability of the likeliest expert, by target.
    """

    likely: tuple[Float[np.ndarray, "sources tokens"], ...]
    most: Float[np.ndarray, "targets"]

    def losses(
        self, shares: Float[np.ndarray, "points sources"]
    ) -> Float[np.ndarray, "points targets"]:
        """Mean of -log sum_i lambda_i p_i over the tokens."""
        found = np.empty((len(shares), len(self.likely)))
        for start in range(0, len(shares), AT_ONCE):
            some = shares[start : start + AT_ONCE]
            for t, likely in enumerate(self.likely):
                mixed = np.maximum(some @ likely, 1e-300)
                found[start : start + AT_ONCE, t] = -np.log(mixed).mean(axis=1) - self.most[t]
        return found

    def slopes(self, shares: Shares) -> tuple[np.ndarray, np.ndarray]:
        """Losses of one mixture, (targets,), and their gradients, (targets, sources)."""
        values, slopes = [], []
        for likely, most in zip(self.likely, self.most):
            mixed = np.maximum(shares @ likely, 1e-300)
            values.append(-np.log(mixed).mean() - most)
            slopes.append(-(likely / mixed).mean(axis=1))
        return np.array(values), np.array(slopes)


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """The forecast of a mixture of experts.

    Args:
        experts: Their probabilities.
        corrections: By target; none if the experts' forecast is taken as it is.
        unit: Of the losses.
    """

    experts: Experts
    corrections: tuple[Fitted, ...]
    unit: str

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast; it does not depend on tokens and size."""
        found = self.experts.losses(points.shares)
        if not self.corrections:
            return found
        rows = np.c_[points.shares, found]
        return np.stack([each.predict(rows) for each in self.corrections], axis=1)

    def predict(self, points: Points) -> Estimate:
        """The point forecast, missed as left-out runs were; without runs nothing is known."""
        center = self.mean(points)
        if not self.corrections:
            return Estimate(center[None], self.unit, "none")
        misses = np.stack([each.misses for each in self.corrections], axis=1)
        return Estimate(center + misses[:, None, :], self.unit, "bootstrap", center)


def experts_of(said: Sequence[Sequence[np.ndarray]], tokens: int) -> Experts:
    """A sample of the tokens, the same for all experts.

    Args:
        said: Log-probabilities of each target's tokens, by expert.
        tokens: Most of each target.
    """
    rng, likely, most = default_rng(DESIGN_SEED), [], []
    for target in zip(*said, strict=True):
        sizes = sorted({len(array) for array in target})
        if len(sizes) > 1 or not sizes[0]:
            raise CuveeError(
                f"mde: every expert must say something of the same tokens of a target, got {sizes} "
                f"tokens: run the experts on one sample of the target."
            )
        pick = np.arange(sizes[0])
        if sizes[0] > tokens:
            pick = np.sort(rng.choice(sizes[0], size=tokens, replace=False))
        logs = np.stack([np.asarray(array)[pick] for array in target])
        top = logs.max(axis=0)
        likely.append(np.exp(logs - top))
        most.append(top.mean())
    return Experts(tuple(likely), np.array(most))


def _own_experts(study: Study) -> list[Outcome] | None:
    """The largest run of each source alone that says log-probabilities, if all are there."""
    found: dict[int, tuple[float, Outcome]] = {}
    for trial, outcome in zip(study.trials, study.outcomes):
        shares, tokens = np.asarray(trial.shares), float(trial.tokens)
        if outcome.log_probs is not None and shares.max() > 1 - 1e-9 and trial.after is None:
            i = int(shares.argmax())
            if i not in found or found[i][0] < tokens:
                found[i] = tokens, outcome
    k = len(study.problem.sources)
    return [found[i][1] for i in range(k)] if len(found) == k else None


def _prior(study: Study) -> list[Outcome] | None:
    """Experts that cost nothing, if the study has a forecast that says log-probabilities."""
    if study.prior is None:
        return None
    problem = study.problem
    trials = [Trial(row, problem.tokens, per_token=True) for row in np.eye(len(problem.sources))]
    outcomes = [study.prior(trial) for trial in trials]
    return outcomes if all(o.log_probs is not None for o in outcomes) else None


def _mixed(study: Study) -> np.ndarray:
    """Which runs saw more than one source: experts forecast themselves without any error."""
    if not study.trials:
        return np.zeros(0, bool)
    return study.points.shares.max(axis=1) < 1 - 1e-9


def _corrected(
    how: str, shares: np.ndarray, found: np.ndarray, y: np.ndarray, target: int
) -> Fitted:
    """One target's regression on the shares and on the experts' forecasts for all targets."""
    rows = np.c_[shares, found]
    free = np.arange(rows.shape[1]) == shares.shape[1] + target
    if how == "linear":
        return line(rows, y, free)
    if how == "gp":
        return process(rows, y, free)
    fold, misses = np.arange(len(y)) % min(FOLDS, len(y)), np.empty(len(y))
    for i in np.unique(fold):
        away = fold == i
        misses[away] = y[away] - _trees(rows[~away], y[~away], free)(rows[away])
    return Fitted(_trees(rows, y, free), misses)


def _trees(rows: np.ndarray, y: np.ndarray, free: np.ndarray) -> Predict:
    """A line in the target's own forecast, and boosted trees on what it leaves: a few runs
    cannot teach trees that line."""
    own = ridge(rows[:, free], y, free[free])
    boosting = Boosting(rate=0.05, rounds=200, leaf=2)
    rest = boosting(rows, y - own(rows[:, free]), default_rng(DESIGN_SEED))
    return lambda points: own(points[:, free]) + rest(points)
