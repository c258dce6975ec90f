"""How often the interval of a measure holds what is true of planted laws."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator, default_rng

from cuvee.core.sample import Sample
from cuvee.measure import load, measure

Law = Callable[[Generator, int], np.ndarray]


def normal(dims: int, wide: float | np.ndarray = 1.0, far: float = 0.0) -> Law:
    """Normal columns, so wide, and so far from 0 in each column."""
    return lambda rng, rows: rng.standard_normal((rows, dims)) * wide + far


def covered(
    name: str, one: Law, two: Law, truth: float, *, count: int, others: int = 0, seeds: int = 100,
    first: int = 10**6, **settings: object,
) -> dict[str, float]:  # fmt: skip
    """Share of seeds whose 90% interval holds the truth, and what the number is on average."""
    method = load(name, **settings)
    inside, values, widths = 0, [], []
    for seed in range(first, first + seeds):
        rng = default_rng(seed)
        pair = [Sample.of_points(law(rng, n)) for law, n in ((one, count), (two, others or count))]
        found = measure(method, *pair, seed=seed)
        low, high = found.interval()
        inside += bool(low <= truth <= high)
        values.append(float(found.mean))
        widths.append(float(high - low))
    return {
        "covered": inside / seeds, "truth": float(truth), "mean": float(np.mean(values)),
        "sd": float(np.std(values)), "width": float(np.mean(widths)),
    }  # fmt: skip


def p_value(name: str, seed: list[int], far: float) -> float:
    """Of a test of two samples, 100 rows of 5 columns each, so far apart in each column."""
    rng = default_rng(seed)
    pair = [Sample.of_points(rng.standard_normal((100, 5)) + shift) for shift in (0.0, far)]
    notes = measure(load(name), *pair, seed=seed[0]).notes
    return float(next(n for n in notes if n.startswith("p = ")).split()[2])


def shares(found: dict[str, dict[str, float]]) -> str:
    """`name 0.91, other 0.88`."""
    return ", ".join(f"{name} {of['covered']:.2f}" for name, of in found.items())


def between(found: dict[str, dict[str, float]], low: float, high: float = 1.0) -> bool:
    """Whether all shares lie there."""
    return all(low <= of["covered"] <= high for of in found.values())
