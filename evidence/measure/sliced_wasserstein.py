"""Is the sliced Wasserstein distance POT's number, and does its interval cover?"""

import numpy as np
from evidence.covering import between, covered, normal, shares

from cuvee.measure.sliced_wasserstein import directions, sliced
from cuvee.testing.evidence import Finding


def run() -> Finding:
    import ot

    apart = []
    for rows, others in ((2000, 2000), (2000, 1700)):
        rng = np.random.default_rng(rows + others)
        x, y = rng.standard_normal((rows, 32)), 1.2 * rng.standard_normal((others, 32)) + 0.1
        ways = directions(32, 64, rng)
        for power in (1, 2):
            want = ot.sliced_wasserstein_distance(x, y, projections=ways, p=power)
            apart.append(abs(sliced(x, y, ways, power).mean() ** (1 / power) / want - 1))
    none = {
        f"{dims} columns, {rows} rows": covered(
            "sliced_wasserstein", normal(dims), normal(dims), 0.0, count=rows)
        for dims, rows in ((64, 100), (64, 1000), (3, 5000))
    }  # fmt: skip
    planted = {
        f"{dims} columns, {rows} and {others} rows": covered(
            "sliced_wasserstein", normal(dims), normal(dims, 1.3, 0.3), 0.18, count=rows,
            others=others, seeds=200)
        for dims, rows, others in ((3, 300, 300), (3, 200, 900), (16, 500, 500), (3, 5000, 5000))
    }  # fmt: skip
    return Finding(
        claim="The number of the same directions is POT's within 1e-6; samples of one law cover 0 "
        "in at least 85% of 100 seeds, and nominal 90% intervals cover 85-95% of known distances.",
        measured=f"At most {max(apart):.1g} from POT; cover 0: {shares(none)}; known distances: "
        f"{shares(planted)}.",
        holds=max(apart) < 1e-6 and between(none, 0.85) and between(planted, 0.85, 0.95),
        numbers={"apart": max(apart), "one law": none, "planted": planted},
    )
