"""Do Hurst exponents of known noise come out right, and do their intervals hold them?"""

import numpy as np
from evidence.planted_clouds import BASE
from numpy.random import default_rng

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.hurst import Hurst
from cuvee.measure.memory import noise
from cuvee.testing.evidence import Finding

STEPS, SEEDS = 1024, 20


def run() -> Finding:
    cases = {(by, hurst): one(by, hurst) for hurst in (0.5, 0.7, 0.9)
             for by in ("whittle", "local_whittle", "dfa", "rs")}  # fmt: skip
    long = {by: float(measure(Hurst(by=by), series(1 << 14, 0.7, 0)).mean) for by in ("dfa", "rs")}
    parts = [c["covered"] for c in cases.values()]
    off = max(abs(v - 0.7) for v in long.values())
    return Finding(
        claim="Rescaled range and detrended fluctuations give 0.7 within 0.05 for fractional "
        "Gaussian noise of 16,384 steps, and nominal 90% intervals of all four ways hold the truth "
        "in 85% or more of the series of 1,024 steps.",
        measured=f"0.7: {', '.join(f'{by} {v:.3f}' for by, v in long.items())}; held "
        f"{np.mean(parts):.0%} on average, {min(parts):.0%} at worst; errors (sd) of "
        + ", ".join(f"{by} {cases[by, 0.7]['sd']:.3f}" for by in ("whittle", "dfa", "rs")) + ".",
        holds=bool(off <= 0.05 and np.mean(parts) >= 0.85 and min(parts) >= 0.75),
        numbers={"long": long} | {f"{by} {h}": c for (by, h), c in cases.items()},
    )  # fmt: skip


def one(by: str, hurst: float) -> dict[str, float]:
    found = [measure(Hurst(by=by), series(STEPS, hurst, s), seed=s) for s in range(SEEDS)]
    values = np.array([float(f.mean) for f in found])
    inside = [f.interval()[0] <= hurst <= f.interval()[1] for f in found]
    return {"mean": float(values.mean()), "sd": float(values.std()),
            "covered": float(np.mean(inside))}  # fmt: skip


def series(steps: int, hurst: float, seed: int) -> Sample:
    return Sample.of_points(noise(steps, hurst, default_rng([BASE, seed]))[0])
