"""What lies around an answer: what each source buys, where it saturates, what more tokens give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, combinations
from typing import Any

import numpy as np
from jaxtyping import Float

from cuvee import mix
from cuvee.contracts import Trainer
from cuvee.core import CuveeError, Estimate, Problem, Shares, Trial, stream
from cuvee.core.data import Engine
from cuvee.core.threads import one_thread
from cuvee.summary import difference, numbers
from cuvee.trials import checked, explore, rounded, run

STEP = 0.01
"""Part of the budget that moves to a source, to say what more of it gives."""
LINE = (0.0, 0.02, 0.06, 0.15, 0.3, 0.5, 1.0)
"""Shares of a source at which the objective is looked at, beside its own."""
CLOSE = 0.003
"""Shares that lie so close to its own are not looked at."""
LEVELS = 5
"""Shares of each of two sources that are looked at together."""
WIDE = (2.0, 0.2)
"""They reach from 0 to so many times the source's share, and at least so far."""
QUICK = {"descent": "descent:screen=1:starts=1:tolerance=1e-5"}
"""Methods that get to the same place with fewer trials, as one knows where to begin."""
LARGEST = 3
"""Sources of which pairs are looked at."""
MATTERS = 1e-3
"""In the losses' unit: a difference below it is none."""
MORE = (2, 4)
"""Multiples of the budget."""
MOST_TRIALS = 200
"""A method that asked for more is not asked again at another budget."""
MOST = 40
"""Sources, by share, that are looked at one by one."""
NONE = 1e-9

