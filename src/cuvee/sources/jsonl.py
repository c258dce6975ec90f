"""JSON Lines, plain or compressed."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

import numpy as np
import orjson
import pyarrow as pa
from jaxtyping import Int

from cuvee.core.data import Batch, Piece, Reject
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import USUAL, encodes, sample, string_batch, text_column
from cuvee.sources.files import fingerprint, ranges, reading, size
from cuvee.sources.lines import line_place, piece_blocks, split_lines
from cuvee.sources.records import table_of

EXPECTED = "JSON Lines (one object a line)"
SUFFIXES = tuple(s + z for s in (".jsonl", ".ndjson", ".json") for z in ("", ".gz", ".zst"))
PEEK = 1000
"""Lines that are looked at to find the text field."""


@dataclass(frozen=True, slots=True)
class Jsonl:
    """Text field of JSON Lines files, gzip and zstd included; a piece is a range of bytes.

    Args:
        name: What the user calls it.
        paths: Files.
        text: Text field; guessed from the usual names by default.

    Fails when: a file is compressed and large: it is one piece, read by one worker.
    """

    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def opened(self) -> "Jsonl":
        """The same with its text field known."""
        return replace(self, text=self.field())

    def pieces(self) -> tuple[Piece, ...]:
        """Ranges of about 32 MB; a compressed file is one."""
        return tuple(piece for path in self.paths for piece in ranges(path))

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The text of the lines that start in the piece."""
        field = self.text if self.text is not None else self.field()
        with reading(piece.path, EXPECTED):
            done = 0
            for lines in split_lines(piece_blocks(piece)):
                batch = _batch(lines, field, lambda i, n=done: line_place(piece, n + i))
                if len(batch.text) or batch.rejected:
                    yield batch
                done += len(lines)

    def pick(self, piece: Piece, records: Int[np.ndarray, "wanted"]) -> Iterator[tuple[int, Batch]]:
        """The text of some lines, blank ones not counted; the others are not parsed."""
        field = self.text if self.text is not None else self.field()
        with reading(piece.path, EXPECTED):
            seen = 0
            for lines in split_lines(piece_blocks(piece)):
                lines = [line for line in lines if line and not line.isspace()]
                lo, hi = np.searchsorted(records, [seen, seen + len(lines)])
                wanted = [lines[i] for i in (records[lo:hi] - seen).tolist()]
                yield len(lines), _batch(wanted, field, str)
                seen += len(lines)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Objects of the documents, with all fields or some."""
        field = self.text if self.text is not None else self.field()
        with reading(piece.path, EXPECTED):
            for lines in split_lines(piece_blocks(piece)):
                found = (_record(line, field) for line in lines)
                yield table_of(piece.path, (row for row in found if row is not None), columns)

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of each file."""
        return fingerprint(self.paths)

    def field(self) -> str:
        """The text field: the one asked for, or guessed from the first file with any objects.

        Raises:
            CuveeError: No record near the start has it, or it cannot be guessed.
        """
        for path in self.paths:
            columns = _columns(path, self.text)
            if columns:
                return text_column(path, columns, self.text)
        if self.text is None:
            raise CuveeError(f"{', '.join(self.paths[:3])}: expected {EXPECTED}, found none.")
        return self.text


def _columns(path: str, wanted: str | None) -> dict[str, bool]:
    """Fields of the first objects of a file, and whether they ever hold a string.

    Looks no further than the one that is wanted, or that would be guessed anyway.
    """
    columns: dict[str, bool] = {}
    with reading(path, EXPECTED):
        some = islice(split_lines(piece_blocks(Piece(path, 0, size(path)))), 4)
        for line in islice((line for lines in some for line in lines), PEEK):
            if not columns and line.strip() in (b"[", b"{"):
                raise CuveeError(
                    f"{path}: expected {EXPECTED}, but one JSON value is spread over lines. "
                    f"Convert it: jq -c '.[]' for an array, jq -c . for objects."
                )
            try:
                record = orjson.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                for name, value in record.items():
                    columns[name] = columns.get(name, False) or isinstance(value, str)
            if wanted in columns or (wanted is None and columns.get(USUAL[0])):
                break
    return columns


def _batch(lines: list[bytes], field: str, place: Callable[[int], str]) -> Batch:
    texts: list[str] = []
    rejected: list[Reject] = []
    gaps: list[int] = []
    loads, append = orjson.loads, texts.append
    for i, line in enumerate(lines):
        try:
            text = loads(line)[field]
        except (ValueError, KeyError, TypeError):
            text = None
        if type(text) is str:
            append(text)
        elif line.strip():
            text, reason = _look_again(line, field)
            if reason:
                gaps.append(len(texts) + len(gaps))
                rejected.append(Reject(place(i), reason, sample(line)))
            else:
                append(text)
    return string_batch(texts, rejected, gaps)


def _record(line: bytes, field: str) -> dict | None:
    """The object of a line that `read` takes for a document."""
    try:
        record = orjson.loads(line)
        if type(record[field]) is str:
            return record
    except (ValueError, KeyError, TypeError):
        pass
    if not line.strip() or _look_again(line, field)[1]:
        return None
    return json.loads(line.decode())


def _look_again(line: bytes, field: str) -> tuple[str, str]:
    """The text, or why there is none. NaN, which Python's json writes, is let through."""
    try:
        record = orjson.loads(line)
    except ValueError as error:
        if "memory" in str(error):  # the line is long, and may be a good one
            raise MemoryError from error
        if b"NaN" not in line and b"Infinity" not in line:
            return "", f"not JSON: {error}"
        try:
            record = json.loads(line.decode())
        except (ValueError, RecursionError):
            return "", f"not JSON: {error}"
    if not isinstance(record, dict):
        return "", f"JSON, but {type(record).__name__} instead of an object"
    text = record.get(field)
    if field not in record:
        return "", f"no field {field!r}"
    if not isinstance(text, str):
        kind = "null" if text is None else type(text).__name__
        return "", f"field {field!r} is {kind} instead of text"
    return text, "" if encodes(text) else f"field {field!r} holds half a surrogate pair"
