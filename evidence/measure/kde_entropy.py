"""Does one step up the score take off smoothing, and is the likeliest density made of few rows?

Error: of a mixture of two Gaussians in one dimension, mean integrated squared error over 20
samples, each with its best bandwidth of a grid. Rows: 30 dimensions, 2,000 rows.
"""

import numpy as np
from evidence.planted_clouds import BASE, covered, gaussian, said
from numpy.random import default_rng

from cuvee.measure.kde_entropy import KdeEntropy, effective, log_density
from cuvee.testing.evidence import Finding

GRID = np.linspace(-5, 5, 400)
WIDTHS = np.geomspace(0.05, 1.2, 16)
NORMAL = 0.5 * np.log(2 * np.pi * np.e)


def run() -> Finding:
    gain = {str(n): gained(n) for n in (200, 1000)}
    wide = default_rng([BASE, 1]).standard_normal((1000, 30))
    made = effective(wide, best(wide))
    narrow = default_rng([BASE, 2]).standard_normal((1000, 2))
    few = effective(narrow, best(narrow))
    cases = {
        "1 dim, 200 rows": covered(KdeEntropy(), gaussian(200, np.ones(1)), NORMAL, 40),
        "2 dims, 300 rows": covered(KdeEntropy(), gaussian(300, np.ones(2)), 2 * NORMAL, 25),
        "3 dims, 400 rows": covered(KdeEntropy(), gaussian(400, np.ones(3)), 3 * NORMAL, 15),
    }
    parts = [c["covered"] for c in cases.values()]
    return Finding(
        claim="Moving rows up by the density's own score takes 15% or more off the error of a "
        "density; the likeliest one in 30 dimensions is made of fewer than 5 rows at each place; "
        "nominal 90% intervals of the entropy hold it in 85% or more.",
        measured=f"error changed by {', '.join(f'{v:+.0%} ({n} rows)' for n, v in gain.items())}; "
        f"effective rows {made:.1f} in 30 dimensions, {few:.0f} in 2; {said(cases)}.",
        holds=bool(max(gain.values()) <= -0.15 and made < 5 and np.mean(parts) >= 0.85),
        numbers={"gain": gain, "effective": {"30": made, "2": few}, "cases": cases},
    )


def best(points: np.ndarray) -> float:
    """The bandwidth under which left-out rows are likeliest."""
    tried = np.geomspace(0.05, 2, 30)
    return float(tried[np.argmax([log_density(points, w, False).mean() for w in tried])])


def gained(rows: int) -> float:
    """Relative change of the error by the step."""
    plain, sharp = np.mean([errors(rows, seed) for seed in range(20)], axis=0)
    return float(sharp.min() / plain.min() - 1)


def errors(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Integrated squared errors at each bandwidth, without and with the step."""
    rng = default_rng([BASE, 3, seed])
    x = rng.standard_normal(rows) * 0.6 + np.where(rng.random(rows) < 0.4, -1.5, 1.0)
    truth = 0.4 * normal(GRID + 1.5, 0.6) + 0.6 * normal(GRID - 1, 0.6)
    found = []
    for width in WIDTHS:
        kernel = normal(x[:, None] - x, width)
        moved = x + 0.5 * (kernel @ x / kernel.sum(axis=1) - x)
        found.append([((normal(GRID[:, None] - c, width).mean(axis=1) - truth) ** 2).sum()
                      for c in (x, moved)])  # fmt: skip
    one, other = np.array(found).T * (GRID[1] - GRID[0])
    return one, other


def normal(x: np.ndarray, sd: float) -> np.ndarray:
    return np.exp(-0.5 * (x / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
