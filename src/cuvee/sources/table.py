"""Rows of numbers that the program already holds: features x, and a label y for each row."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from cuvee.core.data import Batch, Piece, Source, batches
from cuvee.core.errors import CuveeError
from cuvee.core.rows import ROWS, Rows, RowUnits, encode
from cuvee.sources.files import BLOCK, PIECE

LONGEST = 26
"""Characters of a number as text, at most, with the comma."""
SOME = 200
"""Rows that are looked at to tell how long rows are as text."""
MOST_CLASSES = 100
"""Of whole numbers; more, and in more than half of the rows, are taken for quantities."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Arrays: `x` of shape (rows, features), and `y` with one label for each row.

    Labels with a point are quantities, to be predicted by regression; whole numbers, text, and
    true and false are classes.

    Args:
        name: What the user calls it.
        x: Features.
        y: Labels; None if there are none.

    Raises:
        CuveeError: Shapes do not fit, or something is no finite number; it says where.
    """

    holds: ClassVar[str] = ROWS
    name: str
    x: Any
    y: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", features(self.name, self.x))
        object.__setattr__(self, "y", labels(self.name, self.y, len(self.x)))

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of rows of at most 32 MB of text."""
        n, step = len(self.x), _rows_in(PIECE, self.x)
        return tuple(Piece("", i, min(i + step, n)) for i in range(0, n, step))

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The rows, as `cuvee.core.rows` writes them."""
        return row_batches(Rows(self.x, self.y), piece.start, piece.stop)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of the arrays, by their values."""
        digest = hashlib.blake2b(digest_size=16)
        for piece in self.pieces():
            for batch in self.read(piece):
                digest.update("\n".join([*batch.text.to_pylist(), ""]).encode())
        return {"memory": f"blake2b:{digest.hexdigest()}"}


def row_batches(rows: Rows, start: int, stop: int) -> Iterator[Batch]:
    """Some of the rows as batches of at most a megabyte or so."""
    step = _rows_in(BLOCK, rows.x)
    for i in range(start, stop, step):
        part = slice(i, min(i + step, stop))
        some = Rows(rows.x[part], None if rows.y is None else rows.y[part])
        yield Batch(pa.array(encode(some), pa.large_string()))


def _rows_in(size: int, x: np.ndarray) -> int:
    return max(1, size // (LONGEST * x.shape[1] + 64))


def holds_rows(source: Source) -> bool:
    """Whether documents are rows of a table, and not text."""
    return getattr(source, "holds", None) == ROWS


def row_bytes(source: Source) -> float:
    """About how long a row is as text."""
    text = next(iter(batches(source))).text[:SOME].to_pylist()
    return sum(len(row.encode()) for row in text) / len(text)


def read_rows(source: Source) -> Rows:
    """All rows of a source: of a table, or of text that holds rows as JSON, as what
    `Blend.write` wrote does (`open_source("mixed", "mixed/data/*.parquet")`)."""
    units = RowUnits()
    parts = [cut.rows for batch in batches(source) for cut in units.cut(batch.text)]
    return Rows.joined([part for part in parts if part is not None])


def is_table(spec: Any) -> bool:
    """Whether a user means arrays: x, (x, y) or {"x": x, "y": y}."""
    if isinstance(spec, Mapping):
        return "x" in spec and _is_matrix(spec["x"])
    if isinstance(spec, list | tuple) and spec:
        return _is_matrix(spec[0]) or (_is_array(spec[0]) and len(spec) == 2)
    return _is_array(spec) and _is_matrix(spec)


def table(name: str, spec: Any) -> Table:
    """The source of arrays that `is_table` recognised.

    Raises:
        CuveeError: It is something else than x and y, or these do not fit.
    """
    if isinstance(spec, Mapping):
        odd = sorted(str(key) for key in set(spec) - {"x", "y"})
        if odd:
            raise CuveeError(f"{name}: expected arrays called x and y, got {odd[0]!r}, too.")
        return Table(name, spec["x"], spec.get("y"))
    if isinstance(spec, list | tuple):
        if len(spec) != 2:
            raise CuveeError(f"{name}: expected (x, y), got {len(spec)} arrays.")
        return Table(name, spec[0], spec[1])
    return Table(name, spec)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") and not isinstance(value, str | np.generic)


def _is_matrix(value: Any) -> bool:
    """Two axes: an array, a data frame, or a list of lists."""
    if _is_array(value):
        return getattr(value, "ndim", 0) >= 2
    nested = isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple)
    return bool(nested and value[0] and not isinstance(value[0][0], list | tuple | np.ndarray))


