"""Columns of tables as numbers: CSV, Parquet, JSON Lines and Arrow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cuvee.core import CuveeError, unknown

FORMATS = {
    ".csv": "csv", ".parquet": "parquet", ".jsonl": "json", ".ndjson": "json", ".arrow": "ipc",
    ".feather": "ipc",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a table.

    Args:
        x: Names of columns of numbers, or of one column of lists or of classes.
        y: Names of the other columns, where columns of one table are to be measured.
    """

    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()


def read_columns(name: str, path: Any, wanted: Sequence[str]) -> np.ndarray:
    """Columns of a file.

    Args:
        name: What the user calls it.
        path: Of the file.
        wanted: Which columns.

    Returns:
        Numbers (rows, columns), or a vector of classes.

    Raises:
        CuveeError: There is no such file or column, or it holds neither numbers nor classes.
    """
    from pyarrow import dataset

    kind = FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        raise CuveeError(
            f"{name}: {path}: columns are read from {', '.join(FORMATS)}, got "
            f"{Path(path).suffix or 'no suffix'!r}."
        )
    try:
        found = dataset.dataset(str(path), format=kind)
        for column in wanted:
            if column not in found.schema.names:
                raise CuveeError(f"{name}: {path}: {unknown('column', column, found.schema.names)}")
        table = found.to_table(columns=list(wanted))
    except (OSError, pa.ArrowException) as error:
        said = str(error).partition("\n")[0]
        raise CuveeError(f"{name}: {path} cannot be read as {kind}: {said}") from error
    arrays = [_values(name, column, table.column(column)) for column in wanted]
    if len(arrays) == 1:
        return arrays[0]
    odd = next((c for c, a in zip(wanted, arrays) if a.dtype.kind == "U"), None)
    if odd is not None:
        raise CuveeError(f"{name}: column {odd!r} holds text: give it alone, as classes.")
    return np.column_stack(arrays).astype(np.float64)


def _values(name: str, column: str, values: pa.ChunkedArray) -> np.ndarray:
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy())[0])
        raise CuveeError(
            f"{name}: row {row} of column {column!r} is empty: fill it in, or leave the row out."
        )
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        rows = values.to_pylist()
        if len({len(row) for row in rows}) != 1:
            raise CuveeError(f"{name}: column {column!r}: expected lists of one length.")
        return np.array(rows, np.float64)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return np.array([str(v) for v in values.to_pylist()])
    try:
        floats = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        return pc.cast(values, pa.float64() if floats else pa.int64()).to_numpy()
    except pa.ArrowException as error:
        raise CuveeError(
            f"{name}: column {column!r} holds {kind}: expected numbers, lists of numbers, or "
            "classes."
        ) from error
