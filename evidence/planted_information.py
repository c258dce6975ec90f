"""Pairs whose mutual information is known."""

import numpy as np
from numpy.random import default_rng

from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure import measure


def gaussians(rows: int, columns: int, nats: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each column of x with one of y, all pairs alike, so many nats together."""
    rng = default_rng([seed, 41])
    tie = np.sqrt(1 - np.exp(-2 * nats / columns))
    x = rng.standard_normal((rows, columns))
    return x, tie * x + np.sqrt(1 - tie**2) * rng.standard_normal((rows, columns))


def half_cube(x: np.ndarray) -> np.ndarray:
    """Longer tails; one to one, so that no information is lost."""
    return np.abs(x) ** 1.5 * np.sign(x)


def number(method: object, x: np.ndarray, y: np.ndarray, seed: int = 0) -> Estimate:
    return measure(method, Sample.of_points(x), Sample.of_points(y, "b"), seed=seed)


def consistency(method: object, rows: int, nats: float, seed: int) -> dict[str, float]:
    """What must hold of information whatever its size: three numbers that should be 1, 2 and 0.

    `processing`: of x and (y, a function of y), by that of x and y; `additivity`: of two
    independent pairs together, by that of one; `independence`: of shuffled rows, by the first.
    """
    x, y = (half_cube(z) for z in gaussians(rows, 3, nats, seed))
    other = [half_cube(z) for z in gaussians(rows, 3, nats, seed + 1000)]
    one = float(number(method, x, y).mean)
    more = float(number(method, x, np.hstack([y, np.tanh(y @ np.ones((3, 1))), y**2])).mean)
    two = float(number(method, np.hstack([x, other[0]]), np.hstack([y, other[1]])).mean)
    none = float(number(method, x, y[default_rng(seed).permutation(rows)]).mean)
    return {"nats": one, "processing": more / one, "additivity": two / one,
            "independence": none / one}  # fmt: skip


def failures(board: dict[str, float], nats: float) -> list[str]:
    """Which of the four are off by more than a tenth of what they should be."""
    wanted = {"nats": nats, "processing": 1.0, "additivity": 2.0, "independence": 0.0}
    return [k for k, v in wanted.items() if abs(board[k] - v) > 0.1 * max(v, 1.0)]
