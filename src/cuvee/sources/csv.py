"""Comma and tab separated values, plain or compressed."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from cuvee.core.data import Batch, Piece, Reject
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import NOT_UTF8, encodes, sample, string_batches, text_column
from cuvee.sources.files import fingerprint, reading, size
from cuvee.sources.lines import piece_blocks, split_lines

EXPECTED = "CSV with a header"
LONGEST = 1 << 30
"""Bytes of a field: Python's own limit is 128 kB, and none at all lets a lost quote eat memory."""


@dataclass(frozen=True, slots=True)
class Csv:
    """Text column of CSV or TSV files with a header; a piece is a file.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Text column; guessed from the usual names by default.
    """

    suffixes: ClassVar[tuple[str, ...]] = tuple(
        s + z for s in (".csv", ".tsv") for z in ("", ".gz", ".zst")
    )
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Csv":
        """Itself, once the first file is found to hold the column."""
        self.header(next(path for path in self.paths if size(path)))
        return self

    def pieces(self) -> tuple[Piece, ...]:
        """The files: where a row starts depends on all the quotes before it."""
        sizes = {path: size(path) for path in self.paths}
        return tuple(Piece(path, 0, stop) for path, stop in sizes.items() if stop)

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the rows."""
        with reading(piece.path, EXPECTED):
            yield from string_batches(self._records(piece))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)

    def header(self, path: str) -> tuple[list[str], str]:
        """Columns of a file, and the one that holds the text."""
        with reading(path, EXPECTED):
            rows = csv.reader(_lines(Piece(path, 0, size(path)), []), delimiter=_separator(path))
            return self._header(path, next((row for row in rows if row), []))

    def _header(self, path: str, names: list[str]) -> tuple[list[str], str]:
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            raise CuveeError(
                f"{path}: expected columns apart by {_separator(path)!r}, got {names[0]!r}; "
                "write it with commas, or name it .tsv if it has tabs."
            )
        return names, text_column(path, dict.fromkeys(names, True), self.text)

    def _records(self, piece: Piece) -> Iterator[str | Reject]:
        csv.field_size_limit(LONGEST)
        seen: list[str] = []
        rows = csv.reader(_lines(piece, seen), delimiter=_separator(piece.path), strict=True)
        names: list[str] = []
        column = line = 0
        while True:
            seen.clear()
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                row, reason = [""], f"not CSV: {error}"
            else:
                reason = ""
            place, line = f"{piece.path}:{line + 1}", rows.line_num
            if not names and row and not reason:
                names, text = self._header(piece.path, row)
                column = names.index(text)
            elif row:
                text = row[column] if len(row) == len(names) else ""
                if not reason and len(row) != len(names):
                    reason = f"{len(row)} fields, but the header has {len(names)}"
                elif not reason and not encodes(text):
                    reason = NOT_UTF8
                first = seen[0].encode(errors="surrogateescape") if seen else b""
                yield Reject(place, reason, sample(first.strip())) if reason else text


def _separator(path: str) -> str:
    return "\t" if ".tsv" in path.lower()[-8:] else ","


def _lines(piece: Piece, seen: list[str]) -> Iterator[str]:
    """Decoded lines; bytes that are no UTF-8 become lone surrogates, to be found later."""
    for some in split_lines(piece_blocks(piece)):
        for line in some:
            text = line.decode(errors="surrogateescape") + "\n"
            if not seen:
                seen.append(text)
            yield text
