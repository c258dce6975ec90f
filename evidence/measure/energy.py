"""Do intervals hold the energy distance of normal laws, and is the test's level right?

Differences of normal rows are normal, so mean distances have a closed form.
"""

import numpy as np
from evidence.covering import between, covered, normal, p_value, shares
from scipy.special import gammaln, hyp1f1

from cuvee.testing.evidence import Finding

CASES = ((1, 300, 300, 0.5), (3, 200, 600, 0.3), (16, 400, 400, 0.15), (64, 300, 300, 0.1))


def run() -> Finding:
    planted = {
        f"{dims} columns, {rows} and {others} rows": covered(
            "energy", normal(dims), normal(dims, 1.0, far), truth(dims, far), count=rows,
            others=others, seeds=200,
        )
        for dims, rows, others, far in CASES
    }  # fmt: skip
    false = float(np.mean([p_value("energy", [seed, 78], 0.0) < 0.05 for seed in range(200)]))
    power = float(np.mean([p_value("energy", [seed, 78], 0.3) < 0.05 for seed in range(50)]))
    return Finding(
        claim="Nominal 90% intervals cover the energy distance of shifted normal laws in 85-95% of "
        "200 pairs, and the test of level 0.05 is false in at most 9% of 200 pairs of one law.",
        measured=f"Covered: {shares(planted)}; p below 0.05 for {false:.1%} of pairs of one law "
        f"and {power:.0%} of shifted ones.",
        holds=between(planted, 0.85, 0.95) and false <= 0.09,
        numbers={"planted": planted, "false": false, "power": power},
    )


def truth(dims: int, far: float) -> float:
    """Of unit normal laws that are so far apart in each column."""
    return 2 * (distance(dims, dims * far**2) - distance(dims, 0.0))


def distance(dims: int, squared: float) -> float:
    """The mean length of a normal row of variance 2 whose mean has this squared length."""
    scale = 2 * np.exp(gammaln((dims + 1) / 2) - gammaln(dims / 2))
    return float(scale * hyp1f1(-0.5, dims / 2, -squared / 4))
