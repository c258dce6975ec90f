"""Gains of facility location, kept up to date while rows are added."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int, Int64
from scipy.sparse import csr_array

from cuvee.select.kernels import BLOCK, EXACT, LARGEST, Kernel

FEW = 1 / 16
"""Part of the similarities that still matter below which they are worth a list."""
LOOK = 64
"""Rows looked at to find out."""


class Similarities(Protocol):
    """What of all similarities is asked for."""

    @property
    def rows(self) -> int:
        """That may be chosen."""
        ...

    @property
    def sites(self) -> int:
        """Rows that are to be served."""
        ...

    def of(self, sites: Int[np.ndarray, "some"] | slice) -> Float32[np.ndarray, "some rows"]:
        """Of some sites to all rows; an array of its own unless a slice is asked for."""
        ...

    def to(self, row: int) -> Float32[np.ndarray, "sites"]:
        """Of all sites to a row."""
        ...


class Table:
    """All similarities of rows to rows, kept.

    Args:
        table: The same on both sides of the diagonal.
    """

    def __init__(self, table: Float32[np.ndarray, "rows rows"]) -> None:
        self.table = table
        self.rows = self.sites = len(table)

    def of(self, sites: Int[np.ndarray, "some"] | slice) -> Float32[np.ndarray, "some rows"]:
        """Out of the table."""
        return self.table[sites]

    def to(self, row: int) -> Float32[np.ndarray, "sites"]:
        """Out of the table."""
        return self.table[row]


class Made:
    """Similarities that are made when asked for.

    Args:
        kernel: Of rows to sites.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.back = kernel, Kernel(kernel.points, kernel.norms)
        self.rows, self.sites = len(kernel), kernel.width

    def of(self, sites: Int[np.ndarray, "some"] | slice) -> Float32[np.ndarray, "some rows"]:
        """By a product of points."""
        return self.back.rows(sites if self.kernel.sites is None else self.kernel.sites[sites])

    def to(self, row: int) -> Float32[np.ndarray, "sites"]:
        """By a product of points."""
        return self.kernel.rows(slice(row, row + 1))[0]


