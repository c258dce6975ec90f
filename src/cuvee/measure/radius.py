"""How far rows lie from their mean: spread on the scale of the features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import dealt, of_groups

BLOCK = 1 << 14


@dataclass(frozen=True, slots=True)
class Radius:
    """Root mean square distance of the rows from their mean.

    Rows are read once; memory does not grow with them.

    Fails when: a few far-off rows make up the sum.

    References: the total variance of Rao, "Linear statistical inference and its applications",
    1965.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Nothing: it is a mean."""
        return ()

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        points = a.rows
        counts = np.array([len(points[own]) for own in dealt(len(points))], np.float64)
        middle = np.asarray(points[:BLOCK], np.float64).mean(axis=0)
        sums, squares = np.zeros((len(counts), len(middle))), np.zeros(len(counts))
        for start in range(0, len(points), BLOCK):
            block = np.asarray(points[start : start + BLOCK], np.float64) - middle
            for g in range(len(counts)):
                sums[g] += block[g :: len(counts)].sum(axis=0)
                squares[g] += (block[g :: len(counts)] ** 2).sum()

        def number(groups: np.ndarray) -> float:
            rows, mean = counts[groups].sum(), sums[groups].sum(axis=0)
            total = squares[groups].sum() - mean @ mean / rows
            return float(np.sqrt(max(total, 0) / (rows - 1)))

        return of_groups(number, rng=rng, unit=self.unit, low=0.0)
