"""A table from 64-bit hashes to numbers that finds many at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Hashes in order, and where those begin that share their first bits.

    Hashes are spread evenly, so that about one begins with the same bits as another: a few steps
    find any, however many there are. 16 bytes for each.

    Args:
        keys: Distinct hashes, sorted.
        starts: The first key of each beginning, and one past the last.
    """

    keys: UInt64[np.ndarray, "keys"]
    starts: Int64[np.ndarray, "beginnings+1"]

    @staticmethod
    def of(keys: UInt64[np.ndarray, "keys"]) -> "Lookup":
        """Of distinct, sorted hashes."""
        bits = min(max(len(keys) - 1, 1).bit_length(), 30)
        first = (keys >> np.uint64(64 - bits)).astype(np.int64)
        return Lookup(keys, np.searchsorted(first, np.arange((1 << bits) + 1)))

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, wanted: UInt64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
        """Number of each hash among the keys; -1 where it is none."""
        found = np.full(len(wanted), -1, np.int64)
        bits = len(self.starts).bit_length() - 1
        begins = (wanted >> np.uint64(64 - bits)).astype(np.int64)
        at, stop = self.starts[begins], self.starts[begins + 1]
        left = np.flatnonzero(at < stop)
        at, stop, wanted = at[left], stop[left], wanted[left]
        while len(left):
            key = self.keys[at]
            hit = key == wanted
            found[left[hit]] = at[hit]
            at = at + 1
            more = np.flatnonzero((key < wanted) & (at < stop))
            left, at, stop, wanted = left[more], at[more], stop[more], wanted[more]
        return found
