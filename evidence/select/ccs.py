"""Coverage-centric choice against the hardest rows and random ones, on digits with a network.

A network with one hidden layer is trained for the same number of steps on each choice and judged on
digits that no method saw. The scores are margins (AUM) of a network of the same kind. The labels
of the pool are as they come; beside that, to see what the method is for, with 20% of them wrong.
"""

import numpy as np
from evidence.digits import accuracy, digits
from numpy.random import default_rng

from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

SEEDS = 10
HIDDEN = 64
METHODS = {
    "random": load("random"),
    "hardest": load("pruning", keep="hardest", random=0.0, hidden=HIDDEN),
    "ccs": load("ccs", hidden=HIDDEN),
}


def run() -> Finding:
    cases = ((0.1, 0.0), (0.7, 0.0), (0.1, 0.2))
    found = {case: {name: [] for name in METHODS} for case in cases}
    for seed in range(SEEDS):
        for (part, wrong), by_name in found.items():
            pool, test = digits(seed, wrong)
            for name, method in METHODS.items():
                rows = choose(method, pool, Quota(rows=round(part * len(pool))), seed=seed).rows
                by_name[name].append(accuracy(pool.take(rows), test, default_rng(seed), HIDDEN))
    mean = {c: {n: float(np.mean(v)) for n, v in rows.items()} for c, rows in found.items()}
    few, most, noisy = (mean[case] for case in cases)
    gap = max(most.values()) - min(most.values())
    return Finding(
        claim="With 90% of digits pruned, stratified scores beat hardest-first by 15 points of "
        "accuracy or more, and random choice; with 30% pruned all are within 2 points.",
        measured=f"90% pruned: ccs {few['ccs']:.3f}, random {few['random']:.3f}, hardest "
        f"{few['hardest']:.3f}. 30% pruned: ccs {most['ccs']:.3f}, random {most['random']:.3f}, "
        f"hardest {most['hardest']:.3f}. 90% pruned with 20% wrong labels: ccs {noisy['ccs']:.3f}, "
        f"random {noisy['random']:.3f}, hardest {noisy['hardest']:.3f}. {SEEDS} seeds.",
        holds=few["ccs"] >= few["hardest"] + 0.15 and few["ccs"] > few["random"] and gap <= 0.02,
        numbers={f"{p:.0%} kept, {w:.0%} wrong": rows for (p, w), rows in found.items()},
    )
