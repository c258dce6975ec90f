"""Fitting a mixing law: all targets, starts and resamples at once, beside SciPy one by one."""

import time

import numpy as np
from scipy.optimize import least_squares

from benchmarks.shared import Figure, Options, over
from cuvee.core.fitting import Noise, fit_from_many
from cuvee.core.points import Points
from cuvee.mix.mixing_law import MixForm

RUNS, SOURCES, TARGETS, STARTS = 64, 8, 12, 10
DELTA = 0.01


def run(options: Options) -> list[Figure]:
    """Seconds of both on the same losses, starts and Huber loss; how far apart they end."""
    shares, losses = data()
    form = MixForm("M4", SOURCES, 1, 0.01)
    curve = form.curve(Points.at(shares, 1e9))
    rng = np.random.default_rng(1)
    starts = np.stack([
        np.column_stack([losses.min(axis=1) - 0.2, rng.normal(-0.5, 1.0, (TARGETS, SOURCES))])
        for _ in range(STARTS)
    ])  # fmt: skip
    ours, peer, gap = [], [], 0.0
    for turn in range(max(options.rounds // 2, 2) + 1):
        begin = time.perf_counter()
        found = fit_from_many(curve, starts, losses, Noise(DELTA), keep=STARTS, steps=1000)
        middle = time.perf_counter()
        theirs = scipy_fits(shares, losses, starts)
        if turn:  # the first round warms caches
            ours.append(middle - begin)
            peer.append(time.perf_counter() - middle)
        gap = float(np.max(huber(curve(found.params)[0] - losses) - huber(theirs - losses)))
    return [
        Figure(f"law of {SOURCES} sources, {TARGETS} targets, {STARTS} starts", ours, "s"),
        Figure("scipy.optimize.least_squares, one by one", peer, "s", note="exact Jacobian, too"),
        Figure("ratio of times", over(peer, ours), "x", ">= 5"),
        Figure("largest excess of our Huber sum over theirs", [gap], "", "<= 1e-6"),
    ]


def data() -> tuple[np.ndarray, np.ndarray]:
    """Runs of the law itself, with noise."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(SOURCES, 0.5), RUNS)
    worth = rng.gamma(0.5, 1.0, (TARGETS, SOURCES)) + 2 * np.eye(TARGETS, SOURCES)
    return shares, 2 + np.exp(0.5 - worth @ shares.T) + rng.normal(0, 0.01, (TARGETS, RUNS))


def scipy_fits(shares: np.ndarray, losses: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Values of the best end of the same starts for each target."""
    found = []
    for t, loss in enumerate(losses):
        ends = [
            least_squares(lambda p, y=loss: p[0] + np.exp(shares @ p[1:]) - y, start[t],
                          lambda p, y=loss: slopes(shares, p), method="trf", loss="huber",
                          f_scale=DELTA, xtol=1e-9, ftol=1e-9)
            for start in starts
        ]  # fmt: skip
        best = min(ends, key=lambda end: end.cost)
        found.append(best.x[0] + np.exp(shares @ best.x[1:]))
    return np.array(found)


def slopes(shares: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Derivatives of the law."""
    return np.column_stack([np.ones(len(shares)), np.exp(shares @ p[1:])[:, None] * shares])


def huber(residuals: np.ndarray) -> np.ndarray:
    """Sum of Huber losses of each target."""
    size = np.abs(residuals)
    return np.where(size <= DELTA, size**2 / 2, DELTA * (size - DELTA / 2)).sum(axis=1)
