"""All on each target's own source."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Study, Trial


@dataclass(frozen=True, slots=True)
class OwnShare:
    """Gives each target's weight to that target's own source: "more of the same".

    A target's own source is the source of that name; for a target from elsewhere it is the
    source that alone gives the lowest loss, found by one trial per source, or, where old runs
    are at hand, the one whose share goes along best with a low loss. Trivial, and hard to beat
    for a single target.

    Fails when: a target gains from sources other than its own, or its own source is too small.
    """

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """One trial of each source alone, if a target is not named after a source."""
        problem = study.problem
        if set(problem.targets) <= set(problem.sources) or _old(study):
            return ()
        return tuple(trial for trial in _alone(problem) if study.find(trial) is None)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The targets' weights, moved to their sources."""
        problem = study.problem
        shares = np.zeros(len(problem.sources))
        np.add.at(shares, _own(study), problem.objective.weights)
        known = set(problem.targets) <= set(problem.sources)
        return Estimate(problem.fit(shares)[None], "share", "exact" if known else "none")


def _alone(problem: Problem) -> list[Trial]:
    """Each source for itself."""
    tokens = problem.per_trial(len(problem.sources))
    return [Trial(row, tokens) for row in np.eye(len(problem.sources))]


def _old(study: Study) -> bool:
    """Whether the study holds runs that this method did not ask for, and enough of them."""
    alone = {trial.key() for trial in _alone(study.problem)}
    others = sum(trial.key() not in alone for trial in study.trials)
    return others >= max(3, len(study.problem.sources) // 2)


def _together(study: Study) -> Int[np.ndarray, "targets"]:
    """For each target the source whose share goes along best with a low loss."""
    from scipy.stats import rankdata  # half a second to import

    shares, losses = (rankdata(x, axis=0) for x in (study.points.shares, study.losses))
    shares, losses = shares - shares.mean(axis=0), losses - losses.mean(axis=0)
    scale = np.sqrt((shares**2).sum(axis=0))
    return (losses.T @ shares / np.where(scale > 0, scale, np.inf)).argmin(axis=1)


def _own(study: Study) -> Int[np.ndarray, "targets"]:
    """Index of each target's own source."""
    problem = study.problem
    place = {name: i for i, name in enumerate(problem.sources)}
    if set(problem.targets) <= set(problem.sources):
        return np.array([place[name] for name in problem.targets])
    if _old(study):
        own = _together(study)
        return np.array([place.get(t, own[j]) for j, t in enumerate(problem.targets)])
    outcomes = [o for o in map(study.find, _alone(problem)) if o is not None]
    if len(outcomes) < len(problem.sources):
        raise CuveeError("own_share needs one trial of each source alone: run what it proposes.")
    lowest = np.array([o.losses.mean for o in outcomes]).argmin(axis=0)
    return np.array([place.get(t, lowest[j]) for j, t in enumerate(problem.targets)])
