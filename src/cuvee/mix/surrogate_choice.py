"""Which mixture to run next, and which is best: read off functions drawn from the law."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import Estimate, Problem, Shares, Study
from cuvee.mix.search import candidates, downhill
from cuvee.mix.surrogate_inputs import Place
from cuvee.mix.surrogate_law import Functions, SurrogateForecast

Aim = Literal["optimum", "losses"]
NODES, MASS = np.polynomial.hermite_e.hermegauss(9)
ROUNDS = 6
"""Of looking closer at where the drawn functions are lowest."""
STARTS = 16
"""Mixtures that were run, of those with the lowest forecast, that the search starts from."""


def spread_out(
    problem: Problem, count: int, known: np.ndarray, first: list[Shares], rng: Generator
) -> Float[np.ndarray, "count sources"]:
    """Mixtures far from each other and from those known, the given ones first.

    Distances are those of square roots of shares (Hellinger), so that traces count.
    """
    k = len(problem.sources)
    options = allowed(problem, np.vstack([
        *first, rng.dirichlet(np.ones(k), size=150), rng.dirichlet(np.full(k, 0.4), size=100),
        0.7 * np.eye(k) + 0.3 / k,
    ]))  # fmt: skip
    roots = np.sqrt(options)
    far = np.full(len(options), 4.0)
    for row in np.sqrt(known):
        far = np.minimum(far, ((roots - row) ** 2).sum(axis=1))
    chosen: list[int] = []
    for turn in range(count):
        wished = turn if turn < len(first) and far[turn] > 1e-4 else int(np.argmax(far))
        chosen.append(wished)
        far = np.minimum(far, ((roots - roots[wished]) ** 2).sum(axis=1))
    return options[chosen]


def telling(
    law: SurrogateForecast, problem: Problem, place: Place, aim: Aim, *, count: int,
    draws: int = 128, rng: Generator,
) -> list[int]:  # fmt: skip
    """Points whose runs teach most, one after another: each is taken as run when the next is
    chosen.

    `optimum` is the knowledge gradient: how much lower the best expected objective will be after
    the run. `losses` is how much less uncertain the losses of all points will be.

    Args:
        law: Fitted to the runs so far.
        problem: Its objective.
        place: Points to choose from, which also stand for all mixtures.
        aim: What is to be learned.
        count: Points to choose.
        draws: Functions that stand for what is not known.
        rng: Of the functions.
    """
    values, noise, unit = _at_stake(law, problem, place, aim, draws, rng)
    chosen: list[int] = []
    for _ in range(count):
        apart = values - values.mean(axis=1, keepdims=True)
        doubt = (apart**2).mean(axis=1) + noise**2
        shift = np.einsum("jdt,xdt->jxt", apart, apart) / values.shape[1] / np.sqrt(doubt)
        mean = values.mean(axis=1)[:, 0] if aim == "optimum" else None
        gain = _gain(shift / unit, mean)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        # Each drawn function is bent to what a run there would show of the mean one.
        seen = apart[best] + noise[best] * rng.standard_normal(apart[best].shape)
        values = values - shift[:, best][:, None] * (seen / np.sqrt(doubt[best]))
    return chosen


def _at_stake(
    law: SurrogateForecast, problem: Problem, place: Place, aim: Aim, draws: int, rng: Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drawn values of what is to be learned, the noise of a run that shows them, their units."""
    noise, weights = law.noise(place), problem.objective.weights
    if aim == "losses":
        return law.functions(draws, rng)(place), noise, law.frame.unit
    losses = law.functions(draws, rng, weights > 0)(place)
    noise = np.sqrt(noise**2 @ (weights if problem.objective.worst else weights**2))
    return problem.objective.score(losses)[:, :, None], noise[:, None], np.ones(1)


def _gain(
    shift: Float[np.ndarray, "points options values"], mean: Float[np.ndarray, "points"] | None
) -> Float[np.ndarray, "options"]:
    """What a run of each option is worth, from how far it will shift the expected values.

    With their mean it is how much lower the lowest will be; without, how much is no longer unsure.
    """
    if mean is None:
        return (shift**2).mean(axis=(0, 2))
    return mean.min() - (mean[:, None, None] + shift * NODES).min(axis=0) @ MASS / MASS.sum()


