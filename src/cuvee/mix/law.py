"""What the parametric laws share: a design and an answer."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Problem, Study, Trial
from cuvee.core.estimate import Spread
from cuvee.mix.search import answer, candidates

DESIGN_SEED = 3


def design(study: Study, trials: int, needed: int, least: float = 0.0) -> tuple[Trial, ...]:
    """Spread-out mixtures, in one round, always the same; none if any run is known.

    Args:
        study: So far.
        trials: How many.
        needed: How many they are at least, as the law cannot be fitted to fewer.
        least: No source gets less than this part of an equal share.
    """
    if study.trials:
        return ()
    problem = study.problem
    k = len(problem.sources)
    trials = max(trials, needed)
    points = candidates(problem, trials, default_rng(DESIGN_SEED))
    if least:
        points = points[[0, 1, *range(2 + k, len(points))]]  # the corners are left out
        points = problem.fit(np.maximum(points, least / k))
    # A mixture that came before, as where natural shares are equal ones, teaches nothing new.
    first = np.sort(np.unique(points.round(9), axis=0, return_index=True)[1])
    points = np.concatenate([points[first], np.delete(points, first, axis=0)])
    tokens = problem.per_trial(trials)
    return tuple(Trial(shares, tokens) for shares in points[:trials])


def require(study: Study, law: str, needed: int) -> None:
    """Refuse a study of too few trials.

    Raises:
        CuveeError: It says how many the law needs, and how many came.
    """
    if len(study.trials) < needed:
        raise CuveeError(
            f"{law} needs at least {needed} trials for {len(study.problem.sources)} sources, got "
            f"{len(study.trials)}: run more, or choose a law of fewer parameters."
        )


def counted(problem: Problem) -> Int[np.ndarray, "counted"]:
    """Targets that the objective counts: the others cost time and change nothing."""
    return np.flatnonzero(problem.objective.weights > 0)


def documents(study: Study, draws: int) -> Float[np.ndarray, "draws trials targets"] | None:
    """How resampled target documents move the losses of every trial; None if nobody resampled."""
    if not study.outcomes or any(o.losses.spread != "target documents" for o in study.outcomes):
        return None
    count = min(len(o.losses.draws) for o in study.outcomes)
    picks = np.arange(draws) % count
    return np.stack([o.losses.draws[picks] - o.losses.mean for o in study.outcomes], axis=1)


def decide(problem: Problem, fitted: "Lawful", *, rng: Generator) -> Estimate:
    """The shares that the law, and each law that could as well be true, puts lowest.

    Args:
        problem: Limits and objective.
        fitted: For the targets that count, in their order.
        rng: Of the search.
    """
    used = counted(problem)

    def whole(law: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        def losses(shares: np.ndarray) -> np.ndarray:
            every = np.zeros((len(shares), len(problem.targets)))
            every[:, used] = law(shares)
            return every

        return losses

    laws = [whole(law) for law in fitted.laws(problem)]
    spread = fitted.spread if len(laws) > 1 else "none"
    return answer(problem, laws[0], laws[1:], spread, rng=rng)


class Lawful(Protocol):
    """A forecast that can say what each of its draws thinks of shares."""

    @property
    def spread(self) -> Spread:
        """What varies between the draws."""
        ...

    def laws(self, problem: Problem) -> list[Callable[[np.ndarray], np.ndarray]]:
        """The point forecast, then each draw."""
        ...
