"""Planted pools: it is known which rows a good choice has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from numpy.random import default_rng
from scipy.sparse import csr_array

from cuvee.core.order import mixed
from cuvee.core.pool import Pool, Score

BUCKETS = 400
WORDS = 30
"""Of a row."""
TRUE, BAD = 0.9, 0.25
"""Part of a row's words that are of its own kind; part of the labels that are wrong."""


@dataclass(frozen=True, slots=True)
class PlantedPool:
    """Kinds of rows, each with words and a place of its own.

    Args:
        seeks: What kind of method it is a test for.
        counts: Rows of each kind in the pool.
        wanted: Rows of each kind in the target; none: no target.
        value: (kinds of the chosen rows, whether their labels are right, their quality) -> how good
            the choice is.
        copies: How often each row stands in the pool.
    """

    seeks: str
    counts: tuple[int, ...]
    wanted: tuple[int, ...]
    value: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    copies: int = 1

    def pool(self, seed: int = 0) -> "PlantedRows":
        """The pool and what is planted in it."""
        return PlantedRows.made(self.counts, self.copies, seed)

    def target(self, seed: int = 0) -> Pool:
        """Rows like those that are wanted; of every kind alike where nothing is wanted."""
        return PlantedRows.made(self.wanted or (5,) * len(self.counts), 1, seed + 1000).pool


@dataclass(frozen=True, slots=True, eq=False)
class PlantedRows:
    """A pool, and of every row its kind and whether its label is the right one."""

    pool: Pool
    kinds: Int64[np.ndarray, "rows"]
    right: np.ndarray

    @staticmethod
    def made(counts: tuple[int, ...], copies: int, seed: int) -> "PlantedRows":
        """So many rows of each kind; half of the kinds are of class 0."""
        rng = default_rng(seed)
        places = 3 * default_rng(77).standard_normal((len(counts), 8))
        words = default_rng(78).permutation(BUCKETS).reshape(20, -1)
        kinds = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        n = len(kinds)
        points = places[kinds] + rng.standard_normal((n, 8))
        own = words[kinds][np.arange(n)[:, None], rng.integers(words.shape[1], size=(n, WORDS))]
        found = np.where(rng.random((n, WORDS)) < TRUE, own, rng.integers(BUCKETS, size=(n, WORDS)))
        at = np.repeat(np.arange(n), WORDS)
        table = csr_array((np.ones(n * WORDS, np.float32), (at, found.ravel())), (n, BUCKETS))
        table.sum_duplicates()
        right = rng.random(n) > BAD
        labels = np.where(right, kinds % 2, 1 - kinds % 2)
        quality = rng.random(n)
        sizes = rng.integers(5, 60, n)
        again = np.tile(np.arange(n), copies)
        keys = mixed(mixed(np.arange(n, dtype=np.uint64)) + np.uint64(seed))[again]
        table = table[again]

        def stream(of: Score) -> np.ndarray:
            parts = [of(table[i : i + 70]) for i in range(0, len(again), 70)]
            return np.concatenate(parts)

        def totals(times: np.ndarray) -> np.ndarray:
            return times.astype(np.float64) @ table

        pool = Pool(
            keys, sizes[again], points[again].astype(np.float32), stream, labels[again],
            quality[again], kinds[again], tuple(f"kind{i}" for i in range(len(counts))),
            totals,
        )  # fmt: skip
        return PlantedRows(pool, kinds[again], right[again])


def _of_target(kinds: np.ndarray, right: np.ndarray, quality: np.ndarray) -> float:
    return float(np.mean(kinds < 2))


def _covered(kinds: np.ndarray, right: np.ndarray, quality: np.ndarray) -> float:
    """Kinds of which there is a row: most rows are of one kind."""
    return float(len(np.unique(kinds)))


def _good(kinds: np.ndarray, right: np.ndarray, quality: np.ndarray) -> float:
    return float(quality.mean())


def _learnt(kinds: np.ndarray, right: np.ndarray, quality: np.ndarray) -> float:
    """Of the chosen rows, how many have the right label."""
    return float(right.mean())


POOLS: Mapping[str, PlantedPool] = {
    "target": PlantedPool("target", (60, 60, 60, 60, 60, 60), (12, 12, 0, 0, 0, 0), _of_target),
    "cover": PlantedPool("cover", (240, *(12,) * 10), (), _covered),
    "quality": PlantedPool("quality", (60, 60, 60, 60), (10, 10, 10, 10), _good),
    "labels": PlantedPool("learning", (90, 90, 90, 90), (25, 25, 25, 25), _learnt),
    "copies": PlantedPool("target", (20, 20, 20, 20), (10, 10, 0, 0), _of_target, copies=4),
}
