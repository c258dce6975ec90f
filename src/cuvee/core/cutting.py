"""Cut UTF-8 text into units and give every unit a 64-bit identity.

A *unit* is what the rest of the library counts. By default it is a byte-class
pre-token: a maximal run of letters, digits, whitespace or punctuation, found
with a handful of array operations and no regular expression.

Rules of the byte units
-----------------------
- Classes are decided byte by byte: A-Z, a-z and every byte >= 0x80 are letters;
  0-9 digits; space, \\t, \\n, \\v, \\f, \\r whitespace; all else, control bytes
  and NUL included, punctuation.
- One space directly before a non-whitespace byte belongs to the unit that
  follows (`` a  b`` is cut as ``' a'``, ``' '``, ``' b'``).
- A unit longer than `max_bytes`, its leading space included, is cut every
  `max_bytes` bytes. Cuts of this kind may fall inside a UTF-8 character.
- A unit never crosses the end of a document, and every byte belongs to exactly
  one unit, so unit ``i`` spans bytes ``bounds[i]:bounds[i + 1]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 8
BATCH_BYTES = 1 << 20

_PUNCTUATION, _LETTER, _DIGIT, _WHITESPACE = range(4)
_SPACE = 0x20

_OFFSET_TYPES: dict[str, type[np.signedinteger]] = {
    "string": np.int32,
    "binary": np.int32,
    "large_string": np.int64,
    "large_binary": np.int64,
}

# Byte j of a little-endian word sits at bits 8j, on every platform, because the
# words below are declared '<u8'; hashes therefore do not depend on the machine.
_WORD = np.dtype("<u8")
_KEEP_BYTES = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)

_LENGTH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def cut(
    data: NDArray[np.uint8],
    offsets: ArrayLike,
    *,
    max_bytes: int = MAX_BYTES,
    punctuation: Literal["run", "each"] = "run",
) -> Cut:
    """Cut documents into byte-class units and hash them.

    Args:
        data: UTF-8 text. It is not validated: any bytes are cut.
        offsets: Document ``d`` is ``data[offsets[d]:offsets[d + 1]]``; non-decreasing. The first
            offset need not be 0.
        max_bytes: Of the longest unit.
        punctuation: Whether a run of punctuation is one unit, or one unit per byte.

    Temporaries take about 20 bytes per byte of text; pass batches of about
    1 MB (see `batches`): larger ones leave the cache, and of smaller ones
    several threads spend their time on handing over. A longer document is worked
    on in pieces of that size, and only its result grows with it.
    """
    if max_bytes < 1:
        raise CuveeError(f"max_bytes must be at least 1, got {max_bytes}")
    if punctuation not in ("run", "each"):
        raise CuveeError(f"punctuation must be 'run' or 'each', got {punctuation!r}")
    offsets = np.asarray(offsets, dtype=np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    text = np.asarray(data, dtype=np.uint8)[first:last]
    offsets = offsets - first

    parts = []
    for begin, end in pairwise(_split_points(text)):
        low, high = np.searchsorted(offsets, [begin, end])
        edges = np.concatenate([[begin], offsets[low:high], [end]]) - begin
        hashes, starts = _cut_piece(text[begin:end], edges, max_bytes, punctuation == "each")
        parts.append((hashes, starts + (begin + first)))
    hashes = np.concatenate([hashes for hashes, _ in parts])
    bounds = np.concatenate([*(starts for _, starts in parts), [last]])
    return Cut(hashes, np.searchsorted(bounds, offsets + first), bounds)


def text_buffers(array: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """View a (large_)string or (large_)binary array as bytes and offsets.

    Zero-copy, slices included, unless the array holds nulls: a null slot may
    hide bytes, so nulls are first replaced by empty documents.
    """
    if array.null_count:
        array = array.fill_null("" if "string" in str(array.type) else b"")
    offset_type = _OFFSET_TYPES.get(str(array.type))
    if offset_type is None:
        raise TypeError(f"expected a string or binary array, got {array.type}")
    _, offset_buffer, data_buffer = array.buffers()
    if not len(array):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(offset_buffer, dtype=offset_type)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)
    return data, offsets


def batches(
    offsets: NDArray[np.integer], batch_bytes: int = BATCH_BYTES
) -> Iterator[NDArray[np.integer]]:
    """Split document offsets, shape (n_docs + 1,), into runs of whole documents.

    A run spans at most `batch_bytes`, or one document where that is longer.
    """
    begin, n_docs = 0, offsets.size - 1
    while begin < n_docs:
        limit = int(offsets[begin]) + batch_bytes
        end = int(np.searchsorted(offsets, limit, side="right")) - 1
        end = max(end, begin + 1)
        yield offsets[begin : end + 1]
        begin = end


def _split_points(text: NDArray[np.uint8]) -> list[int]:
    """Where to cut long text apart, 0 and the end included: each `BATCH_BYTES` or so.

    Whitespace after anything else starts a unit, whatever is before or after.
    With no such place near its end, a piece grows.
    """
    points = [0]
    for begin in range(BATCH_BYTES, text.size - BATCH_BYTES // 2, BATCH_BYTES):
        is_white = _byte_classes(text[begin : begin + BATCH_BYTES // 4]) == _WHITESPACE
        places = np.flatnonzero(is_white[1:] & ~is_white[:-1])
        if places.size:
            points.append(begin + 1 + int(places[0]))
    return [*points, text.size]


def _cut_piece(
    text: NDArray[np.uint8], edges: NDArray[np.int64], max_bytes: int, split_punctuation: bool
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes and starts of the units of `text`; none crosses any of `edges`."""
    is_start = _mark_starts(text, edges, split_punctuation)
    bounds = _bounds(is_start)
    lengths = np.diff(bounds)
    long = np.flatnonzero(lengths > max_bytes)
    if long.size:
        is_start[_inner_cuts(bounds[long], lengths[long], max_bytes)] = True
        bounds = _bounds(is_start)
        lengths = np.diff(bounds)
    return hash_spans(text, bounds[:-1], lengths), bounds[:-1]


