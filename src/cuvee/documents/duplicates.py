"""What came of looking for duplicates, explained: counts, groups, overlap, a line a document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64
from scipy.sparse import csr_array

from cuvee.core.copies import Found
from cuvee.core.data import Piece, Source
from cuvee.core.files import explained, write_whole

if TYPE_CHECKING:
    from cuvee.documents.deduplicating import Reading

SHOWN = 160
"""Characters of a text that are shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands.

    Args:
        source: Of it.
        piece: Of the source.
        within: Number within the piece, from 0.
        row: Number within the source, from 0.
    """

    source: Source
    piece: Piece
    within: int
    row: int


@dataclass(frozen=True, slots=True)
class Example:
    """One group of documents, or one passage.

    Args:
        size: Documents of the group; bytes of the passage.
        source: Of the document that stays.
        file: Of the document that stays; "" in memory.
        row: Of the document that stays, within its source.
        text: How it begins.
        other_source: Of the member that is least like it; of the document that loses the passage.
        other_file: The same.
        other_row: The same.
        other: How that begins; how the passage begins.
        similarity: Of the two; NaN where it was not measured.
    """

    size: int
    source: str
    file: str
    row: int
    text: str
    other_source: str
    other_file: str
    other_row: int
    other: str
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Deduped:
    """What stands more than once in some sources.

    Args:
        method: How it was looked for.
        sources: Names.
        documents: Of each source.
        kept: Documents of each source that stay.
        unread: Records of each source that are no documents.
        groups: Of two documents or more.
        equal: Documents that went and are equal to the one that stays, or were not told apart.
        passages: Cut out of documents that stay; None if only documents were compared.
        passage_bytes: How long they are together.
        overlap: Documents of the row's source that have a copy in the column's, or share a passage.
        examples: The largest groups, or the longest passages.
        found: By document.
        notes: What to know, in sentences.
    """

    method: str
    sources: tuple[str, ...]
    documents: tuple[int, ...]
    kept: tuple[int, ...]
    unread: tuple[int, ...]
    groups: int
    equal: int
    passages: int | None
    passage_bytes: int
    overlap: Int64[np.ndarray, "sources sources"]
    examples: tuple[Example, ...]
    found: Found
    notes: tuple[str, ...] = ()

    @property
    def removed(self) -> int:
        """Documents that went."""
        return sum(self.documents) - sum(self.kept)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what was not measured is null."""
        rows = zip(self.sources, self.documents, self.kept, self.unread)
        shown = [
            {name: None if value != value else value for name, value in _fields(one)}
            for one in self.examples
        ]
        return {
            "method": self.method, "documents": sum(self.documents), "kept": sum(self.kept),
            "removed": self.removed, "removed_equal": self.equal, "groups": self.groups,
            "passages": self.passages, "passage_bytes": self.passage_bytes,
            "sources": {
                name: {"documents": n, "kept": k, "removed": n - k, "unread": u}
                for name, n, k, u in rows
            },
            "overlap": {
                name: dict(zip(self.sources, row.tolist()))
                for name, row in zip(self.sources, self.overlap)
            },
            "examples": shown, "notes": list(self.notes),
        }  # fmt: skip

    def __str__(self) -> str:
        kept, all_ = f"{sum(self.kept):,}", f"{sum(self.documents):,}"
        groups = f"{self.groups:,} group{'s' * (self.groups != 1)}"
        cut = ""
        if self.passages is not None:
            cut = f"; {self.passages:,} passages of {self.passage_bytes:,} bytes in all are cut"
        return (
            f"{self.method}: {kept} of {all_} documents stay; {self.removed:,} went, "
            f"in {groups}{cut}."
        )


def explain(method: str, found: Found, reading: "Reading", examples: int) -> Deduped:
    """Counts by source, the overlap of sources, and some examples with their text."""
    ends, kept, cuts = reading.ends, found.kept, found.cuts
    sizes = np.bincount(found.canonical, minlength=len(found))
    gone = ~kept
    source_of = np.repeat(np.arange(len(reading.sources)), np.diff(ends))
    if cuts is None:
        overlap = _by_group(found.canonical, source_of, len(reading.sources))
        shown = _largest(found, sizes, reading, examples)
    else:
        a = np.r_[cuts.documents, np.flatnonzero(gone)]
        b = np.r_[cuts.of, found.canonical[gone]]
        overlap = _by_pair(np.r_[a, b], np.r_[b, a], source_of, len(reading.sources))
        shown = _longest(found, reading, examples)
    return Deduped(
        method, tuple(s.name for s in reading.sources), tuple(np.diff(ends).tolist()),
        tuple(int(kept[a:b].sum()) for a, b in pairwise(ends)), tuple(reading.unread),
        int((sizes > 1).sum()), int((gone & (found.similarity == 1)).sum()),
        None if cuts is None else len(cuts),
        0 if cuts is None else int((cuts.stops - cuts.starts).sum()), overlap, shown, found,
        found.notes,
    )  # fmt: skip


def _by_group(canonical: np.ndarray, source_of: np.ndarray, sources: int) -> np.ndarray:
    """Documents of each source whose group has another member in each source."""
    ones = np.ones(len(canonical), np.int64)
    shape = (len(canonical), sources)
    counts = csr_array((ones, (canonical, source_of)), shape)
    counts.sum_duplicates()
    there = csr_array(((counts.data > 0).astype(np.int64), counts.indices, counts.indptr), shape)
    both = np.asarray((counts.T @ there).todense())
    several = csr_array((counts.data * (counts.data > 1), counts.indices, counts.indptr), shape)
    np.fill_diagonal(both, np.asarray(several.sum(axis=0)).ravel())
    return both


