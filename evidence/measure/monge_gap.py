"""Is the Monge gap 0 for shortest maps only, and does it make a fitted map one?

A linear map is fitted to carry one normal sample to another: by its moments alone, and with the gap
added. Each fit is the best of several starts, by what it makes small.
"""

import numpy as np
from scipy.optimize import minimize

from cuvee.measure.frechet import between
from cuvee.measure.monge_gap import gap
from cuvee.testing.evidence import Finding

ROWS, FITS, STARTS = 120, 4, 6
SEARCH = {"maxfev": 500, "xatol": 1e-4, "fatol": 1e-6}


def run() -> Finding:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, 2))
    shortest = [gap(x, x * [0.5, 3.0] + 1), gap(x, x**3), gap(x, x @ np.array([[2, 1], [1, 2]]))]
    turns = [gap(x, x @ turn(angle)) for angle in (0.3, 1.0, 2.0)]
    spread = np.array([[2.0, 0.8], [0.8, 0.7]])
    fits = {weight: [fitted(x, spread, weight, seed) for seed in range(FITS)]
            for weight in (0.0, 1.0)}  # fmt: skip
    ways = {weight: [float(np.mean([way for way, _ in of])), float(max(off for _, off in of))]
            for weight, of in fits.items()}  # fmt: skip
    least = between((np.zeros(2), np.cov(x, rowvar=False)), (np.zeros(2), spread))
    excess = {weight: of[0] / least - 1 for weight, of in ways.items()}
    return Finding(
        claim="The gap is 0 (below 1e-3) for gradients of convex functions and above it for turns; "
        "a map that is fitted with it costs what optimal transport does (within 10%), one that is "
        "fitted without it costs more (above 20%).",
        measured=f"Gradients at most {max(shortest):.1g}, turns at least {min(turns):.2g}; the "
        f"fitted maps cost {excess[1.0]:.1%} more than optimal transport with the gap, "
        f"{excess[0.0]:.0%} without.",
        holds=max(shortest) < 1e-3 < min(turns) and excess[1.0] < 0.1 and excess[0.0] > 0.2,
        numbers={"gradients": shortest, "turns": turns, "excess": list(excess.values()),
                 "misfit": [of[1] for of in ways.values()], "least": least},
    )  # fmt: skip


def turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def fitted(x: np.ndarray, spread: np.ndarray, weight: float, seed: int) -> tuple[float, float]:
    """The mean squared way of the map that fits best, and how far its law is off."""
    rng = np.random.default_rng([seed, 9])
    cov = np.cov(x, rowvar=False)

    def off(flat: np.ndarray) -> float:
        way = flat.reshape(2, 2)
        return between((np.zeros(2), way.T @ cov @ way), (np.zeros(2), spread))

    def loss(flat: np.ndarray) -> float:
        return 10 * off(flat) + (weight * gap(x, x @ flat.reshape(2, 2)) if weight else 0.0)

    fits = [
        minimize(loss, rng.standard_normal(4), method="Nelder-Mead", options=SEARCH)
        for _ in range(STARTS)
    ]
    best = min(fits, key=lambda fit: fit.fun).x
    step = x @ best.reshape(2, 2) - x
    return float((step**2).sum(axis=1).mean()), off(best)
