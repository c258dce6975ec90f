"""Passages that stand more than once, word for word."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from cuvee.clean.components import Contents, digests
from cuvee.clean.words import Tokens, words
from cuvee.core.copies import Cuts, Found, Texts
from cuvee.core.errors import CuveeError
from cuvee.core.threads import keep_memory

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = np.uint64(0xFFFFFFFFFFFFFFFF)
DOCUMENT = np.uint64(32)
"""Bits of a place that tell the byte within a document; the others tell the document."""


class _Looked(NamedTuple):
    """What the first pass finds in some documents: digests, bytes of each, fingerprints."""

    digests: UInt64[np.ndarray, "documents two"]
    sizes: Int64[np.ndarray, "documents"]
    prints: UInt64[np.ndarray, "prints"]


class _Windows(NamedTuple):
    """Runs of words that may stand more than once: hash, place of the first byte, place after."""

    hashes: UInt64[np.ndarray, "windows"]
    starts: UInt64[np.ndarray, "windows"]
    stops: UInt64[np.ndarray, "windows"]


class _Stretches(NamedTuple):
    """What is to be cut: place of the first byte, place after, and where its beginning stays."""

    starts: UInt64[np.ndarray, "stretches"]
    stops: UInt64[np.ndarray, "stretches"]
    owners: UInt64[np.ndarray, "stretches"]


@dataclass(frozen=True, slots=True)
class Spans:
    """Passages of so many words or more that stand more than once are cut out, but for one.

    Words are compared without case and without what stands between them. Of each run of `words`
    words that occurs more than once the first stays, in the document with the lowest hash of its
    text; all others are cut. So no run is left twice, and no word is lost: where it is cut, it was
    found elsewhere among the same words. Documents that are equal to another, or of which nothing
    is left, go. Text that repeats itself at once, a word or a line many times, is left once.

    The text is read twice. The first pass keeps fingerprints, chosen so that two equal runs have at
    least one in common (winnowing); the second looks only at runs around fingerprints that stand
    more than once. Memory: about a fifth of the text, and 60 bytes for each word of a passage that
    stands more than once (equal documents aside); a corpus that repeats itself as a whole takes ten
    times its text: run `minhash` first.

    Args:
        words: Least length of a passage.
        least: Bytes; a cut document of which fewer are left goes as a whole. Some of its words may
            then stand nowhere else.

    Fails when: a passage was changed every few words (`minhash` may find the document); what stands
    before and after a cut makes a new repetition, which a second run would find. Words are known by
    64-bit hashes: among a billion different runs, two are mistaken for equal with a chance of 3%.

    References: Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document
    fingerprinting", SIGMOD 2003, https://doi.org/10.1145/872757.872770; Lee et al., "Deduplicating
    Training Data Makes Language Models Better", 2022, https://arxiv.org/abs/2107.06499 (there with
    a suffix array)
    """

    finds: ClassVar[str] = "passages"
    words: int = 50
    least: int = 0

    def __post_init__(self) -> None:
        if self.words < 2:
            raise CuveeError(f"words: expected a passage of 2 words or more, got {self.words}.")
        if self.least < 0:
            raise CuveeError(f"least: expected 0 bytes or more, got {self.least}.")

    def find(self, texts: Texts) -> Found:
        """Passages to cut, and documents of which nothing stays."""
        empty = np.zeros(0, np.uint64)
        looked = list(texts(partial(_look, self.words), label="looking for passages"))
        found = np.concatenate([empty.reshape(0, 2), *(part.digests for part in looked)])
        sizes = np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in looked)])
        seen = np.concatenate([empty, *(part.prints for part in looked)])
        del looked
        contents = Contents.of(found)
        job = partial(_around, self.words, _repeated(seen))
        windows = _gathered(texts(job, label="comparing passages"), contents)
        return _found(_to_cut(windows), contents, sizes, self.least)


def _look(n: int, text: "pa.LargeStringArray") -> _Looked:
    keep_memory()
    sizes, prints = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    for tokens in words(text):
        hashes, chosen = _fingerprints(tokens, n)
        sizes.append(tokens.sizes)
        prints.append(hashes[chosen])
    return _Looked(digests(text), np.concatenate(sizes), np.concatenate(prints))


def _fingerprints(
    tokens: Tokens, n: int
) -> tuple[UInt64[np.ndarray, "tokens"], Bool[np.ndarray, "tokens"]]:
    """Hashes of runs of n // 2 words, and which are the lowest in some run of n words."""
    short = n // 2
    hashes = tokens.grams(short) | np.uint64(1)
    hashes[~tokens.reach(short)] = LARGEST
    lowest = _extreme(np.minimum, hashes, n - short + 1, LARGEST)
    lowest[~tokens.reach(n)] = 0  # no run of n words begins there
    highest = _extreme(np.maximum, lowest[::-1], n - short + 1, np.uint64(0))[::-1]
    return hashes, highest == hashes


def _extreme(
    of: Callable[..., np.ndarray], values: UInt64[np.ndarray, "n"], width: int, beyond: np.uint64
) -> UInt64[np.ndarray, "n"]:
    """Lowest or highest of so many values from each on, by doubling; `beyond` follows the last."""
    n = len(values)
    found, done = np.r_[values, np.full(width, beyond)], 1
    while done < width:
        step = min(done, width - done)
        found[: n + width - step] = of(found[: n + width - step], found[step:])
        done += step
    return found[:n]


