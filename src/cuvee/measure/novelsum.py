"""NovelSum: how far rows lie apart, near neighbours counting most, and dense places more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from cuvee.core.clusters import unit as lengths_of_one
from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import Number, dealt, of_sets, some_rows
from cuvee.measure.near import nearest

LEAST = 1e-3
"""Mean distance to neighbours below which rows are copies: density goes no higher."""


@dataclass(frozen=True, slots=True)
class NovelSum:
    """Mean distance to the other rows, weighted by nearness and by their density in a reference.

    Of each row: cosine distances to the others, times the density of these in the reference, the
    r-th smallest weighted by r^-proximity. It is a property of a set of so many rows, and says
    nothing by itself: compare sets of the same size against one reference. Memory is the square of
    `rows`.

    Args:
        rows: Of a set: of more, up to four random sets are measured.
        neighbours: Rows of the reference that density is measured with.
        density: Its power; 0: density does not count, and the reference does not matter.
        proximity: Power of the rank; 0: near and far rows count the same.
        reference: Rows of the reference that are looked at: of more so many random ones.

    Fails when: sets of different sizes are compared, or each is its own reference: tight clusters
    then look more diverse than even rows.

    References: Yang et al., "Measuring data diversity for instruction tuning: a systematic analysis
    and a reliable metric", ACL 2025.
    """

    rows: int = 1000
    neighbours: int = 10
    density: float = 0.5
    proximity: float = 1.0
    reference: int = 20_000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "weighted cosine distance"
    keeps: ClassVar[tuple[str, ...]] = ("scale", "rotation")

    def __post_init__(self) -> None:
        if min(self.rows, self.reference) < 32 or self.neighbours < 1:
            raise CuveeError("expected rows and reference from 32 on, and neighbours from 1 on.")
        if self.density < 0 or self.proximity < 0:
            raise CuveeError("expected density and proximity from 0 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """A set that is smaller than those it will be compared with; a poor reference."""
        found = []
        if len(a) < self.rows:
            found.append(f"{len(a)} rows, not {self.rows}: compare sets of this size only.")
        if b is not None and len(b) < len(a):
            found.append("the reference is smaller than the set: use one that holds all sets.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        reference = lengths_of_one(some_rows((b or a).rows, self.reference, rng))

        def of(rows: np.ndarray) -> Number:
            ways = lengths_of_one(a.rows[rows])
            dense = densities(ways, reference, self.neighbours, self.density)
            away = np.maximum(1 - ways @ ways.T, 0) * dense
            at = [np.arange(len(ways))[s] for s in dealt(len(ways))]

            def number(groups: np.ndarray) -> float:
                own = np.concatenate([at[g] for g in groups])
                return novelty(away[np.ix_(own, own)], self.proximity)

            return number

        return of_sets(of, len(a), self.rows, rng=rng, unit=self.unit, low=0.0)


def densities(
    ways: Float32[np.ndarray, "rows dims"], reference: Float32[np.ndarray, "others dims"],
    neighbours: int, power: float,
) -> Float32[np.ndarray, "rows"]:  # fmt: skip
    """Of rows of length 1: (mean distance to the nearest rows of the reference)^-power."""
    if not power:
        return np.ones(len(ways), np.float32)
    # One more, as a row is often part of the reference itself.
    near = nearest(ways, reference, neighbours + 1)[0]
    own = near[:, 0] < LEAST
    some = np.where(own[:, None], near[:, 1:], near[:, :-1])
    return np.maximum(some.mean(axis=1), LEAST).astype(np.float32) ** np.float32(-power)


def novelty(away: Float[np.ndarray, "rows rows"], proximity: float) -> float:
    """Mean over rows of the weighted mean of their distances to the others."""
    np.fill_diagonal(away, -1)
    others = np.sort(away, axis=1)[:, 1:]
    weights = (1 / np.arange(1, others.shape[1] + 1) ** proximity).astype(others.dtype)
    return float((others @ (weights / weights.sum())).mean(dtype=np.float64))
