"""Parts of a source: without some documents, under another name, and samples of it."""

import hashlib
import heapq
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from jaxtyping import Int64, UInt64

from cuvee.core.contents import document_keys
from cuvee.core.data import Batch, Piece, Source, batches
from cuvee.core.errors import CuveeError
from cuvee.core.order import mixed
from cuvee.core.seeds import stream
from cuvee.sources.memory import Memory
from cuvee.sources.records import records

LOOKED_AT = 1 << 27
"""Bytes of text that `hold_out` reads, at most."""
PIECES = 32
LEAST = 512
"""Bytes to which a document is cut, at least: shorter ones are used whole."""
NEAR = 64
"""Bytes behind the wanted end of a document where a space is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """Documents that are to stay out of the sources, known by 24 bytes each.

    Args:
        keys: `document_keys` of them, sorted: most other documents are told apart by these.
        digests: Hashes of their full text, for those that are not.
    """

    keys: UInt64[np.ndarray, "documents"]
    digests: frozenset[bytes]

    @staticmethod
    def of(found: Iterable[Batch]) -> "Apart":
        """All documents of some batches."""
        keys, digests = [np.zeros(0, np.uint64)], set()
        for batch in found:
            keys.append(document_keys(batch.text))
            digests.update(map(_digest, batch.text.to_pylist()))
        return Apart(np.unique(np.concatenate(keys)), frozenset(digests))

    def among(self, text: pa.LargeStringArray) -> list[int]:
        """Which documents are to stay out."""
        alike = np.flatnonzero(_found(document_keys(text), self.keys)).tolist()
        return [i for i in alike if _digest(text[i].as_py()) in self.digests]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, eq=False)
class Without:
    """A source without some of its documents.

    Args:
        source: All documents.
        apart: Those to leave out, wherever they stand and however often.
    """

    source: Source
    apart: Apart

    @property
    def name(self) -> str:
        """As the source."""
        return self.source.name

    def pieces(self) -> tuple[Piece, ...]:
        """As the source."""
        return self.source.pieces()

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The other documents of the piece."""
        for batch in self.source.read(piece):
            gone = self.apart.among(batch.text)
            if not gone:
                yield batch
            else:
                stays = np.ones(len(batch.text), bool)
                stays[gone] = False
                text = batch.text.filter(pa.array(stays))
                numbers = np.delete(np.arange(len(stays) + len(batch.gaps)), batch.gaps)
                gaps = sorted([*batch.gaps, *numbers[gone].tolist()])
                yield Batch(text, batch.rejected, batch.left_out + len(gone), tuple(gaps))

    @property
    def pick(self) -> Callable[..., Iterator[tuple[int, Batch]]] | None:
        """That of the source, if it has one: nobody picks what was left out."""
        return getattr(self.source, "pick", None)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Records of the other documents of the piece, read along with their texts."""
        texts = self.source.read(piece)
        waiting = np.zeros(0, bool)
        for table in records(self.source, piece, columns):
            while len(waiting) < len(table):
                batch = next(texts)
                stays = np.ones(len(batch.text), bool)
                stays[self.apart.among(batch.text)] = False
                waiting = np.concatenate([waiting, stays])
            stays, waiting = waiting[: len(table)], waiting[len(table) :]
            yield table.filter(pa.array(stays))

    def fingerprint(self) -> Mapping[str, str]:
        """As the source, and the hash of what is left out."""
        digest = hashlib.blake2b(b"".join(sorted(self.apart.digests)), digest_size=16)
        return {**self.source.fingerprint(), "without": f"blake2b:{digest.hexdigest()}"}


@dataclass(frozen=True, slots=True, eq=False)
class Renamed:
    """A source under another name.

    Args:
        source: The same documents.
        name: What the user calls it here.
    """

    source: Source
    name: str

    @property
    def holds(self) -> str:
        """As the source: text, or rows of a table."""
        return getattr(self.source, "holds", "text")

    def pieces(self) -> tuple[Piece, ...]:
        """As the source."""
        return self.source.pieces()

    def read(self, piece: Piece) -> Iterator[Batch]:
        """As the source."""
        return self.source.read(piece)

    def records(self, piece: Piece, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """As the source."""
        return records(self.source, piece, columns)

    def fingerprint(self) -> Mapping[str, str]:
        """As the source."""
        return self.source.fingerprint()


def hold_out(
    source: Source, tokens_wanted_bytes: int, *, most: float = 0.1, seed: int, cut: bool = True
) -> tuple[Memory, Memory]:
    """Documents of a source to measure loss on, chosen by their content.

    Read are up to 32 pieces spread evenly, and 128 MiB. Copies of a document go with it: each is
    chosen once, all count as taken away. Documents of no characters are never chosen. One that is
    longer than what is still wanted is cut to that.

    Args:
        source: Where they come from; use it `Without` the whole documents from then on.
        tokens_wanted_bytes: Bytes of text wanted; at most some hundred more are returned.
        most: Largest fraction of the bytes read that may be taken away, unless one document is
            already more.
        seed: Other seeds choose other pieces and documents.
        cut: Whether a document may be cut; a row of a table may not.

    Returns:
        The text to measure loss on, and the same documents whole: those to leave out.

    Raises:
        CuveeError: The source does not have two different documents.
    """
    if tokens_wanted_bytes < 1 or not 0 < most < 1:
        raise CuveeError(
            "a held-out part needs 1 byte or more, and a fraction of the source between 0 and 1; "
            f"got {tokens_wanted_bytes} and {most}."
        )
    pieces = source.pieces()
    count = min(PIECES, len(pieces))
    shift = stream(seed, "hold_out").random()
    chosen = [pieces[int((i + shift) * len(pieces) / count)] for i in range(count)]
    lowest = _Lowest(
        2 * tokens_wanted_bytes, copies_count_once=True, most_each=tokens_wanted_bytes // 8 + 1
    )
    read = 0
    for piece in chosen:
        stop = read + LOOKED_AT // count
        for batch in source.read(piece):
            lowest.add(batch.text, _ranks(document_keys(batch.text), seed))
            ends = _ends(batch.text)
            read += int(ends[-1] - ends[0])
            if read >= stop:
                break
    if not lowest.several:
        raise CuveeError(f"{source.name}: " + (
            "a source of one different document cannot be held out: give --target."
            if lowest.heap else "no document was found to hold out: give --target."
        ))  # fmt: skip
    whole = _fill(lowest, tokens_wanted_bytes, most * read)
    used = _cut_to(whole, tokens_wanted_bytes) if cut else whole
    return Memory(source.name, tuple(used)), Memory(source.name, tuple(whole))


def _fill(lowest: "_Lowest", wanted: int, most: float) -> list[str]:
    """Documents in the order of their ranks until enough, none that would take too much away."""
    texts: list[str] = []
    held, taken = 0, 0
    for rank, _, text in sorted((-r, -o, t) for r, o, t in lowest.heap):
        if taken + lowest.sizes[rank] <= most:
            texts.append(text)
            held += len(text.encode())
            taken += lowest.sizes[rank]
            if held >= wanted:
                break
    return texts or [min(lowest.heap, key=lambda entry: (lowest.sizes[-entry[0]], entry))[2]]


def _cut_to(texts: Iterable[str], wanted: int) -> list[str]:
    """Documents until enough, the last one cut at a space near the end, or between characters."""
    used: list[str] = []
    for text in texts:
        data = text.encode()
        room = max(wanted, LEAST)
        if len(data) > room:
            ends = (data.find(mark, room - 1, room + NEAR) + 1 for mark in (b" ", b"\n"))
            end = min((end for end in ends if end), default=room)
            text = data[:end].decode(errors="ignore")  # the last character may be half there
        used.append(text)
        wanted -= len(data)
        if wanted <= 0:
            break
    return used


def sample(source: Source, want_bytes: int, seed: int, *, cut: bool = True) -> Memory:
    """All documents if they fit, else those of the lowest ranks; in their order in the source.

    A document that is longer than what is still wanted is cut to that.

    Args:
        source: Read once, from end to end.
        want_bytes: Bytes of text wanted; at most some hundred more are returned.
        seed: Other seeds choose other documents.
        cut: Whether a document may be cut; a row of a table may not.
    """
    lowest = _Lowest(want_bytes)
    for batch in batches(source):
        lowest.add(batch.text, _ranks(document_keys(batch.text), seed))
    if not lowest.heap:
        raise CuveeError(f"{source.name}: no document of one character or more was found.")
    ranked = sorted(lowest.heap, key=lambda entry: (-entry[0], -entry[1]))
    whole = [text for _, _, text in ranked]
    texts = _cut_to(whole, want_bytes) if cut else whole
    order = sorted(zip(ranked, texts), key=lambda pair: -pair[0][1])
    return Memory(source.name, tuple(text for _, text in order))


def halves(texts: Memory, seed: int) -> tuple[Memory, Memory]:
    """Two halves of a target: one to choose by, one to judge by; equal texts go together.

    A single document is cut in the middle, at a space if there is one near.

    Raises:
        CuveeError: There are not two words to part.
    """
    items = [str(text) for batch in batches(texts) for text in batch.text.to_pylist()]
    distinct = sorted(dict.fromkeys(items), key=lambda t: _digest(f"{seed} {t}"))
    if len(distinct) < 2:
        whole = distinct[0] if distinct else ""
        cut = whole.find(" ", len(whole) // 2)
        if cut < 0:
            raise CuveeError(f"target {texts.name!r} is too short to choose and to judge by.")
        return Memory(texts.name, (whole[:cut],)), Memory(texts.name, (whole[cut:],))
    first = set(distinct[::2])
    parts = [tuple(t for t in items if (t in first) == side) for side in (True, False)]
    return Memory(texts.name, parts[0]), Memory(texts.name, parts[1])


@dataclass(slots=True)
class _Lowest:
    """Documents of the lowest ranks, as many as are needed for so many bytes; a running state.

    Args:
        wanted: Bytes.
        copies_count_once: Documents of equal keys are kept once.
        most_each: Bytes that a document counts at most, so that a long one drives out no others.
        heap: (-rank, -order, text), the highest rank first.
        sizes: Rank -> bytes of the document and its copies.
        held: Bytes in the heap.
        seen: Documents so far.
        several: Whether two different documents were seen.
    """

    wanted: int
    copies_count_once: bool = False
    most_each: int = sys.maxsize
    heap: list[tuple[int, int, str]] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    held: int = 0
    seen: int = 0
    several: bool = False

    def add(self, text: pa.LargeStringArray, ranks: UInt64[np.ndarray, "documents"]) -> None:
        """Takes note of some documents."""
        full = self.held >= self.wanted
        limit = np.uint64(-self.heap[0][0] if full else 0xFFFFFFFFFFFFFFFF)
        lengths = np.diff(_ends(text))
        if not self.several and (lengths > 0).any():
            every = set(ranks[lengths > 0].tolist()) | self.sizes.keys()
            self.several = len(every) > 1
        for i in np.flatnonzero((ranks <= limit) & (lengths > 0)).tolist():
            self._push(int(ranks[i]), self.seen + i, int(lengths[i]), text[i])
        self.seen += len(text)

    def _push(self, rank: int, order: int, size: int, text: pa.LargeStringScalar) -> None:
        if self.copies_count_once and rank in self.sizes:
            self.sizes[rank] += size
            return
        entry = (-rank, -order, "")
        if self.held >= self.wanted and entry < self.heap[0]:
            return
        heapq.heappush(self.heap, (-rank, -order, text.as_py()))
        self.sizes[rank] = size
        self.held += min(size, self.most_each)
        while len(self.heap) > 1:
            largest = self.heap[0]
            size = min(len(largest[2].encode()), self.most_each)
            if self.held - size < self.wanted:
                break
            heapq.heappop(self.heap)
            self.sizes.pop(-largest[0], None)
            self.held -= size


def _ranks(keys: UInt64[np.ndarray, "n"], seed: int) -> UInt64[np.ndarray, "n"]:
    return mixed(keys ^ mixed(np.array([seed % (1 << 64)], np.uint64)))


def _ends(text: pa.LargeStringArray) -> Int64[np.ndarray, "documents+1"]:
    """Document d is the bytes from `ends[d]` to `ends[d + 1]`; slices are taken care of."""
    offsets = text.buffers()[1]
    if not len(text) or offsets is None:
        return np.zeros(1, np.int64)
    return np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]


def _found(keys: UInt64[np.ndarray, "n"], among: UInt64[np.ndarray, "keys"]) -> np.ndarray:
    if not len(among):
        return np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return among[at] == keys
