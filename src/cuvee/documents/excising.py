"""Documents with passages of tests taken out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from cuvee.attributes.overlap import Hits, Tests

SEAM = "\n\n"
"""Stands where a passage was, so that no new sentence arises."""


@dataclass(frozen=True, slots=True, eq=False)
class Excise:
    """Takes what some documents share with tests out of them.

    Args:
        rows: Numbers of these documents, rising.
        tests: What to look for.
        wanted: Which n-grams of the tests are taken out.
    """

    rows: Int64[np.ndarray, "documents"]
    tests: Tests
    wanted: Bool[np.ndarray, "grams"]

    @property
    def said(self) -> Mapping[str, str]:
        """How many documents are mended."""
        return {"mended": f"{len(self.rows)} documents"}

    def touches(self, first: int, stop: int) -> bool:
        """Whether one of them is to be mended."""
        return len(self.among(first, stop)) > 0

    def among(self, first: int, stop: int) -> Int64[np.ndarray, "documents"]:
        """Those to be mended, counted from `first`."""
        low, high = np.searchsorted(self.rows, [first, stop])
        return self.rows[low:high] - first

    def __call__(self, text: pa.LargeStringArray, first: int) -> pa.LargeStringArray:
        """The mended documents between the others."""
        rows = self.among(first, first + len(text))
        if not len(rows):
            return text
        new = pa.array(mend(text.take(pa.array(rows)), self.tests, self.wanted), pa.large_string())
        at = np.arange(len(text))
        at[rows] = len(text) + np.arange(len(rows))
        return pa.concat_arrays([text, new]).take(pa.array(at))


def mend(text: pa.LargeStringArray, tests: Tests, wanted: np.ndarray) -> list[str]:
    """Documents without the n-grams that are wanted out of them."""
    hits = tests.find(text)
    kept = wanted[hits.gram]
    hits = Hits(hits.row[kept], hits.gram[kept], hits.start[kept], hits.stop[kept])
    cuts: list[list[tuple[int, int]]] = [[] for _ in range(len(text))]
    for row, start, stop in zip(*stretches(hits)):
        cuts[row].append((start, stop))
    return [_without(document, cut) for document, cut in zip(text.to_pylist(), cuts)]


def stretches(hits: Hits) -> tuple[list[int], list[int], list[int]]:
    """Rows, first bytes and ends of what overlapping n-grams cover together."""
    if not len(hits.row):
        return [], [], []
    # Ends may fall where a short n-gram begins later than a long one: the furthest one counts.
    far = int(hits.stop.max()) + 1
    reach = np.maximum.accumulate(hits.row * far + hits.stop)
    new = np.ones(len(hits.row), bool)
    new[1:] = (hits.row * far + hits.start)[1:] > reach[:-1]
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(new)) - 1
    ends = reach[last] - hits.row[last] * far
    return hits.row[first].tolist(), hits.start[first].tolist(), ends.tolist()


def _without(document: Any, cuts: Sequence[tuple[int, int]]) -> str:
    data, parts, at = document.encode(), [], 0
    for start, stop in cuts:
        parts.append(data[at:start])
        at = stop
    parts.append(data[at:])
    kept = (part.decode().strip() for part in parts)
    return SEAM.join(part for part in kept if part)
