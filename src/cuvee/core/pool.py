"""What can be chosen from, and what was: documents as keys, sizes and features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, UInt64

from cuvee.core.budget import parse_tokens
from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Score = Callable[["csr_array"], np.ndarray]
"""Something of each row of a block of counts: shape (rows,) or (rows, values)."""
Counts = Callable[[Score], np.ndarray]
"""Runs a score over all rows of a pool, a block at a time, and returns it in their order."""
Totals = Callable[[np.ndarray], np.ndarray]
"""Sums the counts of a pool by bucket, each row as often as it is told, a block at a time."""
TARGET_ROW = "target row"
"""What groups of a choice are the rows of the target called."""
SPARE = 0.01
"""Of a budget of tokens that may be left when no more documents are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Documents, or rows of a table, without their text: what a method of choice looks at.

    Methods find them in an order of content (`select.choose` sees to that), so that neither the
    order of files nor that of rows decides about anything. A method takes what it `needs`; all
    else may be None.

    Args:
        keys: Identity of each row's content; equal rows, equal key.
        sizes: Tokens of each row; a row of numbers is one.
        points: Features; rows without any are zeros.
        counts: Hashed n-grams, streamed: a pool may be too large to hold them.
        labels: Class of each row.
        quality: Higher is better, in any unit.
        groups: Number of the source that each row comes from.
        names: Of the sources.
        totals: Sums of `counts`, streamed like them.
    """

    keys: UInt64[np.ndarray, "rows"]
    sizes: Int64[np.ndarray, "rows"]
    points: Float32[np.ndarray, "rows features"] | None = None
    counts: Counts | None = None
    labels: Int[np.ndarray, "rows"] | None = None
    quality: Float[np.ndarray, "rows"] | None = None
    groups: Int[np.ndarray, "rows"] | None = None
    names: tuple[str, ...] = ()
    totals: Totals | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def need(self, what: str) -> np.ndarray:
        """A field that is an array, which must be there.

        Raises:
            CuveeError: It is not.
        """
        value = getattr(self, what)
        if value is None:
            raise CuveeError(f"these rows have no {what}, which this method needs{HINT[what]}.")
        return value

    def score(self, of: Score) -> np.ndarray:
        """Something of each row, from its counts of n-grams.

        Raises:
            CuveeError: There are no counts.
        """
        if self.counts is None:
            raise CuveeError("these rows have no text, of which this method needs the n-grams.")
        return self.counts(of)

    def total(self, times: Int[np.ndarray, "rows"] | None = None) -> Float[np.ndarray, "buckets"]:
        """Counts of n-grams of all rows together: whole numbers, so their order is all the same.

        Args:
            times: How often each row counts; None: once.

        Raises:
            CuveeError: There are no counts.
        """
        if self.counts is None or self.totals is None:
            raise CuveeError("these rows have no text, of which this method needs the n-grams.")
        return self.totals(np.ones(len(self), np.int64) if times is None else times)

    def take(self, rows: Int[np.ndarray, "some"]) -> "Pool":
        """Some of the rows, in the given order."""

        def counts(of: Score) -> np.ndarray:
            return self.score(of)[rows]

        def totals(times: np.ndarray) -> np.ndarray:
            often = np.zeros(len(self), np.int64)
            np.add.at(often, rows, times)
            return self.total(often)

        arrays = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("points", "labels", "quality", "groups")
        }
        if self.counts is not None:
            arrays |= {"counts": counts, "totals": totals}
        return replace(self, keys=self.keys[rows], sizes=self.sizes[rows], **arrays)


HINT = {
    "points": ": give features",
    "labels": ": name a column with --labels",
    "quality": ": name a column with --quality",
    "groups": ": give several sources, as NAME=PATH",
}


@dataclass(frozen=True, slots=True)
class Quota:
    """How much to choose: rows, or tokens.

    Args:
        rows: So many; None if tokens are counted.
        tokens: At most so many; None if rows are counted.
    """

    rows: int | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.tokens is None):
            raise CuveeError("a quota is of rows or of tokens: give one of them.")
        if (self.rows or self.tokens or 0) < 1:
            raise CuveeError(f"expected to choose 1 or more, got {self.rows or self.tokens or 0}.")

    @staticmethod
    def parse(text: str | int, rows: int) -> "Quota":
        """`5000` rows, `"10%"` of the rows, or `"20M-tokens"`.

        Args:
            text: What a user writes.
            rows: Of the pool.

        Raises:
            CuveeError: It is none of these, or more rows than there are.
        """
        wanted = "-k: expected rows (5000), a part of them (10%) or tokens (20M-tokens)"
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise CuveeError(f"{wanted}, got {text!r}.")
        word = str(text).strip()
        if word.endswith("tokens"):
            return Quota(tokens=parse_tokens(word.removesuffix("tokens").rstrip("- ")))
        try:
            if word.endswith("%"):
                part = float(word[:-1]) / 100
                if not 0 < part <= 1:
                    raise ValueError
                return Quota(rows=max(1, round(part * rows)))
            many = int(word.replace("_", ""))
        except ValueError:
            raise CuveeError(f"{wanted}, got {text!r}.") from None
        if not 1 <= many <= rows:
            raise CuveeError(f"-k {text}: the pool has {rows} rows; choose 1 to {rows} of them.")
        return Quota(rows=many)

    def most(self, sizes: Int64[np.ndarray, "rows"]) -> int:
        """Rows that could fit at most."""
        if self.rows is not None:
            return min(self.rows, len(sizes))
        return int(np.searchsorted(np.cumsum(np.sort(sizes)), self.tokens or 0, side="right"))

    def about(self, sizes: Int64[np.ndarray, "rows"]) -> int:
        """Rows that fit if they are as long as others are."""
        if self.rows is not None:
            return min(self.rows, len(sizes))
        part = (self.tokens or 0) / max(int(sizes.sum()), 1)
        return max(1, min(len(sizes), round(part * len(sizes))))

    def full(self, rows: int, tokens: int) -> bool:
        """Whether so many rows of so many tokens in all are enough."""
        if self.rows is not None:
            return rows >= self.rows
        return bool(rows) and tokens >= (1 - SPARE) * (self.tokens or 0)

    def fill(
        self, order: Int[np.ndarray, "some"] | Sequence[int], sizes: Int64[np.ndarray, "rows"]
    ) -> Int64[np.ndarray, "chosen"]:
        """The first of an order that fit; a document too long for what is left is passed over.

        Args:
            order: Rows, the most wanted first, none twice.
            sizes: Tokens of all rows.
        """
        order = np.asarray(order, np.int64)
        if self.rows is not None:
            return order[: self.rows]
        kept, left, start = [], int(self.tokens or 0), 0
        smallest = np.minimum.accumulate(sizes[order][::-1])[::-1] if len(order) else sizes[:0]
        enough = SPARE * left
        while start < len(order) and smallest[start] <= left and (left > enough or not kept):
            ends = np.cumsum(sizes[order[start:]])
            fits = int(np.searchsorted(ends, left, side="right"))
            kept.append(order[start : start + fits])
            left -= int(ends[fits - 1]) if fits else 0
            later = np.flatnonzero(sizes[order[start + fits :]] <= left)
            start = start + fits + int(later[0]) if len(later) else len(order)
        return np.concatenate([order[:0], *kept])


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Rows of a pool, and why.

    Args:
        rows: Which, the first taken first.
        score: Why each was taken: its value to the method when it was taken; higher is better.
        meaning: What the score is, e.g. "log importance weight".
        group: Number of the cluster, stratum or target that each row was taken for; -1: none.
        of: What these numbers count, e.g. "cluster"; "" if there are none.
        weight: What each row should count in training; None: the same.
        scores: Of every row of the pool, where the method has one for each.
        notes: What to know, in sentences.
    """

    rows: Int64[np.ndarray, "chosen"]
    score: Float[np.ndarray, "chosen"]
    meaning: str
    group: Int64[np.ndarray, "chosen"] | None = None
    of: str = ""
    weight: Float[np.ndarray, "chosen"] | None = None
    scores: Float[np.ndarray, "rows"] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def best(
        scores: Float[np.ndarray, "rows"], pool: Pool, k: Quota, meaning: str,
        order: Float[np.ndarray, "rows"] | None = None, **more: object,
    ) -> "Choice":  # fmt: skip
        """The rows of the highest scores; of equals the first.

        Args:
            scores: Of every row.
            pool: Whose rows they are.
            k: How much.
            meaning: What the score is.
            order: Another number of every row to go by, such as the score with noise.
            more: Other fields.
        """
        ranked = np.argsort(-(scores if order is None else order), kind="stable")
        rows = k.fill(ranked, pool.sizes)
        return Choice(rows, scores[rows], meaning, scores=scores, **more)  # type: ignore[arg-type]
