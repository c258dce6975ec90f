"""One pass over documents: what each is, how long, and what else its record says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64, UInt64

from cuvee.core.contents import document_hashes
from cuvee.core.data import Batch, Engine, Piece, Source, Units, checked
from cuvee.core.rows import Rows
from cuvee.core.threads import keep_memory
from cuvee.sources.memory import Memory
from cuvee.sources.part import Renamed, Without
from cuvee.sources.records import records

NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one pass over some sources found: a row for each document, in their order.

    Args:
        sources: Which.
        counts: Documents of each piece of each source.
        keys: `document_hashes` of them.
        sizes: Tokens.
        columns: Values of the columns that were asked for.
        rows: The numbers themselves, where documents are rows of a table.
        unread: Records that are no documents, by source.
        left_out: Documents that stand in the target, too, by source.
        given: Documents of each source as its owner counts them, with those set apart; of a list,
            with items that are no documents.
        apart: Numbers of those set apart, by source.
        odd: Numbers of items of a list that are no documents, by source.
    """

    sources: tuple[Source, ...]
    counts: tuple[tuple[int, ...], ...]
    keys: UInt64[np.ndarray, "documents"]
    sizes: Int64[np.ndarray, "documents"]
    columns: Mapping[str, pa.ChunkedArray]
    rows: Rows | None
    unread: tuple[int, ...]
    left_out: tuple[int, ...]
    given: tuple[int, ...]
    apart: tuple[Int64[np.ndarray, "some"], ...]
    odd: tuple[Int64[np.ndarray, "some"], ...]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def jobs(self) -> list[tuple[int, Piece]]:
        """All pieces."""
        return [(i, piece) for i, s in enumerate(self.sources) for piece in s.pieces()]

    @property
    def groups(self) -> Int64[np.ndarray, "documents"]:
        """Number of each document's source."""
        return np.repeat(np.arange(len(self.sources)), [sum(c) for c in self.counts])

    def numbers(
        self, rows: Int64[np.ndarray, "some"], *, within: bool = False
    ) -> Int64[np.ndarray, "some"]:
        """What the owner of the data calls some rows: their place among all that was given.

        Args:
            rows: Of this scan.
            within: Count each source by itself, not one after the other.
        """
        ends = np.concatenate([[0], np.cumsum([sum(counts) for counts in self.counts])])
        starts = np.concatenate([[0], np.cumsum(self.given)])
        source = np.searchsorted(ends, rows, side="right") - 1
        found = np.zeros(len(rows), np.int64)
        for i in np.unique(source).tolist():
            mine = source == i
            gone = np.sort(np.concatenate([self.apart[i], self.odd[i]]))
            number = rows[mine] - ends[i]
            found[mine] = number + np.searchsorted(gone - np.arange(len(gone)), number, "right")
            found[mine] += 0 if within else starts[i]
        return found

    def readable(self, i: int) -> Bool[np.ndarray, "readable"]:
        """Which documents of a source were not set apart, of all that can be read."""
        stays = np.ones(self.given[i], bool)
        stays[self.apart[i]] = False
        return np.delete(stays, self.odd[i])

    @property
    def starts(self) -> list[int]:
        """Number of the first document of each piece, over all sources; and the end."""
        sizes = [n for counts in self.counts for n in counts]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).tolist()