def _by_pair(a: np.ndarray, b: np.ndarray, source_of: np.ndarray, sources: int) -> np.ndarray:
    """Documents a of each source that go with a document b in each source."""
    pairs = np.unique(np.stack([a, source_of[b]], axis=1), axis=0)
    both = np.zeros((sources, sources), np.int64)
    np.add.at(both, (source_of[pairs[:, 0]], pairs[:, 1]), 1)
    return both


def _largest(
    found: Found, sizes: np.ndarray, reading: "Reading", examples: int
) -> tuple[Example, ...]:
    """The largest groups, each with the member that is least like the one that stays."""
    largest = np.argsort(-sizes, kind="stable")[:examples]
    largest = largest[sizes[largest] > 1]
    shown = []
    for stays in largest.tolist():
        members = np.flatnonzero(found.canonical == stays)
        others = members[members != stays]
        other = int(others[np.argmin(found.similarity[others])])
        shown.append((int(sizes[stays]), stays, other, 0, float(found.similarity[other])))
    return _with_texts(shown, reading)


def _longest(found: Found, reading: "Reading", examples: int) -> tuple[Example, ...]:
    """The longest passages."""
    cuts = found.cuts
    if cuts is None:
        return ()
    length = cuts.stops - cuts.starts
    shown = [
        (int(length[i]), int(cuts.of[i]), int(cuts.documents[i]), int(cuts.starts[i]), float("nan"))
        for i in np.argsort(-length, kind="stable")[:examples].tolist()
    ]
    return _with_texts(shown, reading)


def _with_texts(
    shown: Sequence[tuple[int, int, int, int, float]], reading: "Reading"
) -> tuple[Example, ...]:
    """Examples as size, document that stays, other document, byte of it to show, similarity."""
    wanted = {d: reading.place(d) for _, a, b, _, _ in shown for d in (a, b)}
    starts = {b: start for _, _, b, start, _ in shown}
    jobs = [(place, starts.get(d, 0)) for d, place in wanted.items()]
    texts = dict(zip(wanted, reading.engine(_begins, jobs, label="looking up examples")))
    made = []
    for size, a, b, _, similarity in shown:
        one, two = wanted[a], wanted[b]
        made.append(
            Example(
                size, one.source.name, one.piece.path, one.row, texts[a],
                two.source.name, two.piece.path, two.row, texts[b], similarity,
            )
        )  # fmt: skip
    return tuple(made)


def _begins(job: tuple[Place, int]) -> str:
    """How a document goes on from a byte."""
    place, start = job
    left = place.within
    for batch in place.source.read(place.piece):
        if left < len(batch.text):
            data = batch.text[left].as_py().encode()[start : start + 4 * SHOWN]
            return " ".join(data.decode(errors="ignore").split())[:SHOWN]
        left -= len(batch.text)
    return ""


def write_attributes(folder: Path, found: Found, reading: "Reading") -> None:
    """A Parquet file for each source: of every document in its order what became of it.

    Columns: `source`, `path`, `piece` (its number), `row` (within the source), `kept`, `group` (the
    same number for all of a group, over all sources), `duplicate_of_source` and `duplicate_of_row`
    (null for what stays), `similarity`, and `cuts` (bytes from, to) if passages were compared.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    names = pa.array([s.name for s in reading.sources])
    source_of = np.repeat(np.arange(len(reading.sources)), np.diff(reading.ends))
    for i, source in enumerate(reading.sources):
        begin, end = reading.ends[i : i + 2].tolist()
        canonical = found.canonical[begin:end]
        gone = canonical != np.arange(begin, end)
        counts = np.array(reading.counted(i), np.int64)
        pieces = [piece for j, piece in reading.pieces if j == i]
        of = source_of[canonical]
        number = np.repeat(np.arange(len(pieces)), counts)
        # Each path once: of a dictionary with equal entries not all bytes would be the same again.
        paths, of_piece = np.unique([piece.path for piece in pieces], return_inverse=True)
        similarity = pa.array(
            found.similarity[begin:end], mask=np.isnan(found.similarity[begin:end])
        )
        columns: dict[str, Any] = {
            "source": _chosen(names, np.full(end - begin, i)),
            "path": _chosen(pa.array(paths.tolist(), pa.string()), of_piece[number]),
            "piece": pa.array(number, pa.int32()), "row": pa.array(np.arange(end - begin)),
            "kept": pa.array(~gone), "group": pa.array(canonical),
            "duplicate_of_source": _chosen(names, of, ~gone),
            "duplicate_of_row": pa.array(canonical - reading.ends[of], mask=~gone),
            "similarity": similarity,
        }  # fmt: skip
        if found.cuts is not None:
            columns["cuts"] = _cuts(found, begin, end)
        table = pa.table(columns)
        name = source.name.replace("%", "%25").replace("/", "%2F")
        path = folder / f"{name}.parquet"
        write_whole(path, lambda p, t=table: pq.write_table(t, p, compression="zstd"))


def _chosen(values: pa.Array, at: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(at.astype(np.int32), mask=null), values)


def _cuts(found: Found, begin: int, end: int) -> pa.Array:
    """Passages of each document, as a list of bytes from and to."""
    cuts = found.cuts
    if cuts is None:
        return pa.nulls(end - begin)
    ends = np.searchsorted(cuts.documents, np.arange(begin, end + 1))
    some = slice(int(ends[0]), int(ends[-1]))
    pairs = pa.StructArray.from_arrays(
        [pa.array(cuts.starts[some]), pa.array(cuts.stops[some])], ["start", "stop"]
    )
    return pa.ListArray.from_arrays(pa.array((ends - ends[0]).astype(np.int32)), pairs)


def _fields(one: Example) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(one, name)) for name in one.__dataclass_fields__)


__all__ = ["Deduped", "Example", "Place", "explain", "write_attributes"]
