"""A look at little of a source, spread over all of it, from which the rest can be told."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.core.data import Batch, Piece, Source
from cuvee.core.errors import CuveeError
from cuvee.core.seeds import stream
from cuvee.sources.arrow import Arrow
from cuvee.sources.beginning import shortened
from cuvee.sources.csv import Csv
from cuvee.sources.files import by_ranges, is_compressed, reading, size, sizes
from cuvee.sources.jsonl import Jsonl
from cuvee.sources.memory import Memory
from cuvee.sources.parquet import Parquet
from cuvee.sources.part import Renamed, Without
from cuvee.sources.saved import Saved
from cuvee.sources.table import Table, holds_rows

LEAST, MOST = 4, 32
"""Glimpses of a source that is larger than what is looked at."""
GLIMPSE = 1 << 19
"""Bytes of text of a glimpse, if so many can be afforded."""
GROUPS = 4
"""Pieces of a look."""
READ_ON = 8
"""How much more is read than counted, where that is cheap."""


@dataclass(frozen=True, slots=True, eq=False)
class Glimpse:
    """Some documents of a source.

    Args:
        source: Reads them.
        piece: That they begin.
        kind: Of the part of the source that they stand for.
        weight: How much of that part they are, in its own unit: bytes on disk, rows, batches.
        seen: How many.
        seen_text: Their bytes.
        step: Of so many, the first one is counted, too.
        text: Bytes of those.
    """

    source: Source
    piece: Piece
    kind: str
    weight: float
    seen: int
    seen_text: int
    step: int
    text: int

    def read(self) -> Iterator[Batch]:
        """The documents that are counted."""
        at = 0
        for batch in self.source.read(self.piece):
            first = -at % self.step
            many = min(len(batch.text), self.seen - at)
            chosen = np.arange(first, many, self.step)
            yield Batch(batch.text.take(pa.array(chosen)), batch.rejected)
            at += len(batch.text)
            if at >= self.seen:
                return


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was looked at of a source; a source itself, with a piece for each glimpse.

    Args:
        name: Of the source.
        glimpses: Spread over the source.
        weights: Of all that it holds, by kind, in the units of the glimpses.
        disk: Bytes of its files; 0 in memory.
        small: Of these, bytes of files that are hashed anew whenever a hash is asked for.
        pieces: How many it has.
        largest: Part of the source that its largest piece is.
        whole: Whether all of it was read.
        beginnings: Whether only beginnings of files could be looked at.
        rows: Whether a document is a row of a table.
    """

    name: str
    glimpses: tuple[Glimpse, ...]
    weights: Mapping[str, float]
    disk: int
    small: int
    pieces_in_all: int
    largest: float
    whole: bool
    beginnings: bool
    rows: bool

    @property
    def holds(self) -> str:
        """Rows of a table, or text."""
        return "rows" if self.rows else "text"

    @property
    def text(self) -> int:
        """Bytes of text that are counted."""
        return sum(g.text for g in self.glimpses)

    @property
    def seen_text(self) -> int:
        """Bytes of text that are read, those that are counted and more."""
        return sum(g.seen_text for g in self.glimpses)

    @property
    def counted(self) -> bool:
        """Whether all of the source is counted."""
        return self.whole and all(g.step == 1 for g in self.glimpses)

    def pieces(self) -> tuple[Piece, ...]:
        """Some glimpses each: few pieces, as each costs time of its own."""
        ends = np.linspace(0, len(self.glimpses), min(GROUPS, len(self.glimpses)) + 1).astype(int)
        return tuple(Piece("", int(a), int(b)) for a, b in pairwise(ends))

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of some glimpses."""
        return chain.from_iterable(g.read() for g in self.glimpses[piece.start : piece.stop])

    def fingerprint(self) -> Mapping[str, str]:
        """None: it is compared with nothing."""
        return {}

    def total(self, values: Sequence[float]) -> tuple[float, float]:
        """What all of the source has, from what each glimpse has, and its standard error.

        A ratio to the weights, by kind. With one glimpse the error is taken to be a quarter, of
        the beginning of one file a tenth; where only beginnings were looked at, a tenth at least.

        References: Cochran, "Sampling techniques", 1977, chapter 6.
        """
        mid = variance = 0.0
        kinds = np.array([g.kind for g in self.glimpses])
        weights, found = np.array([g.weight for g in self.glimpses]), np.asarray(values, float)
        for kind, weight in self.weights.items():
            w, v = weights[kinds == kind], found[kinds == kind]
            if not len(w) or not w.sum():
                w, v = weights, found
            part = weight * v.sum() / max(w.sum(), 1e-300)
            mid += part
            if self.whole:
                continue
            error = part / (10 if self.beginnings else 4)
            if len(w) > 1:
                off = v - v.sum() / w.sum() * w
                error = weight / w.mean() * np.sqrt((off**2).sum() / (len(w) * (len(w) - 1)))
                error *= 1 + 1.8 / (len(w) - 1)  # few glimpses tell little of their own spread
            left = max(1 - w.sum() / max(weight, 1e-300), 0.0)
            variance += left * max(error, part / 10 if self.beginnings else 0.0) ** 2
        return mid, float(np.sqrt(variance))


def look(source: Source, want: int, folder: Path, seed: int) -> Look:
    """A look at a source.

    Args:
        source: Of any kind; what wraps it is looked through.
        want: Bytes of text; a source that has no more is read whole.
        folder: For beginnings of files that can only be read from their beginning.
        seed: Decides where is looked.

    Raises:
        CuveeError: It cannot be read.
    """
    source = _bare(source)
    pieces = source.pieces()
    parts = _parts(source, pieces)
    if not parts:
        raise CuveeError(f"{source.name}: nothing to read; check its files.")
    weights: dict[str, float] = {}
    for part in parts:
        weights[part.kind] = weights.get(part.kind, 0.0) + part.weight
    found = _everything(source, parts, want)
    whole = found is not None
    if found is None:
        found = [g for kind in weights for g in _spread(source, parts, kind, want, folder, seed)]
    paths = {p.path for p in pieces if p.path} or set(getattr(source, "paths", ()))
    largest = max(part.weight / weights[part.kind] for part in parts)
    return Look(
        source.name, tuple(found), weights, *sizes(paths), len(pieces), largest, whole,
        not whole and any(part.kind == "beginning" for part in parts), holds_rows(source),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece, and how it can be looked into.

    Args:
        piece: Of the source.
        kind: A key of `_KINDS`.
        weight: In the kind's unit.
        inside: Weights of the row groups or files that it is made of.
    """

    piece: Piece
    kind: str
    weight: float
    inside: tuple[int, ...] = ()


