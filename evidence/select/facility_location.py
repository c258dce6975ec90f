"""Do rows by facility location serve a nearest-neighbour classifier better than random rows?

Digits; 2%, 5% and 10% of the pool are chosen without looking at labels, and the rest is classified
by the nearest chosen row. The claim of Wei, Iyer and Bilmes: the likelihood of such a classifier is
facility location. Greedy value against the random choice's, too.
"""

import numpy as np
from evidence.digits import digits

from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.select.kernels import Kernel, unit
from cuvee.testing.evidence import Finding

SEEDS, PARTS = 10, ("2%", "5%", "10%")
METHODS = ("facility_location", "k_center", "random")


def run() -> Finding:
    table = {part: [one(part, seed) for seed in range(SEEDS)] for part in PARTS}
    mean = {part: {m: float(np.mean([row[m] for row in rows])) for m in rows[0]}
            for part, rows in table.items()}  # fmt: skip
    wins = {part: sum(row["facility_location"] > row["random"] for row in rows)
            for part, rows in table.items()}  # fmt: skip
    said = "; ".join(
        f"{part}: {mean[part]['facility_location']:.1%} against {mean[part]['random']:.1%} random, "
        f"{mean[part]['k_center']:.1%} k-center, better than random in {wins[part]} of {SEEDS}"
        for part in PARTS
    )
    return Finding(
        claim="A nearest-neighbour classifier on rows chosen by facility location is more accurate "
        "than on random rows, in at least 9 of 10 seeds at 2%, 5% and 10% of the pool.",
        measured=said + ".",
        holds=all(of >= 9 for of in wins.values()),
        numbers={"means": mean, "wins": wins},
    )


def one(part: str, seed: int) -> dict[str, float]:
    pool, test = digits(seed)
    quota, found = Quota.parse(part, len(pool)), {}
    table, ways = Kernel.of(pool.need("points")).table(), unit(test.need("points"))
    for name in METHODS:
        rows = choose(load(name), pool, quota, seed=seed).rows
        near = rows[np.argmax(ways @ unit(pool.need("points")[rows]).T, axis=1)]
        found[name] = float(np.mean(pool.need("labels")[near] == test.need("labels")))
        found[f"{name}_value"] = float(table[rows].max(axis=0).mean())
    return found
