"""Tables that come with scikit-learn, taken apart into sources of which some mislead."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

import cuvee
from cuvee.core import Trial
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding
from cuvee.trials import prepare, run

Table = tuple[np.ndarray, np.ndarray]
SPLITS = 8
NEEDED = 7
"""Of the splits: by chance with 1 in 28."""
FRESH = 1000
"""Seeds of the judging runs start here; those of the search are below."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One split of a data set: what may be trained on, chosen by, and judged by."""

    sources: Mapping[str, Table]
    choose_by: Table
    judge_by: Table
    budget: int


def digits(seed: int) -> Shift:
    """Odd digits are four times as frequent where it counts; one source is a third mislabelled."""
    rng, (x, y) = np.random.default_rng(seed), _shuffled(load_digits(return_X_y=True), seed)
    rest = np.flatnonzero(np.arange(len(y)) >= 900)
    rest = rest[(y[rest] % 2 == 1) | (rng.random(len(rest)) < 0.25)]
    half = len(rest) // 2
    clean, smudged = np.arange(500), np.arange(500, 900)
    wrong = np.where(rng.random(400) < 1 / 3, rng.integers(0, 10, 400), y[smudged])
    sources = {
        "even": (x[clean][y[clean] % 2 == 0], y[clean][y[clean] % 2 == 0]),
        "odd": (x[clean][y[clean] % 2 == 1], y[clean][y[clean] % 2 == 1]),
        "smudged": (x[smudged], wrong),
    }
    return Shift(sources, (x[rest[:half]], y[rest[:half]]), (x[rest[half:]], y[rest[half:]]), 400)


def cancer(seed: int) -> Shift:
    """One source of benign cases only, one of which three in ten labels are wrong, a small one."""
    rng, (x, y) = np.random.default_rng(seed), _shuffled(load_breast_cancer(return_X_y=True), seed)
    flipped = np.where(rng.random(150) < 0.3, 1 - y[80:230], y[80:230])
    benign = 230 + np.flatnonzero(y[230:330] == 1)
    sources = {
        "own": (x[:80], y[:80]), "careless": (x[80:230], flipped),
        "benign": (x[benign], y[benign]),
    }  # fmt: skip
    return Shift(sources, (x[330:450], y[330:450]), (x[450:], y[450:]), 150)


def diabetes(seed: int) -> Shift:
    """One source was measured with another instrument, one with much noise, a small one well."""
    rng, (x, y) = np.random.default_rng(seed), _shuffled(load_diabetes(return_X_y=True), seed)
    sources = {
        "own": (x[:70], y[:70]),
        "noisy": (x[70:190], y[70:190] + rng.normal(0, 1.5 * y.std(), 120)),
        "other": (x[190:270], 0.5 * y[190:270] + 2 * y.std()),
    }
    return Shift(sources, (x[270:350], y[270:350]), (x[350:], y[350:]), 120)


def judged(proxy: str, shift: Callable[[int], Shift], what: str) -> Finding:
    """Is the blend's loss below those of equal and natural shares, on other rows and seeds?"""
    rows = np.array([_losses(proxy, shift(seed), seed) for seed in range(SPLITS)])
    gains = rows[:, 1:3] - rows[:, :1]
    won = (gains > 0).sum(axis=0)
    mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(SPLITS)
    losses = rows.mean(axis=0)
    return Finding(
        claim=f"With 16 runs of {proxy} on {what}, the blend's loss on new rows and a new seed is "
        f"below those of equal and of natural shares, on at least {NEEDED} of {SPLITS} splits.",
        measured=f"loss {losses[0]:.3f}; {mean[0]:.3f} ± {error[0]:.3f} below equal shares (on "
        f"{won[0]} of {SPLITS} splits), {mean[1]:.3f} ± {error[1]:.3f} below natural ones (on "
        f"{won[1]}); the best of 60 mixtures by the judging rows themselves has {losses[3]:.3f}.",
        holds=bool((won >= NEEDED).all()),
        numbers={
            "blend": rows[:, 0].tolist(), "uniform": rows[:, 1].tolist(),
            "natural": rows[:, 2].tolist(), "best_of_60_in_hindsight": rows[:, 3].tolist(),
        },
    )  # fmt: skip


def _losses(proxy: str, shift: Shift, seed: int) -> list[float]:
    """Of the blend, equal shares, natural shares, and the best mixture in hindsight."""
    settings = {"budget": shift.budget, "proxy": proxy, "max_epochs": 2}
    answer = cuvee.blend(shift.sources, target=shift.choose_by, seed=seed, **settings)
    question = Question(shift.sources, target=shift.judge_by, seed=FRESH + seed, **settings)
    trainer, _ = prepare(open_question(question, Local()))
    problem = answer.problem

    def loss(shares: np.ndarray, seeds: int = 4) -> float:
        trials = [Trial(problem.fit(shares), shift.budget, FRESH + s) for s in range(seeds)]
        found = [run(trainer, FRESH + seed, t).losses.mean[0] for t in trials]
        return float(np.mean(found))

    equal, natural = np.full(3, 1 / 3), problem.available / problem.available.sum()
    others = np.random.default_rng(seed).dirichlet(np.ones(3), 60)
    hindsight = others[np.argmin([loss(shares, 1) for shares in others])]
    return [loss(np.asarray(answer.shares.mean)), loss(equal), loss(natural), loss(hindsight)]


def _shuffled(table: Table, seed: int) -> Table:
    order = np.random.default_rng([seed, 1]).permutation(len(table[1]))
    return table[0][order], table[1][order]
