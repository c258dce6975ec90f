"""Sums of a kernel over groups of rows: of these, each half and each exchange is a small sum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator

from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around, chance

Kernel = Callable[[np.ndarray], np.ndarray]
"""Of squared distances, or of inner products, which it may write over."""
GROUPS, MOST = 64, 1024
"""Groups of the smaller sample, and of the larger at most."""
BLOCK = 2048
"""Rows whose kernel with as many others is held at a time: 32 MB."""
SPLITS, NULLS = 200, 200


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Sums of a kernel over pairs of distinct rows, by group.

    Args:
        sums: Of the groups of both samples, the first one's first.
        sizes: Rows of each group.
        ours: Groups of the first sample.
    """

    sums: Float[np.ndarray, "groups groups"]
    sizes: Int64[np.ndarray, "groups"]
    ours: int

    def means(
        self, a: Float[np.ndarray, "picks groups"], b: Float[np.ndarray, "picks groups"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Means of the kernel within a, within b and between, for picks (0 or 1) of groups."""
        one, two = a @ self.sums, b @ self.sums
        n, m = a @ self.sizes, b @ self.sizes
        return (
            (one * a).sum(axis=1) / np.maximum(n * (n - 1), 1),
            (two * b).sum(axis=1) / np.maximum(m * (m - 1), 1),
            (one * b).sum(axis=1) / (n * m),
        )

    def whole(self) -> tuple[np.ndarray, np.ndarray]:
        """The one pick of all."""
        first = (np.arange(len(self.sizes)) < self.ours)[None].astype(float)
        return first, 1 - first

    def halves(self, rng: Generator, splits: int = SPLITS) -> tuple[np.ndarray, np.ndarray]:
        """Picks of one half of the groups of each sample, and below them of the other half."""
        one = np.zeros((2 * splits, len(self.sizes)))
        two = np.zeros_like(one)
        for start, stop, picks in ((0, self.ours, one), (self.ours, len(self.sizes), two)):
            order = start + np.argsort(rng.random((splits, stop - start)), axis=1)
            cut = (stop - start) // 2
            np.put_along_axis(picks[:splits], order[:, :cut], 1, axis=1)
            np.put_along_axis(picks[splits:], order[:, cut:], 1, axis=1)
        return one, two

    def exchanged(self, rng: Generator, draws: int = NULLS) -> tuple[np.ndarray, np.ndarray]:
        """Picks after the groups of both samples were exchanged at random."""
        order = np.argsort(rng.random((draws, len(self.sizes))), axis=1)
        one = np.zeros((draws, len(self.sizes)))
        np.put_along_axis(one, order[:, : self.ours], 1, axis=1)
        return one, 1 - one


def numbers(
    table: Table, statistic: Callable[..., np.ndarray], rng: Generator
) -> tuple[float, float, np.ndarray]:
    """A number of a table's means: its value, the spread of its chance, and its null values."""
    value = float(statistic(*table.means(*table.whole()))[0])
    halves = statistic(*table.means(*table.halves(rng))).reshape(2, -1).T
    return value, chance(halves), statistic(*table.means(*table.exchanged(rng)))


def told(
    table: Table, of: Callable[..., np.ndarray], *, rng: Generator, unit: str,
    notes: tuple[str, ...] = (),
    tested: bool = True, missed: float = 0.0,
) -> Estimate:  # fmt: skip
    """The number of a table with its interval, its null and, if it is a test, its p-value.

    Args:
        table: As for `numbers`.
        of: Likewise.
        rng: Likewise.
        unit: Of the number.
        notes: What to say of it.
        tested: Whether the p-value of the exchanges is among the notes.
        missed: Standard deviation of what the table itself leaves out.
    """
    value, sd, null = numbers(table, of, rng)
    if tested:
        p = (1 + int((null >= value).sum())) / (1 + len(null))
        notes = (*notes, f"p = {p:.2g} for no difference, by {len(null)} exchanges of the rows.")
    return around(
        value, float(np.hypot(sd, missed)), 0.0, rng=rng, unit=unit, floor=0.0, null=null,
        notes=notes, squared=True,
    )  # fmt: skip


def grouped(rows: int, others: int, rng: Generator) -> tuple[list[np.ndarray], int]:
    """Row numbers of groups of about one size, counted on to the other sample; how many are ours.

    Groups are drawn: the same rows may lie beside one another. Of a sample that is much larger than
    the other some rows are left out.
    """
    size = max(min(rows, others) // GROUPS, 1)
    groups, ours = [], 0
    for start, n in ((0, rows), (rows, others)):
        count = max(min(n // size, MOST), 2)
        drawn = start + rng.permutation(n)[: count * (size + 1)]
        groups += [np.sort(drawn[i::count]) for i in range(count)]
        ours = ours or count
    return groups, ours


def table_of(
    a: np.ndarray, b: np.ndarray, kernel: Kernel, rng: Generator, *, products: bool = False
) -> Table:
    """The table of a kernel of squared distances, or of inner products.

    Time rows x rows, memory 32 MB and both samples once more.

    Args:
        a: Rows.
        b: Others.
        kernel: May write over what it gets.
        rng: Of the groups.
        products: Whether it is one of inner products.
    """
    groups, ours = grouped(len(a), len(b), rng)
    order = np.concatenate(groups)
    sizes = np.array([len(g) for g in groups])
    rows = np.concatenate([a[order[order < len(a)]], b[order[order >= len(a)] - len(a)]])
    rows = np.asarray(rows, np.float64)
    if not products:
        rows = rows - rows.mean(axis=0)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    sums = np.zeros((len(sizes), len(sizes)))
    for i, j in _tiles(ends):
        one, two = rows[ends[i[0]] : ends[i[-1]]], rows[ends[j[0]] : ends[j[-1]]]
        values = one @ two.T if products else distances(one, two)
        values = kernel(values)
        if i == j:
            np.fill_diagonal(values, 0)
        part = np.add.reduceat(values, ends[j[0] : j[-1]] - ends[j[0]], axis=1)
        part = np.add.reduceat(part, ends[i[0] : i[-1]] - ends[i[0]], axis=0)
        sums[i[0] : i[-1], j[0] : j[-1]] = part
        sums[j[0] : j[-1], i[0] : i[-1]] = part.T
    return Table(sums, sizes, ours)


def distances(x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "rows others"]:
    """Squared distances of rows that lie around 0."""
    found = x @ y.T
    found *= -2
    found += (x**2).sum(axis=1)[:, None]
    found += (y**2).sum(axis=1)
    return np.maximum(found, 0, out=found)


def table_of_sums(
    one: Float[np.ndarray, "groups features"], two: Float[np.ndarray, "others features"],
    sizes: Int64[np.ndarray, "both"],
) -> Table:  # fmt: skip
    """The table of a kernel that is the inner product of features of length 1, from their sums."""
    both = np.concatenate([one, two])
    sums = both @ both.T
    sums[np.diag_indices(len(sums))] -= sizes
    return Table(sums, sizes, len(one))


def median_distance(a: np.ndarray, b: np.ndarray, rng: Generator, rows: int = 500) -> float:
    """The median distance of some rows of both samples; 1 if they are all the same."""
    some = np.concatenate([some_rows(x, rows, rng) for x in (a, b)])
    some -= some.mean(axis=0)
    found = distances(some, some)[np.triu_indices(len(some), 1)]
    middle = float(np.sqrt(np.median(found)))
    return middle if middle > 0 else float(np.sqrt(found.mean())) or 1.0


def some_rows(x: np.ndarray, rows: int, rng: Generator) -> Float[np.ndarray, "some dims"]:
    """So many rows, drawn; all if there are no more."""
    if len(x) > rows:
        x = x[np.sort(rng.choice(len(x), rows, replace=False))]
    return np.asarray(x, np.float64)


def _tiles(ends: np.ndarray) -> list[tuple[range, range]]:
    """Pairs of runs of groups, each of no more rows than a block; every pair once."""
    runs, start = [], 0
    for i in range(1, len(ends)):
        if i == len(ends) - 1 or ends[i + 1] - ends[start] > BLOCK:
            runs.append(range(start, i + 1))
            start = i
    return [(one, two) for k, one in enumerate(runs) for two in runs[k:]]
