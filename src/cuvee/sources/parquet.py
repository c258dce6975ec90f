"""Parquet files."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from cuvee.core import remote
from cuvee.core.data import Batch, Piece
from cuvee.sources.arrays import array_batches, array_records, longest_value, schema_column
from cuvee.sources.files import (
    BLOCK,
    PIECE,
    by_ranges,
    fingerprint,
    pieces_of,
    reading,
    request,
    size,
)
from cuvee.sources.hashed import settled
from cuvee.sources.records import chosen, readable

EXPECTED = "a Parquet file"
SIZE = "total_byte_size"
MANY = 64
"""Row groups of a piece from which on a request for the beginning of each would take too long."""
SMALL = 64 << 20
"""Bytes of a file of which a column may be read at once."""
MOST = 32 << 20
"""Bytes of text that are unpacked at a time, at most, unless a single value has more."""
_LONGEST: dict[Hashable, int] = {}
"""What `_longest` found, for as long as the file stays as it was; it costs a third of a reading."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """Text column of Parquet files; a piece is a run of row groups.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Text column; guessed from the usual names by default.

    Fails when: a row group is very large: it is one piece, read by one worker.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Parquet":
        """Itself, once every file is found to be readable and to hold the column."""
        self.pieces()
        return self

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of row groups that hold about 32 MB."""
        return pieces_of(_pieces, self.paths, self.text)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the row groups."""
        with reading(piece.path, EXPECTED):
            for row, array in self._column(piece):
                yield from array_batches(
                    array, lambda i, first=row: f"{piece.path}:{first + i + 1}"
                )

    def pick(self, piece: Piece, records: Int[np.ndarray, "wanted"]) -> Iterator[tuple[int, Batch]]:
        """The text of some rows; that of others is unpacked, as it comes in pages, no more."""
        with reading(piece.path, EXPECTED):
            seen = 0
            for _, array in self._column(piece):
                lo, hi = np.searchsorted(records, [seen, seen + len(array)])
                yield len(array), array_records(array, records[lo:hi] - seen)
                seen += len(array)

    def _column(self, piece: Piece) -> Iterator[tuple[int, pa.Array]]:
        """The text column as it is stored, and the number of each stretch's first row."""
        many = piece.stop - piece.start  # if above 1, small ones
        with (
            by_ranges(piece.path, remote.LEAST if many > MANY else 0) as place,
            _opened(place, piece.path, pre_buffer=many > 1) as file,
        ):
            column = schema_column(piece.path, file.schema_arrow, self.text)
            groups = [file.metadata.row_group(i) for i in range(piece.start, piece.stop)]
            row = sum(file.metadata.row_group(i).num_rows for i in range(piece.start))
            rows = sum(g.num_rows for g in groups)
            end, index = row + rows, _index(file, column)
            longest = _longest(file, place, piece, column)
            held = sum(g.column(index).total_uncompressed_size for g in groups)
            usual = min(max(rows * BLOCK // max(held, 1), 1), 1 << 16)
            batches = file.iter_batches(
                batch_size=max(1, min(usual, MOST // longest)),
                row_groups=range(piece.start, piece.stop),
                columns=[column],
                use_threads=False,
            )
            for batch in batches:
                yield row, batch.column(0)
                row += batch.num_rows
            if row != end:
                raise OSError("it holds fewer rows than it says")

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of the documents, with all columns or some."""
        with (
            reading(piece.path, EXPECTED),
            by_ranges(piece.path) as place,
            _opened(place, piece.path) as file,
        ):
            column = schema_column(piece.path, file.schema_arrow, self.text)
            chosen(piece.path, file.schema_arrow.empty_table(), columns)
            groups = [file.metadata.row_group(i) for i in range(piece.start, piece.stop)]
            rows, held = (sum(getattr(g, n) for g in groups) for n in ("num_rows", SIZE))
            batches = file.iter_batches(
                batch_size=max(1, min(rows * BLOCK // max(held, 1), 1 << 14)),
                row_groups=range(piece.start, piece.stop),
                columns=None if columns is None else [*dict.fromkeys([column, *columns])],
                use_threads=False,
            )
            for batch in batches:
                stays = pa.array(readable(batch.column(column)))
                table = pa.Table.from_batches([batch]).filter(stays)
                yield chosen(piece.path, table, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)


def _opened(
    place: str | BinaryIO, path: str, *, pre_buffer: bool = False, **how: Any
) -> pq.ParquetFile:
    """A file that is read a request at a time, not the column of a whole row group at once.

    Args:
        place: Its path, or the file.
        path: Its path.
        pre_buffer: Fetch columns of several row groups together, which must then be small.
        how: What else to tell the library.
    """
    # A page may say that it has gigabytes, and a buffer of that size would be made for it; of a
    # small file the column is read at once instead, which cannot be longer than the file.
    buffer = 0 if isinstance(place, str) and size(path) <= SMALL else request(path)
    return pq.ParquetFile(place, buffer_size=buffer, pre_buffer=pre_buffer, **how)


def _pieces(path: str, text: str | None) -> Iterator[Piece]:
    with reading(path, EXPECTED), by_ranges(path) as place, _opened(place, path) as file:
        _index(file, schema_column(path, file.schema_arrow, text))
        first = held = 0
        for i in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(i)
            # All columns, as what the file says of one may end the process: see `_longest`. And a
            # size of 0 beside rows is a lie: such a group must not be passed over.
            size = max(group.total_byte_size, int(group.num_rows > 0))
            if held and held + size > PIECE:
                yield Piece(path, first, i)
                first, held = i, 0
            held += size
        if held:
            yield Piece(path, first, file.metadata.num_row_groups)


def _longest(file: pq.ParquetFile, place: str | BinaryIO, piece: Piece, column: str) -> int:
    """Bytes of the longest value that a dictionary may repeat in every row of a group.

    It reads one row of each, so that what is said of the column is found to be in order, or is an
    error: `metadata.row_group(i).column(j)` ends the process if it is not.
    """
    state = settled(piece.path) if isinstance(place, str) else None
    known = (piece, column, state)
    if state is not None and known in _LONGEST:
        return _LONGEST[known]
    longest = 1
    with _opened(place, piece.path, metadata=file.metadata, read_dictionary=[column]) as again:
        for group in range(piece.start, piece.stop):
            first = next(again.iter_batches(1, row_groups=[group], columns=[column]), None)
            longest = max(longest, 1 if first is None else longest_value(first.column(0)))
    if state is not None:
        _LONGEST[known] = longest
    return longest


def _index(file: pq.ParquetFile, column: str) -> int:
    """Leaf column of a plain top-level column; nested ones before it have several leaves."""
    leaves = (file.schema.column(i).path for i in range(len(file.schema)))
    found = next((i for i, path in enumerate(leaves) if path == column), None)
    if found is None:
        raise OSError(f"its schemas disagree about the column {column!r}")
    return found
