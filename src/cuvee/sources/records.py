"""Whole records: every column that a source has beside the text, row for row as `read` gives it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import orjson
import pyarrow as pa

from cuvee.core.data import Piece, Source
from cuvee.core.errors import CuveeError, unknown

TEXT = "text"
"""What the only column of a source is called that has no columns."""


@runtime_checkable
class Recorded(Protocol):
    """A source that has columns."""

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Records of the documents of a piece: row i of all tables is document i of `read`."""
        ...


def records(
    source: Source, piece: Piece, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Records of the documents of a piece: row i of all tables is document i of `source.read`.

    Tables may differ in their columns and types where records do, as in JSON Lines.

    Args:
        source: Any.
        piece: Of it.
        columns: Only these, in this order; all if None.

    Raises:
        CuveeError: There is no such column.
    """
    if isinstance(source, Recorded):
        yield from source.records(piece, columns)
        return
    wanted = [TEXT] if columns is None else list(columns)
    for name in wanted:
        if name != TEXT:
            raise CuveeError(f"{source.name}: {unknown('column', name, [TEXT])}")
    for batch in source.read(piece):
        yield pa.table({TEXT: batch.text} if wanted else {})


def chosen(path: str, table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Some columns of a table.

    Raises:
        CuveeError: One is not there.
    """
    for name in columns or ():
        if name not in table.column_names:
            raise CuveeError(f"{path}: {unknown('column', name, table.column_names)}")
    return table if columns is None else table.select(list(columns))


def readable(array: pa.Array) -> np.ndarray:
    """Which values of a column are documents: not null, and UTF-8."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    raw = array.cast(pa.large_binary())
    try:
        raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        return np.array([v and _decodes(x.as_py()) for v, x in zip(valid, raw)], bool)
    return valid


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def table_of(
    path: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None
) -> pa.Table:
    """Objects as a table; values of several kinds in one field are written as JSON.

    Raises:
        CuveeError: No object has a column that is asked for.
    """
    rows = list(rows)
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    if rows:
        for name in columns or ():
            if name not in names:
                raise CuveeError(f"{path}: {unknown('column', name, names)}")
    wanted = list(names if columns is None else columns)
    return pa.table({name: column([row.get(name) for row in rows]) for name in wanted})


def column(values: list[Any]) -> pa.Array:
    """Values as an array: of one kind if they are, else as JSON text."""
    try:
        found = pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return pa.array([None if v is None else orjson.dumps(v).decode() for v in values])
    # An object without fields has no form in Parquet.
    empty = pa.types.is_struct(found.type) and not found.type.num_fields
    return pa.array([None if v is None else "{}" for v in values]) if empty else found
