"""Sliced Wasserstein distance: the distance along directions, which sorting gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around, contrast, exchanged
from cuvee.core.sample import Sample

HELD = 1 << 24
"""Numbers along directions that are held at a time: 128 MB."""
BLOCK = 1 << 16
"""Rows that are projected at a time."""


@dataclass(frozen=True, slots=True)
class SlicedWasserstein:
    """Squared 2-Wasserstein distance along random directions, on average.

    All rows are projected and sorted, some directions at a time (128 MB, whatever the rows). The
    interval comes from blocks of `cap` rows.

    Args:
        projections: Directions; rounded up to whole sets of directions at right angles, of which
            one set sees all of a shift.
        cap: Rows that are sorted at a time for the interval.
        splits: Pairs of halves, or blocks, behind the interval.

    Fails when: laws differ in a few of many dimensions: the average over directions then is small.

    References: Rabin, Peyré, Delon and Bernot, "Wasserstein barycenter and its application to
    texture mixing", SSVM 2011; Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein
    barycenters of measures", Journal of Mathematical Imaging and Vision 51, 2015.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    projections: int = 64
    cap: int = 1000
    splits: int = 24

    def __post_init__(self) -> None:
        if self.projections < 1 or self.cap < 8 or self.splits < 4:
            raise CuveeError(
                "projections must be 1 or more, cap 8 or more, splits 4 or more, got "
                f"{self.projections}, {self.cap} and {self.splits}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Fewer directions than dimensions."""
        if self.projections >= a.rows.shape[1]:
            return ()
        return (
            f"{self.projections} directions of {a.rows.shape[1]} dimensions: choose more of them.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = a.rows, (b or a).rows
        ways = directions(x.shape[1], self.projections, rng)
        each = sliced(x, y, ways)
        one, two = (self._projected(z, ways, rng) for z in (x, y))
        halves = contrast(along, one, two, rng=rng, cap=self.cap, splits=self.splits)
        rows = min(len(x), len(y))
        # Along a direction the bias falls like 1/rows, and so does all chance of equal laws.
        less = min(2 * self.cap, rows) / 2 / rows
        bias = (halves.across - halves.limit) * less
        limit = float(each.mean()) - bias if rows > 2 * self.cap else halves.limit
        sd = halves.sd * np.sqrt(halves.rows / rows)
        null = exchanged(along, one, two, self.cap, self.splits, rng) * min(self.cap / rows, 1)
        return around(
            limit, float(np.hypot(sd, self._of_directions(each, ways, x, y))),
            halves.missed * (less if rows > 2 * self.cap else 1), rng=rng, unit=self.unit,
            floor=0.0, null=null + limit - float(each.mean()), squared=True,
        )  # fmt: skip

    def _projected(self, x: np.ndarray, ways: np.ndarray, rng: Generator) -> np.ndarray:
        """Of the rows that blocks are made of, their places along the directions."""
        most = 2 * self.cap * self.splits
        if len(x) > most:
            x = x[np.sort(rng.choice(len(x), most, replace=False))]
        return np.asarray(x, np.float64) @ ways

    def _of_directions(
        self, each: np.ndarray, ways: np.ndarray, x: np.ndarray, y: np.ndarray
    ) -> float:
        """How much the mean varies with the directions, of which a set sees all of a shift."""
        gap = x.mean(axis=0, dtype=np.float64) - y.mean(axis=0, dtype=np.float64)
        return float((each - (gap @ ways) ** 2).std() / np.sqrt(len(each)))


def directions(dims: int, count: int, rng: Generator) -> Float[np.ndarray, "dims count"]:
    """Random directions, in sets at right angles, as many as make whole sets."""
    sets = -(-count // dims)
    return np.hstack([np.linalg.qr(rng.standard_normal((dims, dims)))[0] for _ in range(sets)])


def sliced(
    x: Float[np.ndarray, "rows dims"], y: Float[np.ndarray, "others dims"],
    ways: Float[np.ndarray, "dims directions"], power: float = 2.0,
) -> Float[np.ndarray, "directions"]:  # fmt: skip
    """The Wasserstein distance along each direction, to its power.

    The mean of these, to the power of 1/power, is the sliced Wasserstein distance. Memory: 128 MB.

    Args:
        x: Rows; may be a memory map.
        y: Others, as many or not.
        ways: A direction in each column.
        power: Of the ways.
    """
    at_a_time = int(np.clip(HELD // (len(x) + len(y)), 1, ways.shape[1]))
    found = []
    for start in range(0, ways.shape[1], at_a_time):
        some = np.ascontiguousarray(ways[:, start : start + at_a_time], np.float64)
        found.append(_distances(_placed(x, some), _placed(y, some), power))
    return np.concatenate(found)


def along(one: Float[np.ndarray, "rows directions"], two: np.ndarray) -> float:
    """The mean squared distance of rows that are projected already."""
    return float(_distances(np.array(one.T, order="C"), np.array(two.T, order="C"), 2.0).mean())


def _placed(x: np.ndarray, ways: np.ndarray) -> Float[np.ndarray, "directions rows"]:
    """Places of the rows along the directions."""
    found = np.empty((ways.shape[1], len(x)))
    for start in range(0, len(x), BLOCK):
        np.matmul(
            ways.T,
            x[start : start + BLOCK].T,
            out=found[:, start : start + BLOCK],
            casting="unsafe",
        )
    return found


def _distances(one: np.ndarray, two: np.ndarray, power: float) -> Float[np.ndarray, "directions"]:
    """Of places, which are sorted where they stand."""
    one.sort(axis=1)
    two.sort(axis=1)
    if one.shape[1] == two.shape[1]:
        one -= two
        return _powers(one, power) / one.shape[1]
    n, m = one.shape[1], two.shape[1]
    # Both quantile functions are constant between these levels.
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    width = np.diff(ends, prepend=0) / (n * m)
    i, j = (ends - 1) // m, (ends - 1) // n
    return np.array([np.abs(u[i] - v[j]) ** power @ width for u, v in zip(one, two)])


def _powers(gap: np.ndarray, power: float) -> Float[np.ndarray, "directions"]:
    """Sums of powers along the rows."""
    if power == 2:
        return np.einsum("dn,dn->d", gap, gap)
    np.abs(gap, out=gap)
    return gap.sum(axis=1) if power == 1 else (gap**power).sum(axis=1)
