"""One pass over documents: what each is, how long, and what else its record says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, UInt64

from cuvee.core.data import Cut, Engine, Piece, Source, Units, checked
from cuvee.core.order import mixed
from cuvee.core.rows import Rows
from cuvee.core.threads import keep_memory
from cuvee.sources.records import records


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What one pass over some sources found: a row for each document, in their order.

    Args:
        sources: Which.
        counts: Documents of each piece of each source.
        keys: Hash of each document's units and their order.
        sizes: Tokens.
        columns: Values of the columns that were asked for.
        rows: The numbers themselves, where documents are rows of a table.
        unread: Records that are no documents, by source.
        left_out: Documents that stand in the target, too, by source.
    """

    sources: tuple[Source, ...]
    counts: tuple[tuple[int, ...], ...]
    keys: UInt64[np.ndarray, "documents"]
    sizes: Int64[np.ndarray, "documents"]
    columns: Mapping[str, pa.ChunkedArray]
    rows: Rows | None
    unread: tuple[int, ...]
    left_out: tuple[int, ...]

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
    for (source, _), part in zip(jobs, found):
        counts[source.name].append(len(part["keys"]))
        unread[source.name] += part["unread"]
        left_out[source.name] += part["left_out"]
    tables = [part["columns"] for part in found]
    rows = [part["rows"] for part in found if part["rows"] is not None]
    return Scan(
        tuple(sources), tuple(map(tuple, counts.values())),
        np.concatenate([np.zeros(0, np.uint64), *(part["keys"] for part in found)]),
        np.concatenate([np.zeros(0, np.int64), *(part["sizes"] for part in found)]),
        {name: _chunked([table[name] for table in tables]) for name in columns},
        Rows.joined(rows) if rows else None,
        tuple(unread.values()), tuple(left_out.values()),
    )  # fmt: skip


def _scanned(
    units: Units, columns: list[str], strict: bool, job: tuple[Source, Piece]
) -> dict[str, Any]:
    keep_memory()
    source, piece = job
    keys, sizes, tables = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], []
    rows: list[Rows] = []
    unread = left_out = 0
    for batch in checked(source.read(piece), strict):
        unread += len(batch.rejected)
        left_out += batch.left_out
        for cut in units.cut(batch.text):
            keys.append(content_keys(cut))
            sizes.append(np.diff(cut.offsets).astype(np.int64))
            if cut.rows is not None:
                rows.append(cut.rows)
    if columns:
        tables = list(records(source, piece, columns))
    return {
        "keys": np.concatenate(keys), "sizes": np.concatenate(sizes),
        "columns": {name: [c for t in tables for c in t.column(name).chunks] for name in columns},
        "rows": Rows.joined(rows) if rows else None, "unread": unread, "left_out": left_out,
    }  # fmt: skip


def content_keys(cut: Cut) -> UInt64[np.ndarray, "documents"]:
    """A hash of all units of each document, and of their order."""
    offsets = np.asarray(cut.offsets, np.int64)
    sizes = np.diff(offsets)
    place = np.arange(len(cut.ids)) - np.repeat(offsets[:-1] - offsets[0], sizes)
    each = mixed(cut.ids ^ mixed(place.astype(np.uint64)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(each, dtype=np.uint64)])
    ends = offsets - offsets[0]
    return mixed((sums[ends[1:]] - sums[ends[:-1]]) ^ mixed(sizes.astype(np.uint64)))


def _chunked(parts: list[list[pa.Array]]) -> pa.ChunkedArray:
    chunks = [chunk for part in parts for chunk in part]
    try:
        return pa.chunked_array(chunks) if chunks else pa.chunked_array([pa.nulls(0)])
    except pa.ArrowException:
        texts = [[None if v is None else str(v) for v in chunk.to_pylist()] for chunk in chunks]
        return pa.chunked_array([pa.array(text, pa.string()) for text in texts])
