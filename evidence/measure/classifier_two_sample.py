"""Does the classifier's share stay below the total variation, and is its test level?"""

import numpy as np
from scipy.special import ndtr

from cuvee.core.sample import Sample
from cuvee.measure import load, measure
from cuvee.testing.evidence import Finding


def run() -> Finding:
    shifts = (0.3, 0.8, 2.0)
    told = {far: np.mean([value(seed, far)[0] for seed in range(20)]) for far in shifts}
    best = {far: float(2 * ndtr(far / 2) - 1) for far in shifts}
    false = np.mean([value(seed, 0.0)[1] < 0.05 for seed in range(100, 220)])
    near = all(best[far] - 0.1 < told[far] <= best[far] + 0.02 for far in shifts)
    return Finding(
        claim="On shifted normal laws (5 columns, 400 rows) the share told beyond chance is at "
        "most the total variation distance, and less than 0.1 below it; the test of level 0.05 is "
        "false in at most 9% of 120 pairs of one law.",
        measured=", ".join(f"{told[far]:.3f} of {best[far]:.3f}" for far in shifts)
        + f"; p below 0.05 for {false:.1%} of pairs of one law.",
        holds=bool(near and false <= 0.09),
        numbers={"told": list(told.values()), "variation": list(best.values()),
                 "false": float(false)},
    )  # fmt: skip


def value(seed: int, far: float) -> tuple[float, float]:
    rng = np.random.default_rng([seed, 31])
    x, y = rng.standard_normal((2, 400, 5))
    x[:, 0] += far
    found = measure(load("classifier_two_sample"), Sample.of_points(x), Sample.of_points(y),
                    seed=seed)  # fmt: skip
    note = next(n for n in found.notes if n.startswith("p = "))
    return float(found.mean), float(note.split()[2])
