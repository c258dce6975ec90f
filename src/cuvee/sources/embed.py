"""Documents as points: hashed words, tf-idf, truncated singular value decomposition."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

import numpy as np
from jaxtyping import Float
from numpy.random import default_rng
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds

from cuvee.core import CuveeError
from cuvee.core.data import Data, Source

WORD = re.compile(r"\w+|[^\w\s]")
BUCKETS = 1 << 16
CHARACTERS = 4000
"""Of a document that are looked at: what it is about shows early."""
LOOK = 20
"""Documents gone through for each one kept, at most: bounds the reading of a huge source."""
Points = dict[str, tuple[Float[np.ndarray, "documents dims"], ...]]
"""Points of each source's documents under "sources", of each target's under "targets"."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Turns texts into points whose inner product says how alike they are (latent semantics).

    Args:
        rarity: Weight of each bucket: the rarer, the heavier.
        axes: Directions in which the fitted texts differ most.

    References: Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990;
    Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009.
    """

    rarity: Float[np.ndarray, "buckets"]
    axes: Float[np.ndarray, "buckets dims"]

    @staticmethod
    def fit(
        texts: Sequence[str], dims: int = 64, seed: int = 0, buckets: int = BUCKETS
    ) -> "Embedding":
        """Learn weights and directions from texts.

        Args:
            texts: At least one with a word in it.
            dims: Coordinates of a point; fewer if there are fewer texts.
            seed: Of the start of the decomposition.
            buckets: Slots that words and pairs of words are hashed to.

        Raises:
            CuveeError: No text has a word.
        """
        if dims < 1 or buckets < 2:
            raise CuveeError(f"an embedding needs dims >= 1 and buckets >= 2, got {dims, buckets}.")
        counts = hashed(texts, buckets)
        if not counts.nnz:
            raise CuveeError(f"none of {len(texts)} texts has a word: nothing can be embedded.")
        seen = np.bincount(counts.indices, minlength=buckets)
        rarity = np.log((1 + len(texts)) / (1 + seen)) + 1
        rows = _scaled(counts, rarity)
        least = min(len(texts), buckets)
        if dims < least:
            start = default_rng(seed).standard_normal(least)
            right = np.asarray(svds(rows, k=dims, v0=start)[2])
        else:
            right = np.linalg.svd(rows.toarray(), full_matrices=False)[2]
        return Embedding(rarity, right.T)

    def transform(self, texts: Sequence[str]) -> Float[np.ndarray, "texts dims"]:
        """Points of length 1; of a text without a known word, the origin."""
        points = _scaled(hashed(texts, len(self.rarity)), self.rarity) @ self.axes
        return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)


def hashed(texts: Sequence[str], buckets: int = BUCKETS) -> csr_array:
    """How often words and pairs of neighbouring words fall in each bucket, (texts, buckets)."""
    columns, ends = [], [0]
    for text in texts:
        words = [_number(word) for word in WORD.findall(text.lower())]
        pairs = [(a * 0x9E3779B1 + b) & 0xFFFFFFFF for a, b in pairwise(words)]
        slots = np.array(words + pairs, dtype=np.uint64) * np.uint64(0xD6E8FEB86659FD93)
        columns.append((slots >> np.uint64(32)).astype(np.int64) % buckets)
        ends.append(ends[-1] + len(slots))
    flat = np.concatenate(columns) if columns else np.zeros(0, np.int64)
    counts = csr_array((np.ones(len(flat)), flat, ends), shape=(len(texts), buckets))
    counts.sum_duplicates()
    return counts


def embed(data: Data, documents: int = 400, dims: int = 64, seed: int = 0) -> Points:
    """Points of a random sample of each source's and each target's documents.

    Args:
        data: What to look at; texts are read a batch at a time.
        documents: Kept of each source and of each target.
        dims: Coordinates of a point.
        seed: Of the sample.

    Raises:
        CuveeError: A source or a target has no document with text.
    """
    if documents < 1:
        raise CuveeError(f"embed: documents must be at least 1, got {documents}.")
    both = [*data.sources, *data.targets]
    texts = [sample(source, documents, seed) for source in both]
    fitted = Embedding.fit([text for some in texts for text in some], dims, seed)
    points = tuple(fitted.transform(some) for some in texts)
    return {"sources": points[: len(data.sources)], "targets": points[len(data.sources) :]}


def sample(source: Source, documents: int, seed: int = 0) -> list[str]:
    """The beginnings of a random choice of documents, each as likely as any other looked at.

    Raises:
        CuveeError: The source has no document with text.
    """
    rng, kept, seen = default_rng(seed), [], 0
    for text in _shuffled(source, seed):
        if not text.strip():
            continue
        seen += 1
        if len(kept) < documents:
            kept.append(text)
        elif (slot := int(rng.integers(seen))) < documents:
            kept[slot] = text
        if seen >= LOOK * documents:
            break
    if not kept:
        raise CuveeError(f"{source.name!r} has no document with text: nothing can be embedded.")
    return kept


def _shuffled(source: Source, seed: int) -> Iterator[str]:
    """Beginnings of the documents, piece by piece, pieces in random order."""
    pieces = source.pieces()
    for i in default_rng(seed).permutation(len(pieces)):
        for batch in source.read(pieces[int(i)]):
            for text in batch.text:
                yield str(text)[:CHARACTERS]


def _scaled(counts: csr_array, rarity: np.ndarray) -> csr_array:
    """Logarithm of the counts times rarity, rows of length 1."""
    rows = csr_array(counts, copy=True)
    rows.data = np.log1p(rows.data) * rarity[rows.indices]
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return csr_array(diags_array(1 / np.maximum(length, 1e-12)) @ rows)


@lru_cache(maxsize=1 << 18)
def _number(word: str) -> int:
    """The same on every machine and in every process, unlike `hash`."""
    return crc32(word.encode("utf-8", "surrogatepass"))
