"""Projektor: losses from the distance between a mixture and a target, projected to larger sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Objective, Points, Problem, Study, Trial
from cuvee.core.runs import unit_of
from cuvee.mix.ridge import Fitted, line
from cuvee.mix.search import candidates, minimise
from cuvee.mix.transport import Clouds, closest

DESIGN_SEED = 11
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties tried on how the line's coefficients change with the shares."""
LEAST = 4
"""Runs without which no line is drawn."""
LOOK = 40
"""Random mixtures looked at before descending."""
STEPS = 30
"""Most steps of the descent."""


@dataclass(frozen=True, slots=True)
class Projektor:
    """Fits losses of small runs to the transport distance from the target, and projects them.

    Documents of the sources and targets are points. At two small sizes, mixtures are run, and a
    target's loss is fitted as `b(q) distance + c(q)`, with coefficients that are polynomials of
    the shares q. At size n it is the line in log n through both sizes n0 < n1,
    `[ln(n/n0) L1 - ln(n/n1) L0] / ln(n1/n0)`, without a further parameter. The best shares are
    found by descending along the duals of the transport problem. The distance is that of all
    points at hand, at either size; how it falls with the number of points is in the two lines.

    Args:
        mixtures: Run at each of the two sizes; 0 runs none, and the answer is the mixture closest
            to all targets together, found exactly by one linear program.
        small: The smaller size, as a part of the budget.
        large: The larger one.
        degree: Of the coefficients' polynomials in each share: 0 (one line), 1 or 2 (the
            paper's). Changes with the shares are penalised, as runs are few.
        blur: Strength of the entropy in the transport, in units of the mean cost.
        rounds: Of Sinkhorn's iteration.
        points: Most documents of each source and each target that are compared.
        power: Fit and project the logarithms of the losses, for error rates that fall as a power
            of n; the paper's is a line.

    Fails when: what makes a source useful does not show in its words; losses do not go down in
    proportion to log n; one document of a target is like no source at all. No spread of the
    shares is stated.

    References: Kang, Just, Sahu and Jia, "Performance Scaling via Optimal Transport: Enabling
    Data Selection from Partially Revealed Sources", arXiv 2307.02460, 2023; Cuturi, "Sinkhorn
    Distances: Lightspeed Computation of Optimal Transport", NeurIPS 2013.
    """

    mixtures: int = 16
    small: float = 0.1
    large: float = 0.2
    degree: int = 2
    blur: float = 0.05
    rounds: int = 50
    points: int = 300
    power: bool = False

    needs: ClassVar[tuple[str, ...]] = ("points",)

    def __post_init__(self) -> None:
        if self.mixtures and self.mixtures < LEAST:
            raise CuveeError(f"projektor: mixtures is 0 or at least {LEAST}, got {self.mixtures}.")
        if not 0 < self.small < self.large <= 1:
            raise CuveeError(
                f"projektor: expected 0 < small < large <= 1, got {self.small}, {self.large}."
            )
        if self.degree not in (0, 1, 2) or self.rounds < 1 or self.points < 1:
            raise CuveeError("projektor: degree is 0, 1 or 2; rounds and points at least 1.")
        if not self.blur > 0:
            raise CuveeError(f"projektor: blur must be above 0, got {self.blur}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The same mixtures at both sizes."""
        content(study.problem)
        if study.trials or not self.mixtures:
            return ()
        problem = study.problem
        design = candidates(problem, self.mixtures, default_rng(DESIGN_SEED))[: self.mixtures]
        share = min(1.0, problem.per_trial(2 * self.mixtures) / problem.tokens / self.large)
        sizes = (self.small * share * problem.tokens, self.large * share * problem.tokens)
        return tuple(Trial(w, size) for size in sizes for w in design)

    def fit(self, study: Study, *, rng: Generator) -> "Projected":
        """A line for each target."""
        return self._fit(study, list(range(len(study.problem.targets))))

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The shares of the lowest projected loss; without runs, those closest to the targets."""
        problem, k = study.problem, len(study.problem.sources)
        counted = np.flatnonzero(problem.objective.weights > 0).tolist()
        if not self.mixtures:
            shares = closest(problem, self._clouds(problem, counted), counted)
            return Estimate(shares[None], "share", "none")
        law = self._fit(study, counted)
        some = Objective(problem.objective.weights[counted], problem.objective.worst)
        inner = replace(problem, objective=some)
        options = candidates(problem, LOOK, default_rng(DESIGN_SEED))
        scores = some.score(law.mean(problem.points(options)))
        ends = [options[int(np.argmin(scores))]]
        found = minimise(
            inner, lambda w: law.slopes(problem, w), ends[0], steps=STEPS, tolerance=1e-7
        )
        ends.append(problem.fit(np.clip(found.x[:k], 0, None)))
        values = some.score(law.mean(problem.points(np.array(ends))))
        return Estimate(ends[int(np.argmin(values))][None], "share", "none")

    def _fit(self, study: Study, targets: list[int]) -> "Projected":
        if len(study.trials) < LEAST:
            raise CuveeError(
                f"projektor draws its line through at least {LEAST} runs, got "
                f"{len(study.trials)}: run what it proposes, or give more rows."
            )
        at, clouds = study.points, self._clouds(study.problem, targets)
        logs = np.log(at.tokens)
        start = float(logs.mean()) if np.ptp(logs) > 1e-6 else np.nan  # sums of shares round
        if self.power and not (study.losses > 0).all():
            raise CuveeError("projektor: power needs losses above 0; leave it out.")
        law = Projected(
            tuple(clouds), (), self.blur, self.rounds, self.degree, start, self.power,
            unit_of(study),
        )  # fmt: skip
        fits = []
        for cloud, y in zip(clouds, study.losses[:, targets].T):
            distance, _ = cloud.sinkhorn(at.shares, self.blur, self.rounds)
            rows, free = law.terms(distance, at.shares, at.tokens)
            fits.append(line(rows, np.log(y) if self.power else y, free, STRENGTHS))
        return replace(law, fits=tuple(fits))

    def _clouds(self, problem: Problem, targets: list[int]) -> list[Clouds]:
        sources, held = content(problem)
        rng = default_rng(DESIGN_SEED)

        def some(cloud: np.ndarray) -> np.ndarray:
            if len(cloud) <= self.points:
                return cloud
            return cloud[rng.choice(len(cloud), size=self.points, replace=False)]

        kept = tuple(some(cloud) for cloud in sources)
        return [Clouds.of(kept, some(held[t])) for t in targets]


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """Losses as lines in the distance whose coefficients move with shares and with log n.

    Args:
        clouds: Of each target.
        fits: Of each target.
        blur: Strength of the entropy.
        rounds: Of Sinkhorn's iteration.
        degree: Of the polynomials in the shares.
        start: Mean log of the tokens of the runs; NaN if they all saw as many, so that nothing
            can be said of other sizes.
        power: Whether the lines are those of logarithms.
        unit: Of the losses.
    """

    clouds: tuple[Clouds, ...]
    fits: tuple[Fitted, ...]
    blur: float
    rounds: int
    degree: int
    start: float
    power: bool
    unit: str

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        return self._unlogged(self._lines(points))

    def predict(self, points: Points) -> Estimate:
        """The point forecast, missed as runs that were left out were missed."""
        center = self._lines(points)
        draws = center + np.stack([fit.misses for fit in self.fits], axis=1)[:, None, :]
        return Estimate(self._unlogged(draws), self.unit, "bootstrap", self._unlogged(center))

    def _unlogged(self, lines: np.ndarray) -> np.ndarray:
        return np.exp(lines) if self.power else lines

    def _lines(self, points: Points) -> Float[np.ndarray, "points targets"]:
        found = []
        for cloud, fit in zip(self.clouds, self.fits):
            distance, _ = cloud.sinkhorn(points.shares, self.blur, self.rounds)
            found.append(fit.predict(self.terms(distance, points.shares, points.tokens)[0]))
        return np.stack(found, axis=1)

    def slopes(self, problem: Problem, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses at the problem's budget, and derivatives along the simplex, from the duals.

        The terms are linear in the distance and quadratic in each share: differences are exact.
        """
        total, k = x.sum(), len(x)
        shares, step = x / x.sum(), 0.1
        rows = np.vstack([shares, shares, shares + step * np.eye(k), shares - step * np.eye(k)])
        tokens = np.full(len(rows), float(problem.tokens))
        values, slopes = [], []
        for cloud, fit in zip(self.clouds, self.fits):
            distance, dual = cloud.sinkhorn(shares[None], self.blur, self.rounds)
            away = distance[0] + (np.arange(len(rows)) == 1)
            loss = fit.predict(self.terms(away, rows, tokens)[0])
            slope = (loss[1] - loss[0]) * dual[0] + (loss[2 : 2 + k] - loss[2 + k :]) / (2 * step)
            values.append(self._unlogged(loss[0]))
            factor = values[-1] if self.power else 1.0
            slopes.append(factor * (slope - slope @ shares) / total)
        return np.array(values), np.array(slopes)

    def terms(
        self, distance: np.ndarray, shares: np.ndarray, tokens: np.ndarray
    ) -> tuple[Float[np.ndarray, "points terms"], Bool[np.ndarray, "terms"]]:
        """Terms of the line, and which of them are not penalised."""
        off = shares - 1 / shares.shape[1]
        bent = np.concatenate([off**p for p in range(1, self.degree + 1)] or [off[:, :0]], axis=1)
        rows = np.c_[distance, bent, bent * distance[:, None]]
        free = np.arange(rows.shape[1]) == 0
        if np.isnan(self.start):
            return rows, free
        later = np.log(tokens)[:, None] - self.start
        return np.c_[rows, later, rows * later], np.r_[free, True, free]


def content(problem: Problem) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Points of the documents of each source and of each target.

    Raises:
        CuveeError: They are not there, or not for all.
    """
    points = problem.facts.get("points")
    if not isinstance(points, Mapping):
        raise CuveeError(
            "projektor looks at the text of sources and targets, and there is none here: give "
            "sources that can be read instead of a table of runs, or take another method."
        )
    sources, targets = tuple(points["sources"]), tuple(points["targets"])
    if (len(sources), len(targets)) != (len(problem.sources), len(problem.targets)):
        raise CuveeError(
            f"projektor: expected points of {len(problem.sources)} sources and "
            f"{len(problem.targets)} targets, got {len(sources)} and {len(targets)}."
        )
    return sources, targets