def scan(
    sources: Sequence[Source], units: Units, engine: Engine, columns: Sequence[str], strict: bool
) -> Scan:
    """One pass over the sources.

    Raises:
        CuveeError: A record is no document, and `strict` was asked for; a column is not there; or
            there is no document at all.
    """
    jobs = [(source, piece) for source in sources for piece in source.pieces()]
    job = partial(_scanned, units, list(columns), strict)
    found = list(engine(job, jobs, label="reading the pool"))
    counts: dict[str, list[int]] = {source.name: [] for source in sources}
    unread, left_out = dict.fromkeys(counts, 0), dict.fromkeys(counts, 0)
    given = dict.fromkeys(counts, 0)
    apart: dict[str, list[np.ndarray]] = {name: [NONE] for name in counts}
    odd: dict[str, list[np.ndarray]] = {name: [NONE] for name in counts}
    for (source, _), part in zip(jobs, found):
        counts[source.name].append(len(part["keys"]))
        unread[source.name] += part["unread"]
        left_out[source.name] += part["left_out"]
        apart[source.name].append(part["apart"] + given[source.name])
        odd[source.name].append(part["odd"] + given[source.name])
        given[source.name] += part["given"]
    tables = [part["columns"] for part in found]
    rows = [part["rows"] for part in found if part["rows"] is not None]
    return Scan(
        tuple(sources), tuple(map(tuple, counts.values())),
        np.concatenate([np.zeros(0, np.uint64), *(part["keys"] for part in found)]),
        np.concatenate([np.zeros(0, np.int64), *(part["sizes"] for part in found)]),
        {name: _chunked([table[name] for table in tables]) for name in columns},
        Rows.joined(rows) if rows else None,
        tuple(unread.values()), tuple(left_out.values()), tuple(given.values()),
        tuple(map(np.concatenate, apart.values())), tuple(map(np.concatenate, odd.values())),
    )  # fmt: skip


def _scanned(
    units: Units, columns: list[str], strict: bool, job: tuple[Source, Piece]
) -> dict[str, Any]:
    keep_memory()
    source, piece = job
    keys, sizes, tables = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], []
    rows: list[Rows] = []
    apart, odd = [NONE], [NONE]
    unread = left_out = given = 0
    for batch, gone, bad, count in _sifted(source, piece, strict):
        unread += len(batch.rejected)
        left_out += batch.left_out
        apart.append(gone + given)
        odd.append(bad + given)
        given += count
        keys.append(document_hashes(batch.text))
        for cut in units.cut(batch.text):
            sizes.append(np.diff(cut.offsets).astype(np.int64))
            if cut.rows is not None:
                rows.append(cut.rows)
    if columns:
        tables = list(records(source, piece, columns))
    return {
        "keys": np.concatenate(keys), "sizes": np.concatenate(sizes),
        "columns": {name: [c for t in tables for c in t.column(name).chunks] for name in columns},
        "rows": Rows.joined(rows) if rows else None, "unread": unread, "left_out": left_out,
        "given": given, "apart": np.concatenate(apart), "odd": np.concatenate(odd),
    }  # fmt: skip


def _sifted(
    source: Source, piece: Piece, strict: bool
) -> Iterator[tuple[Batch, np.ndarray, np.ndarray, int]]:
    """Batches without what is set apart, and of each: the numbers in it of documents that are set
    apart, those of items of a list that are no documents, and how many there are in all."""
    if isinstance(source, Without):
        for batch, gone, odd, count in _sifted(source.source, piece, strict):
            out = source.apart.among(batch.text)
            if out:
                numbers = np.delete(np.arange(count), np.concatenate([gone, odd]))
                stays = np.ones(len(numbers), bool)
                stays[out] = False
                text = batch.text.filter(pa.array(stays))
                batch = Batch(text, batch.rejected, batch.left_out + len(out))
                gone = np.sort(np.concatenate([gone, numbers[out]]))
            yield batch, gone, odd, count
        return
    if isinstance(source, Renamed):
        yield from _sifted(source.source, piece, strict)
        return
    first = piece.start
    for batch in checked(source.read(piece), strict):
        odd = NONE
        if batch.rejected and isinstance(source, Memory):
            places = [int(one.place.rsplit(":", 1)[1]) - 1 for one in batch.rejected]
            odd = np.array(places, np.int64) - first
        count = len(batch.text) + len(odd)
        first += count
        yield batch, NONE, odd, count


def _chunked(parts: list[list[pa.Array]]) -> pa.ChunkedArray:
    chunks = [chunk for part in parts for chunk in part]
    try:
        return pa.chunked_array(chunks) if chunks else pa.chunked_array([pa.nulls(0)])
    except pa.ArrowException:
        texts = [[None if v is None else str(v) for v in chunk.to_pylist()] for chunk in chunks]
        return pa.chunked_array([pa.array(text, pa.string()) for text in texts])