def features(name: str, given: Any) -> Float[np.ndarray, "rows features"]:
    """Checked features.

    Raises:
        CuveeError: They are no matrix of finite numbers.
    """
    x = _array(name, "x", given)
    if x.ndim != 2 or not x.size:
        raise CuveeError(f"{name}: x has the shape {x.shape}, expected (rows, features), not 0.")
    if x.dtype.kind not in "fiub":
        for place, value in np.ndenumerate(x):
            if not isinstance(value, Real) or isinstance(value, str):
                raise CuveeError(
                    f"{name}: x[{place[0]}, {place[1]}] is {value!r:.40}, expected a number: turn "
                    "categories into numbers, one column each."
                )
        x = x.astype(np.float64)
    elif x.dtype.kind != "f":
        x = x.astype(np.float64)
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise CuveeError(
            f"{name}: x[{row}, {column}] is {x[row, column]}, expected a finite number: fill it "
            "in, or leave out the row."
        )
    return x


def labels(name: str, given: Any, rows: int) -> np.ndarray | None:
    """Checked labels.

    Raises:
        CuveeError: There is not one for each row, or they are of several kinds, or missing.
    """
    if given is None:
        return None
    y = _array(name, "y", given)
    if y.shape != (rows,):
        hint = ": use y.ravel()" if y.shape == (rows, 1) else ""
        raise CuveeError(
            f"{name}: x has {rows} rows, and y the shape {y.shape}, expected ({rows},){hint}."
        )
    if y.dtype.kind == "O":
        y = _of_one_kind(name, y)
    if y.dtype.kind not in "fiubU":
        raise CuveeError(f"{name}: y holds {y.dtype}, expected numbers or names of classes.")
    if y.dtype.kind == "U" and not _is_text(y):
        raise CuveeError(f"{name}: y holds labels that are no Unicode text: mend them.")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.flatnonzero(~np.isfinite(y))[0])
        raise CuveeError(
            f"{name}: y[{row}] is {y[row]}, expected a finite number: leave out the row."
        )
    different = len(np.unique(y)) if y.dtype.kind in "iu" else 0
    if different > max(MOST_CLASSES, rows / 2):
        raise CuveeError(
            f"{name}: y has {different} different whole numbers in {rows} rows, too many for "
            "classes: for quantities give numbers with a point, y.astype(float)."
        )
    return y


def _is_text(y: np.ndarray) -> bool:
    """Whether every code is a character and none is half a surrogate pair; a file may hold any."""
    codes = np.frombuffer(y.astype(y.dtype.newbyteorder("=")).tobytes(), np.uint32)
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any()


def _of_one_kind(name: str, y: np.ndarray) -> np.ndarray:
    """Python objects as an array of text or of numbers."""
    first = type(y[0])
    for row, label in enumerate(y):
        if not isinstance(label, str | Real) or type(label) is not first:
            raise CuveeError(
                f"{name}: y[{row}] is {label!r:.40}, expected labels of one kind, all text or all "
                f"numbers, as y[0] is {y[0]!r:.40}."
            )
    return np.array(y.tolist())


def _array(name: str, which: str, given: Any) -> np.ndarray:
    try:
        return np.asarray(given)
    except ValueError as error:
        size = f"{len(given)} entries" if isinstance(given, Sequence) else type(given).__name__
        raise CuveeError(
            f"{name}: {which} ({size}) is no array: all rows must have the same length."
        ) from error
