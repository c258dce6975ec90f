"""MoDoMoDo: a quadratic surrogate of the outcome, fitted to few runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Points, Problem, Study, Trial
from cuvee.core.runs import unit_of
from cuvee.mix.search import answer

DESIGN_SEED = 1
"""The random mixtures of the design are always the same ones."""


@dataclass(frozen=True, slots=True)
class Modomodo:
    """Fits `a + b'w + w'Cw` to each target's outcome and takes the best shares of that surface.

    On the simplex the surface is a sum over single shares and pairs of shares: k(k+1)/2 numbers
    for k sources. The runs are every source alone, every pair half and half, all but one, all,
    and random mixtures. Forecasts carry the spread of surfaces refitted to resampled runs, each
    to one resample of the target documents where the trainer gives such draws, and of the runs
    around them. No spread of the shares is stated: what moves them is that outcomes are not
    quadratic, and that does not vary from resample to resample.

    Args:
        runs_per_term: Runs asked for, per coefficient; above 1, so that some are left to see how
            far the surface is off. The paper's five data sets have 15 coefficients.
        draws: Resamples behind a forecast's spread.

    Fails when: the outcome is far from quadratic, as losses are near shares of 0; sources are so
    many that a number for each pair cannot be paid for; old runs differ in tokens or size of the
    model: the surface knows shares alone, and takes them all for runs of one scale.

    References: Liang et al., "MoDoMoDo: Multi-Domain Data Mixtures for Multimodal LLM
    Reinforcement Learning", arXiv 2505.24871, 2025; Scheffé, "Experiments with mixtures", J. R.
    Stat. Soc. B 20(2), 1958.
    """

    runs_per_term: float = 2.0
    draws: int = 40

    def __post_init__(self) -> None:
        if not self.runs_per_term > 1 or self.draws < 2:
            raise CuveeError("modomodo: runs_per_term must be above 1, draws at least 2.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The whole design at once."""
        if study.trials:
            return ()
        problem = study.problem
        points = design(problem, int(np.ceil(self.runs_per_term * count(len(problem.sources)))))
        tokens = problem.per_trial(len(points))
        return tuple(Trial(shares, tokens) for shares in points)

    def fit(self, study: Study, *, rng: Generator) -> "Surface":
        """The surface of each target."""
        x, terms = basis(study.points.shares), count(len(study.problem.sources))
        if len(x) <= terms:
            raise CuveeError(
                f"modomodo's quadratic of {len(study.problem.sources)} sources has {terms} "
                f"coefficients and needs more runs than that, got {len(x)}: add runs, or merge "
                f"sources."
            )
        missed = _misses(x, study.losses)
        paired = {len(o.losses.draws) for o in study.outcomes}
        sets = [study.losses] * self.draws
        if len(paired) == 1 and paired != {1}:
            by_draw = np.stack([o.losses.draws for o in study.outcomes], axis=1)
            sets = [by_draw[i % len(by_draw)] for i in range(self.draws)]
        here = np.linalg.lstsq(x, study.losses, rcond=None)[0]
        # Each run's own miss, with a random sign, is what it might have missed by instead.
        signs = rng.choice((-1.0, 1.0), size=(self.draws, len(x), 1))
        others = [np.linalg.lstsq(x, y + s * missed, rcond=None)[0] for y, s in zip(sets, signs)]
        around = missed[rng.integers(len(x), size=self.draws)]
        return Surface(here, np.array(others), around, unit_of(study))

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The lowest point of the surface."""
        surface = self.fit(study, rng=rng)
        return answer(study.problem, partial(_losses, surface.center), [], "none", rng=rng)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A quadratic for each target.

    Args:
        center: Coefficients, by term and target.
        others: Those of resampled runs.
        misses: What runs were missed by, one for each of the others.
        unit: Of the losses.
    """

    center: Float[np.ndarray, "terms targets"]
    others: Float[np.ndarray, "draws terms targets"]
    misses: Float[np.ndarray, "draws targets"]
    unit: str

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        return basis(points.shares) @ self.center

    def predict(self, points: Points) -> Estimate:
        """Other surfaces that could as well be true, and what a run adds to them."""
        draws = basis(points.shares) @ self.others + self.misses[:, None, :]
        return Estimate(draws, self.unit, "bootstrap", self.mean(points))


def _losses(coefficients: np.ndarray, shares: np.ndarray) -> np.ndarray:
    return basis(shares) @ coefficients


def count(sources: int) -> int:
    """Coefficients of a quadratic on the simplex."""
    return sources * (sources + 1) // 2


def basis(shares: Float[np.ndarray, "n sources"]) -> Float[np.ndarray, "n terms"]:
    """Shares and products of two shares: constant and squares are sums of these on the simplex."""
    i, j = np.triu_indices(shares.shape[1], k=1)
    return np.hstack([shares, shares[:, i] * shares[:, j]])


def design(problem: Problem, wanted: int) -> Float[np.ndarray, "runs sources"]:
    """Singles, pairs, all, all but one, then random mixtures; within the limits."""
    k = len(problem.sources)
    corners = list(np.eye(k))
    points = [*corners, *(a + b for a, b in combinations(corners, 2)), np.ones(k)]
    if k > 3:
        points += [np.ones(k) - corner for corner in corners]
    more = default_rng(DESIGN_SEED).dirichlet(np.ones(k), size=max(0, wanted - len(points)))
    chosen: Sequence[np.ndarray] = [*points, *more]
    return problem.fit(np.array(chosen[:wanted]))


def _misses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Residuals, as large as they would be had the fit not bent towards each run."""
    inverse = np.linalg.pinv(x)
    leverage = np.clip(np.einsum("nt,tn->n", x, inverse), 0, 0.95)
    return (y - x @ (inverse @ y)) / np.sqrt(1 - leverage)[:, None]
