"""Do intervals hold the Sinkhorn divergence of normal laws, between blurred and plain transport?

The closed form is that of Janati et al., "Entropic optimal transport between unbalanced Gaussian
measures has a closed form", NeurIPS 2020.
"""

import numpy as np
from evidence.covering import covered, normal, shares
from numpy.random import default_rng

from cuvee.measure.kernel_tables import median_distance
from cuvee.testing.evidence import Finding

CASES = ((1, 0.5, 1.0, 0.1), (2, 1.0, 1.5, 0.1), (4, 0.5, 1.3, 1.0), (8, 0.4, 1.0, 1.0))
"""Columns, how far apart in each, how wide the second law is, and the blur."""
ROWS, SEEDS = 600, 40


def run() -> Finding:
    planted, ends = {}, []
    for dims, far, wide, blur in CASES:
        true = truth(dims, far, wide, scale(dims, far, wide) * blur)
        planted[f"{dims} columns, blur {blur:g}"] = covered(
            "sinkhorn",
            normal(dims),
            normal(dims, wide, far),
            true,
            count=ROWS,
            seeds=SEEDS,
            blur=blur,
        )
        plain, means = dims * (far**2 + (wide - 1) ** 2), dims * far**2
        ends.append(means - 1e-9 <= true <= plain + 1e-9)
    return Finding(
        claim=f"Nominal 90% intervals cover the closed form of normal laws in 85% of {SEEDS} pairs "
        "or more; it lies between the squared distance of the means and plain transport.",
        measured=f"Covered: {shares(planted)}; means: "
        + ", ".join(f"{p['mean']:.3f} of {p['truth']:.3f}" for p in planted.values())
        + f"; {sum(ends)} of {len(ends)} between.",
        holds=all(p["covered"] >= 0.85 for p in planted.values()) and all(ends),
        numbers={"planted": planted},
    )


def scale(dims: int, far: float, wide: float) -> float:
    """The squared median distance, as the method takes it, of many rows."""
    rng = default_rng(80)
    x, y = rng.standard_normal((2, 20_000, dims))
    return median_distance(x, y * wide + far, rng) ** 2


def truth(dims: int, far: float, wide: float, blur: float) -> float:
    """Of a unit normal law and one so wide, and so far in each column."""
    own = entropic(dims, 1.0, 1.0, blur) / 2 + entropic(dims, wide**2, wide**2, blur) / 2
    return dims * far**2 + entropic(dims, 1.0, wide**2, blur) - own


def entropic(dims: int, one: float, two: float, blur: float) -> float:
    """Entropic transport of centred normal laws of these variances in each column."""
    half = blur / 2
    root = np.sqrt(4 * one * two + half**2)
    of_column = one + two - root + half * (1 - np.log(blur)) + half * np.log(root + half)
    return float(dims * of_column)
