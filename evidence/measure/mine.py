"""Does MINE find the information of Gaussian pairs, and none where there is none?

Two columns on each side, 5,000 rows, default settings; correlations of .5, .7 and .9 of each pair
of columns, two samples of each, and two of independent columns.
"""

import numpy as np
from evidence.planted_information import gaussians, number

from cuvee.measure.variational import Mine
from cuvee.testing.evidence import Finding

TIES, ROWS, SEEDS = (0.5, 0.7, 0.9), 5000, (1, 2)


def run() -> Finding:
    method, found, off = Mine(nulls=0), {}, []
    for tie in TIES:
        truth = -np.log(1 - tie**2)
        values = [float(number(method, *gaussians(ROWS, 2, truth, s)).mean) for s in SEEDS]
        found[f"{tie}"] = {"truth": truth, "found": values}
        off += [abs(v / truth - 1) for v in values]
    none = [float(number(method, *gaussians(ROWS, 2, 0.0, s)).mean) for s in SEEDS]
    return Finding(
        claim="MINE is within 10% of the information of Gaussian pairs of two columns up to a "
        "correlation of .9, and below 0.02 nats for independent ones.",
        measured="; ".join(
            f"correlation {tie}: {row['truth']:.3f} nats, found "
            + ", ".join(f"{v:.3f}" for v in row["found"])
            for tie, row in found.items()
        )
        + f"; independent: {', '.join(f'{v:.4f}' for v in none)}.",
        holds=bool(max(off) <= 0.1 and max(none) <= 0.02),
        numbers={"ties": found, "independent": none, "rows": ROWS},
    )
