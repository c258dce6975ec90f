"""A source whose documents are read with another text, and all of their other columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from cuvee.core.data import Batch, Piece, Source
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import schema_column
from cuvee.sources.records import records

STRINGS = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")


class Rewrite(Protocol):
    """What becomes of the text of documents, which are known by their numbers."""

    @property
    def said(self) -> Mapping[str, str]:
        """What the fingerprint of a source says of it."""
        ...

    def touches(self, first: int, stop: int) -> bool:
        """Whether any document from `first` up to `stop` becomes another."""
        ...

    def __call__(self, text: pa.LargeStringArray, first: int) -> pa.LargeStringArray:
        """The new text of some documents, the first of them number `first`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Rewritten:
    """A source with another text.

    Args:
        source: The documents as they are.
        places: Number of the first document of each piece, and one past the last.
        rewrite: What becomes of their text.
    """

    source: Source
    places: Mapping[Piece, tuple[int, int]]
    rewrite: Rewrite

    @staticmethod
    def of(
        source: Source, pieces: Sequence[Piece], counts: Sequence[int], rewrite: Rewrite,
        start: int = 0,
    ) -> "Rewritten":  # fmt: skip
        """Of pieces that have so many documents each, the first of them number `start`."""
        ends = (start + np.cumsum(counts, dtype=np.int64)).tolist()
        return Rewritten(source, dict(zip(pieces, zip([start, *ends], ends))), rewrite)

    @property
    def name(self) -> str:
        """As the source."""
        return self.source.name

    @property
    def paths(self) -> tuple[str, ...]:
        """As the source."""
        return tuple(getattr(self.source, "paths", ()))

    def pieces(self) -> tuple[Piece, ...]:
        """As the source."""
        return tuple(self.places)

    def touched(self) -> list[Piece]:
        """Pieces of which a document becomes another."""
        return [piece for piece, place in self.places.items() if self.rewrite.touches(*place)]

    def fingerprint(self) -> Mapping[str, str]:
        """As the source, and what is done to it."""
        return {**self.source.fingerprint(), **self.rewrite.said}

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of the piece with their new text."""
        at = self.places[piece][0]
        for batch in self.source.read(piece):
            yield replace(batch, text=self.rewrite(batch.text, at))
            at += len(batch.text)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Records with the text of `read`; all other columns as they are.

        Raises:
            CuveeError: No column is the text: it is made of several, or was not asked for.
        """
        at, stop = self.places[piece]
        tables = records(self.source, piece, columns)
        if not self.rewrite.touches(at, stop):
            yield from tables
            return
        column, texts = "", _Texts(self.source, piece)
        for table in tables:
            if len(table):
                text = texts.next(len(table))
                column = column or _column(self.source, table, text)
                yield _with_text(table, column, self.rewrite(text, at))
            at += len(table)


class _Texts:
    """The documents of a piece, as many at a time as are asked for; a running state."""

    def __init__(self, source: Source, piece: Piece) -> None:
        self.name, self.batches = piece.path or source.name, source.read(piece)
        self.waiting = pa.array([], pa.large_string())

    def next(self, count: int) -> pa.LargeStringArray:
        """The next ones."""
        while len(self.waiting) < count:
            batch = next(self.batches, None)
            if batch is None:
                raise CuveeError(
                    f"{self.name}: it has fewer documents than records: it was changed while "
                    "cuvee was at work; run again."
                )
            self.waiting = pa.concat_arrays([self.waiting, batch.text])
        whole, self.waiting = self.waiting.slice(0, count), self.waiting.slice(count)
        return whole


def _with_text(table: pa.Table, column: str, text: pa.LargeStringArray) -> pa.Table:
    kind = table.schema.field(column).type
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    return table.set_column(table.column_names.index(column), column, text.cast(kind))


def _column(source: Source, table: pa.Table, text: pa.LargeStringArray) -> str:
    """The column of a table that holds the text of its documents."""
    wanted = text.cast(pa.large_binary())
    for name in _likely(source, table):
        values = table.column(name)
        if isinstance(values.type, pa.DictionaryType):
            values = values.cast(values.type.value_type)
        if str(values.type) not in STRINGS:
            continue
        if values.cast(pa.large_binary()).combine_chunks().equals(wanted):
            return name
    raise CuveeError(f"{source.name}: no column holds the text alone: passages cannot be cut.")


def _likely(source: Source, table: pa.Table) -> list[str]:
    """Columns, the one that is usually the text first."""
    try:
        first = [schema_column(source.name, table.schema, getattr(source, "text", None))]
    except CuveeError:  # nested fields, or several columns that could be it
        first = []
    return [*first, *table.column_names]
