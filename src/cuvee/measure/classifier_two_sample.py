"""Classifier two-sample test: can a row's sample be told?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy.special import stdtr

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around
from cuvee.core.sample import Sample
from cuvee.measure.energy import left_out
from cuvee.measure.kernel_tables import some_rows
from cuvee.measure.log_ratios import WAYS, crossed


@dataclass(frozen=True, slots=True)
class ClassifierTwoSample:
    """How much more often than by chance a classifier tells which sample a row is of.

    Twice the balanced accuracy on rows that were not learned from, less 1: from 0 (cannot be told)
    to 1 (always). No classifier does better than the total variation distance of the laws.

    Args:
        by: What learns: a "classifier" (logistic, on products and waves), "gaussian" or "kde"
            densities, or shares among nearest "neighbours".
        rows: Of more rows of a sample, so many are drawn.
        nulls: Exchanges of the rows behind the test; a classifier learns from each.

    Fails when: what tells the laws apart is not what the classifier can learn; the number then is
    too small.

    References: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "share of rows told beyond chance"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "swap")
    by: str = "classifier"
    rows: int = 3000
    nulls: int = 20

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise CuveeError(f"by must be one of {tuple(WAYS)}, got {self.by!r}.")
        if self.rows < 10 or self.nulls < 4:
            raise CuveeError(
                f"rows must be 10 or more and nulls 4 or more, got {self.rows} and {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Rows that are not looked at."""
        return left_out(self.rows, a, b)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (some_rows(z.rows, self.rows, rng) for z in (a, b or a))
        hold: dict[str, float] = {}
        hits = _hits(*crossed(x, y, self.by, rng, hold=hold))
        value = hits[0] + hits[1] - 1
        both = np.concatenate([x, y])
        null = np.empty(self.nulls)
        for i in range(self.nulls):
            mixed = both[rng.permutation(len(both))]
            null[i] = sum(
                _hits(*crossed(mixed[: len(x)], mixed[len(x) :], self.by, rng, hold=hold))
            )
        null -= 1
        # Folds learn from each other's rows, so that coins would be too even.
        far = (value - null.mean()) / max(float(null.std(ddof=1)), 1e-12)
        p = float(stdtr(self.nulls - 1, -far))
        note = f"p = {p:.2g} for no difference, by {self.nulls} exchanges of the rows."
        return around(
            value, _spread(hits, (len(x), len(y))), 0.0, rng=rng, unit=self.unit, floor=0.0,
            bound="lower", null=null, notes=(note,),
        )  # fmt: skip


def _hits(one: np.ndarray, two: np.ndarray) -> list[float]:
    """Shares of both samples' rows that are told; a row on the border is told by a coin."""
    return [float(np.where(side == 0, 0.5, side > 0).mean()) for side in (one, -two)]


def _spread(hits: list[float], rows: tuple[int, int]) -> float:
    """Of two shares of rows; never 0."""
    shares = [(h * n + 1) / (n + 2) for h, n in zip(hits, rows)]
    return float(np.sqrt(sum(s * (1 - s) / n for s, n in zip(shares, rows))))