def _repeated(prints: UInt64[np.ndarray, "prints"]) -> UInt64[np.ndarray, "different"]:
    """Those that are there more than once, sorted; `prints` is sorted in place."""
    prints.sort()
    return np.unique(prints[1:][prints[1:] == prints[:-1]])


def _around(
    n: int, repeated: UInt64[np.ndarray, "different"], text: "pa.LargeStringArray"
) -> tuple[int, _Windows]:
    """Runs of n words that hold a repeated fingerprint; places count these documents from 0."""
    keep_memory()
    parts, documents = [], 0
    for tokens in words(text):
        hashes, chosen = _fingerprints(tokens, n)
        at = np.flatnonzero(chosen)
        at = at[_among(hashes[at], repeated)]
        windows = np.zeros(len(hashes) + 1, np.int64)
        np.add.at(windows, np.maximum(at + n // 2 - n, 0), 1)
        np.add.at(windows, at + 1, -1)
        begins = np.flatnonzero((np.cumsum(windows[:-1]) > 0) & tokens.reach(n))
        document = np.searchsorted(tokens.offsets, begins, side="right") - 1
        starts = np.where(begins == tokens.offsets[document], 0, tokens.starts[begins])
        ends = begins + n
        inside = ends < tokens.offsets[document + 1]
        stops = np.where(inside, tokens.starts[np.where(inside, ends, 0)], tokens.sizes[document])
        base = (document + documents).astype(np.uint64) << DOCUMENT
        places = (base | one.astype(np.uint64) for one in (starts, stops))
        parts.append(_Windows(tokens.grams(n)[begins], *places))
        documents += len(tokens.sizes)
    return documents, _joined(parts)


def _joined(parts: list[_Windows]) -> _Windows:
    empty = np.zeros(0, np.uint64)
    return _Windows(*(np.concatenate([empty, *some]) for some in zip(*parts)) if parts else
                    (empty, empty, empty))  # fmt: skip


def _among(values: UInt64[np.ndarray, "n"], ranked: UInt64[np.ndarray, "m"]) -> np.ndarray:
    if not len(ranked):
        return np.zeros(len(values), bool)
    return ranked[np.minimum(np.searchsorted(ranked, values), len(ranked) - 1)] == values


def _gathered(found: Iterator[tuple[int, _Windows]], contents: Contents) -> _Windows:
    """All windows, once of equal documents; places count documents in the order of contents."""
    parts, done = [], 0
    for documents, windows in found:
        local = windows.starts >> DOCUMENT
        document = local.astype(np.int64) + done
        number = contents.number[document]
        own = contents.first[number] == document
        # Content numbers take the place of document numbers; modulo 2^64, as differences may be.
        shift = (number.astype(np.uint64) - local) << DOCUMENT
        starts, stops = windows.starts + shift, windows.stops + shift
        parts.append(_Windows(windows.hashes[own], starts[own], stops[own]))
        done += documents
    return _joined(parts)


def _to_cut(windows: _Windows) -> _Stretches:
    """All windows but the first of each hash, joined where they touch."""
    order = np.argsort(windows.hashes, kind="stable")
    hashes, starts, stops = (one[order] for one in windows)
    first = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]][: len(hashes)])
    owner = starts
    if len(first):
        each = np.diff(np.r_[first, len(hashes)])
        owner = np.repeat(np.minimum.reduceat(starts, first), each)
    copies = np.flatnonzero(owner != starts)
    copies = copies[np.argsort(starts[copies])]
    starts, stops, owner = starts[copies], stops[copies], owner[copies]
    # Windows that start later stop later, too: one that starts after the last stop begins anew.
    new = np.r_[True, starts[1:] > stops[:-1]][: len(starts)]
    last = np.r_[new[1:], True][: len(starts)]
    return _Stretches(starts[new], stops[last], owner[new])


def _found(
    cuts: _Stretches, contents: Contents, sizes: Int64[np.ndarray, "documents"], least: int
) -> Found:
    """Stretches by document; documents equal to one, or of which too little is left, go."""
    low = (np.uint64(1) << DOCUMENT) - np.uint64(1)
    document = contents.first[(cuts.starts >> DOCUMENT).astype(np.int64)]
    of = contents.first[(cuts.owners >> DOCUMENT).astype(np.int64)]
    starts, stops = ((one & low).astype(np.int64) for one in (cuts.starts, cuts.stops))
    left = sizes.copy()
    np.subtract.at(left, document, stops - starts)
    others = np.flatnonzero((of != document) & (left[document] < max(least, 1)))[::-1]
    stands_in = np.arange(len(sizes))
    stands_in[document[others]] = of[others]  # the first of a document is written last
    equal = contents.first[contents.number]
    canonical = _settled(stands_in[equal])
    similarity = np.where(canonical == equal, 1, np.nan).astype(np.float32)
    order = np.lexsort((starts, document))
    order = order[canonical[document[order]] == document[order]]
    some = (one[order] for one in (document, starts, stops, canonical[of]))
    return Found(canonical, similarity, Cuts(*some))


def _settled(canonical: Int64[np.ndarray, "documents"]) -> Int64[np.ndarray, "documents"]:
    """Each document's last stand-in: the one named by a document that went may have gone, too."""
    while not np.array_equal(further := canonical[canonical], canonical):
        canonical = further
    return canonical
