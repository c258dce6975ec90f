"""What a number can be measured of: rows as points, classes, symbols, or text."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Int64

from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Kind = Literal["points", "labels", "symbols", "texts"]
BLOCKS = 32
"""Groups of documents, or of rows, of which symbols are counted apart: leaving one out at a time
says how much a number would vary."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A data set as measures see it; a measure takes the field that it `takes`.

    Args:
        name: What the user calls it.
        points: Features or numbers of each row; may be a memory map.
        labels: Class of each row, counted from 0; with two samples, the same number is the same
            class.
        symbols: How often each symbol (word, class) stands in each block of documents: BLOCKS rows.
            With two samples, the same column is the same symbol.
        texts: Documents; of a large source some, drawn by content.
        size: Rows, or documents, of the whole.
        kinds: What the classes are called, by their number.
    """

    name: str
    points: Float[np.ndarray, "rows dims"] | None = None
    labels: Int64[np.ndarray, "rows"] | None = None
    symbols: "csr_array | None" = None
    texts: tuple[str, ...] | None = None
    size: int = 0
    kinds: tuple[object, ...] = ()

    def __len__(self) -> int:
        return self.size

    def has(self, kind: str) -> bool:
        """Whether it can be looked at in this way."""
        return getattr(self, kind) is not None

    @property
    def rows(self) -> Float[np.ndarray, "rows dims"]:
        """The points.

        Raises:
            CuveeError: There are none.
        """
        if self.points is None:
            raise CuveeError(f"{self.name} has no points: give numbers, or text with features.")
        return self.points

    @property
    def classes(self) -> Int64[np.ndarray, "rows"]:
        """The labels.

        Raises:
            CuveeError: There are none.
        """
        if self.labels is None:
            raise CuveeError(f"{self.name} has no classes: name a column with --y or --labels.")
        return self.labels

    @property
    def blocks(self) -> "csr_array":
        """The counts of symbols, a row for each block.

        Raises:
            CuveeError: There are none.
        """
        if self.symbols is None:
            raise CuveeError(f"{self.name} has no symbols: give text, or classes.")
        return self.symbols

    @property
    def documents(self) -> tuple[str, ...]:
        """The texts.

        Raises:
            CuveeError: There are none.
        """
        if self.texts is None:
            raise CuveeError(f"{self.name} has no text, which this measure looks at.")
        return self.texts

    def take(self, rows: Int64[np.ndarray, "some"]) -> "Sample":
        """Some of the rows, in the given order; of what is counted by block, nothing."""
        return replace(
            self,
            points=None if self.points is None else self.points[rows],
            labels=None if self.labels is None else self.labels[rows],
            symbols=None, texts=None, size=len(rows),
        )  # fmt: skip

    @staticmethod
    def of_points(points: Float[np.ndarray, "rows dims"], name: str = "a") -> "Sample":
        """Rows of numbers; a vector is one column."""
        points = np.asarray(points, np.float64) if np.ndim(points) < 2 else points
        points = points[:, None] if points.ndim == 1 else points
        return Sample(name, points=points, size=len(points))

    @staticmethod
    def of_labels(labels: Int64[np.ndarray, "rows"], name: str = "a", kinds: int = 0) -> "Sample":
        """Classes, counted from 0.

        Args:
            labels: Class of each row.
            name: What the user calls it.
            kinds: Classes that there are, if more than those that occur.
        """
        labels = np.asarray(labels, np.int64)
        return Sample(name, labels=labels, symbols=block_counts(labels, kinds), size=len(labels))


def block_counts(labels: Int64[np.ndarray, "rows"], kinds: int = 0) -> "csr_array":
    """How often each class stands in each of BLOCKS blocks; row i lies in block i mod BLOCKS."""
    from scipy.sparse import coo_array, csr_array

    kinds = max(kinds, int(labels.max(initial=-1)) + 1)
    block = np.arange(len(labels)) % BLOCKS
    table = coo_array((np.ones(len(labels)), (block, labels)), shape=(BLOCKS, kinds))
    return csr_array(table)
