"""Which n-grams of test documents stand in a document."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float, Int64, UInt64

from cuvee.attributes.lookup import Lookup
from cuvee.attributes.spans import (
    Block,
    Spans,
    blocks,
    grams,
    is_digit,
    is_letter,
    lowered,
    running,
    runs,
)
from cuvee.core.contents import hashed
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Overlap:
    """N-grams that a document shares with test documents, the usual sign of contamination.

    Words are runs of letters and digits; punctuation and the capitals of Latin letters make no
    difference. A test document that is
    shorter than `n` words is looked for as a whole; one shorter than `shortest` cannot be told
    from chance and is not.

    Args:
        n: Words of an n-gram.
        shortest: Words of the shortest test document that is looked for.

    Fails when: the test text was reworded or translated, which no n-gram shows; tests are made of
    what stands in many places, such as licences and quotations, and is no leak.

    References: Brown et al., "Language Models are Few-Shot Learners", 2020, appendix C,
    https://arxiv.org/abs/2005.14165 (13-grams of words)
    """

    n: int = 13
    shortest: int = 8

    learns: ClassVar[str] = "reference"

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.n <= 1000:
            raise CuveeError(
                "overlap: expected 1 <= shortest <= n <= 1000 words, "
                f"got {self.shortest} and {self.n}."
            )

    def columns(self) -> tuple[str, ...]:
        """Places of shared n-grams, largest part of a test document, and its number."""
        return ("overlap_grams", "overlap_share", "overlap_document")

    def fit(self, reference: "pa.LargeStringArray") -> "Tests":
        """The n-grams of the test documents.

        Raises:
            CuveeError: None is long enough.
        """
        keys, documents, counts, sizes = [], [], [], set()
        for block in blocks(reference):
            _, ids, edges = _words(block)
            length = np.minimum(np.diff(edges), self.n)
            length[length < self.shortest] = 0
            places = np.where(length > 0, np.diff(edges) - length + 1, 0)
            found = np.zeros(int(places.sum()), np.uint64)
            owner = np.repeat(np.arange(len(block)), places)
            first = np.repeat(edges[:-1] - running(places)[:-1], places)
            at = first + np.arange(len(owner))
            for size in np.unique(length[length > 0]).tolist():
                mine = length[owner] == size
                found[mine] = grams(ids, size)[at[mine]]
                sizes.add(size)
            keys.append(found)
            documents.append(owner + sum(map(len, counts)))
            counts.append(places)
        if not sizes:
            raise CuveeError(
                f"overlap: no test document has {self.shortest} words or more: give longer ones, "
                "or a smaller shortest."
            )
        return Tests.of(tuple(sorted(sizes)), *map(np.concatenate, (keys, documents, counts)))


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Where n-grams of the tests stand in some text.

    Args:
        row: Number of the document, rising.
        gram: Number of the n-gram.
        start: First byte of it in the document.
        stop: One past the last.
    """

    row: Int64[np.ndarray, "hits"]
    gram: Int64[np.ndarray, "hits"]
    start: Int64[np.ndarray, "hits"]
    stop: Int64[np.ndarray, "hits"]


