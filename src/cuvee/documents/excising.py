"""Documents with passages taken out, and all of their other columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from cuvee.attributes.overlap import Hits, Tests
from cuvee.core.data import Batch, Piece, Source
from cuvee.sources.arrays import schema_column
from cuvee.sources.records import records

SEAM = "\n\n"
"""Stands where a passage was, so that no new sentence arises."""


@dataclass(frozen=True, slots=True, eq=False)
class Excised:
    """A source with what some of its documents share with tests taken out.

    Args:
        source: The documents as they are.
        parts: Its pieces.
        counts: Documents of each of them.
        rows: Numbers of the documents to mend, over all pieces, rising.
        tests: What to look for.
        wanted: Which n-grams of the tests are taken out.
    """

    source: Source
    parts: tuple[Piece, ...]
    counts: tuple[int, ...]
    rows: Int64[np.ndarray, "documents"]
    tests: Tests
    wanted: Bool[np.ndarray, "grams"]

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
        return self.parts

    def fingerprint(self) -> Mapping[str, str]:
        """As the source."""
        return self.source.fingerprint()

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The mended documents of a piece, between the others."""
        first, rows = 0, self.of_piece(piece)
        for batch in self.source.read(piece):
            text = self._mended(batch.text, rows - first)
            yield Batch(text, batch.rejected, batch.left_out)
            first += len(batch.text)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Records of a piece, with the mended text."""
        first, rows = 0, self.of_piece(piece)
        column = getattr(self.source, "text", None)
        for table in records(self.source, piece, columns):
            if columns is None or column in columns:
                name = schema_column(self.name, table.schema, column)
                at = table.schema.get_field_index(name)
                kind = table.schema.field(at).type
                kind = kind.value_type if pa.types.is_dictionary(kind) else kind
                whole = table.column(at).combine_chunks().cast(pa.large_string())
                text = self._mended(whole, rows - first).cast(kind)
                table = table.set_column(at, name, text)
            yield table
            first += len(table)

    def of_piece(self, piece: Piece) -> Int64[np.ndarray, "documents"]:
        """Numbers, within a piece, of its documents to mend."""
        number = self.parts.index(piece)
        first = sum(self.counts[:number])
        low, high = np.searchsorted(self.rows, [first, first + self.counts[number]])
        return self.rows[low:high] - first

    def _mended(self, text: pa.LargeStringArray, rows: np.ndarray) -> pa.LargeStringArray:
        rows = rows[(rows >= 0) & (rows < len(text))]
        if not len(rows):
            return text
        new = pa.array(mend(text.take(pa.array(rows)), self.tests, self.wanted), pa.large_string())
        at = np.arange(len(text))
        at[rows] = len(text) + np.arange(len(rows))
        return pa.concat_arrays([text, new]).take(pa.array(at))


def mend(text: pa.LargeStringArray, tests: Tests, wanted: np.ndarray) -> list[str]:
    """Documents without the n-grams that are wanted out of them."""
    hits = tests.find(text)
    kept = wanted[hits.gram]
    hits = Hits(hits.row[kept], hits.gram[kept], hits.start[kept], hits.stop[kept])
    cuts: list[list[tuple[int, int]]] = [[] for _ in range(len(text))]
    for row, start, stop in zip(*stretches(hits)):
        cuts[row].append((start, stop))
    return [_without(document, cut) for document, cut in zip(text.to_pylist(), cuts)]


def stretches(hits: Hits) -> tuple[list[int], list[int], list[int]]:
    """Rows, first bytes and ends of what overlapping n-grams cover together."""
    if not len(hits.row):
        return [], [], []
    # Ends may fall where a short n-gram begins later than a long one: the furthest one counts.
    far = int(hits.stop.max()) + 1
    reach = np.maximum.accumulate(hits.row * far + hits.stop)
    new = np.ones(len(hits.row), bool)
    new[1:] = (hits.row * far + hits.start)[1:] > reach[:-1]
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(new)) - 1
    ends = reach[last] - hits.row[last] * far
    return hits.row[first].tolist(), hits.start[first].tolist(), ends.tolist()


def _without(document: Any, cuts: Sequence[tuple[int, int]]) -> str:
    data, parts, at = document.encode(), [], 0
    for start, stop in cuts:
        parts.append(data[at:start])
        at = stop
    parts.append(data[at:])
    kept = (part.decode().strip() for part in parts)
    return SEAM.join(part for part in kept if part)
