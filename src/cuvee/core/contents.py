"""What a document is known by: 64 bits of its content.

`document_hashes` reads every byte, at several hundred megabytes a second. `document_keys` reads 64
bytes of each document and is ten times as fast, so that whole sources can be looked through for
documents set apart; long documents may share a key, so what it finds is compared in full.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from cuvee.core.cutting import batches, text_buffers
from cuvee.core.order import mixed

if TYPE_CHECKING:
    import pyarrow as pa

_KEEP = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)


def document_hashes(text: "pa.LargeStringArray") -> UInt64[np.ndarray, "documents"]:
    """64 bits of each document's content, above 0; of one without characters 0."""
    found = [np.zeros(0, np.uint64)]
    data, offsets = text_buffers(text)
    for run in batches(offsets):
        first, ends = int(run[0]), run.astype(np.int64) - int(run[0])
        keys = np.zeros(len(ends) - 1, np.uint64)
        some = np.flatnonzero(np.diff(ends))
        whole = hashed(data[first : first + int(ends[-1])], ends[some], ends[some + 1])
        keys[some] = np.maximum(whole, np.uint64(1))
        found.append(keys)
    return np.concatenate(found)


def document_keys(text: "pa.LargeStringArray") -> UInt64[np.ndarray, "documents"]:
    """64-bit key of each document: of its length, and of eight 8-byte words spread over it.

    Equal text, equal key. The words cover a document of up to 64 bytes; longer ones that have the
    same length and differ only between the words share a key.
    """
    data, offsets = text_buffers(text)
    ends = offsets.astype(np.int64)
    lengths = np.diff(ends)
    words = _words(data[ends[0] : ends[-1]])
    starts = ends[:-1] - ends[0]
    # All words at once: a batch has hundreds of documents, and a call costs more than the work.
    at = starts + np.maximum(lengths - 8, 0) * np.arange(8)[:, None] // 7
    keys = mixed(lengths.astype(np.uint64))
    for one in _loaded(words, at, np.minimum(lengths, 8)):
        keys = mixed(keys ^ one)
    return keys


def hashed(
    data: UInt8[np.ndarray, "bytes"],
    starts: Int64[np.ndarray, "spans"],
    ends: Int64[np.ndarray, "spans"],
) -> UInt64[np.ndarray, "spans"]:
    """64 bits of each span of one byte or more: equal bytes, equal hash.

    Eight bytes at a time, each with its place, mixed and summed, so that one long span costs no
    more than many short ones.
    """
    if not len(starts):
        return np.zeros(0, np.uint64)
    words = _words(data)
    count = (ends - starts + 7) >> 3
    first = np.cumsum(count) - count
    if len(starts) == int(count.sum()):
        nth, at, stop = np.zeros(len(starts), np.int64), starts, ends
    else:
        nth = np.arange(int(count.sum())) - np.repeat(first, count)
        at, stop = np.repeat(starts, count) + 8 * nth, np.repeat(ends, count)
    loaded = _loaded(words, at, np.minimum(stop - at, 8))
    sums = np.add.reduceat(mixed(loaded ^ mixed(nth.astype(np.uint64))), first)
    return mixed(sums ^ (ends - starts).astype(np.uint64))


def _words(data: UInt8[np.ndarray, "bytes"]) -> UInt64[np.ndarray, "words"]:
    """Eight bytes each, and two more words, as one may be looked for past the last byte."""
    words = np.zeros(len(data) // 8 + 3, "<u8")
    words.view(np.uint8)[: len(data)] = data
    return words


def _loaded(
    words: UInt64[np.ndarray, "words"], at: Int64[np.ndarray, "*n"], kept: Int64[np.ndarray, "*m"]
) -> UInt64[np.ndarray, "*n"]:
    """The eight bytes from each byte on, of which so many are kept, at most 8."""
    index, shift = at >> 3, ((at & 7) << 3).astype(np.uint64)
    found = words.take(index) >> shift
    # Two shifts on the left, as a shift by all 64 bits is undefined.
    found |= (words.take(index + 1) << np.uint64(1)) << (np.uint64(63) - shift)
    found &= _KEEP[kept]
    return found
