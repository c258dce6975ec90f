"""Gradient information: each pick lies where it brings the choice nearest to the target."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota

BLOCK = 1 << 14
"""Rows compared with all centers at a time."""
EACH = 40
"""Rows of a sample for each center that is fitted to it."""
NEAREST = 1e-10
"""Smallest squared distance, and `TINY` what is added to a distance in its logarithm."""
TINY = 1e-8
STARTS = ("mean", "last", "jump")


@dataclass(frozen=True, slots=True)
class Gio:
    """Greedily adds the row nearest to where a gradient descent on the divergence ends.

    The divergence of the target from what is chosen is estimated from distances to neighbours; it
    is smooth in one more point v, so v slides downhill, and the row nearest to its end is taken.
    Pool and target are first put into cells by k-means; a cell is taken whole, its rows nearest to
    the center first. The choice starts with random points. When the divergence rises, the method
    would stop by itself: the notes say where. If more rows are asked for, it goes on all the same.
    As in the released code, distances to the choice are averaged over all its points, not taken to
    the k-th neighbour only. Rows x cells x features multiplications to assign cells, in blocks;
    target cells x features x steps a pick, and no more picks than cells.

    Args:
        neighbours: Which neighbour within the target tells its density.
        cells: Of pool and of target at most; of fewer rows, each is a cell.
        rate: Of the descent, in units that make the first step this part of a point's length.
        steps: Of the descent; three times as many for the first pick.
        starts: Random points, uniform over the box of pool and target, of which the choice starts.
        begin: Where each descent begins: "mean" of the target, "last" end, or "jump" to a random
            target point.
        rounds: Of k-means.

    Fails when: the target has several parts far from each other, as "mean" looks between them
    ("jump" does not); features have so many dimensions that all distances are alike.

    References: Everaert and Potts, "GIO: Gradient Information Optimization for Training Dataset
    Selection", ICLR 2024, https://arxiv.org/abs/2306.11670; Wang, Kulkarni and Verdu, "Divergence
    Estimation for Multidimensional Densities Via k-Nearest-Neighbor Distances", IEEE Trans. Inf.
    Theory 55(5), 2009, https://doi.org/10.1109/TIT.2009.2016060
    """

    neighbours: int = 5
    cells: int = 1500
    rate: float = 0.01
    steps: int = 50
    starts: int = 20
    begin: str = "mean"
    rounds: int = 10

    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        if min(self.neighbours, self.cells, self.steps, self.starts, self.rounds) < 1:
            raise CuveeError(
                "gio: neighbours, cells, steps, starts and rounds must be 1 or more, got "
                f"{self.neighbours}, {self.cells}, {self.steps}, {self.starts}, {self.rounds}."
            )
        if self.begin not in STARTS or not self.rate > 0:
            raise CuveeError(
                f"gio: expected begin to be one of {', '.join(STARTS)} and rate above 0, got "
                f"{self.begin!r} and {self.rate}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by cells in the order of the picks; the score is what a pick took off."""
        if target is None:
            raise CuveeError("gio: there is no target: give --target.")
        points, wanted = pool.need("points"), target.need("points")
        centers, cell, far = self._cells(points, rng)
        wanted = self._cells(wanted, rng)[0]
        low = np.minimum(centers.min(axis=0), wanted.min(axis=0))
        high = np.maximum(centers.max(axis=0), wanted.max(axis=0))
        start = rng.uniform(low, high, (self.starts, len(low))).astype(np.float32)
        within = np.lexsort((far, cell))  # rows cell by cell, the nearest to the center first
        first = np.searchsorted(cell[within], np.arange(len(centers) + 1))
        taken = np.add.reduceat(pool.sizes[within], first[:-1])
        search = Search.of(wanted, start, self.neighbours)
        picks, fell = self._pick(search, centers, np.diff(first), taken, k, rng)
        order = np.concatenate([within[first[c] : first[c + 1]] for c in picks])
        turn = np.empty(len(centers), np.int64)
        turn[picks] = np.arange(len(picks))
        if len(picks) < len(centers):  # a cell may not fit where single rows of others do
            order = np.r_[order, np.setdiff1d(within, order)]
            turn[np.setdiff1d(np.arange(len(centers)), picks)] = len(picks)
            fell = np.append(fell, 0.0)
        rows = k.fill(order, pool.sizes)
        return Choice(
            rows, fell[turn[cell[rows]]], "fall of the divergence by its cell, nats", cell[rows],
            "cell", notes=(_stopped(fell, picks, np.diff(first)),),
        )  # fmt: skip

    def _pick(
        self,
        search: "Search",
        centers: Float32[np.ndarray, "cells dims"],
        rows: Int64[np.ndarray, "cells"],
        tokens: Int64[np.ndarray, "cells"],
        k: Quota,
        rng: Generator,
    ) -> tuple[Int64[np.ndarray, "picks"], Float[np.ndarray, "picks"]]:
        """Cells until there is enough, and by how much each pick lowered the divergence."""
        v = mean = search.target.mean(axis=0)
        scale = search.scale(v)
        free, picks, falls, have, used = np.ones(len(centers), bool), [], [], 0, 0
        square = np.einsum("nd,nd->n", centers, centers)
        while free.any() and not k.full(have, used):
            if self.begin == "jump":
                v = search.target[rng.integers(len(search.target))]
            elif self.begin == "mean":
                v = mean
            v = search.descend(v, self.steps if picks else 3 * self.steps, self.rate * scale)
            best = int(np.argmin(np.where(free, square - 2 * (centers @ v), np.inf)))
            falls.append(search.add(centers[best]))
            free[best] = False
            picks.append(best)
            have, used = have + int(rows[best]), used + int(tokens[best])
        return np.array(picks), np.array(falls)

    def _cells(
        self, points: Float32[np.ndarray, "rows dims"], rng: Generator
    ) -> tuple[np.ndarray, Int64[np.ndarray, "rows"], Float32[np.ndarray, "rows"]]:
        """Centers, the cell of each row, and how far it is from the center."""
        n = len(points)
        if n <= self.cells:
            return np.array(points), np.arange(n), np.zeros(n, np.float32)
        sample = points[np.sort(rng.permutation(n)[: EACH * self.cells])]
        centers = sample[np.sort(rng.permutation(len(sample))[: self.cells])]
        for _ in range(self.rounds):
            cell, _ = _assigned(sample, centers)
            count = np.bincount(cell, minlength=self.cells)
            order = np.argsort(cell, kind="stable")
            some = np.flatnonzero(count)
            starts = (np.cumsum(count) - count)[some]
            centers = centers.copy()
            sums = np.add.reduceat(sample[order], starts, axis=0, dtype=np.float64)
            centers[some] = sums / count[some, None]
        cell, far = _assigned(points, centers)
        kept = np.flatnonzero(np.bincount(cell, minlength=self.cells))
        return centers[kept], np.searchsorted(kept, cell), far


