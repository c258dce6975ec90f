"""Words and pairs of words, hashed into buckets: what importance resampling looks at.

Tokens are those of nltk's wordpunct, of lower-cased text: runs of word characters, and runs of
other characters that are no space. Word characters are letters, digits, `_`, and every character
beyond ASCII, of which nearly all are letters: typographic quotes and dashes therefore stick to the
words that they touch.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8, UInt64
from scipy.sparse import csr_array, vstack

from cuvee.core.cutting import batches, hash_spans, text_buffers
from cuvee.core.errors import CuveeError
from cuvee.core.order import mixed

if TYPE_CHECKING:
    import pyarrow as pa

BUCKETS = 10_000
"""As published."""
PAIR = np.uint64(0xD6E8FEB86659FD93)
_LETTERS, _OTHERS = 1, 2


def hashed_ngrams(text: "pa.LargeStringArray", buckets: int = BUCKETS, n: int = 2) -> csr_array:
    """How often each bucket of 1- to n-grams stands in each document.

    Works on about a megabyte at a time, with temporaries of about 40 bytes per byte of it; a longer
    document is taken whole.

    Args:
        text: Documents, UTF-8.
        buckets: Columns.
        n: Words of the longest gram.

    Returns:
        Counts, float32, columns in order: documents x buckets.

    Raises:
        CuveeError: Fewer than one bucket, or grams of no words.
    """
    if not 1 <= buckets < 2**31 or n < 1:
        raise CuveeError(f"expected 1 or more buckets and n >= 1, got {buckets} and {n}.")
    import pyarrow.compute as pc

    data, offsets = text_buffers(text)
    tables, start = [csr_array((0, buckets), dtype=np.float32)], 0
    for run in batches(offsets):
        piece = data[run[0] : run[-1]]
        if len(piece) and piece.max() >= 0x80:
            lowered = pc.utf8_lower(text.slice(start, len(run) - 1))  # type: ignore[attr-defined]
            piece, edges = text_buffers(lowered)
            piece, edges = piece[edges[0] : edges[-1]], edges - edges[0]
        else:
            capital = (piece - np.uint8(ord("A"))) < 26
            piece, edges = piece + capital.view(np.uint8) * np.uint8(32), run - run[0]
        tables.append(_counted(piece, edges.astype(np.int64), buckets, n))
        start += len(run) - 1
    return tables[1] if len(tables) == 2 else csr_array(vstack(tables, format="csr"))


def _counted(
    text: UInt8[np.ndarray, "bytes"], edges: Int64[np.ndarray, "documents+1"], buckets: int, n: int
) -> csr_array:
    documents = len(edges) - 1
    words, starts = _tokens(text, edges)
    sizes = np.diff(np.searchsorted(starts, edges))
    row = np.repeat(np.arange(documents, dtype=np.uint64), sizes)
    grams, keys = words, []
    for length in range(1, n + 1):
        if length > 1:  # the gram that starts a word earlier, and the word that ends it
            grams = mixed(grams[:-1] * PAIR + words[length - 1 :])
        first = row[: len(grams)]
        own = first == row[length - 1 :]
        # The upper half of the hash, scaled to the buckets: cheaper than a remainder.
        column = ((grams >> np.uint64(32)) * np.uint64(buckets)) >> np.uint64(32)
        keys.append((first * np.uint64(buckets) + column)[own])
    key = np.concatenate(keys)
    key = np.sort(key.astype(np.uint32) if documents * buckets < 2**32 else key)
    at = np.flatnonzero(np.r_[True, key[1:] != key[:-1]][: len(key)])
    counts = np.diff(np.r_[at, len(key)]).astype(np.float32)
    kept = key[at].astype(np.int64)
    indptr = np.searchsorted(kept, np.arange(documents + 1) * buckets)
    columns = (kept - np.repeat(np.arange(documents) * buckets, np.diff(indptr))).astype(np.int32)
    return csr_array((counts, columns, indptr.astype(np.int32)), shape=(documents, buckets))


def _tokens(
    text: UInt8[np.ndarray, "bytes"], edges: Int64[np.ndarray, "documents+1"]
) -> tuple[UInt64[np.ndarray, "tokens"], Int64[np.ndarray, "tokens"]]:
    """Hash and start of every token of lower-case text."""
    if not len(text):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    digit, under = (text - np.uint8(ord("0"))) < 10, text == ord("_")
    letter = ((text - np.uint8(ord("a"))) < 26) | (text >= 0x80) | digit | under
    space = (text == ord(" ")) | ((text - np.uint8(9)) < 5) | ((text - np.uint8(28)) < 4)
    kind = letter * np.uint8(_LETTERS) + ~(letter | space) * np.uint8(_OTHERS)
    turn = np.empty(len(text), bool)
    turn[0] = True
    np.not_equal(kind[1:], kind[:-1], out=turn[1:])
    turn[edges[edges < len(text)]] = True
    bounds = np.append(np.flatnonzero(turn), len(text))
    some = np.flatnonzero(kind[bounds[:-1]])
    starts, ends = bounds[some], bounds[some + 1]
    return hash_spans(text, starts, ends - starts), starts
