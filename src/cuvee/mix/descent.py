"""Exact gradient descent on a proxy, over the simplex."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng

from cuvee.core import Ask, CuveeError, Estimate, Outcome, Problem, Study, Trial, next_trial
from cuvee.mix.search import minimise

DESIGN_SEED, FEW_STEPS = 1, 8


@dataclass(frozen=True, slots=True)
class Descent:
    """Minimises the proxy's loss over all allowed shares, with its exact gradient.

    A spread-out set of mixtures is tried first; sequential quadratic programming then goes
    downhill from the best of them. The spread comes from resampling the target documents: each
    resample's own optimum is found on the quadratic model of the losses around the answer. The
    proxy's own bias is not in it.

    Args:
        screen: Random mixtures tried before descending.
        starts: How many of the best ones to descend from.
        steps: Most steps of one descent.
        tolerance: Stop when a step gains less than this, in the losses' unit.

    Fails when: the proxy gives no gradient; the losses have many separate valleys; the shares
    that resamples prefer lie so far apart that one quadratic model cannot hold them.

    References: Kraft, "A software package for sequential quadratic programming", DFVLR-FB 88-28,
    1988 (the SLSQP in SciPy).
    """

    needs: ClassVar[tuple[str, ...]] = ("gradient",)

    screen: int = 24
    starts: int = 2
    steps: int = 60
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if min(self.screen, self.starts, self.steps) < 1 or not self.tolerance > 0:
            raise CuveeError("descent: screen, starts, steps and tolerance must be above 0.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The screening mixtures, then one step after another, then the curvature."""
        problem = self._affordable(study.problem)
        design, known = self._design(problem), study.known()
        if new := tuple(t for t in design if t.key() not in known):
            return new
        return next_trial(study, lambda ask: self._search(problem, design, ask))

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The best shares found, and the ones that resampled target documents prefer."""
        problem = self._affordable(study.problem)
        if self.propose(study, rng=rng):
            raise CuveeError("descent is not finished: run the trials that it proposes first.")
        known = study.known()
        best, around = self._search(problem, self._design(problem), lambda t: known[t.key()])
        draws = _prefer(problem, best, known[_drawn(problem, best).key()], around)
        if len(draws) == 1:
            return Estimate(best[None], "share", "none")
        return Estimate(draws, "share", "target documents", center=best)

    def _affordable(self, problem: Problem) -> Problem:
        """The same problem with trials so short that a few steps of each descent can be paid."""
        k = len(problem.sources)
        fixed = self.screen + 2 * k + 4 + self.starts
        return replace(problem, tokens=problem.per_trial(fixed + FEW_STEPS * self.starts))

    def _design(self, problem: Problem) -> list[Trial]:
        # Fixed by the settings, not by rng: a replay must meet the same points again.
        k, rng = len(problem.sources), default_rng(DESIGN_SEED)
        points = [np.ones(k), problem.available, *np.eye(k)]
        points += list(rng.dirichlet(np.full(k, 0.5), size=self.screen))
        return [Trial(problem.fit(point), problem.tokens) for point in points]

    def _search(
        self, problem: Problem, design: list[Trial], ask: Ask
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best shares, and each target's curvature there."""
        scores = [problem.objective.score(ask(t).losses.mean) for t in design]
        k = len(problem.sources)
        left = problem.spend / problem.tokens - len(design) - (k + 2) - self.starts
        most = round(left / self.starts, 6)
        ends = [
            _descend(problem, ask, design[i].shares, self.steps, self.tolerance, most)
            for i in np.argsort(scores, kind="stable")[: self.starts]
        ]
        values = [problem.objective.score(ask(_sloped(problem, e)).losses.mean) for e in ends]
        best = ends[int(np.argmin(values))]
        ask(_drawn(problem, best))
        return best, _curvature(problem, ask, best)


class _Spent(Exception):
    """No more trials may be asked for."""


def _descend(
    problem: Problem, ask: Ask, start: np.ndarray, steps: int, tolerance: float, most: float
) -> np.ndarray:
    """Shares at the end of one descent, within the limits, after `most` trials at most."""
    tried: dict[bytes, tuple[float, np.ndarray]] = {}

    def at(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # SLSQP leaves the simplex by rounding errors; the losses do not change along a ray.
        total = x.sum()
        shares = x / total
        if shares.tobytes() not in tried and len(tried) >= most:
            raise _Spent
        outcome = ask(_sloped(problem, shares))
        losses, slope = outcome.losses.mean, _gradient(outcome)
        tried[shares.tobytes()] = float(problem.objective.score(losses)), shares
        return losses, (slope - (slope @ shares)[:, None]) / total

    try:
        end = minimise(problem, at, start, steps, tolerance).x[: len(start)]
    except _Spent:
        end = min(tried.values(), key=lambda pair: pair[0])[1] if tried else start
    return problem.fit(np.clip(end, 0, None))


def _sloped(problem: Problem, shares: np.ndarray) -> Trial:
    return Trial(shares, problem.tokens, gradient="mean")


def _drawn(problem: Problem, shares: np.ndarray) -> Trial:
    return Trial(shares, problem.tokens, gradient="draws")


def _gradient(outcome: Outcome) -> Float[np.ndarray, "targets sources"]:
    if outcome.gradient is None:
        raise CuveeError("descent needs a proxy with a gradient, such as counts.")
    return outcome.gradient


def _curvature(
    problem: Problem, ask: Ask, best: np.ndarray, step: float = 1e-3
) -> Float[np.ndarray, "targets sources sources"]:
    """Second derivatives of each target's loss along the simplex, from gradients nearby.

    Column i is the change of gradient towards source i alone: displacements that sum to 0 are
    combinations of these directions.
    """
    here = _gradient(ask(_sloped(problem, best)))
    columns = []
    for row in np.eye(len(best)):
        nearby = ask(_sloped(problem, (1 - step) * best + step * row))
        columns.append((_gradient(nearby) - here) / step)
    hessian = np.stack(columns, axis=-1)
    hessian = (hessian + hessian.transpose(0, 2, 1)) / 2
    values, vectors = np.linalg.eigh(hessian)
    floor = 1e-3 * np.abs(values).max() + 1e-12  # downhill for ever is no model of a minimum
    return (vectors * np.maximum(values, floor)[:, None, :]) @ vectors.transpose(0, 2, 1)


def _prefer(
    problem: Problem, best: np.ndarray, outcome: Outcome, hessian: np.ndarray
) -> Float[np.ndarray, "draws sources"]:
    """Shares that each draw of the losses prefers, by the quadratic model around the best ones."""
    if outcome.gradient_draws is None:
        return best[None]
    draws = []
    for losses, slope in zip(outcome.losses.draws, outcome.gradient_draws):

        def at(x: np.ndarray, losses=losses, slope=slope) -> tuple[np.ndarray, np.ndarray]:
            step = x - best
            curved = hessian @ step
            return losses + slope @ step + curved @ step / 2, slope + curved

        found = minimise(problem, at, best, steps=50, tolerance=1e-9)
        draws.append(problem.fit(np.clip(found.x[: len(best)], 0, None)))
    return np.array(draws)