@dataclass(slots=True)
class Search:
    """The divergence of a target from a growing choice.

    D = mean over i, j of d log |x_i - y_j| - mean over i of d log (distance of x_i to its k-th
    neighbour in the target) + mean over j of log(k m / (j (n - 1))), for n target points x and m
    points y.

    Args:
        target: Points of it.
        known: What the target alone contributes.
        far: Sum over the choice's points of their mean log distance, times d.
        size: Points of the choice, m.
        logs: Sum of log j for j = 1 to m.
    """

    target: Float32[np.ndarray, "n dims"]
    known: float
    far: float
    size: int
    logs: float

    @staticmethod
    def of(target: np.ndarray, start: np.ndarray, neighbours: int) -> "Search":
        """Of a choice that starts with some points."""
        n, dims = target.shape
        square = np.einsum("nd,nd->n", target, target)
        near, k = np.ones(n), min(neighbours, n - 1)
        for i in range(0, n if k else 0, BLOCK):
            gaps = square[i : i + BLOCK, None] + square - 2 * (target[i : i + BLOCK] @ target.T)
            near[i : i + BLOCK] = np.partition(gaps, k, axis=1)[:, k]
        own = -dims * np.mean(np.log(np.sqrt(np.maximum(near, NEAREST)) + TINY))
        made = Search(target, float(own + np.log(max(k, 1) / max(n - 1, 1))), 0.0, 0, 0.0)
        for point in start:
            made.add(point)
        return made

    @property
    def value(self) -> float:
        """The divergence, in nats."""
        return self.known + self.far / self.size + np.log(self.size) - self.logs / self.size

    def add(self, point: Float32[np.ndarray, "dims"]) -> float:
        """One more point; by how much the divergence fell."""
        before = self.value if self.size else np.inf
        gap = self.target - point
        length = np.sqrt(np.maximum(np.einsum("nd,nd->n", gap, gap), NEAREST)) + TINY
        self.far += len(point) * float(np.mean(np.log(length), dtype=np.float64))
        self.size += 1
        self.logs += float(np.log(self.size))
        return float(before - self.value)

    def gradient(self, v: Float32[np.ndarray, "dims"]) -> Float32[np.ndarray, "dims"]:
        """Of the divergence by one more point v, at v."""
        gap = v - self.target
        square = np.einsum("nd,nd->n", gap, gap)
        pull = np.where(square > NEAREST, 1 / np.maximum(square, NEAREST), 0).astype(np.float32)
        return (pull @ gap) * np.float32(len(v) / (len(self.target) * (self.size + 1)))

    def scale(self, v: Float32[np.ndarray, "dims"]) -> float:
        """Makes a step of the gradient as long as a point: v, or a typical one if v is short."""
        typical = np.sqrt(np.mean(np.sum(self.target**2, axis=1)))
        length = max(float(np.linalg.norm(v)), 0.1 * float(typical))
        return length / max(float(np.linalg.norm(self.gradient(v))), TINY)

    def descend(self, v: np.ndarray, steps: int, rate: float) -> Float32[np.ndarray, "dims"]:
        """Where v ends."""
        for _ in range(steps):
            v = v - np.float32(rate) * self.gradient(v)
        return v


def _assigned(
    points: Float32[np.ndarray, "rows dims"], centers: Float32[np.ndarray, "cells dims"]
) -> tuple[Int64[np.ndarray, "rows"], Float32[np.ndarray, "rows"]]:
    """The nearest center of each row, and its squared distance."""
    half = np.einsum("nd,nd->n", centers, centers) / 2
    cell, far = np.empty(len(points), np.int64), np.empty(len(points), np.float32)
    for i in range(0, len(points), BLOCK):
        block = points[i : i + BLOCK]
        gap = half - block @ centers.T
        best = np.argmin(gap, axis=1)
        cell[i : i + BLOCK] = best
        far[i : i + BLOCK] = 2 * gap[np.arange(len(block)), best] + np.sum(block**2, axis=1)
    return cell, far


def _stopped(falls: np.ndarray, picks: np.ndarray, rows: np.ndarray) -> str:
    """Where it would have stopped by itself."""
    rises = np.flatnonzero(falls[: len(picks)] < 0)
    if not len(rises):
        return "The divergence fell to the end: by itself it would have taken more."
    many = int(rows[picks[: rises[0]]].sum())
    return (
        f"By itself it would stop after {rises[0]} cells ({many} rows), where the divergence "
        "rises: the rows after them are the next best."
    )
