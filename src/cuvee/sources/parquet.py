"""Parquet files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow.parquet as pq

from cuvee.core.data import Batch, Piece
from cuvee.sources.arrays import array_batches, schema_column
from cuvee.sources.files import BLOCK, PIECE, fingerprint, reading

EXPECTED = "a Parquet file"


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
        """Runs of row groups that hold about 32 MB of text."""
        return tuple(piece for path in self.paths for piece in self._pieces(path))

    def _pieces(self, path: str) -> Iterator[Piece]:
        with reading(path, EXPECTED), pq.ParquetFile(path) as file:
            column = _index(file, schema_column(path, file.schema_arrow, self.text))
            first = held = 0
            for i in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(i).column(column).total_uncompressed_size
                if held and held + size > PIECE:
                    yield Piece(path, first, i)
                    first, held = i, 0
                held += size
            if held:
                yield Piece(path, first, file.metadata.num_row_groups)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the row groups."""
        with (
            reading(piece.path, EXPECTED),
            pq.ParquetFile(piece.path, buffer_size=BLOCK) as file,
        ):
            column = schema_column(piece.path, file.schema_arrow, self.text)
            groups = [file.metadata.row_group(i) for i in range(piece.stop)]
            row = sum(g.num_rows for g in groups[: piece.start])
            rows = sum(g.num_rows for g in groups[piece.start :])
            index = _index(file, column)
            held = sum(g.column(index).total_uncompressed_size for g in groups[piece.start :])
            batches = file.iter_batches(
                batch_size=min(max(rows * BLOCK // max(held, 1), 1), 1 << 16),
                row_groups=range(piece.start, piece.stop),
                columns=[column],
                use_threads=False,
            )
            for batch in batches:
                yield from array_batches(
                    batch.column(0), lambda i, first=row: f"{piece.path}:{first + i + 1}"
                )
                row += batch.num_rows

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)


def _index(file: pq.ParquetFile, column: str) -> int:
    """Leaf column of a plain top-level column; nested ones before it have several leaves."""
    leaves = (file.schema.column(i).path for i in range(len(file.schema)))
    return next(i for i, path in enumerate(leaves) if path == column)
