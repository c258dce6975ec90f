"""Reading a mixed dataset of which only the index was written, straight from its sources.

The documents of a window, which is what would be a shard, lie all over the sources. So as many
windows as fit in memory are made at a time, and for them the sources are gone through once, piece
by piece. Reading everything takes so many passages through the sources:

    bytes of the mixture / (memory - half a gigabyte)

The half gigabyte is for the program itself, for reading, and for putting a window in order. Writing
takes one passage. What is saved is the disk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from cuvee.core import CuveeError
from cuvee.core.data import Data, Piece
from cuvee.core.files import is_remote
from cuvee.export.drawing import drawn, ordered, shard_of
from cuvee.export.index import GROUP
from cuvee.export.job import Stretch
from cuvee.export.plan import Draw
from cuvee.export.reading import intact

BESIDE = 64
"""Bytes that a document takes beside its text: id, tokens, place and offsets."""
RESERVED = 2**28
"""Bytes for the interpreter, the libraries and the batches that a few workers read."""
FILLED = 0.9
"""Of the memory for documents: the rest is lost between blocks."""
TOGETHER = 32 * 2**20
"""Bytes drawn from one piece up to which they are put into one block of memory."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A piece from which documents are drawn.

    Args:
        stretch: The piece.
        groups: Its first row group in the index of its source, and one past the last.
    """

    stretch: Stretch
    groups: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Virtual:
    """A mixed dataset that is streamed.

    Args:
        out: Folder of the index.
        data: The sources, opened again.
        pieces: Those from which something is drawn.
        footers: Of the index files, so that each is read once.
        windows: As many as the written dataset has shards.
        size: Bytes of all drawn documents, about.
        memory: Bytes that the program may take, one table in the caller's hands included.
    """

    out: Path
    data: Data
    pieces: tuple[Indexed, ...]
    footers: tuple[pq.FileMetaData, ...]
    windows: int
    size: int
    memory: int

    @property
    def bound(self) -> int:
        """Bytes of documents that are held at a time."""
        window = self.size // self.windows  # one is put in order, in two copies; the caller has one
        return max(int(FILLED * (self.memory - RESERVED - 3 * window)), window, 1)

    @property
    def at_once(self) -> int:
        """Windows of a passage."""
        return min(self.windows, max(1, self.bound * self.windows // max(self.size, 1)))

    @property
    def passages(self) -> int:
        """Through the sources, to read everything."""
        return -(-self.windows // self.at_once)

    def read(self, start: int = 0, step: int = 1) -> Iterator[pa.Table]:
        """Every `step`-th window from `start` on, each as the table of the written shard.

        Raises:
            CuveeError: A source has other documents than it had.
        """
        wanted = range(start, self.windows, step)
        while len(wanted):
            done = 0
            for table in self._passage(wanted[: self.at_once]):
                done += 1
                yield table
            wanted = wanted[done:]

    def _passage(self, wanted: Sequence[int]) -> Iterator[pa.Table]:
        """The first of these windows, as many as fit, from one reading of the sources."""
        at = np.full(self.windows, self.windows)
        at[list(wanted)] = np.arange(len(wanted))
        pile = _Pile(at, len(wanted), self.bound)
        collect = partial(self._collect, at, len(wanted))
        results = self.data.engine(
            collect, self.pieces, label="drawing documents", holds=2 * TOGETHER
        )
        for piece, (kept, parts) in zip(self.pieces, results):
            pile.keep(kept)
            for part in parts:
                pile.add(piece.stretch.source, part)
        names = [source.name for source in self.data.sources]
        for position in range(pile.kept):
            pa.default_memory_pool().release_unused()  # what was freed, back to the system
            yield ordered((names[i], part) for i, part in pile.window(position))

    def _collect(
        self, at: Int[np.ndarray, "windows"], kept: int, piece: Indexed
    ) -> tuple[int, list[pa.RecordBatch]]:
        """The documents drawn from a piece, and how many of the windows fit."""
        one = piece.stretch
        pile, draw = _Pile(at, kept, self.bound), self._draw(piece, at, kept)
        if len(draw.row):
            for part in drawn(self.data, one, draw):
                pile.add(one.source, part)
        return pile.kept, pile.together()

    def _draw(self, piece: Indexed, at: Int[np.ndarray, "windows"], kept: int) -> Draw:
        """What is taken of a piece for the first of these windows."""
        i, found = piece.stretch.source, []
        path = self.out / "index" / f"{i}.parquet"
        with (
            intact(path),
            _opened(path) as source,
            pq.ParquetFile(source, metadata=self.footers[i]) as file,
        ):
            for group in range(*piece.groups):
                table = file.read_row_group(group, use_threads=False)
                mine = at[shard_of(table["place"].to_numpy(), self.windows)] < kept
                found.append(table.filter(pa.array(mine)))
        table = pa.concat_tables(found)
        columns = [table[c].to_numpy() for c in ("row", "epoch", "tokens", "cut", "place")]
        return Draw(0, *columns)


def open_index(out: Path, data: Data, manifest: Mapping[str, Any], memory: int) -> Virtual:
    """A dataset of which only the index was written.

    Args:
        out: Its folder.
        data: Its sources, opened again.
        manifest: Of it.
        memory: Bytes that the program may take.

    Raises:
        CuveeError: The sources would be cut into other pieces than those of the index.
    """
    footers = []
    for i in range(len(data.sources)):
        path = out / "index" / f"{i}.parquet"
        with intact(path), _opened(path) as file:
            footers.append(pq.read_metadata(file))
    path = out / "index" / "pieces.parquet"
    with intact(path), _opened(path) as file:
        pieces = pq.read_table(file).to_pylist()
    found: list[Indexed] = []
    for i, source in enumerate(data.sources):
        mine = [row for row in pieces if row["source"] == i]
        known = [Piece(row["path"], row["start"], row["stop"]) for row in mine]
        if list(source.pieces()) != known:
            raise CuveeError(
                f"{out}: source {source.name!r} is read in other pieces by this version of cuvee: "
                "make the index again."
            )
        firsts = np.cumsum([0, *(row["documents"] for row in mine)]).tolist()
        groups = np.cumsum([0, *(-(-row["drawn"] // GROUP) for row in mine)]).tolist()
        counts = manifest["sources"][source.name]
        whole = not counts["quarantined"] and not counts["left_out_as_target"]
        gaps = np.zeros(0, np.uint32) if whole else None
        for j, (piece, (first, stop), some) in enumerate(
            zip(known, pairwise(firsts), pairwise(groups))
        ):
            if some[0] < some[1]:
                found.append(Indexed(Stretch(i, j, piece, first, stop - first, gaps), some))
    windows = manifest["windows"]
    text = int(manifest["text_bytes"]) + BESIDE * sum(w["documents"] for w in windows)
    return Virtual(out, data, tuple(found), tuple(footers), len(windows), text, memory)


def _opened(path: Path) -> Any:
    return path.open("rb") if is_remote(path) else pa.OSFile(str(path))


@dataclass(slots=True)
class _Pile:
    """Drawn documents of the first few windows of a passage; a running state.

    Windows are given up from the last on where they take more memory than was thought.

    Args:
        at: Position of each window in the passage; of others, a number too large.
        kept: Windows that fit.
        bound: Bytes that the documents may take, unless they are of one window.
        parts: (source, documents), in the order of the pieces.
        held: Their bytes.
    """

    at: Int[np.ndarray, "windows"]
    kept: int
    bound: int
    parts: list[tuple[int, pa.RecordBatch]] = field(default_factory=list)
    held: int = 0

    def add(self, source: int, part: pa.RecordBatch) -> None:
        """Put documents on top."""
        part = self._fitting(part)
        self.parts.append((source, part))
        self.held += part.nbytes
        while self.held > self.bound and self.kept > 1:
            self.keep(max(1, min(self.kept - 1, self.kept * self.bound // self.held)))

    def keep(self, windows: int) -> None:
        """Give up the windows from this one on."""
        if windows < self.kept:
            self.kept = windows
            self.parts = [(source, self._fitting(part)) for source, part in self.parts]
            self.held = sum(part.nbytes for _, part in self.parts)

    def window(self, position: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The documents of one window, by source."""
        for source, part in self.parts:
            yield source, part.filter(pa.array(self._position(part) == position))

    def together(self) -> list[pa.RecordBatch]:
        """The documents in one block, where they are few."""
        parts = [part for _, part in self.parts]
        if len(parts) < 2 or self.held > TOGETHER:
            return parts
        return pa.Table.from_batches(parts).combine_chunks().to_batches()

    def _position(self, part: pa.RecordBatch) -> Int[np.ndarray, "documents"]:
        return self.at[shard_of(part["place"].to_numpy(), len(self.at))]

    def _fitting(self, part: pa.RecordBatch) -> pa.RecordBatch:
        fits = self._position(part) < self.kept
        return part if fits.all() else part.filter(pa.array(fits))
