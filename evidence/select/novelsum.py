"""Does NovelSum of a choice tell how well it teaches, and does its greedy choice teach best?

Digits; 60 of 1347 rows are chosen in nine ways, from copies of a few kinds to far-apart rows, with
three seeds each. NovelSum (densities from the whole pool) is compared with the held-out accuracy of
a network, and with it the mean cosine distance, which knows neither neighbours nor densities.
"""

from typing import Any

import numpy as np
from evidence.digits import accuracy, digits
from numpy.random import default_rng

from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.kernels import unit
from cuvee.select.novelsum import densities, novelsum
from cuvee.testing.evidence import Finding

SEEDS, ROWS = 3, 60
METHODS = ("novelsum", "novelsum:densities=both", "k_center:metric=cosine", "facility_location",
           "herding", "prototypes", "prototypes:end=easy", "random")  # fmt: skip


def run() -> Finding:
    rows = [row for seed in range(SEEDS) for row in one(seed)]
    score, plain, right = (
        np.array([row[key] for row in rows]) for key in ("novelsum", "distance", "accuracy")
    )
    names = list(dict.fromkeys(row["name"] for row in rows))
    mean = {
        name: {key: float(np.mean([r[key] for r in rows if r["name"] == name]))
               for key in ("novelsum", "accuracy")}
        for name in names
    }  # fmt: skip
    r = float(np.corrcoef(score, right)[0, 1])
    r_plain = float(np.corrcoef(plain, right)[0, 1])
    best = max(mean, key=lambda name: mean[name]["accuracy"])
    ours = mean["novelsum"]["accuracy"]
    said = ", ".join(f"{name} {of['accuracy']:.1%} ({of['novelsum']:.3f})" for name, of in
                     mean.items())  # fmt: skip
    return Finding(
        claim="NovelSum of a choice correlates with the accuracy of what learns from it (Pearson "
        "r >= 0.8 over nine ways to choose), more than mean distance does, and its greedy choice "
        "teaches more than random rows and k-center.",
        measured=f"r = {r:.2f}, mean distance {r_plain:.2f}. Accuracy (NovelSum): {said}. Best: "
        f"{best}.",
        holds=bool(
            r >= 0.8 and r > r_plain and ours > mean["random"]["accuracy"]
            and ours > mean["k_center:metric=cosine"]["accuracy"]
        ),
        numbers={"r": r, "r_of_mean_distance": r_plain, "means": mean},
    )  # fmt: skip


def one(seed: int) -> list[dict[str, Any]]:
    pool, test = digits(seed)
    ways = unit(pool.need("points"))
    dense = densities(ways, 10, 0.5)
    found = []
    for name, rows in ways_to_choose(pool, seed):
        some = ways[rows]
        right = [accuracy(pool.take(rows), test, default_rng(s), 64) for s in range(3)]
        found.append({
            "name": name, "novelsum": novelsum(some, dense[rows]),
            "distance": float(1 - (some @ some.T).mean()), "accuracy": float(np.mean(right)),
        })  # fmt: skip
    return found


def ways_to_choose(pool: Pool, seed: int) -> list[tuple[str, np.ndarray]]:
    """The methods, and three kinds of digits only."""
    found = [(name, choose(load(name), pool, Quota(rows=ROWS), seed=seed).rows)
             for name in METHODS]  # fmt: skip
    few = np.flatnonzero(np.isin(pool.need("labels"), [0, 1, 2]))
    return [*found, ("three classes", default_rng(seed).permutation(few)[:ROWS])]
