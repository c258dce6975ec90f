"""Numbering keys in bulk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Ids below FIRST_ID are reserved; see `ngrams` for what they mean.
UNKNOWN, START, FIRST_ID = 0, 1, 2

_FACTOR_1 = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)


class KeyTable:
    """Map from ``uint64`` keys to int32 ids: open addressing, linear probing.

    Slots hold ids only and the id leads to the key, so that the array hit at
    random stays small and most misses end at an empty slot.

    Args:
        keys: Distinct. ``keys[k]`` gets the id ``k + FIRST_ID``.
    """

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        # A quarter full at most: twice the slots gain 5 %, half the slots cost 30 %.
        bits = max(4, int(4 * keys.size - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._wrap = (1 << bits) - 1
        self._slots = np.zeros(1 << bits, dtype=np.int32)
        self.keys = np.concatenate([np.zeros(FIRST_ID, np.uint64), keys])
        self._insert_all()

    def __len__(self) -> int:
        """One more than the highest id."""
        return self.keys.size

    def _home(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        mixed = keys * _FACTOR_1
        mixed ^= mixed >> _HALF
        mixed *= _FACTOR_2
        mixed >>= self._shift
        return mixed.view(np.int64)

    def _insert_all(self) -> None:
        ids = np.arange(FIRST_ID, len(self), dtype=np.int32)
        slots = self._home(self.keys[FIRST_ID:])
        while ids.size:
            free = self._slots[slots] == UNKNOWN
            self._slots[slots[free]] = ids[free]
            # Of several keys at one free slot the last written stays.
            lost = self._slots[slots] != ids
            ids, slots = ids[lost], (slots[lost] + 1) & self._wrap

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Ids of `keys`, shape (n,); 0 where a key is not in the table."""
        slots = self._home(keys)
        ids = self._slots.take(slots)
        # Where a slot holds another key, go on to the next slot.
        at = np.flatnonzero((self.keys.take(ids) != keys) & (ids != UNKNOWN))
        keys, slots = keys.take(at), slots.take(at)
        while at.size:
            slots = (slots + 1) & self._wrap
            found = self._slots.take(slots)
            ids[at] = found
            again = np.flatnonzero((self.keys.take(found) != keys) & (found != UNKNOWN))
            at, keys, slots = at.take(again), keys.take(again), slots.take(again)
        return ids
