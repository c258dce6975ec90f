"""Arrow IPC files and streams, Feather included."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from cuvee.core.data import Batch, Piece
from cuvee.core.errors import CuveeError
from cuvee.core.remote import is_address
from cuvee.sources.arrays import array_batches, checked_bytes, schema_column
from cuvee.sources.files import PIECE, fingerprint, opened, pieces_of, reading
from cuvee.sources.records import chosen, readable
from cuvee.sources.stream import layout, spliced

EXPECTED = "an Arrow file or stream"


@dataclass(frozen=True, slots=True)
class Arrow:
    """Text column of Arrow IPC files or streams, mapped into memory; a piece is a run of batches.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Text column; guessed from the usual names by default.

    Fails when: a stream is compressed and long: a piece unpacks all that stands before it.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc")
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Arrow":
        """Itself, once every file is found to be readable and to hold the column."""
        self.pieces()
        return self

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of record batches that hold about 32 MB."""
        return pieces_of(batch_runs, self.paths, self.text)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the record batches."""
        return read_batches(piece, self.text)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of the documents, with all columns or some."""
        return read_records(piece, self.text, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)


def batch_runs(path: str, text: str | None) -> Iterator[Piece]:
    """Pieces of one file."""
    with reading(path, EXPECTED), _data(path) as data:
        is_file = _is_file(path, data)
        schema_column(path, _open(data, is_file).schema, text)
        data.seek(0)
        if is_file:
            count = pa.ipc.open_file(data).num_record_batches
        elif is_address(path):
            count = len(layout(path).batches)
        else:
            messages = pa.ipc.MessageReader.open_stream(data)
            count = sum(message.type == "record batch" for message in messages)
        step = max(1, count * PIECE // max(data.size(), 1))
        for first in range(0, count, step):
            yield Piece(path, first, min(first + step, count))


def read_batches(piece: Piece, text: str | None) -> Iterator[Batch]:
    """Text of one piece."""
    with reading(piece.path, EXPECTED), _data(piece.path) as data:
        is_file = _is_file(piece.path, data)
        schema = _open(data, is_file).schema
        index = schema.get_field_index(schema_column(piece.path, schema, text))
        data.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=[index], use_threads=False)
        skips = not is_file and is_address(piece.path)
        stream = spliced(data, layout(piece.path), piece.start, piece.stop) if skips else data
        reader = _open(stream, is_file, options)
        for i in range(piece.start if is_file or skips else 0, piece.stop):
            batch = reader.get_batch(i) if is_file else reader.read_next_batch()
            if i >= piece.start:
                yield from array_batches(
                    batch.column(0), lambda row, i=i: f"{piece.path}:batch {i}, row {row + 1}"
                )


def read_records(
    piece: Piece, text: str | None, columns: Sequence[str] | None
) -> Iterator[pa.Table]:
    """Records of the documents of one piece."""
    with reading(piece.path, EXPECTED), _data(piece.path) as data:
        is_file = _is_file(piece.path, data)
        schema = _open(data, is_file).schema
        name = schema_column(piece.path, schema, text)
        chosen(piece.path, schema.empty_table(), columns)
        data.seek(0)
        reader = _open(data, is_file)
        for i in range(piece.start if is_file else 0, piece.stop):
            batch = reader.get_batch(i) if is_file else reader.read_next_batch()
            if i >= piece.start:
                stays = pa.array(readable(checked_bytes(batch.column(name))))
                table = pa.Table.from_batches([batch]).filter(stays)
                yield chosen(piece.path, table, columns)


@contextmanager
def _data(path: str) -> Iterator[Any]:
    """A file on this machine, mapped, or a remote one, opened."""
    if is_address(path):
        with opened(path) as file, pa.PythonFile(file, mode="r") as data:
            yield data
    else:
        with pa.memory_map(path) as data:
            yield data


def _is_file(path: str, data: pa.NativeFile) -> bool:
    magic = data.read(6)
    data.seek(0)
    if magic.startswith(b"FEA1"):
        raise CuveeError(f"{path}: Feather version 1 is not read; write it again as version 2.")
    return magic == b"ARROW1"


def _open(data: Any, is_file: bool, options: Any = None) -> Any:
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(data, options=options)