def _parts(source: Source, pieces: Sequence[Piece]) -> list[_Part]:
    if isinstance(source, Parquet):
        counts = {path: _row_counts(path) for path in sorted({piece.path for piece in pieces})}
        inside = [counts[piece.path][piece.start : piece.stop] for piece in pieces]
        return [_Part(p, "rows", float(sum(rows)), rows) for p, rows in zip(pieces, inside)]
    return [_part(source, piece) for piece in pieces]


def _part(source: Source, piece: Piece) -> _Part:
    path, length = piece.path, float(piece.stop - piece.start)
    if isinstance(source, Arrow | Saved):
        return _Part(piece, "batches", length)
    if isinstance(source, Csv) or (path and is_compressed(path)):
        return _Part(piece, "beginning", length)
    if isinstance(source, Memory | Table) and piece.stop < sys.maxsize:
        return _Part(piece, "items", length)
    if hasattr(source, "longest") and not path:  # a run of small files
        inside = tuple(map(size, source.paths[piece.start : piece.stop]))  # type: ignore
        return _Part(piece, "files", float(sum(inside)), inside)
    if isinstance(source, Jsonl) or hasattr(source, "longest"):
        return _Part(piece, "bytes", length)
    return _Part(piece, "pieces", 1.0)


def _row_counts(path: str) -> tuple[int, ...]:
    """Rows of each row group of a Parquet file."""
    with (
        reading(path, "a Parquet file"),
        by_ranges(path) as place,
        pq.ParquetFile(place) as file,
    ):
        groups = range(file.metadata.num_row_groups)
        return tuple(file.metadata.row_group(i).num_rows for i in groups)


def _everything(source: Source, parts: Sequence[_Part], want: int) -> list[Glimpse] | None:
    """All pieces, if that is not much more text than is wanted."""
    lengths: list[np.ndarray] = []
    left = want * READ_ON
    for part in parts:
        found, _, done = _lengths(source, part.piece, left)
        if not done:
            return None
        lengths.append(found)
        left -= int(found.sum())
    step = _step(sum(int(found.sum()) for found in lengths), want)
    return [_glimpse(source, p.piece, p.kind, p.weight, n, step) for p, n in zip(parts, lengths)]


def _step(text: int, want: int) -> int:
    """Of how many documents one is enough."""
    return max(1, round(text / max(want, 1)))


def _glimpse(
    source: Source, piece: Piece, kind: str, weight: float, lengths: np.ndarray, step: int
) -> Glimpse:
    """From the lengths of its documents."""
    return Glimpse(
        source, piece, kind, weight, len(lengths), int(lengths.sum()), step,
        int(lengths[::step].sum()),
    )  # fmt: skip


