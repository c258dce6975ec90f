"""Hurst exponent: how long a series remembers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import around
from cuvee.measure.memory import BY, SHORTEST, Way, freed


@dataclass(frozen=True, slots=True)
class Hurst:
    """Exponent by which the sum of a series grows: 0.5 without memory, more if trends last.

    The rows are the steps of the series, in order. The bias of each way is taken off, and its error
    found, on simulated noise of the same length.

    Args:
        by: "whittle" (likelihood, the sharpest), "local_whittle" (low frequencies only), "dfa"
            (detrended fluctuations), "rs" (rescaled range).
        steps: That are looked at: of a longer series the first ones.

    Fails when: the series is no fractional noise: one with short memory misleads "whittle" most and
    "local_whittle" least, a trend or a shift of level looks like long memory to all but "dfa".

    References: Hurst, "Long-term storage capacity of reservoirs", 1951 (rescaled range); Peng et
    al., "Mosaic organization of DNA nucleotides", Physical Review E 49, 1994 (fluctuations);
    Beran, "Statistics for long-memory processes", 1994; Robinson, "Gaussian semiparametric
    estimation of long range dependence", Annals of Statistics 23, 1995.
    """

    by: str = "whittle"
    steps: int = 1 << 17

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "memory"
    unit: ClassVar[str] = "(Hurst exponent)"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.steps < SHORTEST:
            raise CuveeError(f"expected steps from {SHORTEST} on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """A short series, or several columns."""
        found = []
        if a.rows.shape[1] != 1:
            found.append(f"{a.rows.shape[1]} columns: a series is one column.")
        if len(a) < 512:
            found.append(f"{len(a)} steps: expected 512 or more.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        if a.rows.shape[1] != 1:
            raise CuveeError(f"{a.name} has {a.rows.shape[1]} columns: a series is one column.")
        series = np.asarray(a.rows[: self.steps, 0], np.float64)
        if len(series) < SHORTEST or series.std() == 0:
            raise CuveeError(f"expected a series of {SHORTEST} or more steps that varies.")
        way = Way(self.by, [len(series)])
        value, sd = freed(way, way.solve(way.tally([series])[0]), rng)
        notes = self._doubts(series, value)
        return around(value, sd, rng=rng, unit=self.unit, low=0.0, high=1.0, notes=notes)

    def _doubts(self, series: np.ndarray, value: float) -> tuple[str, ...]:
        if self.by != "whittle":
            return ()
        low = Way("local_whittle", [len(series)])
        other = low.solve(low.tally([series])[0])
        error = 0.5 / np.sqrt(len(series) ** 0.65)
        if abs(other - value) < 3 * error:
            return ()
        return (
            f"low frequencies alone give {other:.2f}: this is no fractional noise; use "
            "by=local_whittle or by=dfa.",
        )