def hopeful(
    law: SurrogateForecast, problem: Problem, count: int, rng: Generator
) -> Float[np.ndarray, "points sources"]:
    """Mixtures to choose the next run from: half spread out, half around the best expected."""
    options = candidates(problem, count // 2, rng)
    score = problem.objective.score(law.mean(problem.points(options)))
    best = options[np.argsort(score, kind="stable")[: 2 + count // 40]]
    return np.vstack([options, nearby(problem, best, count // 2, 0.5, rng)])


def optimum(
    law: SurrogateForecast, study: Study, *, samples: int, draws: int, rng: Generator
) -> Estimate:
    """Shares of the lowest expected objective, and of each drawn function's lowest.

    All functions are evaluated at the same points: many mixtures and those that were run first,
    then ever nearer to where some function is lowest, and last to the lowest expected. No mixture
    that was run has a lower forecast than the answer.

    Args:
        law: Fitted to the runs.
        study: The runs, and the problem with its limits and objective.
        samples: Mixtures looked at first; half as many in each round after.
        draws: Functions drawn.
        rng: Of the functions and the mixtures.
    """
    problem = study.problem
    functions = law.functions(draws, rng, problem.objective.weights > 0, other_text=True)
    options = np.vstack([candidates(problem, samples, rng), _lowest_run(law, study)])
    mean, values = _scores(law, problem, functions, options)
    for turn in range(ROUNDS):
        best = options[np.r_[np.argmin(values, axis=0), np.argsort(mean)[: draws // 8 + 1]]]
        new = nearby(problem, best, samples // 2, 0.5**turn, rng)
        more = _scores(law, problem, functions, new)
        options = np.vstack([options, new])
        mean, values = np.r_[mean, more[0]], np.vstack([values, more[1]])
    center = options[int(np.argmin(mean))]
    center = (
        _polished(law, problem, center)
        if law.prior is None
        else _closer(law, problem, center, samples // 2, rng)
    )
    return Estimate(options[np.argmin(values, axis=0)], "share", "posterior", center=center)


def _lowest_run(law: SurrogateForecast, study: Study) -> Float[np.ndarray, "points sources"]:
    """Of the mixtures that were run, those of the lowest forecast."""
    shares = allowed(study.problem, np.unique(study.points.shares, axis=0))
    score = study.problem.objective.score(law.mean(study.problem.points(shares)))
    return shares[np.argsort(score, kind="stable")[:STARTS]]


def _scores(
    law: SurrogateForecast, problem: Problem, functions: Functions, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    place = law.look(problem.points(shares))
    return problem.objective.score(law.expected(place)), problem.objective.score(functions(place))


def nearby(
    problem: Problem, best: np.ndarray, count: int, size: float, rng: Generator
) -> Float[np.ndarray, "count sources"]:
    """Mixtures between good ones, beside them by a step of random direction, and without the
    smallest shares: the best mixture often leaves a source out.
    """
    one, two = best[rng.integers(len(best), size=(2, count))]
    part = rng.uniform(size=(count, 1)) * (rng.uniform(size=(count, 1)) < 0.5)
    aside = rng.dirichlet(np.full(best.shape[1], 0.5), size=count)
    step = size * rng.uniform(size=(count, 1)) ** 2
    away = np.exp(size * rng.standard_normal(best.shape))[rng.integers(len(best), size=count)]
    moved = (one + part * (two - one)) * away
    moved = (1 - step) * moved / moved.sum(axis=1, keepdims=True) + step * aside
    cut = 2e-3 * rng.uniform(size=(count, 1)) * (rng.uniform(size=(count, 1)) < 0.5)
    return allowed(problem, np.where(moved < cut, 0.0, moved))


def allowed(problem: Problem, wished: np.ndarray) -> Float[np.ndarray, "points sources"]:
    """`problem.fit` of each row; most rows obey the limits as they are."""
    rows = wished / wished.sum(axis=1, keepdims=True)
    out = ((rows < problem.low) | (rows > problem.high)).any(axis=1)
    rows[out] = problem.fit(rows[out])
    return rows


def _polished(law: SurrogateForecast, problem: Problem, start: Shares) -> Shares:
    """Where a descent from the lowest point of all ends, if that is lower still."""

    def at(shares: np.ndarray) -> np.ndarray:
        return law.mean(problem.points(shares))

    ends = np.array([start, downhill(problem, at, start, steps=30)])
    return ends[int(np.argmin(problem.objective.score(at(ends))))]


def _closer(
    law: SurrogateForecast, problem: Problem, start: Shares, count: int, rng: Generator
) -> Shares:
    """The lowest forecast of mixtures ever nearer to the lowest so far: a free forecast takes too
    long to ask for a descent.
    """
    options, score = start[None], problem.objective.score(law.mean(problem.points(start[None])))
    for turn in range(1, ROUNDS):
        best = options[np.argsort(score, kind="stable")[:3]]
        new = nearby(problem, best, count, 0.5**turn, rng)
        options = np.vstack([options, new])
        score = np.r_[score, problem.objective.score(law.mean(problem.points(new)))]
    return options[int(np.argmin(score))]


def optimism(
    law: SurrogateForecast, problem: Problem, place: Place, draws: int, rng: Generator
) -> Float[np.ndarray, "draws"]:
    """By how much chance in the runs flatters the mixture of the lowest forecast: above 0.

    In each draw other chance is added to the forecasts, and the mixture is chosen again; what that
    chance says of the mixture chosen is its flattery. The bootstrap of Efron, "Estimating the error
    rate of a prediction rule", JASA 78, 1983.

    Args:
        law: Fitted to the runs.
        problem: Its objective.
        place: Points to choose from.
        draws: Of the chance.
        rng: Of the chance.
    """
    expected = law.expected(place)
    score = problem.objective.score(expected)
    chance = problem.objective.score(expected[:, None] + law.echoes(place, draws, rng))
    chance -= score[:, None]
    # The forecasts differ by truth and by chance: what is left for truth makes a world as spread
    # out, once chance is added, as the one that was seen.
    left = max(0.0, 1 - chance.var(axis=0).mean() / max(score.var(), 1e-300))
    seen = (score.mean() + np.sqrt(left) * (score - score.mean()))[:, None] + chance
    return -chance[np.argmin(seen, axis=0), np.arange(draws)]
