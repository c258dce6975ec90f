"""The mixer `descent`: 12 sources within 5 s, and as good as a dense search on 2 to 4 sources."""

import statistics
import time
from itertools import product

import numpy as np

from benchmarks.mixture import prepared
from benchmarks.shared import Figure, Options
from cuvee import mix
from cuvee.contracts import Trainer
from cuvee.core import Limits, Problem, Trial, stream
from cuvee.driver import explore
from cuvee.engine.local import Local

TOKENS = 10_000
SETS = (
    ("python", "essay"), ("c", "wordnet"),
    ("de", "es", "fr"), ("python", "perl", "fortunes"),
    ("c", "man_en", "pydoc", "essay"), ("handbook_en", "de", "python", "wordnet"),
)  # fmt: skip
CASES = (("mean", 300_000, np.inf), ("worst", 300_000, np.inf), ("mean", 1_000_000, 1.5))
"""Objective, budget, most epochs: the last has caps that bind."""
GRID = {2: 400, 3: 40, 4: 16}
"""Steps of the grid along each share."""


def run(options: Options) -> list[Figure]:
    """Seconds on 12 sources; distance from the dense search on few."""
    return [*_twelve(options), *_few()]


def solve(trainer: Trainer, problem: Problem) -> tuple[np.ndarray, tuple[Trial, ...]]:
    """The shares that descent recommends, and the trials that it asked for."""
    mixer = mix.load("descent")
    study = explore(problem, trainer, mixer, 0, Local(1))
    return np.asarray(mixer.recommend(study, rng=stream(0, "recommend")).mean), study.trials


def _twelve(options: Options) -> list[Figure]:
    trainer = prepared(TOKENS)
    figures = []
    for objective in ("mean", "worst"):
        problem = _problem(trainer, objective, 1_000_000, 4.0)
        seconds, alone = [], []
        for _ in range(max(options.rounds // 2, 1)):
            begin = time.perf_counter()
            trials = solve(trainer, problem)[1]
            seconds.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            for trial in trials:
                trainer.run(trial, rng=stream(0, "trial"))
            alone.append(time.perf_counter() - begin)
        floor = statistics.median(alone)
        figures.append(
            Figure(f"12 sources, {objective}", seconds, "s", "<= 5",
                   f"limit {floor:.2f} s: its {len(trials)} trials alone",
                   "one thread, after prepare; 12 targets of 10k tokens, spread included")
        )  # fmt: skip
    return figures


def _few() -> list[Figure]:
    """The most that descent loses to the dense search, by number of sources."""
    gaps: dict[int, list[float]] = {}
    finest: dict[int, float] = {}
    for names in SETS:
        trainer, k = prepared(TOKENS, names), len(names)
        for case in CASES:
            problem = _problem(trainer, *case)
            found = _score(trainer, problem, solve(trainer, problem)[0])
            best, still = dense(trainer, problem, GRID[k])
            gaps.setdefault(k, []).append(found - best)
            finest[k] = max(finest.get(k, 0.0), still)
    return [
        Figure(f"{k} sources, most lost to a dense search", [max(gap)], "nats", "<= 0.001",
               f"limit: the search's best two ends differ by up to {finest[k]:.1e} nats",
               f"{len(gap)} problems; least {min(gap):+.1e}; grid of 1/{GRID[k]}, then refined")
        for k, gap in gaps.items()
    ]  # fmt: skip


def dense(trainer: Trainer, problem: Problem, steps: int) -> tuple[float, float]:
    """Smallest objective on a grid and around its best points; no gradient is used.

    Around the five best points all neighbours are tried, and random moves beside them, as the
    worst target has kinks along which no neighbour may go down; the step halves when none helps.

    Returns:
        The objective, and how far the starting points' ends disagree: 0 for a single valley.
    """
    k = len(problem.sources)
    points = [np.array([*p, steps - sum(p)]) / steps
              for p in product(range(steps + 1), repeat=k - 1) if sum(p) <= steps]  # fmt: skip
    inside = [p for p in points if (p >= problem.low).all() and (p <= problem.high).all()]
    scored = sorted((_score(trainer, problem, p), tuple(p)) for p in inside)
    ends = sorted(_refine(trainer, problem, np.array(p), s, 1 / steps) for s, p in scored[:5])
    return ends[0], ends[1] - ends[0] if len(ends) > 1 else 0.0


def _refine(trainer: Trainer, problem: Problem, at: np.ndarray, score: float, step: float) -> float:
    k, rng = len(at), np.random.default_rng(0)
    around = np.array([m for m in product((-1, 0, 1), repeat=k) if any(m) and sum(m) == 0], float)
    while step > 1e-5:
        beside = rng.normal(size=(10 * (k - 2) + 1, k))
        moves = np.concatenate([around, beside - beside.mean(axis=1, keepdims=True)])
        tries = [problem.fit(np.clip(at + step * move, 0, None)) for move in moves]
        best, i = min((_score(trainer, problem, t), i) for i, t in enumerate(tries))
        if best < score:
            score, at = best, tries[i]
        else:
            step /= 2
    return score


def _problem(trainer: Trainer, objective: str, budget: int, epochs: float) -> Problem:
    return Problem.of(trainer.sources, trainer.targets, trainer.available, budget, objective,
                      Limits(max_epochs=epochs))  # fmt: skip


def _score(trainer: Trainer, problem: Problem, shares: np.ndarray) -> float:
    losses = trainer.run(Trial(shares, problem.tokens), rng=stream(0, "trial")).losses.mean
    return float(problem.objective.score(losses))
