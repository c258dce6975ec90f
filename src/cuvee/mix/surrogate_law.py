"""The surrogate's law of the losses: one Gaussian process per target, fitted together.

All targets first agree on one set of parameters; each then moves a little from it. The runs' own
left-out errors, in closed form, say how the noise depends on the mixture and by how much the
stated errors must be widened.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.random import Generator, default_rng
from scipy.optimize import minimize

from cuvee.core import CuveeError, Estimate, Points, Study
from cuvee.mix.gaussian import Posterior, Sheet, condition, doubt, maximise
from cuvee.mix.surrogate_inputs import TRACE, Frame, Place, Prior, frame, look, remembered

FEWEST = 3
MOST = 2000
"""Runs that are looked at; more are thinned out."""
ENOUGH = 400
"""Runs that the parameters are learned from."""
LEEWAY = 0.6
"""How far, in logs, a target's parameters may lie from those of all targets."""
AMPLE = 128
"""Runs from which on a target has that much leeway; with fewer it has less."""
ALONE = 24
"""Runs below which every target keeps the parameters of all."""
WORLDS = 20
"""Sets of parameters that predictions are drawn from."""
CAUTION = 20.0
"""Runs' worth of belief that a target's stated errors are as right as those of all targets."""
SLOPES = 2
"""Parameters of the line around a free forecast; also the fewest that runs have to settle."""
TINY = 1e-12
"""Smallest ratio of left-out to stated variance: losses that are all the same leave no error."""
SEED = 1

Functions = Callable[[Place], Float[np.ndarray, "points draws targets"]]