@dataclass(frozen=True, slots=True, eq=False)
class Tests:
    """N-grams of test documents, and which document has which.

    Args:
        lengths: Words of the n-grams: more than one length if a test document is short.
        lookup: Distinct n-grams; `gram` is a number among them.
        places: N-grams that each document has, copies included; 0 if it is too short.
        owner: For each distinct (n-gram, document), by n-gram: the document.
        often: How often it has it.
        first: The n-gram g belongs to `owner[first[g]:first[g + 1]]`.
    """

    lengths: tuple[int, ...]
    lookup: Lookup
    places: Int64[np.ndarray, "documents"]
    owner: Int64[np.ndarray, "pairs"]
    often: Int64[np.ndarray, "pairs"]
    first: Int64[np.ndarray, "grams+1"]

    @staticmethod
    def of(
        lengths: tuple[int, ...],
        keys: UInt64[np.ndarray, "places"],
        documents: Int64[np.ndarray, "places"],
        words: Int64[np.ndarray, "documents"],
    ) -> "Tests":
        """From every place of an n-gram in a test document."""
        distinct, gram = np.unique(keys, return_inverse=True)
        pairs, often = np.unique(gram * len(words) + documents, return_counts=True)
        first = np.searchsorted(pairs // len(words), np.arange(len(distinct) + 1))
        owner = pairs % len(words)
        return Tests(lengths, Lookup.of(distinct), words, owner, often, first)

    def find(self, text: "pa.LargeStringArray") -> Hits:
        """Every place where an n-gram of the tests stands, by document and place."""
        hits, rows = [_none()], 0
        for block in blocks(text):
            words, ids, _ = _words(block)
            parts = []
            for n in self.lengths:
                gram = self.lookup.find(grams(ids, n))
                at = np.flatnonzero(gram >= 0)
                at = at[words.document[at] == words.document[at + n - 1]]
                begins = block.offsets[words.document[at]]
                row, start, stop = words.document[at], words.starts[at], words.ends[at + n - 1]
                parts.append((row + rows, gram[at], start - begins, stop - begins))
            row, gram, start, stop = (np.concatenate(column) for column in zip(*parts))
            turn = np.lexsort((start, row))
            hits.append(Hits(row[turn], gram[turn], start[turn], stop[turn]))
            rows += len(block)
        return _all(hits)

    def shares(
        self, row: Int64[np.ndarray, "hits"], gram: Int64[np.ndarray, "hits"]
    ) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "pairs"]]:
        """The part of a test document's n-grams that each document holds.

        Args:
            row: Of documents.
            gram: Of n-grams in them; each may stand there several times.

        Returns:
            Rows, test documents and shares, of those pairs that share anything, by row.
        """
        size = len(self.lookup)
        both = np.unique(row * size + gram)
        row, gram = both // size, both % size
        many = np.diff(self.first)[gram]
        at = np.repeat(self.first[gram] - running(many)[:-1], many) + np.arange(int(many.sum()))
        pair = np.repeat(row, many) * len(self.places) + self.owner[at]
        found, which = np.unique(pair, return_inverse=True)
        held = np.bincount(which, self.often[at], len(found))
        document = found % len(self.places)
        return found // len(self.places), document, held / self.places[document]

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """Of a document that shares nothing, the test document is null."""
        import pyarrow as pa

        hits = self.find(text)
        n = len(text)
        row, document, share = self.shares(hits.row, hits.gram)
        best, which = np.zeros(n, np.float32), np.full(n, -1)
        turn = np.lexsort((document, -share, row))
        top = turn[np.diff(row[turn], prepend=-1) > 0]
        best[row[top]], which[row[top]] = share[top], document[top]
        return pa.table(
            {
                "overlap_grams": pa.array(np.bincount(hits.row, minlength=n)),
                "overlap_share": pa.array(best),
                "overlap_document": pa.array(which, mask=which < 0),
            }
        )


def _words(block: Block) -> tuple[Spans, UInt64[np.ndarray, "words"], Int64[np.ndarray, "edges"]]:
    """Words, their hashes, and the first word of each document."""
    small = lowered(block.data)
    words = runs(is_letter(small) | is_digit(small), block)
    edges = running(np.bincount(words.document, minlength=len(block)))
    return words, hashed(small, words.starts, words.ends), edges


def _none() -> Hits:
    return Hits(*(np.zeros(0, np.int64) for _ in range(4)))


def _all(hits: list[Hits]) -> Hits:
    columns = ([getattr(h, name) for h in hits] for name in Hits.__slots__)
    return Hits(*map(np.concatenate, columns))


__all__ = ["Hits", "Overlap", "Tests"]
