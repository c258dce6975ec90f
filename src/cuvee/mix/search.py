"""The lowest point of a law over all allowed shares: what every mixer with a law ends with."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.optimize import OptimizeResult, minimize

from cuvee.core import Estimate, Problem, Shares
from cuvee.core.estimate import Spread

Law = Callable[[Float[np.ndarray, "points sources"]], Float[np.ndarray, "points targets"]]
"""Losses of many mixtures at once."""
Slope = Callable[[Shares], tuple[np.ndarray, np.ndarray]]
"""Losses of one mixture, (targets,), and their gradients, (targets, sources)."""
STEP = 1e-5


def candidates(
    problem: Problem, count: int, rng: Generator, strength: float = 1.0
) -> Float[np.ndarray, "points sources"]:
    """Spread-out allowed mixtures: Dirichlet draws, corners, equal and natural shares."""
    k = len(problem.sources)
    drawn = rng.dirichlet(np.full(k, strength), size=count)
    return problem.fit(np.vstack([np.ones(k), problem.available, np.eye(k), drawn]))


def lowest(problem: Problem, law: Law, *, rng: Generator, samples: int = 500, starts: int = 3,
           steps: int = 100) -> Shares:  # fmt: skip
    """Shares of the smallest objective: many mixtures looked at, then downhill from the best.

    Args:
        problem: Limits and objective.
        law: Losses of many mixtures at once.
        rng: Of the mixtures looked at.
        samples: How many are looked at.
        starts: How many of the best ones to descend from.
        steps: Most steps of one descent.
    """
    points = candidates(problem, samples, rng)
    scores = problem.objective.score(law(points))
    order = np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")[:starts]
    ends = [points[order[0]], *(downhill(problem, law, points[i], steps) for i in order)]
    values = problem.objective.score(law(np.array(ends)))
    return ends[int(np.argmin(np.where(np.isfinite(values), values, np.inf)))]


def downhill(problem: Problem, law: Law, start: Shares, steps: int = 100) -> Shares:
    """Where a descent on a law ends, with differences as its gradient."""

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.clip(x, 0, None)
        total = x.sum()
        moved = (x + STEP * np.eye(len(x))) / (total + STEP)
        losses = law(np.vstack([x / total, moved]))
        return losses[0], (losses[1:] - losses[0]).T / STEP

    result = minimise(problem, at, start, steps, tolerance=1e-9)
    return problem.fit(np.clip(result.x[: len(start)], 0, None))


def answer(
    problem: Problem, law: Law, resampled: Sequence[Law], spread: Spread, *, rng: Generator,
    samples: int = 500,
) -> Estimate:  # fmt: skip
    """The lowest shares of a law, and of each law fitted to a resample, from there.

    Args:
        problem: Limits and objective.
        law: The point forecast.
        resampled: Laws that could as well be true; none if the spread was not measured.
        spread: What varies between them.
        rng: Of the search.
        samples: Mixtures looked at before descending.
    """
    best = lowest(problem, law, rng=rng, samples=samples)
    if not resampled:
        return Estimate(best[None], "share", "none")
    ends = []
    for other in resampled:
        here = [best, downhill(problem, other, best, steps=50)]
        ends.append(here[int(np.argmin(problem.objective.score(other(np.array(here)))))])
    return Estimate(np.array(ends), "share", spread, center=best)


def minimise(
    problem: Problem, at: Slope, start: Shares, steps: int, tolerance: float
) -> OptimizeResult:  # fmt: skip
    """Sequential quadratic programming on the objective, within the problem's limits.

    The worst target is not smooth, so it becomes a variable of its own: make it small, with
    every target's loss below it.
    """
    weights, k = problem.objective.weights, len(start)
    on_simplex = {"type": "eq", "fun": lambda x: x[:k].sum() - 1,
                  "jac": lambda x: np.r_[np.ones(k), np.zeros(len(x) - k)]}  # fmt: skip
    options = {"maxiter": steps, "ftol": tolerance}
    bounds = list(zip(problem.low, problem.high))
    if not problem.objective.worst:
        return minimize(
            lambda x: at(x)[0] @ weights, start, jac=lambda x: weights @ at(x)[1],
            method="SLSQP", bounds=bounds, constraints=[on_simplex], options=options,
        )  # fmt: skip
    counted = weights > 0
    below = {
        "type": "ineq",
        "fun": lambda x: x[k] - at(x[:k])[0][counted],
        "jac": lambda x: np.c_[-at(x[:k])[1][counted], np.ones(counted.sum())],
    }
    return minimize(
        lambda x: x[k], np.r_[start, at(start)[0][counted].max()],
        jac=lambda x: np.r_[np.zeros(k), 1.0], method="SLSQP",
        bounds=[*bounds, (None, None)], constraints=[on_simplex, below], options=options,
    )  # fmt: skip