@dataclass(frozen=True, slots=True, eq=False)
class SurrogateForecast:
    """Losses at points that were not run.

    Args:
        prior: The free forecast, if any.
        frame: How points become inputs.
        processes: One per target.
        center: Mean loss of each target over the runs.
        slant: How the log noise variance follows from the mixture's unevenness and the loss.
        evenness: Mean and deviation of the unevenness over the runs.
        widen: Factor of each target's stated errors.
        freedom: Degrees of freedom of the predictions.
        resamples: What resampling each target's text does to each run, in that target's unit; no
            draws where that is not known.
        known: Which runs have a loss on which target.
        alike: Number of each run's mixture.
        draws: Number of draws of `predict`.
        unit: Of the losses.
        seed: Of the draws.
        doubt: What else the parameters could be: to be added to those of every target.
    """

    prior: Prior | None
    frame: Frame
    processes: tuple[Posterior, ...]
    center: Float[np.ndarray, "targets"]
    slant: Float[np.ndarray, "2"]
    evenness: Float[np.ndarray, "2"]
    widen: Float[np.ndarray, "targets"]
    freedom: float
    resamples: tuple[Float[np.ndarray, "runs draws"], ...]
    known: Bool[np.ndarray, "runs targets"]
    alike: Int[np.ndarray, "runs"]
    draws: int
    unit: str
    seed: int
    doubt: Float[np.ndarray, "targets worlds parameters"]

    def skill(self) -> float:
        """Log density of each run's losses in the law fitted to the others, a mean over targets."""
        found = []
        for t, (process, rows) in enumerate(zip(self.processes, self.known.T)):
            error, stated = process.left_out(self.alike[rows])
            unit = np.log(self.frame.unit[t])
            found.append(-np.sum(0.5 * error**2 / stated + 0.5 * np.log(stated) + unit))
        return float(np.mean(found))

    def look(self, points: Points) -> Place:
        """The free forecast at some points: ask once, use often."""
        return look(points, self.prior)

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        return self.expected(self.look(points))

    def expected(self, place: Place) -> Float[np.ndarray, "points targets"]:
        """The point forecast where the free one is known."""
        rest = [p.mean(self.frame.inputs(place, t)) for t, p in enumerate(self.processes)]
        return self.center + self.frame.mean(place) + np.stack(rest, axis=1) * self.frame.unit

    def noise(self, place: Place) -> Float[np.ndarray, "points targets"]:
        """Standard deviation of one more run around the function."""
        columns = []
        for t, process in enumerate(self.processes):
            inputs = self.frame.inputs(place, t)
            profile = _profile(self.slant, self.evenness, place, process.mean(inputs))
            columns.append(np.exp(process.theta[-1]) * np.sqrt(profile))
        return np.stack(columns, axis=1) * self.frame.unit * self.widen

    def functions(
        self,
        count: int,
        rng: Generator,
        counted: np.ndarray | None = None,
        other_text: bool = False,
    ) -> Functions:
        """Functions that could be the true one; each is the same wherever it is evaluated.

        Args:
            count: How many.
            rng: Of the functions.
            counted: Targets that matter; for the others the point forecast is good enough.
            other_text: Whether each function is for another sample of the targets' text.
        """
        which = range(len(self.processes)) if counted is None else np.flatnonzero(counted)
        drawn = {}
        for t in which:
            texts = self.resamples[t].shape[1] if other_text else 0
            moved = self.resamples[t][:, np.arange(count) % texts] if texts else 0.0
            drawn[t] = self.processes[t].draw(count, rng, moved / self.widen[t])
        scale = self._scale(count, rng)

        def at(place: Place) -> Float[np.ndarray, "points draws targets"]:
            mean = self.expected(place)
            values = np.repeat(mean[:, None], count, axis=1)
            for t, paths in drawn.items():
                inputs = self.frame.inputs(place, t)
                apart = paths(inputs) - self.processes[t].mean(inputs)[:, None]
                values[:, :, t] += apart * scale * self.frame.unit[t] * self.widen[t]
            return values

        return at

    def _scale(self, count: int, rng: Generator) -> Float[np.ndarray, "draws"]:
        """What makes normal draws those of Student's t."""
        return np.sqrt(self.freedom / rng.chisquare(self.freedom, count))

    def echoes(
        self, place: Place, count: int, rng: Generator
    ) -> Float[np.ndarray, "points draws targets"]:
        """What chance in the runs may have added to the forecasts.

        Each run's left-out error comes again with a random sign, the same for all targets (the
        wild bootstrap): unlike the fitted noise it holds what the fit has taken for signal.
        """
        signs = rng.choice([-1.0, 1.0], size=(len(self.alike), count))
        columns = []
        for t, (process, rows) in enumerate(zip(self.processes, self.known.T)):
            error = process.left_out(self.alike[rows])[0][:, None] * signs[rows]
            columns.append(process.echo(error, self.frame.inputs(place, t)) * self.frame.unit[t])
        return np.stack(columns, axis=-1)

    def predict(self, points: Points) -> Estimate:
        """What one more run would give, its own noise included: draws, points, targets."""
        return self._drawn(points, noisy=True)

    def average(self, points: Points) -> Estimate:
        """What many runs would give on average; draws are paired between points."""
        return self._drawn(points, noisy=False)

    def _drawn(self, points: Points, noisy: bool) -> Estimate:
        """Draws from all worlds that the parameters allow, around the forecast of the likeliest."""
        rng, place = default_rng(self.seed), self.look(points)
        mean = self.expected(place)
        values = np.repeat(mean[None], self.draws, axis=0)
        scale = self._scale(self.draws, rng)[:, None]
        parts = np.array_split(np.arange(self.draws), self.doubt.shape[1])
        for t, process in enumerate(self.processes):
            inputs = self.frame.inputs(place, t)
            likeliest = process.mean(inputs)
            profile = _profile(self.slant, self.evenness, place, likeliest)
            for world, part in zip(self.doubt[t], parts):
                other = condition(process.theta + world, process.sheet) if world.any() else process
                apart = other.draw(len(part), rng)(inputs).T - likeliest
                if noisy:
                    noise = np.exp(other.theta[-1]) * np.sqrt(profile)
                    apart += noise * rng.standard_normal(apart.shape)
                values[part, :, t] += apart * scale[part] * self.frame.unit[t] * self.widen[t]
        return Estimate(values, self.unit, "posterior", center=mean)


def learn(study: Study, draws: int, *, rng: Generator) -> SurrogateForecast:
    """Fit the law to every run of a study.

    A free forecast that contradicts the runs is not used: the law around it and the law without
    must each forecast the runs that they leave out, and the better one is kept.

    Raises:
        CuveeError: Too few runs, or a target without any.
    """
    _check(study)
    seed = int(rng.integers(2**31))
    alone = replace(study, prior=None)
    if study.prior is None:
        return _learned(alone, draws, seed)
    helped, unaided = _learned(study, draws, seed), _learned(alone, draws, seed)
    cost = SLOPES / len(study.problem.targets)  # of the line, which saw the runs left out
    return helped if helped.skill() - cost >= unaided.skill() else unaided


