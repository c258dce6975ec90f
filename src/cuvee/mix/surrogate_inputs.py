"""What the surrogate looks at: shares, scale, and what the free forecast says.

Shares enter as their fourth root, between the logarithm (which makes too much of traces) and the
square root. With a free forecast, mixtures are also near each other where its losses are, and the
resamples of its target text tell in which directions it can be wrong: a real target sample is
one more resample. Its losses for a quarter of the tokens are a second opinion, as a small model
learns less from as many tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from cuvee.core import Outcome, Points, Problem, Trial
from cuvee.mix.gaussian import Belief, Inputs

Prior = Callable[[Trial], Outcome]
PART = 0.25
"""Of the tokens, for the second opinion."""
TRACE = 2e-4
RIDGE = 1e-3
POWERS = (0.0, 0.25, 0.5)
"""Of tokens and parameters in the scale's linear part; 0 stands for the logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Points, and the free forecast there.

    Args:
        points: Shares, tokens, size of model.
        near: Forecast for these tokens; no columns without a free forecast.
        far: For a part of them.
        resampled: Forecast of each resample of the target text, for a part of the tokens.
    """

    points: Points
    near: Float[np.ndarray, "points targets"]
    far: Float[np.ndarray, "points targets"]
    resampled: Float[np.ndarray, "points draws targets"]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: np.ndarray) -> "Place":
        return Place(self.points[rows], self.near[rows], self.far[rows], self.resampled[rows])

    def joined(self, other: "Place") -> "Place":
        """Both, one after the other."""
        a, b = self.points, other.points
        return Place(
            Points(np.vstack([a.shares, b.shares]), np.r_[a.tokens, b.tokens],
                   np.r_[a.params, b.params]),
            np.vstack([self.near, other.near]), np.vstack([self.far, other.far]),
            np.concatenate([self.resampled, other.resampled]),
        )  # fmt: skip


def look(points: Points, prior: Prior | None) -> Place:
    """Ask the free forecast about every point."""
    n = len(points)
    if prior is None or not n:
        return Place(points, np.zeros((n, 0)), np.zeros((n, 0)), np.zeros((n, 0, 0)))
    near, far = (
        [prior(Trial(w, part * d, params=p)).losses
         for w, d, p in zip(points.shares, points.tokens, points.params)]
        for part in (1.0, PART)
    )  # fmt: skip
    center = np.array([loss.mean for loss in far])
    draws = np.array([loss.draws for loss in far])
    return Place(points, np.array([loss.mean for loss in near]), center, draws - center[:, None])


def remembered(prior: Prior) -> Prior:
    """The same forecast, never asked twice: it answers in milliseconds, but is asked thousands."""
    known: dict[tuple[object, ...], Outcome] = {}

    def ask(trial: Trial) -> Outcome:
        key = trial.key()
        if key not in known:
            known[key] = prior(trial)
        return known[key]

    return ask


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """How points become inputs; set by the runs, the same for every later point.

    Args:
        own: Index of the source that each target is named like, -1 for none.
        shares: Mean fourth root of each share over the runs.
        width: Their pooled standard deviation.
        scale: Mean and deviation of log tokens and log parameters over the runs.
        scales: Whether tokens, and parameters, differ between runs.
        level: Mean forecast of each target over the runs, near and far.
        bend: Mean of each resample over the runs.
        trust: How much of the near and of the far forecast to take.
        reach: Spread of the near forecast over the runs.
        unit: Of each target's losses inside the model.
    """

    own: tuple[int, ...]
    shares: Float[np.ndarray, "sources"]
    width: float
    scale: Float[np.ndarray, "2 2"]
    scales: Bool[np.ndarray, "2"]
    level: Float[np.ndarray, "2 targets"]
    bend: Float[np.ndarray, "draws targets"]
    trust: Float[np.ndarray, "2"]
    reach: float
    unit: Float[np.ndarray, "targets"]

    @property
    def free(self) -> bool:
        """Whether there is a free forecast."""
        return self.level.shape[1] > 0

    def mean(self, place: Place) -> Float[np.ndarray, "points targets"]:
        """The free forecast, corrected by one common line; 0 without one."""
        if not self.free:
            return np.zeros((len(place), len(self.own)))
        near, far = place.near - self.level[0], place.far - self.level[1]
        return self.trust[0] * near + self.trust[1] * far

    def inputs(self, place: Place, target: int) -> Inputs:
        """What the process of one target sees of some points."""
        shares, own, n = place.points.shares, self.own[target], len(place)
        roots = (_root(shares) - self.shares) / self.width
        logs = _logs(place.points)
        logs = np.where(np.isnan(logs), self.scale[0], logs)  # a size not stated is a usual one
        scale = (logs[:, self.scales] - self.scale[0, self.scales]) / self.scale[1, self.scales]
        blocks = [np.ones((n, 1))]
        if self.scales.any():
            blocks.append(np.hstack([_power(scale, p) for p in POWERS]))
        k = len(self.shares)
        if not self.free:
            log = np.log(shares[:, [own]] + 10 * TRACE) if own >= 0 else np.zeros((n, 1))
            middle = np.log(self.shares[own] ** 4 + 10 * TRACE) if own >= 0 else 0.0
            blocks += [(log - middle) / 2, (shares - self.shares**4) / self.width]
            groups = np.where(np.arange(k) == own, 0, np.arange(k) + 1)
            smooth = roots
        else:
            size = self.trust.sum() / self.unit[target]
            blocks.append((place.near[:, [target]] - self.level[0, target]) * size)
            if len(self.bend):
                bent = place.resampled[:, :, target] - self.bend[:, target]
                blocks.append(bent * size / np.sqrt(len(self.bend)))
            forecast = (place.near - self.level[0]) / (self.reach * np.sqrt(len(self.own)))
            smooth = np.hstack([forecast, roots])
            groups = np.r_[np.zeros(len(self.own), int), np.full(k, 1)]
        last = int(groups.max(initial=0 if self.free else k)) + 1
        groups = np.r_[groups, np.arange(self.scales.sum()) + last]
        return Inputs(tuple(blocks), np.hstack([smooth, scale]), groups)

    def belief(self) -> Belief:
        """What is thought of the parameters before any run, in the order of `inputs`."""
        wide, k, scales = bool(self.scales.any()), len(self.shares), int(self.scales.sum())
        amplitudes = [(0.0, 0.5), *[(0.0, 1.0)] * wide]
        if self.free:
            amplitudes += [(-1.5, 0.7), *[(1.0, 1.0)] * (len(self.bend) > 0)]
            rest = [(-1.2, 1.0), (0.3, 0.7), (2.5, 0.7), *[(1.0, 0.5)] * scales, (-2.0, 0.6)]
        else:
            amplitudes += [(-1.0, 1.0), (-3.0, 0.7)]
            lengths = [(1.0, 0.6), *[(2.2, 0.5)] * k]
            rest = [(0.0, 1.0), *lengths, *[(1.0, 0.5)] * scales, (-2.5, 1.0)]
        return Belief(*np.array([*amplitudes, *rest]).T)


def frame(problem: Problem, place: Place, losses: Float[np.ndarray, "runs targets"]) -> Frame:
    """The frame that runs set."""
    k, free = len(problem.sources), place.near.shape[1] > 0
    roots, logs = _root(place.points.shares), _logs(place.points)
    logs = np.where(np.isnan(logs).any(axis=0), 0.0, logs)  # of no use unless all runs state it
    known = np.isfinite(losses)
    centered = losses - np.nanmean(losses, axis=0)
    trust, reach = np.zeros(2), 1.0
    unit = np.sqrt(np.nanmean(centered**2, axis=0))
    if free:
        both = np.stack([place.near, place.far], axis=-1)
        both = (both - both.mean(axis=0))[known]
        reach = max(float(np.sqrt(np.mean(both[:, 0] ** 2))), 1e-9)
        trust = np.linalg.solve(
            both.T @ both + RIDGE * reach**2 * np.eye(2), both.T @ centered[known]
        )
        unit = np.full(len(unit), np.sqrt(np.nanmean(centered**2)))  # one unit of loss for all
    spread = logs.std(axis=0)
    return Frame(
        tuple(problem.sources.index(t) if t in problem.sources else -1 for t in problem.targets),
        roots.mean(axis=0), max(float(np.sqrt(roots.var(axis=0).sum() / k)), 1e-6),
        np.stack([logs.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)]), spread > 1e-6,
        np.stack([place.near.mean(axis=0), place.far.mean(axis=0)]),
        place.resampled.mean(axis=0) if place.resampled.shape[1] > 1 else np.zeros((0, 0)),
        trust, reach, np.maximum(unit, 1e-9),
    )  # fmt: skip


def _root(shares: np.ndarray) -> np.ndarray:
    return (shares + TRACE) ** 0.25


def _logs(points: Points) -> np.ndarray:
    """Log tokens and log parameters; NaN where not stated."""
    return np.log(np.stack([points.tokens, points.params], axis=1))


def _power(scale: np.ndarray, power: float) -> np.ndarray:
    """A power law of a scale, 0 with slope 1 at the runs' mean: sums of them extrapolate."""
    return scale if not power else (1 - np.exp(-power * np.clip(scale, -8, 8))) / power
