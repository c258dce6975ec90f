"""Documents that differ in little, by MinHash signatures."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float32, Int64, UInt32, UInt64

from cuvee.clean.components import Contents, Groups, digests
from cuvee.clean.words import Tokens, characters, words
from cuvee.core.copies import Found, Texts
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.order import mixed
from cuvee.core.seeds import stream
from cuvee.core.threads import keep_memory

if TYPE_CHECKING:
    import pyarrow as pa

UNITS = {"words": words, "characters": characters}
NOTHING = np.uint32(0xFFFFFFFF)
"""Smallest hash of no shingles."""
MISSED = 0.01
"""Of the pairs exactly at the threshold, that may share no band."""
CROWD = 256
"""Of more documents in a band's bucket, each is compared with so many that follow it."""
BLOCK = 1 << 16
"""Shingles hashed at a time: what the cache next to the core holds."""
PAIRS = 1 << 13
"""Signatures compared at a time."""


@dataclass(frozen=True, slots=True)
class Minhash:
    """Groups of documents of which each shares most of its shingles with another of the group.

    Shingles, runs of words, are hashed; a signature keeps the smallest value of each of many
    random permutations, and the share of equal values estimates the Jaccard similarity of two
    documents. Those that agree in all rows of any band are compared by their whole signatures;
    pairs above the threshold make groups, of which the document with the lowest hash of its text
    stays. So nothing depends on the order of documents.

    Work: shingles x permutations, and a sort for each band. Memory: 4 bytes x permutations a
    document, 512 at the defaults, and about 100 more.

    Args:
        threshold: Least similarity of a pair, above 0 and at most 1.
        permutations: Length of a signature; the estimate's standard error is
            `sqrt(s (1 - s) / permutations)`, 0.035 at the defaults.
        size: Words, or characters, of a shingle; a shorter document is one shingle.
        unit: `words` (case and punctuation do not count), or `characters`, for text without spaces:
            then with a size of 10 to 20.
        bands: Of a signature; 0: as few as miss at most 1% of the pairs at the threshold.
        seed: Of the permutations.

    Fails when: documents are short, as one changed word touches several of few shingles; one
    document holds another (`spans` finds that); many versions form a chain, whose ends may be less
    alike than the threshold; many thousands share most of their text, as of so many pairs some seem
    more alike than they are (more permutations help). In a bucket of more than 256 documents each
    is compared with 256.

    References: Broder, "On the resemblance and containment of documents", SEQUENCES 1997,
    https://doi.org/10.1109/SEQUEN.1997.666900; Leskovec, Rajaraman and Ullman, "Mining of Massive
    Datasets", chapter 3, 2014, http://www.mmds.org; Lee et al., "Deduplicating Training Data Makes
    Language Models Better", 2022, https://arxiv.org/abs/2107.06499
    """

    finds: ClassVar[str] = "near"
    threshold: float = 0.8
    permutations: int = 128
    size: int = 5
    unit: str = "words"
    bands: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise CuveeError(f"threshold: expected above 0 to 1, got {self.threshold}.")
        for name in ("permutations", "size"):
            if getattr(self, name) < 1:
                raise CuveeError(f"{name}: expected 1 or more, got {getattr(self, name)}.")
        if not 0 <= self.bands <= self.permutations:
            raise CuveeError(
                f"bands: expected 0 to {self.permutations}, as many as permutations, "
                f"got {self.bands}."
            )
        if self.unit not in UNITS:
            raise unknown("unit", str(self.unit), UNITS)

    @property
    def shape(self) -> tuple[int, int]:
        """Bands of a signature, and rows of each."""
        if self.bands:
            return self.bands, self.permutations // self.bands
        rows = np.arange(1, self.permutations + 1)
        missed = (1 - self.threshold**rows) ** (self.permutations // rows)
        most = int(rows[missed <= MISSED].max(initial=1))
        return self.permutations // most, most

    def find(self, texts: Texts) -> Found:
        """Groups of documents that are much alike, equal ones among them."""
        found, signatures = _collected(self, texts)
        contents = Contents.of(found)
        first = contents.first
        groups = Groups(len(first))
        filled = _filled(signatures, first)
        bands, rows = self.shape
        for band in range(bands):
            keys = _keys(signatures[:, band * rows : (band + 1) * rows])[first[filled]]
            _join_band(keys, filled, signatures, first, self.threshold, groups)
        canonical = first[groups.roots(contents.number)]
        alike = np.ones(len(canonical), np.float32)
        near = np.flatnonzero(first[contents.number] != canonical)
        alike[near] = similarity(signatures, near, canonical[near])
        return Found(canonical, alike)


def _collected(
    method: Minhash, texts: Texts
) -> tuple[UInt64[np.ndarray, "documents two"], UInt32[np.ndarray, "documents permutations"]]:
    """Digests and signatures of all documents, in arrays that grow in place."""
    found = np.zeros((0, 2), np.uint64)
    signatures = np.zeros((0, method.permutations), np.uint32)
    for some, signed in texts(partial(_summary, method), label="hashing documents"):
        n = len(found)
        # The C library moves pages instead of copying them: the peak is that of one array.
        found.resize((n + len(some), 2), refcheck=False)
        signatures.resize((n + len(some), method.permutations), refcheck=False)
        found[n:], signatures[n:] = some, signed
    return found, signatures


def _summary(method: Minhash, text: "pa.LargeStringArray") -> tuple[np.ndarray, np.ndarray]:
    keep_memory()
    rng = stream(method.seed, "minhash")
    factors = rng.integers(0, 2**32, method.permutations, np.uint32) | np.uint32(1)
    shifts = rng.integers(0, 2**32, method.permutations, np.uint32)
    signed = [np.zeros((0, method.permutations), np.uint32)]
    for tokens in UNITS[method.unit](text):
        signed += sign(*shingles(tokens, method.size), factors, shifts)
    return digests(text), np.concatenate(signed)


def shingles(
    tokens: Tokens, size: int
) -> tuple[UInt32[np.ndarray, "shingles"], Int64[np.ndarray, "documents+1"]]:
    """Hashes of the runs of so many tokens in each document, and where each document's begin.

    A document of fewer tokens is one shingle, one of none has none.
    """
    counts = np.diff(tokens.offsets)
    begins = tokens.reach(size)
    hashes = tokens.grams(size)
    short = np.flatnonzero((counts > 0) & (counts < size))
    if len(short):
        at = tokens.offsets[short]
        begins[at] = True
        whole = mixed(counts[short].astype(np.uint64))
        for i in range(size - 1):
            more = i < counts[short]
            whole[more] = mixed(whole[more] ^ tokens.ids[at[more] + i])
        hashes[at] = whole
    offsets = np.r_[0, np.cumsum(np.where(counts < size, counts > 0, counts - size + 1))]
    return (hashes[begins] >> np.uint64(32)).astype(np.uint32), offsets


def sign(
    hashes: UInt32[np.ndarray, "shingles"],
    offsets: Int64[np.ndarray, "documents+1"],
    factors: UInt32[np.ndarray, "permutations"],
    shifts: UInt32[np.ndarray, "permutations"],
) -> Iterator[UInt32[np.ndarray, "some permutations"]]:
    """Signatures: smallest `factor * hash + shift` modulo 2^32, which permutes the hashes.

    Args:
        hashes: Well mixed, as such a permutation is linear.
        offsets: Document d has `hashes[offsets[d]:offsets[d + 1]]`.
        factors: Odd.
        shifts: Any.
    """
    begin, documents = 0, len(offsets) - 1
    while begin < documents:
        end = int(np.searchsorted(offsets, offsets[begin] + BLOCK, side="right")) - 1
        end = min(max(end, begin + 1), documents)
        some = hashes[offsets[begin] : offsets[end]]
        filled = np.flatnonzero(np.diff(offsets[begin : end + 1]))
        starts = offsets[begin:end][filled] - offsets[begin]
        signed = np.full((len(factors), end - begin), NOTHING)
        if len(filled):
            room, lowest = np.empty_like(some), np.empty(len(filled), np.uint32)
            for row, factor, shift in zip(signed, factors, shifts):
                np.multiply(some, factor, out=room)
                np.add(room, shift, out=room)
                row[filled] = np.minimum.reduceat(room, starts, out=lowest)
        yield signed.T
        begin = end


def similarity(
    signatures: UInt32[np.ndarray, "documents permutations"],
    a: Int64[np.ndarray, "pairs"],
    b: Int64[np.ndarray, "pairs"],
) -> Float32[np.ndarray, "pairs"]:
    """Share of equal values in the signatures of each pair of documents."""
    found = np.empty(len(a), np.float32)
    for i in range(0, len(a), PAIRS):
        some = slice(i, i + PAIRS)
        found[some] = (signatures[a[some]] == signatures[b[some]]).mean(axis=1, dtype=np.float32)
    return found


def _filled(
    signatures: UInt32[np.ndarray, "documents permutations"], first: Int64[np.ndarray, "contents"]
) -> Int64[np.ndarray, "filled"]:
    """Contents that have a shingle; all others would look alike."""
    blank = np.flatnonzero(signatures[first, 0] == NOTHING)
    blank = blank[(signatures[first[blank]] == NOTHING).all(axis=1)]
    return np.delete(np.arange(len(first)), blank)


def _keys(band: UInt32[np.ndarray, "documents rows"]) -> UInt64[np.ndarray, "documents"]:
    """Bucket of each document in a band."""
    keys = np.zeros(len(band), np.uint64)
    for i in range(0, len(band), BLOCK):
        for column in np.ascontiguousarray(band[i : i + BLOCK].T):
            keys[i : i + BLOCK] = mixed(keys[i : i + BLOCK] ^ column.astype(np.uint64))
    return keys


def _join_band(
    keys: UInt64[np.ndarray, "filled"], filled: Int64[np.ndarray, "filled"],
    signatures: np.ndarray, first: np.ndarray, threshold: float, groups: Groups,
) -> None:  # fmt: skip
    """Join the contents that share a band's bucket and are alike.

    Each is compared with those that follow it in its bucket, in the order of contents: first with
    the next, then with the one after it, and so on. Which pairs are compared is fixed by content;
    those that are in one group already are passed over, as it would change nothing.
    """
    order = np.argsort(keys)
    ranked, things = keys[order], filled[order]
    at = np.flatnonzero(ranked[1:] == ranked[:-1])
    shared = np.union1d(at, at + 1)
    things[shared] = things[shared][np.lexsort((things[shared], ranked[shared]))]
    for step in range(1, CROWD + 1):
        if not len(at):
            break
        a, b = things[at], things[at + step]
        apart = groups.roots(a) != groups.roots(b)
        a, b = a[apart], b[apart]
        near = similarity(signatures, first[a], first[b]) >= np.float32(threshold)
        groups.join(a[near], b[near])
        at = at[at + step + 1 < len(ranked)]
        at = at[ranked[at] == ranked[at + step + 1]]
