"""Intrinsic dimension: of the surface that rows lie on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import Number, dealt, of_groups, some_rows
from cuvee.measure.near import nearest

BY = ("two_nn", "mle")
SPARE = 8
"""Times as many neighbours are sought as are needed, so that parts of the rows have theirs."""


@dataclass(frozen=True, slots=True)
class IntrinsicDimension:
    """Dimension of the surface that rows lie on, from distances to nearest rows.

    "two_nn" looks at the ratio of the distances to the second and the first neighbour, and trims
    the largest ratios; "mle" at those to the first `neighbours`. Copies of a row count once.

    Args:
        by: "two_nn", or "mle".
        neighbours: Of a row, for "mle".
        trimmed: Part of the largest ratios that is not looked at, for "two_nn".
        rows: That are looked at: of more so many random ones. Fewer rows look at larger scales.

    Fails when: rows are few for their dimension (it is then found too low: above 10 or so by
    tenths), the surface has edges (the interval of "mle" is then too narrow), noise is as large as
    distances to neighbours, or numbers are rounded.

    References: Facco et al., "Estimating the intrinsic dimension of datasets by a minimal
    neighborhood information", Scientific Reports 7, 2017; Levina and Bickel, "Maximum likelihood
    estimation of intrinsic dimension", NIPS 2004; MacKay and Ghahramani, comments on it, 2005.
    """

    by: str = "two_nn"
    neighbours: int = 10
    trimmed: float = 0.1
    rows: int = 10_000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "complexity"
    unit: ClassVar[str] = "dimensions"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.neighbours < 3 or not 0 <= self.trimmed < 1 or self.rows < 32:
            raise CuveeError("expected 3 or more neighbours, trimmed in 0..1, rows from 32 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows; rows that are copies or stand on a grid."""
        found = []
        if len(a) < 200:
            found.append(f"{len(a)} rows: expected some hundreds.")
        some = np.asarray(a.rows[:1000], np.float64)
        if len(np.unique(some, axis=0)) < 0.9 * len(some):
            found.append("more than a tenth of the rows are copies: numbers may be rounded.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        points = np.unique(some_rows(a.rows, self.rows, rng), axis=0)
        if len(points) < 32:
            raise CuveeError(f"{len(points)} different rows: a dimension needs 32 or more.")
        points = points[rng.permutation(len(points))]
        need = 2 if self.by == "two_nn" else self.neighbours
        number = _of_neighbours(points, need, self)
        whole = number(np.arange(len(dealt(len(points)))))
        notes = ()
        if whole > 2 * np.log2(len(points)):
            notes = (f"about {whole:.0f} dimensions from {len(points)} rows: found too low.",)
        # Curvature and uneven density change over the distance to neighbours, of two powers of it.
        slowest = min(1.0, max(2 / max(whole, 1), 0.4))
        return of_groups(number, rng=rng, unit=self.unit, slowest=slowest, doubt=1.0, low=0.0,
                         notes=notes)  # fmt: skip


def _of_neighbours(points: np.ndarray, need: int, settings: IntrinsicDimension) -> Number:
    """Neighbours are sought once: those of a part of the rows are among the first of all."""
    away, which = nearest(points, None, SPARE * need + 8)
    group = np.arange(len(points)) % len(dealt(len(points)))

    def number(groups: np.ndarray) -> float:
        own = np.isin(group, groups)
        near, full = _first(away[own], own[which[own]], need)
        near = near[full]
        return two_nn(near, settings.trimmed) if settings.by == "two_nn" else mle(near)

    return number


def _first(
    away: Float[np.ndarray, "rows k"], some: Bool[np.ndarray, "rows k"], need: int
) -> tuple[Float[np.ndarray, "rows need"], Bool[np.ndarray, "rows"]]:
    """Distances to the first neighbours that belong to the part; whether there are so many."""
    order = np.argsort(~some, axis=1, kind="stable")[:, :need]
    return np.take_along_axis(away, order, 1), some.sum(axis=1) >= need


def two_nn(near: Float[np.ndarray, "rows 2"], trimmed: float = 0.1) -> float:
    """Of distances to the two nearest rows: their log ratio is exponential, its rate is the
    dimension; the largest ratios are only known to be larger.
    """
    ratio = np.sort(np.log(near[:, 1] / near[:, 0]))
    kept = max(round((1 - trimmed) * len(ratio)), 2)
    total = ratio[:kept].sum() + (len(ratio) - kept) * ratio[kept - 1]
    return float((kept - 1) / max(total, 1e-12))


def mle(near: Float[np.ndarray, "rows k"]) -> float:
    """Of distances to the nearest rows: inverse dimensions are averaged."""
    inverse = np.log(near[:, -1:] / near[:, :-1]).mean()
    return float(1 / max(inverse, 1e-12))
