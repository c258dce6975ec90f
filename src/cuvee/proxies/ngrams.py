"""Index the n-grams of target documents and count them in a stream of text.

Patterns
--------
An n-gram *pattern* is a tuple of increasing distances back from a unit: ``()``
is the unit alone, ``(1,)`` the unit after the previous one, ``(1, 2, 3)`` the
unit after the previous three, ``(2,)`` the unit after the one two back. At
position ``i`` the pattern's *context* is the tuple of units at those distances,
and its *event* is the context together with unit ``i``. Distances that reach
before the start of the document meet a virtual BOS unit, as often as needed;
BOS itself is never a unit ``i``, so a document of ``n`` units has ``n`` events
and ``n`` contexts per pattern, and nothing crosses documents.

Ids instead of hashes
---------------------
The context of ``P = (p, q, r)`` at ``i`` is the event of ``P' = (q - p, r - p)``
at ``i - p``. So an event is the pair (id of a parent event, id of a unit), and
32-bit ids make an exact 64-bit key; ``P'`` joins the index where it was not
asked for. Two consequences: once units have ids nothing is hashed and no
n-gram can be confused with another (two different units get one id with
probability n**2 / 2**65 for n distinct units in targets and source together:
3e-6 for 10 million); and contexts need no counting of their own, being the
parent's events less those too near the end of a document to have a successor.

Ids are shared by events and contexts: 0 is "not in the targets", 1 is BOS or
the empty context, the targets' own events start at 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError
from cuvee.proxies.tables import FIRST_ID, START, UNKNOWN, KeyTable

Pattern = tuple[int, ...]

# Units worked on at once: twice those of a usual batch, so that only a long
# document is taken in several blocks and temporaries stay in cache.
BLOCK_UNITS = 1 << 19

_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts by pattern, as sparse rows of shape (1, ids). They add up over pieces and workers.

    Args:
        events: Occurrences of each event.
        documents: Documents that hold it.
        contexts: Occurrences of each context.
    """

    events: dict[Pattern, csr_array]
    documents: dict[Pattern, csr_array]
    contexts: dict[Pattern, csr_array]

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            {p: row + other.events[p] for p, row in self.events.items()},
            {p: row + other.documents[p] for p, row in self.documents.items()},
            {p: row + other.contexts[p] for p, row in self.contexts.items()},
        )