def _byte_classes(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Class of every byte. Compares are vectorised by numpy, a table is not."""
    letter = ((text | 0x20) - np.uint8(ord("a")) < 26) | (text >= 0x80)
    digit = text - np.uint8(ord("0")) < 10
    whitespace = (text == _SPACE) | (text - np.uint8(ord("\t")) < 5)
    classes = whitespace.view(np.uint8) * np.uint8(_WHITESPACE)
    classes += digit.view(np.uint8) * np.uint8(_DIGIT)
    classes += letter.view(np.uint8) * np.uint8(_LETTER)
    return classes


def _mark_starts(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], split_punctuation: bool
) -> NDArray[np.bool_]:
    """Mark the bytes that begin a unit, before long units are cut."""
    classes = _byte_classes(text)
    # A space joins what follows unless that is whitespace or another document.
    joins = text == _SPACE
    joins[:-1] &= classes[1:] != _WHITESPACE
    joins[offsets[1:][offsets[1:] > 0] - 1] = False

    is_start = np.empty(text.size, dtype=bool)
    is_start[:1] = True
    np.not_equal(classes[1:], classes[:-1], out=is_start[1:])
    if split_punctuation:
        is_start |= classes == _PUNCTUATION
    is_start[1:] &= ~joins[:-1]
    is_start |= joins
    is_start[offsets[offsets < text.size]] = True
    return is_start


def _bounds(is_start: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Positions of the starts, closed by the number of bytes."""
    starts = np.flatnonzero(is_start)
    bounds = np.empty(starts.size + 1, dtype=np.int64)
    bounds[:-1] = starts
    bounds[-1] = is_start.size
    return bounds


def _inner_cuts(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], max_bytes: int
) -> NDArray[np.int64]:
    """Positions that cut the given spans every `max_bytes` bytes."""
    n_cuts = (lengths - 1) // max_bytes
    first_cut = np.cumsum(n_cuts) - n_cuts
    nth = np.arange(n_cuts.sum()) - np.repeat(first_cut, n_cuts) + 1
    return np.repeat(starts, n_cuts) + nth * max_bytes


def hash_spans(
    text: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash every span of bytes, eight at a time, with its length.

    Spans of up to 8 bytes and equal length never collide, since each step is a
    bijection of the word; any other pair does with probability about 2**-64.
    The hash is not keyed: whoever wants a collision can construct one.
    """
    # Copied to whole words so that loads are aligned and may run past the end.
    words = np.zeros(text.size // 8 + 3, dtype=_WORD)
    words.view(np.uint8)[: text.size] = text
    hashes = lengths.view(np.uint64) * _LENGTH_FACTOR
    hashes ^= _load_bytes(words, starts, lengths)
    _mix(hashes)
    done = 8
    longer = np.flatnonzero(lengths > done)
    while longer.size:
        rest = hashes[longer]
        rest += _load_bytes(words, starts[longer] + done, lengths[longer] - done)
        _mix(rest)
        hashes[longer] = rest
        done += 8
        longer = longer[lengths[longer] > done]
    return hashes


def _load_bytes(
    words: NDArray[np.uint64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Up to 8 bytes from each start, as one little-endian word, zero-padded."""
    index = starts >> 3
    shift = (starts & 7).view(np.uint64) << np.uint64(3)
    loaded = words.take(index) >> shift
    index += 1
    # Two shifts, as one by 64 (where shift is 0) would be undefined in C.
    loaded |= (words.take(index) << np.uint64(1)) << (shift ^ np.uint64(63))
    loaded &= _KEEP_BYTES.take(lengths, mode="clip")
    return loaded


def _mix(x: NDArray[np.uint64]) -> None:
    """Apply the splitmix64 finaliser in place: a bijection that mixes all bits."""
    x ^= x >> np.uint64(30)
    x *= _MIX_1
    x ^= x >> np.uint64(27)
    x *= _MIX_2
    x ^= x >> np.uint64(31)
