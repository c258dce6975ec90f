"""Clouds whose number is known, and how often an interval holds it."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng

from cuvee.contracts import Measure
from cuvee.core.sample import Sample
from cuvee.measure import measure

BASE = 20_261_122
"""Of the seeds that judge; none of these was used to choose anything."""


def covered(
    method: Measure, make: Callable[[Generator], np.ndarray], truth: float, seeds: int = 60
) -> dict[str, float]:
    """Part of the seeds for which the nominal 90% interval holds the truth, and the errors."""
    found = [
        measure(method, Sample.of_points(make(default_rng([BASE, s]))), seed=s)
        for s in range(seeds)
    ]
    inside = [f.interval()[0] - 1e-9 <= truth <= f.interval()[1] + 1e-9 for f in found]
    values = np.array([float(f.mean) for f in found])
    return {
        "truth": truth, "mean": float(values.mean()), "sd": float(values.std()),
        "width": float(np.mean([np.diff(f.interval())[0] for f in found])),
        "covered": float(np.mean(inside)),
    }  # fmt: skip


def gaussian(rows: int, sds: np.ndarray) -> Callable[[Generator], np.ndarray]:
    return lambda rng: rng.standard_normal((rows, len(sds))) * sds


def said(cases: dict[str, dict[str, float]]) -> str:
    return "; ".join(
        f"{name}: truth {c['truth']:.4g}, mean {c['mean']:.4g}, in {c['covered']:.0%} of intervals"
        for name, c in cases.items()
    )
