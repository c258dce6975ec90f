"""Is MINDE right on Gaussians, bent or not, and consistent with itself?

5,000 rows and default settings: 2 columns at two strengths and 5 columns, plain, cubed by half and
as uniform numbers, the joint variant on the first two; a pair without linear dependence; the three
things that must hold of information whatever its size. Ten small samples of independent columns.
"""

import numpy as np
from evidence.planted_information import consistency, failures, gaussians, half_cube, number
from numpy.random import default_rng
from scipy.special import ndtr

from cuvee.measure.minde import Minde
from cuvee.testing.evidence import Finding

ROWS, SMALL = 5000, {"steps": 300, "hidden": 48, "nulls": 0}
CASES = ((2, 0.5, "plain"), (2, 2.0, "half cube"), (5, 1.0, "uniform"), (5, 1.0, "plain"))
BENDS = {"plain": lambda x: x, "half cube": half_cube, "uniform": ndtr}


def run() -> Finding:
    found, off = [], []
    for variant in ("conditional", "joint"):
        for i, (columns, nats, bend) in enumerate(CASES[: 4 if variant == "conditional" else 2]):
            x, y = (BENDS[bend](z) for z in gaussians(ROWS, columns, nats, 60 + i))
            e = number(Minde(variant=variant, nulls=0), x, y)
            found.append(
                {
                    "variant": variant,
                    "columns": columns,
                    "nats": nats,
                    "bend": bend,
                    "found": float(e.mean),
                    "interval": [float(v) for v in e.interval()],
                }
            )
            off.append(abs(float(e.mean) / nats - 1))
    board = consistency(Minde(nulls=0), 3000, 1.0, 5)
    none = [number(Minde(**SMALL), *gaussians(1000, 3, 0.0, 70 + s)) for s in range(10)]
    inside = float(np.mean([e.interval()[0] <= 1e-9 for e in none]))
    ring = float(number(Minde(nulls=0), *on_a_ring(3000)).mean)
    return Finding(
        claim="Both variants are within 10% of the information of Gaussians, plain or bent; data "
        "processing, additivity and independence hold within 10%.",
        measured="; ".join(
            f"{r['variant']} {r['columns']} columns {r['bend']} {r['nats']:g}: {r['found']:.3f}"
            for r in found
        )
        + f". Board at 1 nat: {board['nats']:.2f}, processing {board['processing']:.2f}, "
        f"additivity {board['additivity']:.2f}, independence {board['independence']:.3f}. 0 lies "
        f"in the interval of {inside:.0%} of 10 independent samples of 1,000 rows. Points on a "
        f"noisy ring, which no correlation shows: {ring:.2f} of {RING:.2f} nats.",
        holds=bool(max(off) <= 0.1 and not failures(board, 1.0)),
        numbers={"cases": found, "board": board, "independent": inside, "ring": ring},
    )  # fmt: skip


NOISE = 0.1


def on_a_ring(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = default_rng(81)
    angle = rng.uniform(0, 2 * np.pi, rows)
    point = np.column_stack([np.cos(angle), np.sin(angle)])
    point += NOISE * rng.standard_normal((rows, 2))
    return point[:, :1], point[:, 1:]


def ring_nats() -> float:
    """By summing up the densities on a grid."""
    grid = np.linspace(-1.6, 1.6, 641)
    angle = (np.arange(2000) + 0.5) * np.pi / 1000
    cos = np.exp(-0.5 * ((grid[:, None] - np.cos(angle)) / NOISE) ** 2)
    sin = np.exp(-0.5 * ((grid[:, None] - np.sin(angle)) / NOISE) ** 2)
    joint = cos @ sin.T
    joint /= joint.sum()
    apart = joint.sum(1, keepdims=True) * joint.sum(0)
    return float((joint * np.log(np.maximum(joint, 1e-300) / np.maximum(apart, 1e-300))).sum())


RING = ring_nats()
