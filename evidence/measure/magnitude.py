"""Does magnitude find planted outliers, and count rows far apart?"""

import numpy as np
from numpy.random import Generator, default_rng

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.magnitude import Magnitude, distances, weighting
from cuvee.testing.evidence import Finding

ROWS, OUT, SCALES = 300, 5, (0.5, 1.0, 2.0)
APART = 4.0


def run() -> Finding:
    first = {
        str(scale): float(np.mean([top(scale, dims, s) for dims in (2, 5) for s in range(10)]))
        for scale in SCALES
    }
    grid = np.stack(np.meshgrid(*[np.arange(10.0)] * 2), -1).reshape(-1, 2)
    rise = {
        str(step): float(measure(Magnitude(), Sample.of_points(grid * step)).mean)
        for step in (0.01, 1.0, 5.0, 30.0)
    }
    return Finding(
        claim="The outliers planted around a cloud have the largest weights at scales 0.5, 1 and 2 "
        "(all 5 of 300 on top), and the magnitude of n rows grows from 1 to n as they move away "
        "from each other.",
        measured="outliers on top: " + ", ".join(f"{v:.0%} at {s}" for s, v in first.items())
        + "; magnitude of 100 rows of a grid: "
        + ", ".join(f"{v:.2f} at distance {s}" for s, v in rise.items()) + ".",
        holds=bool(
            min(first.values()) == 1 and abs(rise["30.0"] - 100) < 1e-6 and rise["0.01"] < 1.2
        ),
        numbers={"top": first, "grid": rise},
    )  # fmt: skip


def top(scale: float, dims: int, seed: int) -> float:
    """Part of the outliers among as many largest weights."""
    rng = default_rng([77, dims, seed])
    rows = rng.standard_normal((ROWS, dims))
    rows[:OUT] = outliers(dims, rng)
    best = np.argsort(weighting(rows, scale))[-OUT:]
    return float(np.mean(best < OUT))


def outliers(dims: int, rng: Generator) -> np.ndarray:
    """Far from the cloud, and from each other: a pair of outliers shares its weight."""
    while True:
        ways = rng.standard_normal((OUT, dims))
        rows = ways / np.linalg.norm(ways, axis=1)[:, None] * rng.uniform(7, 12, (OUT, 1))
        if np.sort(distances(rows), axis=1)[:, 1].min() >= APART:
            return rows
