"""Is the dimension of known surfaces found, and is it in the interval?"""

import numpy as np
from evidence.planted_clouds import covered, said
from numpy.random import Generator, default_rng

from cuvee.measure.intrinsic_dimension import IntrinsicDimension
from cuvee.testing.evidence import Finding

TURN = np.linalg.qr(default_rng(1).standard_normal((30, 30)))[0]
ROWS, SEEDS = 1000, 25


def run() -> Finding:
    cases = {
        f"{name}, {by}": covered(IntrinsicDimension(by=by), make, truth, SEEDS)
        for name, make, truth in (
            ("roll", roll, 2), ("sphere", sphere, 5), ("cube", cube, 3), ("cloud", cloud, 8),
        )
        for by in ("two_nn", "mle")
    }  # fmt: skip
    two = {name: c for name, c in cases.items() if name.endswith("two_nn")}
    off = max(abs(c["mean"] / c["truth"] - 1) for c in two.values())
    parts = [c["covered"] for c in two.values()]
    return Finding(
        claim="TwoNN is within 10% of the dimension of a roll, a sphere, a cube and a cloud (2 to "
        "8 dimensions, 1,000 rows), and the nominal 90% interval holds it in 80% or more.",
        measured=said(cases) + ".",
        holds=bool(off <= 0.1 and min(parts) >= 0.8),
        numbers=cases,
    )


def roll(rng: Generator) -> np.ndarray:
    t = 1.5 * np.pi * (1 + 2 * rng.random(ROWS))
    return np.column_stack([t * np.cos(t), 21 * rng.random(ROWS), t * np.sin(t)])


def sphere(rng: Generator) -> np.ndarray:
    x = rng.standard_normal((ROWS, 6))
    return x / np.linalg.norm(x, axis=1)[:, None]


def cube(rng: Generator) -> np.ndarray:
    return rng.random((ROWS, 3)) @ TURN[:3]


def cloud(rng: Generator) -> np.ndarray:
    return rng.standard_normal((ROWS, 8)) @ TURN[:8]