def _spread(
    source: Source, parts: Sequence[_Part], kind: str, want: int, folder: Path, seed: int
) -> Iterator[Glimpse]:
    """Glimpses at even distances, from a random place on."""
    parts = [part for part in parts if part.kind == kind and part.weight]
    ends = np.cumsum([part.weight for part in parts])
    many = int(np.clip(want // GLIMPSE, LEAST, MOST))
    if kind in ("pieces", "beginning"):
        many = min(many, len(parts))
    many *= READ_ON if kind == "batches" else 1
    shift = stream(seed, "glimpse", source.name, kind).random()
    seen: set[object] = set()
    for i in range(many):
        at = (i + shift) / many * ends[-1] if len(ends) else 0.0
        which = min(int(np.searchsorted(ends, at, side="right")), len(parts) - 1)
        into = at - (ends[which] - parts[which].weight)
        glimpse = _KINDS[kind](source, parts[which], into, want // many, folder)
        if glimpse.piece not in seen:
            seen.add(glimpse.piece)
            yield glimpse


def _in_bytes(source: Source, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """Lines that start within some bytes."""
    start = min(part.piece.start + int(into), max(part.piece.stop - want, part.piece.start))
    piece = Piece(part.piece.path, start, min(start + want, part.piece.stop))
    lengths, _, _ = _lengths(source, piece, sys.maxsize)
    weight = float(piece.stop - start)
    if hasattr(source, "longest") and len(lengths) > 1:  # the last document is cut by the glimpse
        lengths = lengths[:-1]
        weight = float(lengths.sum())
    return _glimpse(source, piece, part.kind, weight, lengths, 1)


def _in_rows(source: Source, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """The first rows of a row group."""
    ends = np.cumsum(part.inside)
    first = part.piece.start + min(int(np.searchsorted(ends, into, side="right")), len(ends) - 1)
    return _first(source, part, Piece(part.piece.path, first, first + 1), want)


def _in_items(source: Source, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """Some items of a list."""
    piece = replace(part.piece, start=part.piece.start + int(into))
    return _first(source, part, piece, want)


def _first(source: Source, part: _Part, piece: Piece, want: int) -> Glimpse:
    """The first records of a piece, whose weight is their number; more are read than counted."""
    lengths, rejected, _ = _lengths(source, piece, want * READ_ON)
    weight, step = float(len(lengths) + rejected), _step(int(lengths.sum()), want)
    return _glimpse(source, piece, part.kind, weight, lengths, step)


def _in_files(source: Source, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """Some files of a folder, or some bytes of a long one."""
    ends = np.cumsum(part.inside)
    first = min(int(np.searchsorted(ends, into, side="right")), len(ends) - 1)
    begin = ends[first] - part.inside[first]
    path = source.paths[part.piece.start + first]  # type: ignore[attr-defined]
    if part.inside[first] > want and not is_compressed(path):
        long = _Part(Piece(path, 0, part.inside[first]), part.kind, float(part.inside[first]))
        return _in_bytes(source, long, into - begin, want, folder)
    last = max(int(np.searchsorted(ends, begin + want, side="right")), first + 1)
    piece = Piece("", part.piece.start + first, part.piece.start + last)
    lengths, _, _ = _lengths(source, piece, sys.maxsize)
    return _glimpse(source, piece, part.kind, float(ends[last - 1] - begin), lengths, 1)


def _in_whole(source: Source, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """A record batch, or a piece of which no more is known; few of its documents are counted."""
    piece, weight = part.piece, part.weight
    if part.kind == "batches":
        first = piece.start + min(int(into), int(weight) - 1)
        piece, weight = Piece(piece.path, first, first + 1), 1.0
    lengths, _, _ = _lengths(source, piece, sys.maxsize)
    return _glimpse(source, piece, part.kind, weight, lengths, _step(int(lengths.sum()), want))


def _from_beginning(source: Any, part: _Part, into: float, want: int, folder: Path) -> Glimpse:
    """The beginning of a file, as a small file of the same kind."""
    short, used = shortened(part.piece.path, want, folder, source.name)
    copied = replace(source, paths=(str(short),))
    piece = copied.pieces()[0]
    lengths, _, _ = _lengths(copied, piece, sys.maxsize)
    return _glimpse(copied, piece, part.kind, float(used), lengths, 1)


_KINDS: dict[str, Callable[..., Glimpse]] = {
    "bytes": _in_bytes, "rows": _in_rows, "items": _in_items, "files": _in_files,
    "batches": _in_whole, "pieces": _in_whole, "beginning": _from_beginning,
}  # fmt: skip


def _lengths(source: Source, piece: Piece, most: int) -> tuple[np.ndarray, int, bool]:
    """Bytes of each document of a piece, up to so many; rejects; whether that is all."""
    found, rejected, held = [np.zeros(0, np.int64)], 0, 0
    for batch in source.read(piece):
        ends = _ends(batch)
        many = min(int(np.searchsorted(ends, most - held, side="left")) + 1, len(ends))
        found.append(np.diff(ends[:many], prepend=0))
        rejected += len(batch.rejected)
        held += int(found[-1].sum())
        if many < len(ends) or held >= most:
            return np.concatenate(found), rejected, False
    return np.concatenate(found), rejected, True


def _ends(batch: Batch) -> np.ndarray:
    """Where each document of a batch ends, in bytes of text."""
    offsets, first = batch.text.buffers()[1], batch.text.offset
    if not len(batch.text) or offsets is None:
        return np.zeros(0, np.int64)
    found = np.frombuffer(offsets, np.int64)[first : first + len(batch.text) + 1]
    return found[1:] - found[0]


def _bare(source: Source) -> Source:
    """Without what only leaves documents out, or renames."""
    while isinstance(source, Without | Renamed):
        source = source.source
    return source
