"""Documents as points: hashed words, tf-idf, truncated singular value decomposition."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy.random import Generator, default_rng
from scipy.sparse import csr_array, vstack

from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError
from cuvee.core.units import Words

BUCKETS = 1 << 16
"""Hashed words and pairs of words."""
NOTHING = 1e-5
"""Of the largest singular value; in single precision smaller ones are noise."""
PAIR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Turns texts into points whose inner product says how alike they are (latent semantics).

    Args:
        rarity: Weight of each bucket: the rarer, the heavier.
        axes: Directions in which the fitted texts differ most.

    References: Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990;
    Weinberger et al., "Feature hashing for large scale multitask learning", ICML 2009; Halko,
    Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53, 2011.
    """

    rarity: Float[np.ndarray, "buckets"]
    axes: Float[np.ndarray, "buckets dims"]

    @staticmethod
    def fit(texts: Sequence[str], dims: int = 64, seed: int = 0) -> "Embedding":
        """Learn weights and directions from texts, all of which count the same.

        Args:
            texts: At least one with a word in it.
            dims: Coordinates of a point; fewer if there are fewer texts, or texts twice.
            seed: Of the start of the decomposition.

        Raises:
            CuveeError: No text has a word.
        """
        if not any(text.strip() for text in texts):
            raise CuveeError(f"none of {len(texts)} texts has a word: nothing can be embedded.")
        counts = counted(pa.array(list(texts), pa.large_string()))
        return Embedding.of(counts, np.ones(len(texts)), dims, default_rng(seed))

    @staticmethod
    def of(
        counts: csr_array, heavy: Float[np.ndarray, "documents"], dims: int, rng: Generator
    ) -> "Embedding":
        """As `fit`.

        Args:
            counts: What `counted` or `hashed` found in the texts.
            heavy: What each text counts.
            dims: Coordinates of a point; fewer if there are fewer texts.
            rng: Of the start of the decomposition.
        """
        if dims < 1:
            raise CuveeError(f"an embedding needs dims >= 1, got {dims}.")
        each = np.repeat(heavy, np.diff(counts.indptr))
        having = np.bincount(counts.indices, each, minlength=BUCKETS)
        # Words of one document only say nothing of others.
        several = np.bincount(counts.indices, minlength=BUCKETS) > 1
        rare = np.log((1 + heavy.sum()) / (1 + having)) + 1
        rarity = np.where(several | (not several.any()), rare, 0).astype(np.float32)
        table, size = _scaled(counts, rarity), min(dims, len(heavy))
        table.data *= np.sqrt(each).astype(np.float32)
        # A random range, sharpened twice.
        probe = table @ rng.standard_normal((BUCKETS, size + 10), dtype=np.float32)
        for _ in range(2):
            probe = table @ (table.T @ np.linalg.qr(probe)[0])
        inner = table.T @ np.linalg.qr(probe)[0]
        return Embedding(rarity, _directions(inner, size))

    def transform(self, texts: Sequence[str]) -> Float[np.ndarray, "texts dims"]:
        """Points of length 1; of a text without a known word, the origin."""
        return self.points(counted(pa.array(list(texts), pa.large_string())))

    def points(self, counts: csr_array) -> Float[np.ndarray, "texts dims"]:
        """As `transform`, of what `counted` or `hashed` found."""
        found = _scaled(counts, self.rarity) @ self.axes
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def counted(text: pa.LargeStringArray) -> csr_array:
    """How often each hashed word, and each pair of words, stands in each document."""
    tables = [hashed(cut) for cut in Words().cut(text)]
    return csr_array(vstack(tables)) if tables else csr_array((0, BUCKETS), dtype=np.float32)


def hashed(cut: Cut) -> csr_array:
    """As `counted`, of documents that are cut into words."""
    n = len(cut.offsets) - 1
    row = np.repeat(np.arange(n), np.diff(cut.offsets))
    same = row[1:] == row[:-1]
    pairs = (cut.ids[:-1] * PAIR + cut.ids[1:])[same]
    pairs ^= pairs >> np.uint64(29)
    columns = np.concatenate([cut.ids, pairs]) % np.uint64(BUCKETS)
    rows = np.concatenate([row, row[1:][same]])
    ones = np.ones(len(rows), np.float32)
    table = csr_array((ones, (rows, columns.astype(np.int32))), shape=(n, BUCKETS))
    table.sum_duplicates()
    return table


def _directions(
    inner: Float[np.ndarray, "buckets probes"], most: int
) -> Float[np.ndarray, "buckets dims"]:
    """Left singular vectors, the largest first, from the squares: 20 times as fast as from the
    table itself. What is below what single precision holds is left out.
    """
    wide = inner.astype(np.float64)
    squares, turns = np.linalg.eigh(wide.T @ wide)
    kept = np.argsort(-squares)[:most]
    kept = kept[squares[kept] > NOTHING**2 * squares[kept[0]]]
    return (wide @ (turns[:, kept] / np.sqrt(squares[kept]))).astype(np.float32)


def _scaled(counts: csr_array, rarity: np.ndarray) -> csr_array:
    """tf-idf, each document scaled to length 1."""
    table = counts.copy()
    table.data = (1 + np.log(table.data)) * rarity[table.indices]
    length = np.sqrt(np.asarray((table * table).sum(axis=1)).ravel())
    table.data /= np.repeat(np.maximum(length, 1e-12), np.diff(table.indptr)).astype(np.float32)
    return table
