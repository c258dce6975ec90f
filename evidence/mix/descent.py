"""Does descent find what a dense search finds, and how long does it take on 12 sources?"""

import itertools
import time
from pathlib import Path

import numpy as np

from cuvee import driver, mix
from cuvee.core import Problem, Trial, stream
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SETS = (("python", "essay"), ("python", "essay", "de"), ("c", "pydoc", "man_en", "fortunes"))
OBJECTIVES = ("mean", "worst")


def run() -> Finding:
    gaps = {}
    for names in SETS:
        opened = _open(names)
        trainer, _ = driver.prepare(opened)
        for objective in OBJECTIVES:
            problem = _problem(trainer, objective)
            study = driver.explore(problem, trainer, mix.load("descent"), 0, Local())
            found = mix.load("descent").recommend(study, rng=stream(0)).mean
            gap = _score(problem, trainer, found) - _dense(problem, trainer)
            gaps[f"{'+'.join(names)}, {objective}"] = float(gap)
    every = [p.stem for p in sorted(shared_data(ROOT, "corpora").glob("*.parquet"))]
    trainer, _ = driver.prepare(_open(tuple(every), tokens=10_000))
    start = time.perf_counter()
    driver.explore(_problem(trainer, "mean"), trainer, mix.load("descent"), 0, Local())
    seconds = time.perf_counter() - start
    return Finding(
        claim="Descent ends within 1e-3 nats of a dense search on up to 4 sources, and takes at "
        "most 5 s on 12 sources and targets of 10k tokens.",
        measured=f"Largest gap {max(gaps.values()):.1e} nats; {seconds:.1f} s on 12 sources.",
        holds=max(gaps.values()) <= 1e-3 and seconds <= 5,
        numbers={"gap_to_dense_search": gaps, "seconds_on_12_sources": seconds},
    )


def _open(names: tuple[str, ...], tokens: int = 10_000):
    paths = {n: str(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in names}
    return open_question(Question(paths, budget="0.5M", target_tokens=tokens), Local())


def _problem(trainer, objective: str) -> Problem:
    return Problem.of(trainer.sources, trainer.targets, trainer.available, 500_000, objective)


def _score(problem: Problem, trainer, shares: np.ndarray) -> float:
    losses = trainer.run(Trial(shares, problem.tokens), rng=stream(0)).losses.mean
    return float(problem.objective.score(losses))


def _dense(problem: Problem, trainer) -> float:
    """Grid over the simplex, then ever finer grids around its best points."""
    k = len(problem.sources)
    step = {2: 100, 3: 40, 4: 16}[k]
    grid = [np.array(p) / step for p in itertools.product(range(step + 1), repeat=k)
            if sum(p) == step]  # fmt: skip
    scored = sorted((_score(problem, trainer, w), i) for i, w in enumerate(grid))
    best = scored[0][0]
    moves = [a - b for a, b in itertools.permutations(np.eye(k), 2)]
    for _, i in scored[:3]:
        here, value, width = grid[i], _score(problem, trainer, grid[i]), 1 / step
        while width > 1e-4:
            near = [here + width * m for m in moves]
            near = [w for w in near if w.min() >= 0]
            values = [_score(problem, trainer, w) for w in near]
            if min(values) < value - 1e-12:
                value, here = min(values), near[int(np.argmin(values))]
            else:
                width /= 2
        best = min(best, value)
    return best