Point = tuple[Shares, float]
"""Shares, and tokens to train on."""


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """What lies around an answer, worked out when it is asked for.

    Args:
        trainer: Whose runs cost nothing.
        problem: What was to be decided.
        shares: The answer.
        method: That found it.
        trials: That it took.
        seed: Of everything random.
        engine: Where trials run.
    """

    trainer: Trainer
    problem: Problem
    shares: Shares
    method: str
    trials: int
    seed: int
    engine: Engine

    def to_dict(self) -> dict[str, Any]:
        """Plain names, numbers and lists; changes are losses minus the blend's on paired draws."""
        with one_thread():
            return self._explored()

    def _explored(self) -> dict[str, Any]:
        budget, k = float(self.problem.tokens), len(self.problem.sources)
        pairs = _pairs(self.shares) if k > 2 else []
        some = sorted(np.argsort(-self.shares, kind="stable")[:MOST].tolist()) if k > 1 else []
        lines = [[self._toward(i, s) for s in self._stops(i)] for i in some]
        grids = [self._grid(i, j) for i, j in pairs]
        planes = [[self._beside(i, j, a, b) for a, b in grid] for (i, j), grid in zip(pairs, grids)]
        points = [(w, budget) for w in (self.shares, *chain(*lines, *planes))]
        found = iter(self._objectives(points))
        here = next(found)
        told: dict[str, Any] = {}
        if lines:
            at = [[difference(next(found), here) for _ in line] for line in lines]
            names = self.problem.sources
            told["sources"] = {
                names[i]: self._source(i, line, e) for i, line, e in zip(some, lines, at)
            }
            told["left_out"] = [n for i, n in enumerate(names) if i not in some]
            told["surfaces"] = [
                self._surface(pair, plane, [difference(next(found), here) for _ in plane])
                for pair, plane in zip(pairs, planes)
            ]
        return {**told, "step": STEP, "more_tokens": self._more(here)}

    def _objectives(self, points: Sequence[Point]) -> list[Estimate]:
        """The objective of some mixtures, draws paired."""
        trials = [Trial(shares, tokens) for shares, tokens in points]
        job = partial(run, self.trainer, self.seed)
        found = self.engine(job, trials, label="mixtures looked at", light=True)
        score = self.problem.objective.score
        return [
            Estimate(score(o.losses.draws), o.losses.unit, o.losses.spread, score(o.losses.mean))
            for o in found
        ]

    def _stops(self, i: int) -> list[float]:
        """Shares of a source to look at, rising."""
        own = float(self.shares[i])
        own = [own, own + STEP] if own + STEP <= 1 else [own]
        others = [x for x in LINE if x in (0, 1) or min(abs(x - s) for s in own) > CLOSE]
        return sorted({*others, *own})

    def _toward(self, i: int, share: float) -> Shares:
        """A source at another share, all others in proportion."""
        shares = (1 - share) * self._others([i])
        shares[i] = share
        return shares

    def _beside(self, i: int, j: int, a: float, b: float) -> Shares:
        """Two sources at other shares, all others in proportion."""
        shares = max(1 - a - b, 0.0) * self._others([i, j])
        shares[[i, j]] = a, b
        return shares

    def _others(self, but: list[int]) -> Shares:
        """Shares of the other sources among themselves; by size where they have none."""
        rest = np.array(self.shares, float)
        rest[but] = 0.0
        if rest.sum() < NONE:
            rest = np.array(self.problem.available, float)
            rest[but] = 0.0
        return rest / rest.sum()

    def _allowed(self, shares: Shares) -> bool:
        """Whether the limits hold."""
        low, high = self.problem.low, self.problem.high
        return bool((shares >= low - 1e-6).all() and (shares <= high + 1e-6).all())

    def _source(self, i: int, line: list[Shares], at: list[Estimate]) -> dict[str, Any]:
        stops, own = np.array([w[i] for w in line]), float(self.shares[i])
        near = {share: k for k, share in enumerate(self._stops(i))}
        more = near.get(own + STEP)
        low, high = flat(stops, at)
        return {
            "share": own,
            "cap": float(self.problem.high[i]),
            "one_step_more": None if more is None else _numbers(_minus(at[more])),
            "without_it": None if own < NONE else _numbers(at[0]),
            "best_share": _numbers(best(stops, at)),
            "flat": {"low": low, "high": high},
            "line": [
                {"share": float(s), **_numbers(e), "within_limits": self._allowed(w)}
                for s, w, e in zip(stops, line, at)
            ],
        }

    def _surface(
        self, pair: tuple[int, int], plane: list[Shares], at: list[Estimate]
    ) -> dict[str, Any]:
        names, both = self.problem.sources, list(pair)
        points = [
            {"shares": list(map(float, w[both])), **_numbers(e), "within_limits": self._allowed(w)}
            for w, e in zip(plane, at)
        ]
        return {"sources": [names[n] for n in pair], "points": points}

    def _grid(self, i: int, j: int) -> list[tuple[float, float]]:
        """Shares of two sources that sum to 1 at most."""
        ends = [min(1.0, max(WIDE[0] * float(self.shares[n]), WIDE[1])) for n in (i, j)]
        across, up = (np.linspace(0, end, LEVELS).tolist() for end in ends)
        return [(a, b) for a in across for b in up if a + b <= 1 + NONE]

    def _more(self, here: Estimate) -> list[dict[str, Any]]:
        """What more tokens give with the same shares, and which source would run out."""
        problem = self.problem
        caps = problem.limits.check(problem.sources)[0]
        points = [(self.shares, float(problem.tokens * times)) for times in MORE]
        rows = []
        for times, there in zip(MORE, self._objectives(points)):
            epochs = problem.epochs(self.shares) * times
            over = epochs > caps * (1 + 1e-6)
            rows.append({
                "tokens": int(problem.tokens * times),
                "gain": _numbers(difference(here, there)),
                "epochs": dict(zip(problem.sources, map(float, epochs))),
                "run_out": [name for name, much in zip(problem.sources, over) if much],
            })  # fmt: skip
            if times == MORE[0]:
                rows[-1]["chosen_again"] = self._again(times, there)
        return rows

    def _again(self, times: int, same: Estimate) -> dict[str, Any]:
        """What the method chooses for more tokens, and what that gives over the same shares."""
        if self.trials > MOST_TRIALS:
            return {"not_computed": f"{self.method} tried {self.trials} mixtures, which is many."}
        old, tokens = self.problem, self.problem.tokens * times
        try:
            problem = Problem.of(
                old.sources, old.targets, old.available, tokens, old.objective, old.limits,
                old.params,
            )  # fmt: skip
            problem = replace(problem, facts=old.facts)
            mixer = mix.load(QUICK.get(self.method, self.method))
            study = explore(problem, self.trainer, mixer, self.seed, self.engine)
            found = mixer.recommend(study, rng=stream(self.seed, "recommend"))
            shares = rounded(checked(found, problem, self.method), problem).mean
        except CuveeError as error:
            return {"not_computed": str(error)}
        gain = difference(same, self._objectives([(shares, float(tokens))])[0])
        return {
            "shares": dict(zip(old.sources, map(float, shares))),
            "gain_over_same_shares": _numbers(gain),
        }


