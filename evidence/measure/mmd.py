"""Is MMD unbiased, its test level, and its streaming form the same number?

Normal laws, for which the kernel's means have a closed form.
"""

import numpy as np
from evidence.covering import between, covered, normal, p_value, shares

from cuvee.core.sample import Sample
from cuvee.measure import load, measure
from cuvee.measure.mmd import SCALES
from cuvee.testing.evidence import Finding


def run() -> Finding:
    planted = {}
    for dims, rows, others in ((3, 300, 300), (3, 200, 900), (16, 500, 500)):
        for by in ("exact", "features"):
            far, width = 0.5 / np.sqrt(dims), np.sqrt(dims)
            planted[f"{dims} columns, {rows} and {others} rows, {by}"] = covered(
                "mmd", normal(dims), normal(dims, 1.0, far), truth(dims, 0.25, width), count=rows,
                others=others, bandwidth=width, by=by, seeds=200,
            )  # fmt: skip
    below = [p_value("mmd", [seed, 77], 0.0) < 0.05 for seed in range(200)]
    power = [p_value("mmd", [seed, 77], 0.2) < 0.05 for seed in range(50)]
    rng = np.random.default_rng(5)
    big = [Sample.of_points(rng.standard_normal((6000, 64)) + far) for far in (0.0, 0.1)]
    both = [measure(load("mmd", by=by, bandwidth=8.0), *big) for by in ("exact", "features")]
    low, high = both[1].interval()
    return Finding(
        claim="Nominal 90% intervals cover 85-95%, the test of level 0.05 is false in at most 9% "
        "of 200 pairs of one law, and random features give the number of all pairs within their "
        "interval.",
        measured=f"Covered: {shares(planted)}; p below 0.05 for {np.mean(below):.1%} of pairs of "
        f"one law and {np.mean(power):.0%} of shifted ones; {both[1].mean:.5f} by features against "
        f"{both[0].mean:.5f} of all pairs.",
        holds=between(planted, 0.85, 0.95) and np.mean(below) <= 0.09
        and bool(low <= both[0].mean <= high),
        numbers={"planted": planted, "false": float(np.mean(below)), "power": float(np.mean(power)),
                 "exact": float(both[0].mean), "features": float(both[1].mean)},
    )  # fmt: skip


def truth(dims: int, far: float, width: float) -> float:
    """Of normal laws whose means are so far apart, squared."""
    spread = (np.array(SCALES) * width) ** 2 + 2
    near = (1 - 2 / spread) ** (dims / 2)
    return float(np.mean(2 * near * (1 - np.exp(-far / (2 * spread)))))