def blocks(of: Similarities) -> Iterator[slice]:
    """All sites, so many at a time that their similarities are a block."""
    step = min(max(LARGEST // of.rows, 1), BLOCK)
    return (slice(i, min(i + step, of.sites)) for i in range(0, of.sites, step))


class Lists:
    """Of each site, the rows similar to it.

    Args:
        ends: Site i has the entries `ends[i]:ends[i + 1]`.
        others: Row of each entry.
        values: Similarity of each entry.
    """

    def __init__(
        self,
        ends: Int64[np.ndarray, "rows+1"],
        others: Int[np.ndarray, "entries"],
        values: Float32[np.ndarray, "entries"],
    ) -> None:
        self.ends, self.others, self.values = ends, others, values
        self.touched = 0

    @staticmethod
    def above(of: Similarities, best: Float32[np.ndarray, "sites"]) -> "Lists":
        """Similarities larger than the best so far, site by site."""
        counts = [np.count_nonzero(of.of(b) > best[b, None], axis=1) for b in blocks(of)]
        ends = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        others, values = np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float32)
        for b in blocks(of):
            block = of.of(b)
            flat = np.flatnonzero(block > best[b, None])
            into = slice(ends[b.start], ends[b.stop])
            others[into] = flat % of.rows
            values[into] = block.ravel()[flat]
        return Lists(ends, others, values)

    def lose(
        self, current: np.ndarray, rows: Int[np.ndarray, "some"], old: np.ndarray, new: np.ndarray
    ) -> None:
        """Take from every gain what rows no longer add to it, their best being `new`, not `old`."""
        for start in range(0, len(rows), BLOCK):
            some = slice(start, start + BLOCK)
            first = self.ends[rows[some]]
            many = self.ends[rows[some] + 1] - first
            total = int(many.sum())
            at = np.repeat(first - np.cumsum(many) + many, many) + np.arange(total)
            low = np.repeat(old[some], many)
            lost = np.clip(self.values[at], low, np.repeat(new[some], many)) - low
            if total > len(current):
                current -= np.bincount(self.others[at], lost, minlength=len(current))
            else:
                np.subtract.at(current, self.others[at], lost.astype(np.float64))
            self.touched += total

    def shrink(self, best: Float32[np.ndarray, "rows"]) -> None:
        """Drop what is no larger than the best, once as much was looked at as this costs."""
        if self.touched <= self.ends[-1]:
            return
        self.touched = end = 0
        ends = np.zeros_like(self.ends)
        for start in range(0, len(best), BLOCK):
            stop = min(start + BLOCK, len(best))
            row = np.repeat(np.arange(start, stop), np.diff(self.ends[start : stop + 1]))
            part = slice(self.ends[start], self.ends[stop])
            keep = self.values[part] > best[row]
            kept = np.bincount(row[keep] - start, minlength=stop - start)
            ends[start + 1 : stop + 1] = end + np.cumsum(kept)
            into = slice(end, ends[stop])
            self.others[into] = self.others[part][keep]
            self.values[into] = self.values[part][keep]
            end = int(ends[stop])
        self.ends = ends


class Updated:
    """Facility location with all gains up to date.

    A site's best similarity rises only where a chosen row is nearer than all before, and only rows
    more similar to it than its old best lose by that. Similarities on a grid make all sums exact,
    so that gains that are added to and taken from never drift while similarities are kept. Once few
    similarities are above their site's best, they are listed, and the rest is not looked at.

    Args:
        of: Similarities.
        few: Part of them below which they are listed.
    """

    def __init__(self, of: Similarities, few: float = FEW) -> None:
        self.of, self.few = of, few
        self.best = np.zeros(of.sites, np.float32)
        self.current = np.zeros(of.rows)
        for some in blocks(of):
            block = of.of(some)
            for start in range(0, len(block), EXACT):
                self.current += block[start : start + EXACT].sum(axis=0)
        self.lists: Lists | None = None
        self.looked = np.unique(np.linspace(0, of.sites - 1, LOOK).astype(np.int64))
        self.sample = of.of(self.looked)

    def add(self, row: int) -> None:
        """Put a row into the set."""
        seen = self.of.to(row)
        sites = np.flatnonzero(seen > self.best)
        old, new = self.best[sites], seen[sites]
        if self.lists is not None:
            self.lists.lose(self.current, sites, old, new)
            self.best[sites] = new
            self.lists.shrink(self.best)
            return
        for start in range(0, len(sites), EXACT):
            some = slice(start, start + EXACT)
            block = self.of.of(sites[some])
            np.maximum(block, old[some, None], out=block)
            np.minimum(block, new[some, None], out=block)
            block -= old[some, None]
            self.current -= block.sum(axis=0)  # of multiples of 2^-19 up to 32: exact
        self.best[sites] = new
        if np.mean(self.sample > self.best[self.looked, None]) < self.few:
            self.lists = Lists.above(self.of, self.best)


class Listed:
    """Facility location on the similarities of neighbours.

    Args:
        near: Of each row, the same on both sides.
    """

    def __init__(self, near: csr_array) -> None:
        n = len(near.indptr) - 1
        self.lists = Lists(near.indptr.astype(np.int64), near.indices, near.data)
        self.best = np.zeros(n, np.float32)
        self.current = np.bincount(near.indices, near.data, minlength=n).astype(np.float64)

    def add(self, row: int) -> None:
        """Put a row into the set."""
        own = slice(self.lists.ends[row], self.lists.ends[row + 1])
        rows, seen = self.lists.others[own], self.lists.values[own]
        nearer = seen > self.best[rows]
        rows, new = rows[nearer], seen[nearer]
        self.lists.lose(self.current, rows, self.best[rows], new)
        self.best[rows] = new