def best(stops: Float[np.ndarray, "stops"], at: Sequence[Estimate]) -> Estimate:
    """The share with the lowest objective on a line, draw by draw."""
    draws = np.stack([e.draws for e in at])
    found = np.array([_lowest(stops, column) for column in draws.T])
    center = np.array(_lowest(stops, np.array([float(e.mean) for e in at])))
    return Estimate(found, "share", at[0].spread, center)


def _lowest(x: Float[np.ndarray, "stops"], y: Float[np.ndarray, "stops"]) -> float:
    """Lowest point of the parabola through the lowest stop and its neighbours."""
    i = int(np.argmin(y))
    if i in (0, len(x) - 1):
        return float(x[i])
    (p, q), (r, s) = x[i - 1 : i + 1] - x[i + 1], y[i - 1 : i + 1] - y[i + 1]
    bend = r / p - s / q
    if not bend / (p - q) > 0:
        return float(x[i])
    slope = s / q - q * bend / (p - q)
    lowest = float(x[i + 1] - slope * (p - q) / (2 * bend))
    return min(max(lowest, float(x[i - 1])), float(x[i + 1]))


def flat(stops: Float[np.ndarray, "stops"], at: Sequence[Estimate]) -> tuple[float, float]:
    """Shares around the best that cannot be told from it, or differ by less than `MATTERS`."""
    means = np.array([float(e.mean) for e in at])
    lowest = at[int(np.argmin(means))]
    rises = [difference(e, lowest) for e in at]
    least = np.array([float(e.interval(0.9)[0]) for e in rises])
    least = np.where(np.isnan(least), means - means.min(), least)
    least = np.minimum(least, means - means.min())
    i = j = int(np.argmin(means))
    while i > 0 and least[i - 1] <= MATTERS:
        i -= 1
    while j < len(stops) - 1 and least[j + 1] <= MATTERS:
        j += 1
    left = _crossing(stops, least, i, i - 1) if i > 0 else float(stops[0])
    right = _crossing(stops, least, j, j + 1) if j < len(stops) - 1 else float(stops[-1])
    return left, right


def _crossing(x: np.ndarray, y: np.ndarray, inside: int, outside: int) -> float:
    """Where a line between two stops rises above `MATTERS`."""
    part = (MATTERS - y[inside]) / (y[outside] - y[inside])
    return float(x[inside] + np.clip(part, 0, 1) * (x[outside] - x[inside]))


def _pairs(shares: Shares) -> list[tuple[int, int]]:
    """Pairs of the largest sources; of three sources one pair says it all."""
    order = np.argsort(-np.asarray(shares), kind="stable")
    some = [int(i) for i in order[: 2 if len(shares) == 3 else LARGEST]]
    return list(combinations(some, 2))


def _minus(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.draws, estimate.unit, estimate.spread, -estimate.mean)


def _numbers(estimate: Estimate) -> dict[str, Any]:
    """Mean, standard deviation and 90% interval of one number."""
    one = Estimate(
        estimate.draws[:, None], estimate.unit, estimate.spread, np.atleast_1d(estimate.mean)
    )
    return numbers(one, ("all",))["all"]
