"""Hurst exponents of series: four ways, and what their error is on fractional Gaussian noise.

Each way sums something up over series and then solves for the exponent, so that series can be drawn
again. The bias and the error of every way are learned on simulated noise of the same lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import zeta

BY = ("whittle", "local_whittle", "dfa", "rs")
GRID = np.linspace(0.02, 0.98, 49)
"""Exponents that Whittle's likelihood is looked at."""
SMALLEST, SHORTEST = 8, 64
"""Steps of the smallest window; of the shortest series."""
LOCAL = 0.65
"""Power of the length: the frequencies that are low."""
Series = Sequence[Float[np.ndarray, "steps"]]


class Way:
    """One way to estimate, for series of these lengths; it keeps the tables that they share."""

    def __init__(self, by: str, lengths: Sequence[int], smallest: int = SMALLEST) -> None:
        self.by, self.lengths = by, tuple(lengths)
        longest = max(lengths)
        steps = max(int(6 * np.log2(longest / smallest / 4)), 2)
        self.windows = np.unique(np.geomspace(smallest, longest // 4, steps).astype(int))
        self.tables = (
            {n: Table.of(n, by == "local_whittle") for n in set(lengths)} if "whittle" in by else {}
        )

    def tally(self, series: Series) -> Float[np.ndarray, "series ..."]:
        """What is summed up of each; those of one length are worked on together."""
        found: list[np.ndarray] = [np.zeros(0)] * len(series)
        lengths = np.array([len(x) for x in series])
        for n in np.unique(lengths):
            at = np.flatnonzero(lengths == n)
            for i, one in zip(at, self._together(np.stack([series[int(i)] for i in at]))):
                found[i] = one
        return np.stack(found)

    def _together(self, x: Float[np.ndarray, "series steps"]) -> Float[np.ndarray, "series ..."]:
        if self.tables:
            return self.tables[x.shape[1]].tally(x)
        return (_detrended if self.by == "dfa" else _ranges)(x, self.windows)

    def solve(self, sums: Float[np.ndarray, "..."]) -> float:
        """The exponent, not yet freed of its bias."""
        if self.tables:
            cost = np.log(sums[0] / sums[2]) + sums[1] / sums[2]
            return _lowest(cost)
        some = sums[1] > 0
        mean = sums[0][some] / sums[1][some]
        rise = np.log(np.maximum(mean, 1e-300)) * (0.5 if self.by == "dfa" else 1.0)
        return float(np.polyfit(np.log(self.windows[some]), rise, 1)[0])

    def simulated(self, hurst: float, rng: Generator) -> float:
        """The raw exponent of noise that has this one."""
        lengths, counts = np.unique(self.lengths, return_counts=True)
        tallies = [self._together(noise(n, hurst, rng, many)) for n, many in zip(lengths, counts)]
        return self.solve(np.sum([tally.sum(axis=0) for tally in tallies], axis=0))


def freed(way: Way, raw: float, rng: Generator) -> tuple[float, float]:
    """The exponent whose noise gives this raw one on average, and its standard deviation."""
    many = int(np.clip((1 << 19) // sum(way.lengths), 8, 24))
    at = float(np.clip(raw, 0.1, 0.9)) + np.array([-0.06, 0, 0.06])
    found = np.array([[way.simulated(h, rng) for _ in range(many)] for h in at])
    slope, offset = np.polyfit(np.repeat(at, many), found.ravel(), 1)
    slope = max(slope, 0.3)
    left = found - found.mean(axis=1, keepdims=True)
    sd = float(np.sqrt((left**2).sum() / (left.size - len(at))))
    # The bias is known to within the noise of its simulation.
    return float((raw - offset) / slope), sd / slope * np.sqrt(1 + 1 / left.size)


def noise(
    steps: int, hurst: float, rng: Generator, many: int = 1
) -> Float[np.ndarray, "series steps"]:
    """Fractional Gaussian noise of variance 1.

    References: Davies and Harte, "Tests for Hurst effect", Biometrika 74, 1987.
    """
    lag = np.arange(steps + 1.0)
    near = 0.5 * ((lag + 1) ** (2 * hurst) - 2 * lag ** (2 * hurst) + abs(lag - 1) ** (2 * hurst))
    power = np.fft.rfft(np.concatenate([near, near[-2:0:-1]])).real.clip(min=0)
    size = (many, steps + 1)
    wave = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    wave[:, [0, -1]] = np.sqrt(2) * wave[:, [0, -1]].real
    return np.fft.irfft(wave * np.sqrt(power * steps), 2 * steps)[:, :steps]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Spectral densities at each exponent of the grid, but for a factor.

    Args:
        inverse: One over the density.
        logs: Sums of its logarithm.
    """

    inverse: Float[np.ndarray, "grid frequencies"]
    logs: Float[np.ndarray, "grid"]

    @staticmethod
    def of(steps: int, local: bool) -> "Table":
        """For series of so many steps; low frequencies alone follow a power law, whatever the noise
        is on short scales.
        """
        wave = 2 * np.pi * np.arange(1, (steps - 1) // 2 + 1) / steps
        power = -2 * GRID[:, None] - 1
        if local:
            logs = (power + 2) * np.log(wave[: max(int(steps**LOCAL), 8)])
            return Table(np.exp(-logs), logs.sum(axis=1))
        turn = wave / (2 * np.pi)
        # Images of the power law in all other turns of the circle: Hurwitz' zeta function.
        images = (zeta(-power, 1 + turn) + zeta(-power, 1 - turn)) * (2 * np.pi) ** power
        logs = np.log(1 - np.cos(wave)) + np.log(wave**power + images)
        return Table(np.exp(-logs), logs.sum(axis=1))

    def tally(self, x: Float[np.ndarray, "series steps"]) -> Float[np.ndarray, "series parts grid"]:
        """Whittle's likelihood in parts: periodogram over density, log density, frequencies."""
        many = self.inverse.shape[1]
        middle = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        power = np.abs(np.fft.rfft(middle)[:, 1 : many + 1]) ** 2 / x.shape[1]
        fitted = power @ self.inverse.T
        fixed = np.broadcast_to([self.logs, np.full(len(GRID), many)], (len(x), 2, len(GRID)))
        return np.concatenate([fitted[:, None], fixed], axis=1)


def _lowest(cost: np.ndarray) -> float:
    """Of a parabola through the lowest point and its neighbours."""
    i = int(np.clip(np.argmin(cost), 1, len(cost) - 2))
    before, here, after = cost[i - 1 : i + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(GRID[i] + np.clip(shift, -1, 1) * (GRID[1] - GRID[0]))


def _detrended(x: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Squared residuals of the walk from a line in each window, and how many windows."""
    steps = x.shape[1]
    walk = np.cumsum(x - x.mean(axis=1, keepdims=True), axis=1)
    found = np.zeros((len(x), 2, len(windows)))
    for j, wide in enumerate(windows[windows <= steps // 4]):
        parts = walk[:, : steps // wide * wide].reshape(len(x), -1, wide)
        time = np.arange(wide) - (wide - 1) / 2
        middle = parts - parts.mean(axis=2, keepdims=True)
        slope = middle @ time / (time @ time)
        square = np.einsum("nwt,nwt->nw", middle, middle) / wide - slope**2 * (time @ time) / wide
        found[:, 0, j] = np.maximum(square, 0).sum(axis=1)
        found[:, 1, j] = parts.shape[1]
    return found


def _ranges(x: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Range of the walk beside the standard deviation in each window, and how many windows."""
    steps, found = x.shape[1], np.zeros((len(x), 2, len(windows)))
    for j, wide in enumerate(windows[windows <= steps // 4]):
        parts = x[:, : steps // wide * wide].reshape(len(x), -1, wide)
        middle = parts - parts.mean(axis=2, keepdims=True)
        sd, walk = middle.std(axis=2), np.cumsum(middle, axis=2)
        reach = np.ptp(walk, axis=2) / np.where(sd > 0, sd, 1)
        found[:, 0, j], found[:, 1, j] = reach.sum(axis=1), (sd > 0).sum(axis=1)
    return found
