"""Noisy twenty questions: a policy trained on the worst cases against uncertainty sampling.

60 items, 60 questions with yes and no answers, of which up to 60% are answered nearly at random; 20
or 30 may be asked, one more than once. Policies are trained on some instances (a true item, and how
often each question is answered wrongly) and judged on others; counted is how often the wrong item
is named at the end, in the worst quarter of the instances of each class of complexity.
"""

import numpy as np
from numpy.random import default_rng

from cuvee.select.actively import UNCERTAINTY, Actively, Game, worst_part
from cuvee.testing.evidence import Finding

ITEMS, QUESTIONS, SEEDS, FRESH, GAMES, LEVELS = 60, 60, 5, 60, 40, 3
ASKED = (20, 30)
TRAINED = {
    "levels": LEVELS, "instances": 24, "repeats": 6, "candidates": 16, "generations": 5,
}  # fmt: skip


def run() -> Finding:
    found: dict[str, dict[str, list[list[float]]]] = {}
    for asked in ASKED:
        rows = found[str(asked)] = {"trained": [], "uncertainty": [], "random": []}
        for seed in range(SEEDS):
            rng = default_rng(seed)
            game = Game(rng.integers(2, size=(ITEMS, QUESTIONS)), 2, 0.1)
            policy = Actively(answers=asked, **TRAINED).train(game, rng=rng)
            truth, flips = game.instances(FRESH, rng)
            order = np.argsort(game.complexity(truth, flips), kind="stable")
            every = np.stack([policy, UNCERTAINTY, np.zeros_like(policy)])
            error = game.errors(every, truth[order], flips[order], asked, GAMES, rng)
            parts = np.array_split(error, LEVELS, axis=1)
            worst = np.stack([worst_part(part) for part in parts], axis=1)
            for name, row in zip(rows, worst):
                rows[name].append(row.tolist())
    mean = {a: {n: np.mean(v, axis=0) for n, v in rows.items()} for a, rows in found.items()}
    gain = np.array([
        max(other) - max(one)
        for rows in found.values()
        for one, other in zip(rows["trained"], rows["uncertainty"])
    ])  # fmt: skip
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    told = "; ".join(
        f"{asked} questions: " + ", ".join(f"{n} {v.max():.2f}" for n, v in by.items())
        for asked, by in mean.items()
    )
    return Finding(
        claim="With 30 questions or fewer, a policy trained on the worst instances of each class "
        "of complexity errs less in the worst class than uncertainty sampling.",
        measured=f"Error in the worst class: {told}; lower than uncertainty sampling by "
        f"{gain.mean():.3f} ± {error:.3f}, in {int((gain > 0).sum())} of {len(gain)} games.",
        holds=bool(gain.mean() > 2 * error),
        numbers={"worst error by class, easy to hard": found},
    )