def _learned(study: Study, draws: int, seed: int) -> SurrogateForecast:
    """The law with the study's free forecast, or without one if it has none."""
    points, losses = study.points, study.losses
    keep = np.sort(default_rng(SEED).permutation(len(points))[:MOST])
    points, losses = points[keep], losses[keep]
    prior = None if study.prior is None else remembered(study.prior)
    place = look(points, prior)
    view = frame(study.problem, place, losses)
    center = np.nanmean(losses - view.mean(place), axis=0)
    rest = (losses - view.mean(place) - center) / view.unit
    known = np.isfinite(rest)
    sheets = [
        Sheet(view.inputs(place[rows], t), rest[rows, [t]][:, None], np.ones(rows.sum()))
        for t, rows in enumerate(known.T)
    ]
    thetas, worlds, used = _parameters(view, sheets, known)
    processes = [condition(theta, sheet) for theta, sheet in zip(thetas, sheets)]
    # Runs of one mixture, such as the checkpoints of a run, say little that is new of its others.
    alike = np.unique(points.shares.round(6), axis=0, return_inverse=True)[1].ravel()
    uneven = _uneven(points.shares)
    evenness = np.array([uneven.mean(), max(uneven.std(), 1e-9)])
    slant = _slant(processes, known, place, evenness, alike)
    processes = [
        _noisy(p, slant, evenness, place[rows], alike[rows]) for p, rows in zip(processes, known.T)
    ]
    return SurrogateForecast(
        prior, view, tuple(processes), center, slant, evenness,
        _widen(processes, known, alike, used), float(max(alike.max() - 1, 3)),
        _resamples(study, view, keep, known), known, alike,
        draws, study.outcomes[0].losses.unit,
        seed, worlds,
    )  # fmt: skip


def _resamples(
    study: Study, view: Frame, keep: np.ndarray, known: np.ndarray
) -> tuple[Float[np.ndarray, "runs draws"], ...]:
    """What another sample of each target's text would do to the runs' losses, where all say it."""
    losses = [study.outcomes[i].losses for i in keep]
    sizes = {len(loss.draws) if loss.spread == "target documents" else 0 for loss in losses}
    if len(sizes) > 1 or not max(sizes):
        return tuple(np.zeros((rows.sum(), 0)) for rows in known.T)
    moved = np.array([loss.draws - loss.mean for loss in losses]) / view.unit
    return tuple(moved[rows, :, t] for t, rows in enumerate(known.T))


def _check(study: Study) -> None:
    """Enough different mixtures, unless there is only one to choose from."""
    found = study.points.shares.round(6)
    problem = study.problem
    if len(problem.sources) == 1 or (problem.high - problem.low).max() < TRACE:
        found = np.arange(len(found))[:, None]
    fewest = min(len(np.unique(found[rows], axis=0)) for rows in np.isfinite(study.losses).T)
    if fewest < FEWEST:
        raise CuveeError(
            f"surrogate needs at least {FEWEST} runs of different mixtures with a loss on every "
            f"target, got {fewest}: run what it proposes, or add runs."
        )


def _parameters(
    view: Frame, sheets: list[Sheet], known: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, float]:
    """Most probable parameters of all targets together, then of each around those; what else they
    could be; and how many of them the runs of one target had to settle.
    """
    pick = default_rng(SEED)
    small = [s[np.sort(pick.permutation(len(s.inputs))[:ENOUGH])] if len(s.inputs) > ENOUGH else s
             for s in sheets]  # fmt: skip
    belief = view.belief()
    gathered, rng = _gathered(view, sheets, known), default_rng(SEED)
    common = maximise(belief, gathered)
    worlds, used = np.zeros((len(sheets), 1, len(common))), float(SLOPES)
    if len(known) < AMPLE:
        root = doubt(common, belief, gathered)
        worlds = worlds + rng.standard_normal((WORLDS, len(common))) @ root.T
        settled = len(common) - float(np.sum((root / belief.sd[:, None]) ** 2))
        used = max(used, settled / len(sheets))
    if len(known) < ALONE or len(sheets) == 1:
        return [common] * len(sheets), worlds, used
    around = belief.at(common, LEEWAY * min(1.0, len(known) / AMPLE))
    thetas = [maximise(around, [sheet], steps=60) for sheet in small]
    if len(known) < AMPLE:
        roots = [doubt(theta, around, [sheet]) for theta, sheet in zip(thetas, small)]
        own = [rng.standard_normal((WORLDS, len(common))) @ root.T for root in roots]
        worlds = worlds + np.array(own)
    return thetas, worlds, used


