"""A test of data copying: are generated rows nearer to training rows than these to each other?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.clusters import kmeans
from cuvee.core.clusters import nearest as nearest_center
from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import around, some_rows
from cuvee.measure.near import nearest

LEAST = 5
"""Rows of a cell of which a rank test makes sense."""


@dataclass(frozen=True, slots=True)
class CopyingTest:
    """Standard deviations by which generated rows lie nearer to training rows than new ones would.

    The first sample was generated, the second is what the generator was trained on. In each cell of
    the space, distances to the nearest training row are compared by rank with those of the training
    rows to each other, which stand for new rows of the law. Above 3: copies; below -3: rows between
    the training rows, or far from them. The published C_T has the other sign.

    Args:
        cells: Of the space.
        rows: Of each sample that are looked at: of more so many random ones.

    Fails when: some rows are copied while others are smoothed over: the two cancel, and
    `data_copying` sees the copies. It is a test: it grows with the rows.

    References: Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in
    generative models", AISTATS 2020 (with held-out rows in the place of the training rows' own
    distances).
    """

    cells: int = 5
    rows: int = 10_000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "copying"
    unit: ClassVar[str] = "standard deviations"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")

    def __post_init__(self) -> None:
        if self.cells < 1 or self.rows < 64:
            raise CuveeError("expected cells from 1 on, and rows from 64 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows in a cell; a training sample that is copied in itself."""
        found = []
        if min(len(a), len(b or a)) < 20 * self.cells:
            found.append("fewer than 20 rows in a cell: take fewer cells.")
        some = np.asarray((b or a).rows[:1000], np.float64)
        if len(np.unique(some, axis=0)) < 0.98 * len(some):
            found.append("training rows are copies of each other: deduplicate them first.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        made = some_rows(a.rows, self.rows, rng)
        trained = some_rows((b or a).rows, self.rows, rng)
        centers, cell = kmeans(trained, self.cells, rng)
        theirs, ours = nearest(trained, None, 1)[0][:, 0], nearest(made, trained, 1)[0][:, 0]
        at = nearest_center(made, centers)
        total, weights = 0.0, []
        for i in range(len(centers)):
            new, old = ours[at == i], theirs[cell == i]
            if min(len(new), len(old)) >= LEAST:
                weights.append(len(old))
                total += len(old) * nearer(new, old)
        if not weights:
            raise CuveeError(f"no cell has {LEAST} rows of both samples: take fewer cells.")
        sd = float(np.sqrt(np.square(weights).sum()) / np.sum(weights))
        found = around(total / np.sum(weights), sd, rng=rng, unit=self.unit, freedom=200)
        null = sd * rng.standard_normal(len(found.draws))
        return Estimate(found.draws, self.unit, "samples", found.center, null=null)


def nearer(new: Float[np.ndarray, "new"], old: Float[np.ndarray, "old"]) -> float:
    """By how many standard deviations the first are smaller, by their ranks (Mann and Whitney)."""
    from scipy.stats import rankdata

    n, m = len(new), len(old)
    ranks = rankdata(np.concatenate([new, old]))
    below = n * m + n * (n + 1) / 2 - ranks[:n].sum()
    return float((below - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))