class Counter:
    """How often the events and contexts of an index occurred.

    One thread at a time may add. Everything is done by sorts, takes and comparisons: unlike
    `bincount`, `repeat` and `add.at` they let other threads count meanwhile.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        sizes = {pattern: len(table) for pattern, table in index.tables.items()}
        self._events = {p: np.zeros(size, np.int64) for p, size in sizes.items()}
        self._documents = {p: np.zeros(size, np.int64) for p, size in sizes.items()}
        self._last = {p: np.zeros(sizes[parent(p)], np.int64) for p in sizes if p}
        self._n_start = dict.fromkeys(self._last, 0)
        self.n_units = 0

    def add(self, cut: Cut) -> None:
        """Count the events of some whole documents."""
        index, hashes = self._index, cut.ids
        edges = {p: _edges(cut.offsets, p[0]) for p in index.tables if p}
        tails = {p: np.full(p[0], START, dtype=np.int32) for p in edges}
        document, low = _documents(cut.offsets), cut.offsets.size.bit_length()
        kinds = {p: _narrowest(len(table).bit_length() + low) for p, table in index.tables.items()}
        pairs: dict[Pattern, list[NDArray[Any]]] = {p: [] for p in index.tables}
        for begin in range(0, hashes.size, BLOCK_UNITS):
            block = hashes[begin : begin + BLOCK_UNITS]
            ids: dict[Pattern, NDArray[np.int32]] = {}
            for pattern, table in index.tables.items():
                if pattern:
                    before = ids[parent(pattern)]
                    first, last = (_within(e, begin, block.size) for e in edges[pattern])
                    self._add_edges(pattern, first.size, before.take(last))
                    context, tails[pattern] = _shift(before, first, tails[pattern])
                    # Every shorter pattern must be known too; the longest sieves best.
                    sieve = ids.get(pattern[:-1], ids[()])
                    kept = np.flatnonzero((context != UNKNOWN) & (sieve != UNKNOWN))
                    found = table.find(_pair(context.take(kept), ids[()].take(kept)))
                    known = np.flatnonzero(found != UNKNOWN)
                    found, known = found.take(known), kept.take(known)
                    ids[pattern] = np.zeros(block.size, dtype=np.int32)
                    ids[pattern][known] = found
                else:
                    ids[pattern] = table.find(block)
                    known = np.flatnonzero(ids[pattern] != UNKNOWN)
                    found = ids[pattern].take(known)
                pair, where = found.astype(kinds[pattern]), document[begin : begin + BLOCK_UNITS]
                pair <<= low
                pair |= where.take(known).astype(pair.dtype, copy=False)
                pairs[pattern].append(pair)
        for pattern, found in pairs.items():
            which, events, documents = _runs(found, low)
            self._events[pattern][which] += events
            self._documents[pattern][which] += documents
        self.n_units += hashes.size

    def events(self, pattern: Pattern) -> NDArray[np.int64]:
        """Occurrences by event id; ids 0 and 1 stay at 0."""
        return self._events[pattern]

    def documents(self, pattern: Pattern) -> NDArray[np.int64]:
        """How many documents hold each event, by event id."""
        return self._documents[pattern]

    def contexts(self, pattern: Pattern) -> NDArray[np.int64]:
        """Occurrences by context id: the positions at which the context held."""
        if not pattern:
            return np.array([0, self.n_units])
        contexts = self._events[parent(pattern)] - self._last[pattern]
        contexts[UNKNOWN] = 0
        contexts[START] = self._n_start[pattern]
        return contexts

    def result(self) -> Counted:
        """What was counted, without the many n-grams that did not occur."""
        patterns = self._index.patterns
        return Counted(
            {p: _row(self.events(p)) for p in patterns},
            {p: _row(self.documents(p)) for p in patterns},
            {p: _row(self.contexts(p)) for p in patterns},
        )

    def _add_edges(self, pattern: Pattern, n_start: int, last: NDArray[np.int32]) -> None:
        """Note how contexts differ from the parent's events, at document edges.

        The last ``pattern[0]`` events of a document, ids `last`, have no unit
        after them to be the context of; as many units at the start of documents,
        `n_start`, have a context that is no event.
        """
        which, count, _ = _runs([last], 0)
        self._last[pattern][which] += count
        self._n_start[pattern] += n_start


class Index:
    """The events and contexts of target documents.

    `tables` holds the ids by pattern, helper patterns among them, parents before children;
    `event_ids` and `context_ids` the event and the context at every target position.

    Args:
        hashes: Unit identities of all target documents, shape (units,).
        offsets: Document ``d`` holds units ``offsets[d]:offsets[d + 1]``.
        patterns: To count.
    """

    def __init__(
        self, hashes: NDArray[np.uint64], offsets: ArrayLike, patterns: Iterable[Pattern]
    ) -> None:
        self.patterns = tuple(_check(p) for p in patterns)
        self.offsets = np.asarray(offsets, dtype=np.int64)
        self.tables: dict[Pattern, KeyTable] = {}
        self.event_ids: dict[Pattern, NDArray[np.int32]] = {}
        self.context_ids: dict[Pattern, NDArray[np.int32]] = {}
        for pattern in _with_parents(self.patterns):
            if pattern:
                before = self.event_ids[parent(pattern)]
                first, _ = _edges(self.offsets, pattern[0])
                tail = np.full(pattern[0], START, dtype=np.int32)
                context, _ = _shift(before, first, tail)
                keys = _pair(context, self.event_ids[()])
            else:
                context = np.full(hashes.size, START, dtype=np.int32)
                keys = hashes
            self.context_ids[pattern] = context
            self.tables[pattern], self.event_ids[pattern] = _number(keys)

    def event_contexts(self, pattern: Pattern) -> NDArray[np.int32]:
        """Context id of every event id, shape (len(tables[pattern]),)."""
        if not pattern:
            return np.full(len(self.tables[()]), START, dtype=np.int32)
        return (self.tables[pattern].keys >> _HALF).astype(np.int32)


def _row(counts: NDArray[np.int64]) -> csr_array:
    """Sparse, of shape (1, ids); scipy's own way from a dense row takes four times as long."""
    ids = np.flatnonzero(counts).astype(np.int32)
    return csr_array((counts.take(ids), ids, np.array([0, ids.size], np.int32)), (1, counts.size))


