"""Precision, recall, density and coverage: how two samples' surfaces cover each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy.spatial.distance import cdist

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import dealt, of_groups, some_rows
from cuvee.measure.near import nearest

BY = ("coverage", "recall", "density", "precision")


@dataclass(frozen=True, slots=True)
class Prdc:
    """How well the first sample covers the second, the reference, by balls to their neighbours.

    "coverage": part of the reference whose ball holds a row; "recall": part of the reference in a
    ball of the rows. "density": rows' balls of the reference that hold them, beside what is
    expected; "precision": part of the rows in a ball of the reference. The first two speak of
    diversity, the others of being like the reference. They belong to these sizes: compare samples
    of the same size. Memory is the square of `rows`.

    Args:
        by: "coverage", "recall", "density" or "precision".
        neighbours: The ball of a row reaches to this one.
        rows: Of each sample that are looked at: of more so many random ones.

    Fails when: outliers have balls that hold everything (recall and precision; coverage and density
    less), or sizes differ.

    References: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative
    models", NeurIPS 2019; Naeem et al., "Reliable fidelity and diversity metrics for generative
    models", ICML 2020.
    """

    by: str = "coverage"
    neighbours: int = 5
    rows: int = 2000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "(1: as the reference)"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.neighbours < 1 or self.rows < 64:
            raise CuveeError("expected neighbours from 1 on, and rows from 64 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Samples of different sizes."""
        ours, theirs = (min(len(s), self.rows) for s in (a, b or a))
        if 0.8 <= ours / theirs <= 1.25:
            return ()
        return (f"{ours} rows beside {theirs}: compare samples of the same size.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        ours = some_rows(a.rows, self.rows, rng)
        theirs = some_rows((b or a).rows, self.rows, rng)
        mine, other = dealt(len(ours)), dealt(len(theirs))

        def number(groups: np.ndarray) -> float:
            return covering(
                np.concatenate([ours[mine[g]] for g in groups]),
                np.concatenate([theirs[other[g]] for g in groups]), self.by, self.neighbours,
            )  # fmt: skip

        return of_groups(number, rng=rng, unit=self.unit, rate=None, low=0.0)


def covering(ours: np.ndarray, theirs: np.ndarray, by: str, neighbours: int) -> float:
    """One of the four numbers, of two arrays of rows."""
    if by == "recall":
        ours, theirs = theirs, ours
    reach = nearest(theirs, None, neighbours)[0][:, -1] * (1 + 1e-9)
    if by == "coverage":
        return float((nearest(theirs, ours, 1)[0][:, 0] <= reach).mean())
    held = (cdist(ours, theirs) <= reach).sum(axis=1)
    return float(held.mean() / neighbours) if by == "density" else float((held > 0).mean())
