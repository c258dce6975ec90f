"""The limits of pruning by score, and what a random share mends, on digits.

Three scores, the hardest and the easiest rows kept, 10% to 30% of the pool; a network with one
hidden layer is trained for the same number of steps on each choice. Half of the choice at random,
weighted to stand for all that was left out, against the score alone and against random choice.
"""

import numpy as np
from evidence.digits import accuracy, digits
from numpy.random import default_rng

from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

SEEDS, HIDDEN = 6, 64
KEPT = (0.1, 0.2, 0.3)
WAYS = [(score, keep) for score in ("aum", "el2n", "forgetting") for keep in ("hardest", "easiest")]


def run() -> Finding:
    found: dict[str, dict[str, list[float]]] = {str(part): {} for part in KEPT}
    for seed in range(SEEDS):
        pool, test = digits(seed)
        for part in KEPT:
            quota = Quota(rows=round(part * len(pool)))
            methods = {"random": load("random")}
            for score, keep in WAYS:
                by = {"score": score, "keep": keep, "hidden": HIDDEN}
                methods[f"{score} {keep}"] = load("pruning", random=0.0, **by)
                methods[f"{score} {keep} + random"] = load("pruning", random=0.5, **by)
            for name, method in methods.items():
                choice = choose(method, pool, quota, seed=seed)
                chosen = pool.take(choice.rows)
                value = accuracy(chosen, test, default_rng(seed), HIDDEN, choice.weight)
                found[str(part)].setdefault(name, []).append(value)
    alone, mended = [], []
    for rows in found.values():
        base = np.array(rows["random"])
        for score, keep in WAYS:
            alone.append(float(np.mean(rows[f"{score} {keep}"] - base)))
            mended.append(float(np.mean(rows[f"{score} {keep} + random"] - base)))
    below, restored = sum(a < 0 for a in alone), sum(m >= 0 for m in mended)
    hard = [m for m, (_, keep) in zip(mended, WAYS * len(KEPT)) if keep == "hardest"]
    return Finding(
        claim="Keeping 30% or less, choice by score alone falls below random choice for every "
        "score; with a random half it is no worse than random choice.",
        measured=f"Accuracy against random choice, over {len(alone)} pairs of score and part kept: "
        f"by score alone below in {below}, {min(alone):+.3f} to {max(alone):+.3f} (mean "
        f"{np.mean(alone):+.3f}); with a random half at or above in {restored}, {min(mended):+.3f} "
        f"to {max(mended):+.3f} (mean {np.mean(mended):+.3f}); of those with the hardest kept, "
        f"{sum(m >= 0 for m in hard)} of {len(hard)}. {SEEDS} seeds.",
        holds=below == len(alone) and restored == len(mended),
        numbers={"accuracy": found, "alone": alone, "with a random half": mended},
    )
