"""Data copying: what part of generated rows are near-copies of training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import around, some_rows
from cuvee.measure.intrinsic_dimension import two_nn
from cuvee.measure.near import CELLS, nearest

NULLS = 6


@dataclass(frozen=True, slots=True)
class DataCopying:
    """Share of the first sample in balls around rows of the second that it fills too densely.

    The first sample was generated, the second is what the generator was trained on. A ball around a
    training row counts if the generator puts `times` as much into it as the law of the training
    rows does, and that law no more than `largest`. What lies in such balls by chance is learned
    from the rings around them, and taken off.

    Args:
        times: By how much a ball is filled too densely.
        largest: Part of the training law in a ball, at most.
        neighbours: Training rows within which their density is extrapolated to smaller balls.
        dimension: Of the surface that rows lie on, for this; 0: it is measured.
        rows: Of each sample that are looked at: of more so many random ones.

    Fails when: training rows hold near-copies themselves (deduplicate them first), or copies are
    fewer than `times` beside what is generated elsewhere in their ball.

    References: Bhattacharjee, Dasgupta and Chaudhuri, "Data-copying in generative models: a formal
    framework", ICML 2023.
    """

    times: float = 20.0
    largest: float = 0.0025
    neighbours: int = 5
    dimension: float = 0.0
    rows: int = 5000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "copying"
    unit: ClassVar[str] = "of the generated rows"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")

    def __post_init__(self) -> None:
        if self.times <= 1 or not 0 < self.largest < 1 or self.dimension < 0:
            raise CuveeError("expected times above 1, largest in 0..1, dimension from 0 on.")
        if self.neighbours < 2 or self.rows < 64:
            raise CuveeError("expected neighbours from 2 on, and rows from 64 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows; a training sample that is copied in itself."""
        found = []
        if min(len(a), len(b or a)) < 500:
            found.append("fewer than 500 rows: a ball is filled by one or two of them.")
        if len(a) * self.times < 5 * len(b or a):
            found.append("few generated rows beside the training rows: chance hides single copies.")
        some = np.asarray((b or a).rows[:1000], np.float64)
        if len(np.unique(some, axis=0)) < 0.98 * len(some):
            found.append("training rows are copies of each other: deduplicate them first.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        made = some_rows(a.rows, self.rows, rng)
        trained = some_rows((b or a).rows, self.rows, rng)
        if min(len(made), len(trained)) < 64:
            raise CuveeError("expected 64 or more rows of both samples: give more.")
        hit, chance = self._hits(made, trained)
        none = np.array([self._by_chance(trained, len(made), rng) for _ in range(NULLS)])
        # Balls of several rows are filled by chance, too: how many more hits these make.
        more = float(none[:, 0].sum() / max(none[:, 1].sum(), 1e-12)) if none[:, 1].any() else 1.0
        value = float(hit.mean() - more * chance.mean())
        sd = np.sqrt((hit.var() + more**2 * chance.var()) / len(hit) + 1 / len(hit) ** 2)
        sd = float(np.hypot(sd, 0.25 * more * chance.mean()))
        found = around(value, sd, rng=rng, unit=self.unit, low=0.0, high=1.0, freedom=100)
        return Estimate(found.draws, self.unit, "samples", found.center, null=none @ [1, -more])

    def _hits(
        self, made: np.ndarray, trained: np.ndarray
    ) -> tuple[Bool[np.ndarray, "rows"], Bool[np.ndarray, "rows"]]:
        """Which generated rows lie in a ball; and which in the ring of the same size around the
        ball of a single row: as many lie in that by chance.
        """
        many = max(self.neighbours, round(self.largest * len(trained)) + 1)
        known = nearest(trained, None, many)[0]
        dims = self.dimension or dimension(known)
        hit = covered(made, trained, self._radii(trained, known, made, dims))
        away, which = nearest(made, trained, self.neighbours)
        edge = np.maximum(known[:, self.neighbours - 1], 1e-300)[which]
        law = (np.minimum(away / edge, 1) ** dims).min(axis=1) * self.neighbours / len(trained)
        least = 1 / (self.times * len(made))
        return hit, (law > least) & (law <= 2 * least) & ~hit

    def _by_chance(self, trained: np.ndarray, made: int, rng: Generator) -> tuple[float, float]:
        """Shares of hits and of the rings, had training rows been generated: as many beside those
        left as before.
        """
        order = rng.permutation(len(trained))
        part = min(max(round(len(order) * made / (made + len(order))), 32), len(order) - 32)
        hit, chance = self._hits(trained[order[:part]], trained[order[part:]])
        return float(hit.mean()), float(chance.mean())

    def _radii(
        self, trained: np.ndarray, known: np.ndarray, made: np.ndarray, dims: float
    ) -> Float[np.ndarray, "trained"]:
        """Of the largest ball around each training row that is filled too densely; 0: none is."""
        found = np.zeros(len(trained))
        filled = np.arange(1, len(made) + 1) / len(made)
        for rows, away in _blocks(trained, made):
            away = np.sort(away, axis=1)
            law = self._law(away, known[rows], len(trained), dims)
            dense = (filled >= self.times * law) & (law <= self.largest)
            last = away.shape[1] - 1 - np.argmax(dense[:, ::-1], axis=1)
            radius = np.take_along_axis(away, last[:, None], 1)[:, 0]
            found[rows] = np.where(dense.any(axis=1), np.maximum(radius, 1e-12), 0)
        return found

    def _law(
        self, away: np.ndarray, known: np.ndarray, many: int, dims: float
    ) -> Float[np.ndarray, "rows made"]:
        """Part of the training law within these distances: counted, or extrapolated inwards."""
        edge = np.maximum(known[:, self.neighbours - 1 : self.neighbours], 1e-300)
        inside = np.minimum(away / edge, 1) ** dims * self.neighbours
        counts = np.full(away.shape, self.neighbours, np.int64)
        for j in range(self.neighbours, known.shape[1]):
            counts += away >= known[:, j : j + 1]
        return np.where(away < edge, inside, counts) / many


def covered(
    points: Float[np.ndarray, "rows dims"], centers: Float[np.ndarray, "centers dims"],
    radii: Float[np.ndarray, "centers"],
) -> Bool[np.ndarray, "rows"]:  # fmt: skip
    """Which rows lie in a ball."""
    some = radii > 0
    found = np.zeros(len(points), bool)
    if some.any():
        for rows, away in _blocks(points, centers[some]):
            found[rows] = (away <= radii[some] * (1 + 1e-9)).any(axis=1)
    return found


def dimension(known: Float[np.ndarray, "rows k"]) -> float:
    """Of the training rows, from their neighbours; copies are left out."""
    some = known[known[:, 0] > 0][:, :2]
    return max(two_nn(some), 0.5) if len(some) >= 32 else 1.0


def _blocks(points: np.ndarray, others: np.ndarray):
    from scipy.spatial.distance import cdist

    step = max(CELLS // len(others), 1)
    for start in range(0, len(points), step):
        rows = np.arange(start, min(start + step, len(points)))
        yield rows, cdist(points[rows], others)
