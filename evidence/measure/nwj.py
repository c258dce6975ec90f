"""Is NWJ's number a bound from below in the mean, on rows that the critic has not seen?

Ten samples of three bent Gaussian pairs of 1 nat, 2,000 rows each, and ten of independent ones.
"""

import numpy as np
from evidence.planted_information import gaussians, half_cube, number

from cuvee.measure.variational import Nwj
from cuvee.testing.evidence import Finding

ROWS, SEEDS, NATS = 2000, 10, 1.0


def run() -> Finding:
    method, found = Nwj(steps=400, rate=0.004, nulls=0), {}
    for nats in (NATS, 0.0):
        pairs = [gaussians(ROWS, 3, nats, 50 + s) for s in range(SEEDS)]
        found[nats] = [number(method, half_cube(x), half_cube(y), s)
                       for s, (x, y) in enumerate(pairs)]  # fmt: skip
    means = {nats: np.array([float(e.mean) for e in row]) for nats, row in found.items()}
    error = means[NATS].std(ddof=1) / np.sqrt(SEEDS)
    covered = np.mean([e.interval()[0] <= NATS <= e.interval()[1] for e in found[NATS]])
    return Finding(
        claim="The mean over samples is not above the truth by more than two standard errors, and "
        "within 15% below; independent columns have less than 0.02 nats.",
        measured=f"{means[NATS].mean():.3f} ± {error:.3f} of {NATS:g} nat; the interval, "
        f"with what more rows would bring, holds the truth in {covered:.0%} of {SEEDS} samples; "
        f"independent: {means[0.0].max():.4f} at most.",
        holds=bool(
            means[NATS].mean() <= NATS + 2 * error
            and means[NATS].mean() >= 0.85 * NATS
            and means[0.0].max() < 0.02
        ),
        numbers={"found": {str(k): v.tolist() for k, v in means.items()}, "covered": covered},
    )
