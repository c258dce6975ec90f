"""How alike rows are: kernels on points, a block of rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int, Int64
from numpy.random import Generator
from scipy.sparse import csr_array

from cuvee.core.clusters import unit
from cuvee.core.errors import CuveeError
from cuvee.core.threads import keep_memory

KERNELS = ("cosine", "rbf")
GRID = np.float32(16)
"""Added and taken away again, it leaves a multiple of 2^-19 of what is at most 1: sums of up to 32
such numbers are exact in float32, and of all that fit into memory in float64. So a gain does not
depend on the order in which it was added up."""
EXACT = 32
"""Similarities that may be summed in float32."""
BLOCK = 256
"""Rows of a kernel that are made at a time."""
LARGEST = 1 << 26
"""Numbers in a block."""
TILE = 64
"""Rows and columns of a table that are turned over at a time."""
CACHE = 1 << 18
"""Numbers that are worked on in one go: they stay near the processor."""


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """Similarities of rows to sites, from 0 to 1, on a grid of 2^-19.

    Args:
        points: Scaled as the kind wants them.
        norms: Half of each point's squared length; None for the cosine.
        sites: Rows to which similarities are; None: all.
    """

    points: Float32[np.ndarray, "rows features"]
    norms: Float32[np.ndarray, "rows"] | None
    sites: Int[np.ndarray, "sites"] | None = None

    @staticmethod
    def of(
        points: np.ndarray,
        kind: str = "cosine",
        width: float = 0.0,
        sites: np.ndarray | None = None,
    ) -> "Kernel":
        """A kernel on points.

        Args:
            points: Any; for the cosine a row of zeros is like none, not even itself.
            kind: "cosine", where what points the other way counts 0, or "rbf".
            width: Distance at which "rbf" is exp(-1/2); 0: the root mean square over all pairs.
            sites: Rows to which similarities are; None: all.

        Raises:
            CuveeError: There is no such kernel.
        """
        keep_memory()
        if kind == "cosine":
            return Kernel(unit(points), None, sites)
        if kind != "rbf":
            raise CuveeError(f"kernel: expected {' or '.join(KERNELS)}, got {kind!r}.")
        centered = points - points.mean(axis=0, dtype=np.float64)
        usual = np.sqrt(2 * np.mean(np.sum(centered**2, axis=1)))
        small = (centered / (width or usual or 1.0)).astype(np.float32)
        return Kernel(small, np.sum(small**2, axis=1) / 2, sites)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def width(self) -> int:
        """Sites: similarities of each row."""
        return len(self.points) if self.sites is None else len(self.sites)

    def rows(self, rows: Int[np.ndarray, "some"] | slice) -> Float32[np.ndarray, "some sites"]:
        """Similarities of some rows to all sites."""
        to = slice(None) if self.sites is None else self.sites
        found = self.points[rows] @ self.points[to].T
        self._finish(found, rows, to)
        return found

    def _finish(self, block: np.ndarray, rows: np.ndarray | slice, to: np.ndarray | slice) -> None:
        """From inner products to similarities."""
        for part in parts(block):
            some = block[part]
            if self.norms is not None:
                some -= self.norms[to]
                some -= self.norms[rows][part, None]
                np.exp(some, out=some)
            np.clip(some, 0, 1, out=some)
            some += GRID
            some -= GRID

    def blocks(self) -> Iterator[tuple[slice, Float32[np.ndarray, "some sites"]]]:
        """All rows, a block at a time."""
        step = min(max(LARGEST // self.width, 1), BLOCK)
        for start in range(0, len(self), step):
            some = slice(start, min(start + step, len(self)))
            yield some, self.rows(some)

    def sums(self) -> Float64[np.ndarray, "rows"]:
        """Of each row's similarities."""
        return np.concatenate([block.sum(axis=1, dtype=np.float64) for _, block in self.blocks()])

    def table(self) -> Float32[np.ndarray, "rows rows"]:
        """All similarities of rows to rows, the same to the bit on both sides of the diagonal."""
        n = len(self)
        found = np.empty((n, n), np.float32)
        for start in range(0, n, BLOCK):
            some = slice(start, min(start + BLOCK, n))
            block = found[some, start:]
            np.matmul(self.points[some], self.points[start:].T, out=block)
            self._finish(block, some, slice(start, None))
            square = found[some, some]
            square[:] = np.maximum(square, square.T)
            for other in range(some.stop, n, TILE):  # in tiles, or each number is fetched alone
                tile = slice(other, other + TILE)
                found[tile, some] = found[some, tile].T
        return found

    def neighbours(self, many: int) -> csr_array:
        """Each row's similarity to itself and to the rows nearest to it, on both sides alike."""
        n = len(self)
        near = min(many + 1, n)
        columns, values = np.empty((n, near), np.int32), np.empty((n, near), np.float32)
        for some, block in self.blocks():
            block[np.arange(len(block)), np.arange(some.start, some.stop)] += 2  # itself, first
            best = np.argpartition(-block, near - 1, axis=1)[:, :near]
            columns[some] = best
            values[some] = np.take_along_axis(block, best, axis=1)
        values[values >= 2] -= 2
        ends = np.arange(0, n * near + 1, near)
        found = csr_array((values.ravel(), columns.ravel(), ends), shape=(n, n))
        both = csr_array(found.maximum(found.T))
        both.eliminate_zeros()
        both.sort_indices()
        return both


def parts(block: np.ndarray) -> Iterator[slice]:
    """Rows of a block, so many at a time as are worked on fast."""
    step = max(1, CACHE // max(block.shape[1], 1))
    for start in range(0, len(block), step):
        yield slice(start, start + step)


def scaled(points: np.ndarray) -> tuple[Float32[np.ndarray, "rows features"], float]:
    """Points so small that their squares fit into float32, and what they were divided by."""
    largest = float(np.abs(points).max(initial=0)) or 1.0
    return (points / np.float32(largest)).astype(np.float32), largest


def sites(rows: int, most: int, rng: Generator) -> Int64[np.ndarray, "sites"] | None:
    """At most so many random rows; None if that is all of them."""
    return None if rows <= most else np.sort(rng.choice(rows, most, replace=False))
