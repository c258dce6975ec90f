"""Documents without the passages that stand elsewhere, too."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from cuvee.core.copies import Cuts


@dataclass(frozen=True, slots=True, eq=False)
class Trim:
    """Leaves passages out.

    Args:
        cuts: Which.
    """

    cuts: Cuts

    @property
    def said(self) -> Mapping[str, str]:
        """How much is cut, over all sources."""
        return {"without": f"{len(self.cuts)} passages"}

    def touches(self, first: int, stop: int) -> bool:
        """Whether there is a passage in these documents."""
        low, high = np.searchsorted(self.cuts.documents, [first, stop])
        return bool(low < high)

    def __call__(self, text: pa.LargeStringArray, first: int) -> pa.LargeStringArray:
        """As `trim`."""
        return trim(text, self.cuts, first)


def trim(text: pa.LargeStringArray, cuts: Cuts, first: int) -> pa.LargeStringArray:
    """Documents without the passages that are to be cut.

    Args:
        text: Documents.
        cuts: Passages, by document and byte.
        first: Number of the first of the documents.
    """
    low, high = np.searchsorted(cuts.documents, [first, first + len(text)])
    if low == high:
        return text
    found = text.to_pylist()
    for document in np.unique(cuts.documents[low:high]).tolist():
        begin, end = np.searchsorted(cuts.documents, [document, document + 1])
        data = found[document - first].encode()
        ends = [0, *np.ravel(_pairs(cuts, slice(begin, end))).tolist(), len(data)]
        kept = b"".join(data[a:b] for a, b in zip(ends[::2], ends[1::2]))
        found[document - first] = kept.decode()
    return pa.array(found, pa.large_string())


def _pairs(cuts: Cuts, some: slice) -> Int64[np.ndarray, "passages two"]:
    return np.stack([cuts.starts[some], cuts.stops[some]], axis=1)
