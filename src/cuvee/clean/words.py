"""Words and characters as numbers, and what runs of them hash to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from cuvee.core.cutting import batches, hash_spans, text_buffers
from cuvee.core.order import mixed

if TYPE_CHECKING:
    import pyarrow as pa

LONGEST = 24
"""Bytes of a word; longer runs, as in scripts without spaces, are cut."""
BREAK = np.uint8(0)
"""Stands for whatever is no part of a word."""
SOME = 1 << 17
"""Bytes of text at a time, or one document: what caches hold, arrays of numbers beside it."""
STEP = 0x9E3779B97F4A7C15
BACK = pow(STEP, -1, 2**64)
"""Undoes a multiplication by STEP."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Documents as runs of words or characters.

    Args:
        ids: Identity of each token; equal tokens, equal id.
        offsets: Document d has the tokens `ids[offsets[d]:offsets[d + 1]]`.
        starts: First byte of each token within its document.
        sizes: Bytes of each document.
    """

    ids: UInt64[np.ndarray, "tokens"]
    offsets: Int64[np.ndarray, "documents+1"]
    starts: Int64[np.ndarray, "tokens"]
    sizes: Int64[np.ndarray, "documents"]

    def reach(self, n: int) -> np.ndarray:
        """At which tokens a run of n begins that ends in the same document."""
        fits = np.ones(len(self.ids), bool)
        first, last = self.offsets[:-1], self.offsets[1:]
        for back in range(1, min(n, len(self.ids) + 1)):
            at = last - back
            fits[at[at >= first]] = False
        return fits

    def grams(self, n: int) -> UInt64[np.ndarray, "tokens"]:
        """Hash of the n tokens from each token on; of no meaning where `reach` is false.

        A polynomial over the ids modulo 2^64, from its sums over prefixes, and mixed.
        """
        m = len(self.ids)
        found = np.zeros(m, np.uint64)
        if m < n:
            return found
        powers = np.cumprod(np.r_[np.uint64(1), np.full(m, STEP, np.uint64)])
        sums = np.r_[np.uint64(0), np.cumsum(self.ids * powers[:m])]
        back = np.cumprod(np.r_[np.uint64(1), np.full(m, BACK, np.uint64)])
        found[: m - n + 1] = (sums[n:] - sums[: m - n + 1]) * back[: m - n + 1]
        return mixed(found)


def words(text: "pa.LargeStringArray") -> Iterator[Tokens]:
    """Runs of letters and digits, some documents at a time.

    A to Z are the same as a to z; characters beyond ASCII are letters, but for the usual
    punctuation, and keep their case. Long runs are cut every `LONGEST` bytes.
    """
    for data, edges in _runs(text):
        folded = _folded(data)
        starts, lengths = _spans(folded != BREAK, edges)
        offsets = np.searchsorted(starts, edges)
        ids = hash_spans(folded, starts, lengths)
        if data.max(initial=0) >= 0x80:
            starts = _whole(data, starts)
        within = starts - np.repeat(edges[:-1], np.diff(offsets))
        yield Tokens(ids, offsets, within, np.diff(edges))


def _spans(
    inside: Bool[np.ndarray, "bytes"], edges: Int64[np.ndarray, "documents+1"]
) -> tuple[Int64[np.ndarray, "tokens"], Int64[np.ndarray, "tokens"]]:
    """Starts and lengths of the runs of bytes that are inside words and of one document."""
    turn = np.zeros(len(inside) + 1, bool)
    turn[:-1] = inside
    turn[1:] ^= inside
    turns = np.flatnonzero(turn)
    between = np.unique(edges[(edges > 0) & (edges < len(inside))])
    joined = between[inside[between] & inside[between - 1]]
    if len(joined):
        turns = np.sort(np.concatenate([turns, joined, joined]))
    starts = turns[::2].copy()
    lengths = turns[1::2] - starts
    if len(lengths) and lengths.max() > LONGEST:
        parts = -(-lengths // LONGEST)
        nth = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        left = np.repeat(lengths, parts) - LONGEST * nth
        return np.repeat(starts, parts) + LONGEST * nth, np.minimum(left, LONGEST)
    return starts, lengths


def characters(text: "pa.LargeStringArray") -> Iterator[Tokens]:
    """Characters, some documents at a time; A to Z as a to z, runs of blanks as one space."""
    for data, edges in _runs(text):
        capital = (data - np.uint8(ord("A"))) < 26
        blank = (data == 0x20) | ((data - np.uint8(ord("\t"))) < 5)
        folded = np.where(blank, np.uint8(0x20), data | (capital.view(np.uint8) << 5))
        first = (folded & 0xC0) != 0x80
        first[1:] &= ~(blank[1:] & blank[:-1])
        first[edges[:-1][np.diff(edges) > 0]] = True
        starts = np.flatnonzero(first)
        ids, padded = folded[starts].astype(np.uint64), np.r_[folded, np.zeros(3, np.uint8)]
        goes_on = np.ones(len(starts), bool)
        for i in (1, 2, 3):
            byte = padded[starts + i]
            goes_on &= (byte & 0xC0) == 0x80
            ids |= np.where(goes_on, byte, 0).astype(np.uint64) << np.uint64(8 * i)
        offsets = np.searchsorted(starts, edges)
        inside = starts - np.repeat(edges[:-1], np.diff(offsets))
        yield Tokens(mixed(ids), offsets, inside, np.diff(edges))


def _runs(
    text: "pa.LargeStringArray",
) -> Iterator[tuple[UInt8[np.ndarray, "bytes"], Int64[np.ndarray, "documents+1"]]]:
    """Bytes of some documents, and where each begins in them."""
    data, offsets = text_buffers(text)
    for run in batches(offsets, SOME):
        edges = np.asarray(run, np.int64)
        yield data[edges[0] : edges[-1]], edges - edges[0]


def _folded(data: UInt8[np.ndarray, "bytes"]) -> UInt8[np.ndarray, "bytes"]:
    """Words in lower case, all else as BREAK."""
    low = data | np.uint8(0x20)
    letter = (low - np.uint8(ord("a"))) < 26
    stays = ((data - np.uint8(ord("0"))) < 10) | (data >= 0x80)
    folded = low * letter.view(np.uint8)
    folded |= data * stays.view(np.uint8)
    if len(data) and data.max() >= 0x80:
        _blank_punctuation(data, folded)
    return folded


def _whole(
    data: UInt8[np.ndarray, "bytes"], starts: Int64[np.ndarray, "tokens"]
) -> Int64[np.ndarray, "tokens"]:
    """Where a long word is cut within a character, the byte after that: maybe the text's end."""
    goes_on = np.append((data & 0xC0) == 0x80, False)
    for _ in range(3):
        starts = starts + goes_on[starts]
    return starts


def _blank_punctuation(
    data: UInt8[np.ndarray, "bytes"], folded: UInt8[np.ndarray, "bytes"]
) -> None:
    """Dashes, typographic quotes, no-break spaces and the like, known by their first two bytes."""
    lead = np.flatnonzero((data == 0xE2) | (data == 0xE3) | (data == 0xC2))
    lead = lead[lead + 1 < len(data)]
    first, second = data[lead], data[lead + 1]
    general = (first == 0xE2) & ((second == 0x80) | (second == 0x81))  # U+2000 to U+207F
    ideographic = (first == 0xE3) & (second == 0x80)  # U+3000 to U+303F
    latin = first == 0xC2  # U+0080 to U+00BF
    for where, length in ((general | ideographic, 3), (latin, 2)):
        for i in range(length):
            folded[lead[where] + i] = BREAK
