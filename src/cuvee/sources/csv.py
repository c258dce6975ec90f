"""Comma and tab separated values, plain or compressed."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import ClassVar

import pyarrow as pa

from cuvee.core.data import Batch, Piece, Reject
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import NOT_UTF8, encodes, sample, string_batches, text_column
from cuvee.sources.files import file_name, fingerprint, reading, size
from cuvee.sources.lines import piece_blocks, split_lines
from cuvee.sources.records import table_of

EXPECTED = "CSV with a header"
SOME = 1000
"""Rows of a table of records."""
LONGEST = 1 << 30
"""Characters of a field on one line: Python's own limit is 128 kB."""
REACH = 16 << 20
"""Characters of a row over several lines, 64 more for each line; beyond, a quote must be lost."""
AGAIN = 64 << 20
"""Characters that are looked at twice, at most, and `EARNED` more for each line: lines that are
made to look like an endless row, one after the other, must not take forever."""
EARNED = 1024


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

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of the documents, with all columns or some; every value is text."""
        with reading(piece.path, EXPECTED):
            rows = _rows(_lines(piece), _separator(piece.path))
            _, names, reason, start = next(rows, (1, [], "", ""))
            if not names and not reason:
                return
            names, wanted = self._header(piece.path, names, reason, start)
            at = names.index(wanted)
            good = (row for _, row, reason, _ in rows if not reason and encodes(row[at]))
            while some := [dict(zip(names, map(_shown, row))) for row in islice(good, SOME)]:
                yield table_of(piece.path, some, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)

    def header(self, path: str) -> tuple[list[str], str]:
        """Columns of a file, and the one that holds the text."""
        with reading(path, EXPECTED):
            rows = _rows(_lines(Piece(path, 0, size(path))), _separator(path))
            return self._header(path, *next(rows, (1, [], "", ""))[1:])

    def _header(self, path: str, names: list[str], reason: str, line: str) -> tuple[list[str], str]:
        if reason:
            raise CuveeError(f"{path}: expected {EXPECTED}, but the header is {reason}; mend it.")
        # A mark within quotes belongs to the name of the only column.
        if len(names) == 1 and any(mark in re.sub('"[^"]*("|$)', "", line) for mark in ",;\t|"):
            raise CuveeError(
                f"{path}: expected columns apart by {_separator(path)!r}, got {names[0]!r}; "
                "write it as .csv with commas, or as .tsv with tabs."
            )
        return names, text_column(path, dict.fromkeys(names, True), self.text)

    def _records(self, piece: Piece) -> Iterator[str | Reject]:
        rows = _rows(_lines(piece), _separator(piece.path))
        _, names, reason, start = next(rows, (1, [], "", ""))
        if not names and not reason:
            return
        names, wanted = self._header(piece.path, names, reason, start)
        column = names.index(wanted)
        for line, row, reason, start in rows:
            text = "" if reason else row[column]
            if not reason and encodes(text):
                yield text
            else:
                start = start.encode(errors="surrogateescape").strip()
                yield Reject(f"{piece.path}:{line}", reason or NOT_UTF8, sample(start))


def _shown(value: str) -> str:
    """Text of a column beside the documents, which may hold bytes that are no UTF-8."""
    return value if encodes(value) else value.encode(errors="replace").decode()


def _separator(path: str) -> str:
    return "\t" if ".tsv" in file_name(path).lower()[-8:] else ","


def _lines(piece: Piece) -> Iterator[str]:
    """Decoded lines; bytes that are no UTF-8 become lone surrogates, to be found later."""
    return chain.from_iterable(
        [line.decode(errors="surrogateescape") + "\n" for line in some]
        for some in split_lines(piece_blocks(piece))
    )


def _rows(lines: Iterator[str], separator: str) -> Iterator[tuple[int, list[str], str, str]]:
    """Line number, fields, why they are none (or ""), and first line of each row, header first.

    A quote that is lost costs the line it opened on: the lines after it are read again.
    """
    csv.field_size_limit(LONGEST)
    again: deque[str] = deque()
    row: list[str] = []
    line, width, left, start = 1, 0, AGAIN, 1
    while True:
        reason, seen = "", []
        fed = _fed(again, lines, seen, min(left, REACH))
        try:
            for row in csv.reader(fed, delimiter=separator, strict=True):
                if row and len(row) != width:
                    if width and _swallowed(seen[1:], width, separator):
                        reason = "a quote is not closed on its line or opened on a later one"
                        break
                    reason = f"{len(row)} fields, but the header has {width}" if width else ""
                    width = width or len(row)
                if row:
                    yield line, row, reason, seen[0]
                    reason = ""
                line += len(seen)
                seen.clear()
            else:
                return
        except csv.Error as error:
            reason = f"not CSV: {error}"
        yield line, [], reason, seen[0]
        line += 1
        left = min(AGAIN, left + EARNED * (line - start)) - sum(map(len, seen[1:]))
        start = line
        again.extendleft(reversed(seen[1:]))


def _fed(again: deque[str], lines: Iterator[str], seen: list[str], reach: int) -> Iterator[str]:
    """Lines for one reader, noted in `seen`, which the caller empties after each row."""
    held = 0
    while line := again.popleft() if again else next(lines, ""):
        held = held + len(line) + 64 if seen else 0
        seen.append(line)
        if held > reach:
            raise csv.Error(f"a quote is not closed within {held} characters")
        yield line


def _swallowed(lines: list[str], width: int, separator: str) -> bool:
    """Whether one of some lines is a row by itself, so that a quote before it must be lost."""
    return any(
        line.count(separator) == width - 1 and '"' not in line and not line.isspace()
        for line in lines
    )