def parent(pattern: Pattern) -> Pattern:
    """The pattern whose event, `pattern[0]` units back, is the context."""
    return tuple(distance - pattern[0] for distance in pattern[1:])


def _check(pattern: Pattern) -> Pattern:
    pattern = tuple(int(distance) for distance in pattern)
    if any(b <= a for a, b in zip((0, *pattern), pattern)):
        raise CuveeError(f"distances must be positive and increasing, got {pattern}")
    return pattern


def _with_parents(patterns: Iterable[Pattern]) -> list[Pattern]:
    """The patterns, all their ancestors and ``()``, shorter ones first."""
    found: set[Pattern] = {()}
    for pattern in patterns:
        while pattern:
            found.add(pattern)
            pattern = parent(pattern)
    return sorted(found, key=lambda p: (len(p), p))


def _edges(offsets: NDArray[np.int64], back: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first `back` and of the last `back` units of each document."""
    steps = np.arange(back)
    starts, ends = offsets[:-1, None], offsets[1:, None]
    inside = steps < ends - starts
    return (starts + steps)[inside], (ends - 1 - steps)[inside]


def _within(positions: NDArray[np.int64], begin: int, size: int) -> NDArray[np.int64]:
    """The positions in a block, counted from where it begins."""
    positions = positions - begin
    return positions[(positions >= 0) & (positions < size)]


def _shift(
    ids: NDArray[np.int32], first: NDArray[np.int64], tail: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Ids from `tail.size` units earlier, START at positions `first`; the next tail.

    `tail` holds the ids just before this block.
    """
    joined = np.concatenate([tail, ids])
    shifted, tail = joined[: ids.size], joined[ids.size :].copy()
    shifted[first] = START
    return shifted, tail


def _documents(offsets: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Which document each unit belongs to."""
    starts, many = np.unique(offsets[1:-1], return_counts=True)
    steps = np.zeros(int(offsets[-1]) + 1, np.uint32)
    steps[starts] = many  # several, where documents without units stand before
    return np.cumsum(steps, dtype=np.uint32)[:-1]


def _narrowest(bits: int) -> type[np.unsignedinteger]:
    """Numbers of so many bits; half as wide are sorted in half the time."""
    return np.uint32 if bits <= 32 else np.uint64


def _runs(
    pairs: list[NDArray[Any]], low: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct ids, how often each occurs, and in how many documents.

    A pair has a document in its `low` bits and an id above. Sorting is vectorised: 3 ns a pair.
    """
    joined = np.sort(np.concatenate(pairs)) if pairs else np.zeros(0, np.uint32)
    pair_ends = _run_ends(joined)
    ids = joined.take(pair_ends) >> low
    id_ends = _run_ends(ids)
    ends = pair_ends.take(id_ends)
    return ids.take(id_ends), np.diff(ends, prepend=-1), np.diff(id_ends, prepend=-1)


def _run_ends(values: NDArray[Any]) -> NDArray[np.int64]:
    """The last position of each run of equal values."""
    last = np.ones(values.size, dtype=bool)
    np.not_equal(values[1:], values[:-1], out=last[:-1])
    return np.flatnonzero(last)


def _pair(context: NDArray[np.int32], unit: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Exact key of an event: context id in the high half, unit id in the low."""
    keys = context.astype(np.uint64)
    keys <<= _HALF
    keys |= unit.view(np.uint32)
    return keys


def _number(keys: NDArray[np.uint64]) -> tuple[KeyTable, NDArray[np.int32]]:
    """Table of the distinct keys, and the id at each position."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    return KeyTable(distinct), (inverse + FIRST_ID).astype(np.int32)
