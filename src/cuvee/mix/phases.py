"""Schedules: chains of runs whose shares change on the way."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cuvee.core import CuveeError, Outcome, Problem, Shares, Study, Trial

Schedule = tuple[tuple[float, Shares], ...]
"""Phases: fraction of the tokens, and shares in it."""
CONTRASTS = (0.0, 0.1, 0.3)
"""How far the best sources stand out in a phase of concentrated shares; 0: nothing but them."""


def schedule_of(trial: Trial) -> Schedule:
    """The phases of a chain; of merged runs, those of the first."""
    while trial.merge:
        trial = trial.merge[0][1]
    legs = trial.chain()
    total = sum(leg.tokens for leg in legs)
    return tuple((leg.tokens / total, np.asarray(leg.shares)) for leg in legs)


def overall(schedule: Schedule) -> Shares:
    """Shares of all tokens of a schedule."""
    return np.sum([part * shares for part, shares in schedule], axis=0)


def within(problem: Problem, phase: Shares, before: Shares, part: float) -> Shares:
    """The shares of a last phase, changed if need be so that the whole schedule obeys the limits.

    Args:
        problem: Whose limits count over the whole schedule.
        phase: Wished for.
        before: Shares of all tokens before the phase.
        part: Fraction of the tokens in the phase.
    """
    whole = problem.fit((1 - part) * before + part * phase)
    wish = (whole - (1 - part) * before) / part
    return np.maximum(wish, 0) / np.maximum(wish, 0).sum()


def same(study: Study, trial: Trial) -> Trial:
    """The very trial of the study that asks for this run, so that its table knows the chain."""
    return next((t for t in study.trials if t.key() == trial.key()), trial)


def missing(study: Study, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Those that were not run yet."""
    known = study.known()
    return tuple(trial for trial in trials if trial.key() not in known)


def outcomes(study: Study, trials: Sequence[Trial], method: str) -> list[Outcome]:
    """What came of some trials.

    Raises:
        CuveeError: One was not run.
    """
    known = study.known()
    found = [known[trial.key()] for trial in trials if trial.key() in known]
    if len(found) < len(trials):
        raise CuveeError(f"{method} needs the chains that it proposes: run those first.")
    return found


def scores(problem: Problem, found: Sequence[Outcome]) -> Float[np.ndarray, "trials"]:
    """Objectives: smaller is better."""
    return problem.objective.score(np.array([outcome.losses.mean for outcome in found]))


def helpful(problem: Problem, found: Sequence[Outcome], contrast: float) -> Shares:
    """Shares of the sources that help the targets most, when each was tried by itself.

    Each target that counts prefers sources by how low they leave its loss, `contrast` being the
    unit in parts of the whole range; preferences are then averaged with the targets' weights.
    """
    losses = np.array([outcome.losses.mean for outcome in found])
    span = np.maximum(losses.max(axis=0) - losses.min(axis=0), 1e-12)
    worse = (losses - losses.min(axis=0)) / span
    wish = worse <= 0 if contrast == 0 else np.exp(-worse / contrast)
    wish = wish / wish.sum(axis=0)
    return wish @ problem.objective.weights