def _gathered(view: Frame, sheets: list[Sheet], known: np.ndarray) -> list[Sheet]:
    """The targets' sheets, those with the same inputs as one: one factorisation serves all."""
    alike: dict[object, list[int]] = {}
    for t, rows in enumerate(known.T):
        key = t if view.free or view.own[t] >= 0 else rows.tobytes()
        alike.setdefault(key, []).append(t)
    most = max(60, ENOUGH // len(alike))
    found = []
    for members in alike.values():
        first = sheets[members[0]]
        y = np.hstack([sheets[t].y for t in members])
        keep = np.sort(default_rng(SEED).permutation(len(first.inputs))[:most])
        found.append(Sheet(first.inputs, y, first.profile)[keep])
    return found


def _uneven(shares: np.ndarray) -> np.ndarray:
    """Log of the largest share's worth: how far a mixture is from equal shares."""
    return np.log((shares**2).sum(axis=1))


def _profile(
    slant: np.ndarray, evenness: np.ndarray, place: Place, height: np.ndarray
) -> Float[np.ndarray, "points"]:
    """Noise variance of each point, beside that of a usual one."""
    uneven = (_uneven(place.points.shares) - evenness[0]) / evenness[1]
    return np.exp(np.clip(slant[0] * uneven + slant[1] * np.clip(height, -3, 3), -4, 4))


def _slant(
    processes: list[Posterior], known: np.ndarray, place: Place, evenness: np.ndarray,
    alike: np.ndarray,
) -> Float[np.ndarray, "2"]:  # fmt: skip
    """How the squares of left-out errors grow with unevenness and loss, over all targets.

    Errors of several targets of one run are alike, so each run counts once.
    """
    surprise, cause = [], []
    for process, rows in zip(processes, known.T):
        error, stated = process.left_out(alike[rows])
        uneven = (_uneven(place.points.shares[rows]) - evenness[0]) / evenness[1]
        height = process.sheet.y[:, 0] - error
        surprise.append(error**2 / stated)
        cause.append(np.stack([np.ones_like(error), uneven, np.clip(height, -3, 3)], axis=1))
    z2, x = np.concatenate(surprise), np.concatenate(cause)
    share = len(place) / len(z2)

    def at(b: np.ndarray) -> tuple[float, np.ndarray]:
        log = np.clip(x @ b, -8, 8)
        ratio = z2 * np.exp(-log)
        value = 0.5 * share * np.sum(log + ratio) + 0.5 * np.sum((b[1:] / 0.3) ** 2)
        return value, 0.5 * share * x.T @ (1 - ratio) + np.r_[0, b[1:] / 0.09]

    return minimize(at, np.zeros(3), jac=True, method="L-BFGS-B").x[1:]


def _noisy(
    process: Posterior, slant: np.ndarray, evenness: np.ndarray, place: Place, alike: np.ndarray
) -> Posterior:
    """The same process with noise that depends on the mixture."""
    sheet = process.sheet
    height = sheet.y[:, 0] - process.left_out(alike)[0]
    profile = _profile(slant, evenness, place, height)
    theta = process.theta.copy()
    theta[-1] -= 0.5 * np.log(profile.mean())  # as much noise in all as before
    return condition(theta, Sheet(sheet.inputs, sheet.y, profile))


def _widen(
    processes: list[Posterior], known: np.ndarray, alike: np.ndarray, used: float
) -> Float[np.ndarray, "targets"]:
    """What makes left-out errors as large as stated: each target's own, drawn to the common.

    The parameters have seen the runs that are left out, and have used up some of them.
    """
    left_out = [p.left_out(alike[rows]) for p, rows in zip(processes, known.T)]
    squares = [error**2 / stated for error, stated in left_out]
    common, mixtures = np.mean(np.concatenate(squares)), int(alike.max()) + 1
    own = np.array([(CAUTION * common + z2.sum()) / (CAUTION + len(z2)) for z2 in squares])
    return np.sqrt(np.maximum(own * mixtures / max(mixtures - used, 1), TINY))
