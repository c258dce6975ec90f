"""A source whose documents have lost some passages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from cuvee.core.copies import Cuts
from cuvee.core.data import Batch, Piece, Source
from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import schema_column
from cuvee.sources.records import records

STRINGS = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")


@dataclass(frozen=True, slots=True, eq=False)
class Trimmed:
    """A source without some passages of its documents.

    Args:
        source: The whole documents.
        first: Number of the first document of each piece, as `cuts` counts them.
        cuts: What to leave out.
    """

    source: Source
    first: Mapping[Piece, int]
    cuts: Cuts

    @staticmethod
    def of(source: Source, counts: Sequence[int], cuts: Cuts, start: int) -> "Trimmed":
        """Of a source whose pieces have so many documents, the first of them number `start`."""
        firsts = start + np.r_[0, np.cumsum(counts)]
        return Trimmed(source, dict(zip(source.pieces(), firsts.tolist())), cuts)

    @property
    def name(self) -> str:
        """As the source."""
        return self.source.name

    def pieces(self) -> tuple[Piece, ...]:
        """As the source."""
        return self.source.pieces()

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of the piece, trimmed."""
        at = self.first[piece]
        for batch in self.source.read(piece):
            yield Batch(trim(batch.text, self.cuts, at), batch.rejected, batch.left_out)
            at += len(batch.text)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Records with the text of `read`; all other columns as they are."""
        at, column = self.first[piece], ""
        texts = (batch.text for batch in self.source.read(piece))
        waiting = pa.array([], pa.large_string())
        for table in records(self.source, piece, columns):
            while len(waiting) < len(table):
                waiting = pa.concat_arrays([waiting, next(texts)])
            whole, waiting = waiting.slice(0, len(table)), waiting.slice(len(table))
            if len(table):
                column = column or _column(self.source, table, whole)
                yield _with_text(table, column, trim(whole, self.cuts, at))
            at += len(table)

    def fingerprint(self) -> Mapping[str, str]:
        """As the source, and how much is cut."""
        return {**self.source.fingerprint(), "without": f"{len(self.cuts)} passages"}


def trim(text: pa.LargeStringArray, cuts: Cuts, first: int) -> pa.LargeStringArray:
    """Documents without the passages that are to be cut.

    Args:
        text: Documents.
        cuts: Passages, by document and byte.
        first: Number of the first of the documents.
    """
    low, high = np.searchsorted(cuts.documents, [first, first + len(text)])
    if low == high:
        return text
    found = text.to_pylist()
    for document in np.unique(cuts.documents[low:high]).tolist():
        begin, end = np.searchsorted(cuts.documents, [document, document + 1])
        data = found[document - first].encode()
        ends = [0, *np.ravel(_pairs(cuts, slice(begin, end))).tolist(), len(data)]
        kept = b"".join(data[a:b] for a, b in zip(ends[::2], ends[1::2]))
        found[document - first] = kept.decode()
    return pa.array(found, pa.large_string())


def _pairs(cuts: Cuts, some: slice) -> Int64[np.ndarray, "passages two"]:
    return np.stack([cuts.starts[some], cuts.stops[some]], axis=1)


def _with_text(table: pa.Table, column: str, text: pa.LargeStringArray) -> pa.Table:
    kind = table.schema.field(column).type
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    return table.set_column(table.column_names.index(column), column, text.cast(kind))


def _column(source: Source, table: pa.Table, text: pa.LargeStringArray) -> str:
    """The column of a table that holds the text of its documents.

    Raises:
        CuveeError: There is none: it is made of several, or was not asked for.
    """
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
