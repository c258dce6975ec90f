"""Hard rows from a large pool, easy ones from a small one?

Digits; 40% of a pool of 1347 and of 120 rows are kept, by the distance to prototypes (20 clusters,
without labels): the farthest or the nearest of each cluster. The claim of Sorscher et al.: with
plenty of data, hard rows make the better training set; with little, easy ones.
"""

import numpy as np
from evidence.digits import accuracy, digits
from numpy.random import default_rng

from cuvee.core.pool import Quota
from cuvee.select import choose, load
from cuvee.testing.evidence import Finding

SEEDS, POOLS = 10, (1347, 120)
METHODS = {"hard": "prototypes:clusters=20", "easy": "prototypes:clusters=20:end=easy",
           "random": "random"}  # fmt: skip


def run() -> Finding:
    table = {size: [one(size, seed) for seed in range(SEEDS)] for size in POOLS}
    mean = {size: {m: float(np.mean([row[m] for row in rows])) for m in METHODS}
            for size, rows in table.items()}  # fmt: skip
    harder = {size: sum(row["hard"] > row["easy"] for row in rows) for size, rows in table.items()}
    said = "; ".join(
        f"{size} rows: hard {of['hard']:.1%}, easy {of['easy']:.1%}, random {of['random']:.1%}, "
        f"hard above easy in {harder[size]} of {SEEDS}"
        for size, of in mean.items()
    )
    return Finding(
        claim="Of a large pool (1347 digits, 40% kept) rows far from their prototype teach more "
        "than near ones and than random ones; of a small pool (120) near ones teach more than far "
        "ones (8 of 10 seeds each).",
        measured=said + ".",
        holds=bool(
            harder[1347] >= 8 and harder[120] <= 2 and mean[1347]["hard"] > mean[1347]["random"]
        ),
        numbers={"means": {str(s): of for s, of in mean.items()},
                 "hard_above_easy": {str(s): of for s, of in harder.items()}},
    )  # fmt: skip


def one(size: int, seed: int) -> dict[str, float]:
    pool, test = digits(seed)
    pool = pool.take(np.arange(size))
    return {
        name: float(
            np.mean(
                [
                    accuracy(
                        pool.take(
                            choose(load(which), pool, Quota.parse("40%", size), seed=seed).rows
                        ),
                        test, default_rng(s), 64,
                    )
                    for s in range(3)
                ]
            )
        )
        for name, which in METHODS.items()
    }  # fmt: skip
