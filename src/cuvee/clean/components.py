"""Documents that belong together: identity of content, and groups that are joined by pairs."""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cuvee.core.cutting import text_buffers

if TYPE_CHECKING:
    import pyarrow as pa


def digests(text: "pa.LargeStringArray") -> UInt64[np.ndarray, "documents two"]:
    """128 bits of BLAKE2b of each document: equal text, equal digest, and practically only then.

    One call of the hash a document: it takes a microsecond and runs at a gigabyte a second, more
    than anything in numpy that reads every byte.
    """
    data, offsets = text_buffers(text)
    view = np.ascontiguousarray(data).data
    ends = offsets.tolist()
    found = b"".join(blake2b(view[a:b], digest_size=16).digest() for a, b in pairwise(ends))
    return np.frombuffer(found, "<u8").reshape(-1, 2).astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Documents by what they say: equal ones have one number, and the numbers are in hash order.

    Args:
        number: Of each document's content.
        first: First document with each content.
    """

    number: Int64[np.ndarray, "documents"]
    first: Int64[np.ndarray, "contents"]

    @staticmethod
    def of(digests: UInt64[np.ndarray, "documents two"]) -> "Contents":
        """Numbers of contents; neither they nor their order depend on that of the documents."""
        order = np.lexsort((digests[:, 1], digests[:, 0]))
        ranked = digests[order]
        new = np.ones(len(order), bool)
        new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
        number = np.empty(len(order), np.int64)
        number[order] = np.cumsum(new) - 1
        return Contents(number, order[new].astype(np.int64))


class Groups:
    """Disjoint groups of things 0, 1, 2, ...; each is known by its lowest member."""

    __slots__ = ("_above",)

    def __init__(self, things: int) -> None:
        self._above = np.arange(things)

    def roots(self, things: Int64[np.ndarray, "some"]) -> Int64[np.ndarray, "some"]:
        """Lowest member of the group of each thing."""
        found = self._above[things]
        while not np.array_equal(above := self._above[found], found):
            found = above
        self._above[things] = found  # shortens the way for the next
        return found

    def join(self, a: Int64[np.ndarray, "pairs"], b: Int64[np.ndarray, "pairs"]) -> None:
        """Make one group of the groups of each pair; the result is the same in any order."""
        if not len(a):
            return
        both = np.concatenate([self.roots(a), self.roots(b)])
        things, places = np.unique(both, return_inverse=True)
        rows, columns = places.reshape(2, -1)
        graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (len(things), len(things)))
        labels = connected_components(graph, directed=False)[1]
        lowest = np.unique(labels, return_index=True)[1]  # things rise: its first is its lowest
        self._above[things] = things[lowest[labels]]
