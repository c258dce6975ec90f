"""Words, lines and paragraphs of many documents at once, as spans of bytes, and runs of them.

Everything here is counted in arrays over a megabyte or so of text; nothing loops over documents.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from cuvee.core.cutting import batches, text_buffers
from cuvee.core.order import mixed

if TYPE_CHECKING:
    import pyarrow as pa

STEP = np.uint64(0x9E3779B97F4A7C15)
NEWLINE = 0x0A


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some whole documents.

    Args:
        data: Their bytes, one document behind the other.
        offsets: Document d is `data[offsets[d]:offsets[d + 1]]`.
    """

    data: UInt8[np.ndarray, "bytes"]
    offsets: Int64[np.ndarray, "documents+1"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def totals(self, values: np.ndarray) -> Int64[np.ndarray, "documents"]:
        """Sum over the bytes of each document."""
        return np.diff(running(values)[self.offsets])


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Parts of documents, in order, of one byte or more.

    Args:
        starts: First byte of each.
        ends: One past the last.
        document: Number of the document that each is in.
    """

    starts: Int64[np.ndarray, "spans"]
    ends: Int64[np.ndarray, "spans"]
    document: Int64[np.ndarray, "spans"]

    def __len__(self) -> int:
        return len(self.starts)

    def joined(self, first: Bool[np.ndarray, "spans"]) -> "Spans":
        """Spans that reach from each marked one to the last before the next marked one."""
        at = np.flatnonzero(first)
        last = np.append(at[1:], len(self))[: len(at)] - 1
        return Spans(self.starts[at], self.ends[last], self.document[at])


def blocks(text: "pa.LargeStringArray") -> Iterator[Block]:
    """The documents, a megabyte at a time: what caches hold."""
    data, offsets = text_buffers(text)
    for run in batches(offsets):
        first, last = int(run[0]), int(run[-1])
        yield Block(data[first:last], run.astype(np.int64) - first)


def running(values: np.ndarray) -> Int64[np.ndarray, "values+1"]:
    """Sums of all values before each place."""
    return np.concatenate([[0], np.cumsum(values, dtype=np.int64)])


def is_blank(data: UInt8[np.ndarray, "bytes"]) -> Bool[np.ndarray, "bytes"]:
    """Space, tab and the ends of lines."""
    return (data == 0x20) | (data - np.uint8(9) < 5)


def is_letter(data: UInt8[np.ndarray, "bytes"]) -> Bool[np.ndarray, "bytes"]:
    """A to Z, and the bytes of characters beyond ASCII, save the usual signs.

    Signs are U+0080 to U+00BF, U+2000 to U+207F (dashes, quotes, bullets) and U+3000 to U+303F.
    """
    wide = data >= 0x80
    found = ((data | 0x20) - np.uint8(ord("a")) < 26) | wide
    if wide.any():
        two = np.flatnonzero((data[:-1] == 0xC2) & wide[1:])
        three = np.flatnonzero(
            ((data[:-2] == 0xE2) & (data[1:-1] - np.uint8(0x80) < 2))
            | ((data[:-2] == 0xE3) & (data[1:-1] == 0x80))
        )
        for at, size in ((two, 2), (three, 3)):
            for j in range(size):
                found[at + j] = False
    return found


def is_digit(data: UInt8[np.ndarray, "bytes"]) -> Bool[np.ndarray, "bytes"]:
    """0 to 9."""
    return data - np.uint8(ord("0")) < 10


def lowered(data: UInt8[np.ndarray, "bytes"]) -> UInt8[np.ndarray, "bytes"]:
    """A to Z and their accented kin of Latin-1 as small letters; all else as it is."""
    small = data + (data - np.uint8(ord("A")) < 26) * np.uint8(32)
    latin = np.flatnonzero((data[:-1] == 0xC3) & (data[1:] - np.uint8(0x80) < 31)) + 1
    small[latin[data[latin] != 0x97]] += 32
    return small


def characters(data: UInt8[np.ndarray, "bytes"]) -> Int64[np.ndarray, "bytes+1"]:
    """Characters of UTF-8 before each byte."""
    return running((data & 0xC0) != 0x80)


def runs(inside: Bool[np.ndarray, "bytes"], block: Block) -> Spans:
    """Runs of marked bytes, each within one document."""
    edge = np.zeros(len(inside) + 1, bool)
    edge[block.offsets] = True
    breaks = edge[1:-1]
    starts, ends = inside.copy(), inside.copy()
    starts[1:] &= ~inside[:-1] | breaks
    ends[:-1] &= ~inside[1:] | breaks
    first = np.flatnonzero(starts)
    document = np.searchsorted(block.offsets, first, side="right") - 1
    return Spans(first, np.flatnonzero(ends) + 1, document)


def lines(words: Spans, data: UInt8[np.ndarray, "bytes"]) -> tuple[Spans, Spans]:
    """Lines and paragraphs with a word in them, without blanks around them.

    A paragraph ends with its document or before a line without words.

    Args:
        words: Runs of bytes that are not blank.
        data: The bytes.
    """
    number = running(data == NEWLINE)[words.starts]
    new = np.ones(len(words), bool)
    new[1:] = (np.diff(number) > 0) | (np.diff(words.document) > 0)
    found = words.joined(new)
    number = number[new]
    apart = np.ones(len(found), bool)
    apart[1:] = (np.diff(number) > 1) | (np.diff(found.document) > 0)
    return found, found.joined(apart)


def then(
    before: UInt64[np.ndarray, "n"], after: UInt64[np.ndarray, "n"]
) -> UInt64[np.ndarray, "n"]:
    """Hash of one thing and then another."""
    return mixed(before * STEP + after)


def grams(ids: UInt64[np.ndarray, "words"], n: int) -> UInt64[np.ndarray, "places"]:
    """Hash of each n words in a row, by the place of the first; by doubling, in 2 log n steps."""
    size = max(len(ids) - n + 1, 0)
    power, whole, done = ids, None, 0
    for bit in range(n.bit_length()):
        if n >> bit & 1:
            part = power[done:]
            whole = part if whole is None else then(whole[: len(part)], part[: len(whole)])
            done += 1 << bit
        if n >> (bit + 1):
            shift = 1 << bit
            power = then(power[:-shift], power[shift:]) if len(power) > shift else power[:0]
    found = np.zeros(0, np.uint64) if whole is None else whole[:size]
    return mixed(found ^ np.uint64(n))


def repeats(
    document: Int64[np.ndarray, "n"], keys: UInt64[np.ndarray, "n"]
) -> tuple[Int64[np.ndarray, "some"], Int64[np.ndarray, "some"]]:
    """What stands more than once in its document: places, and the group of equals of each.

    Groups come one after another, and places rise within a group.
    """
    both = mixed(keys ^ mixed(document.astype(np.uint64)))
    order = np.argsort(both)
    ranked = both[order]
    same = ranked[1:] == ranked[:-1]
    again = np.zeros(len(keys), bool)
    again[1:] |= same
    first = ~again
    again[:-1] |= same
    places, group = order[again], np.cumsum(first[again]) - 1
    turn = np.lexsort((places, group))
    return places[turn], group[turn]


def later(group: Int64[np.ndarray, "some"]) -> Bool[np.ndarray, "some"]:
    """Of what `repeats` found, all but the first of each group."""
    return np.diff(group, prepend=-1) == 0
