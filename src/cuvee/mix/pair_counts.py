"""How often each pair of tokens stands in some words, before each merge of a tokenizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cuvee.core import CuveeError

Merges = Sequence[tuple[str, str]]
"""Pairs of tokens in the order in which they were learned."""
PAIRS = np.int64(1) << np.int64(31)
"""A pair of symbols a, b is one number, a * PAIRS + b."""
END = -1


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What the words of a tokenizer are made of.

    Args:
        known: Characters that it knows; others are left out, as in training. None: all.
        prefix: Marks a symbol that does not begin a word, e.g. `##`.
        suffix: Marks a symbol that ends a word, e.g. `</w>`.
    """

    known: frozenset[str] | None = None
    prefix: str = ""
    suffix: str = ""

    def symbols(self, word: str) -> list[str]:
        """The word before any merge."""
        last = len(word) - 1
        found = [
            (self.prefix if i else "") + c + (self.suffix if i == last else "")
            for i, c in enumerate(word)
        ]
        return found if self.known is None else [s for s in found if s in self.known]

    def merged(self, left: str, right: str) -> str:
        """The symbol that a merge makes."""
        return left + right.removeprefix(self.prefix)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Every appearance and disappearance of a pair in a word, sorted by pair, then by step.

    Args:
        word: Index of the word in which it happens.
        change: +1 or -1.
        start: Where each record begins among the events; a record is a pair with a count that
            stays the same for some steps.
        pair: Of each record.
        first: Step from which the record's count holds.
        stop: One past the last such step.
        merged: Record that holds the pair that is merged, by step; -1 if no word has it.
    """

    word: Int[np.ndarray, "events"]
    change: Int[np.ndarray, "events"]
    start: Int[np.ndarray, "records"]
    pair: Int[np.ndarray, "records"]
    first: Int[np.ndarray, "records"]
    stop: Int[np.ndarray, "records"]
    merged: Int[np.ndarray, "steps"]

    def counts(self, weight: Float[np.ndarray, "words"]) -> Float[np.ndarray, "records"]:
        """How often the pair of each record stands in the words, if each occurs so often."""
        changes = np.add.reduceat(weight[self.word] * self.change, self.start)
        sums = np.cumsum(changes)
        opens = np.flatnonzero(np.diff(self.pair, prepend=-1))
        before = np.concatenate([[0.0], sums])[opens]
        return sums - np.repeat(before, np.diff(opens, append=len(sums)))

    def only(self, pairs: Int[np.ndarray, "pairs"]) -> "History":
        """The records of some pairs; those that are merged must be among them."""
        kept = np.isin(self.pair, pairs)
        sizes = np.diff(self.start, append=len(self.word))
        events = np.repeat(kept, sizes)
        place = np.append(np.cumsum(kept) - 1, -1)  # the last one stands for "none"
        return History(
            self.word[events], self.change[events],
            np.cumsum(sizes[kept]) - sizes[kept], self.pair[kept],
            self.first[kept], self.stop[kept], place[self.merged],
        )  # fmt: skip


def follow(words: Sequence[str], merges: Merges, alphabet: Alphabet) -> History:
    """Apply the merges to the words, one after another, and note what each one changes.

    Raises:
        CuveeError: The words have no pairs.
    """
    text, steps = _Text.of(words, merges, alphabet), len(merges)
    edges = np.flatnonzero(text.after != END)
    if not len(edges):
        raise CuveeError("no text has any of the tokenizer's merges: are these its sources?")
    codes, places = [text.code(edges)], [edges]
    signs, at = [np.ones(len(edges), np.int8)], [np.zeros(len(edges), np.int32)]
    for step in range(steps - 1):
        found = text.take(step)
        if len(found):
            for code, place, sign in text.merge(step, found):
                codes.append(code)
                places.append(place)
                signs.append(np.full(len(code), sign, np.int8))
                at.append(np.full(len(code), step + 1, np.int32))
    return _sorted(text, np.concatenate(codes), np.concatenate(places),
                   np.concatenate(signs), np.concatenate(at), steps)  # fmt: skip


def _sorted(
    text: "_Text", code: np.ndarray, place: np.ndarray, sign: np.ndarray, at: np.ndarray, steps: int
) -> History:
    """Events by pair and step, and the records that they bound."""
    pairs, code = np.unique(code, return_inverse=True)
    key = code.astype(np.int64) * steps + at
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.diff(key, prepend=-1))
    pair, first = np.divmod(key[start], steps)
    ends = np.append(pair[1:] != pair[:-1], True)
    stop = np.where(ends, steps, np.append(first[1:], steps))
    # The record of the pair merged at a step is the last one that begins at or before it.
    index = np.minimum(np.searchsorted(pairs, text.wanted), len(pairs) - 1)
    exact = pairs[index] == text.wanted
    last = np.searchsorted(key[start], index * steps + np.arange(steps), side="right") - 1
    merged = np.where(exact & (last >= 0) & (pair[last] == index), last, -1)
    return History(text.word[place][order], sign[order], start, pair, first, stop, merged)


@dataclass(slots=True, eq=False)
class _Text:
    """All words as one chain of symbols, and where the pairs stand that will be merged.

    Args:
        symbol: At each place; places whose symbol was merged into the one before keep theirs.
        after: Next place in the same word, or END; `before` likewise.
        word: That each place belongs to.
        wanted: Pair merged at each step.
        made: Symbol made at each step.
        found: Places of the pairs of `order`, the sorted `wanted`; some may be out of date.
    """

    symbol: np.ndarray
    after: np.ndarray
    before: np.ndarray
    word: np.ndarray
    wanted: np.ndarray
    made: np.ndarray
    order: np.ndarray
    found: dict[int, list[np.ndarray]]

    @staticmethod
    def of(words: Sequence[str], merges: Merges, alphabet: Alphabet) -> "_Text":
        """The words before any merge."""
        ids: dict[str, int] = {}
        number = [[_id(ids, s) for s in alphabet.symbols(word)] for word in words]
        wanted = [int(_id(ids, a) * PAIRS + _id(ids, b)) for a, b in merges]
        made = [_id(ids, alphabet.merged(a, b)) for a, b in merges]
        sizes = np.array([len(n) for n in number], np.int64)
        total = int(sizes.sum())
        word = np.repeat(np.arange(len(words), dtype=np.int32), sizes)
        after, before = np.arange(1, total + 1), np.arange(-1, total - 1)
        after[np.cumsum(sizes)[sizes > 0] - 1] = END
        before[(np.cumsum(sizes) - sizes)[sizes > 0]] = END
        symbol = np.fromiter((s for n in number for s in n), np.int64, total)
        text = _Text(symbol, after, before, word, np.array(wanted), np.array(made),
                     np.unique(wanted), {})  # fmt: skip
        edges = np.flatnonzero(after != END)
        text.note(text.code(edges), edges)
        return text

    def code(self, places: np.ndarray) -> np.ndarray:
        """The pairs that begin at some places."""
        return self.symbol[places] * PAIRS + self.symbol[self.after[places]]

    def note(self, codes: np.ndarray, places: np.ndarray) -> None:
        """Remember where the pairs stand that will be merged."""
        index = np.minimum(np.searchsorted(self.order, codes), len(self.order) - 1)
        useful = self.order[index] == codes
        index, places = index[useful], places[useful]
        by = np.argsort(index, kind="stable")
        index, places = index[by], places[by]
        cuts = np.flatnonzero(np.diff(index, prepend=-1))
        for i, part in zip(index[cuts].tolist(), np.split(places, cuts[1:])):
            self.found.setdefault(i, []).append(part)

    def take(self, step: int) -> np.ndarray:
        """Places where the step's pair stands now, left to right, none overlapping."""
        code = self.wanted[step]
        noted = self.found.pop(int(np.searchsorted(self.order, code)), None)
        if noted is None:
            return np.zeros(0, np.int64)
        places = np.unique(np.concatenate(noted))
        places = places[self.symbol[places] >= 0]
        places = places[self.after[places] != END]
        places = places[self.code(places) == code]
        if code // PAIRS != code % PAIRS or len(places) < 2:
            return places
        # In a run such as a a a a every second pair is taken.
        runs = np.append(True, self.after[places[:-1]] != places[1:])
        begin = np.maximum.accumulate(np.where(runs, np.arange(len(places)), 0))
        return places[(np.arange(len(places)) - begin) % 2 == 0]

    def merge(self, step: int, places: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
        """Merge the pairs that begin at some places; returns pairs that went and that came."""
        right = self.after[places]
        touched = np.unique(np.concatenate([self.before[places], places, right]))
        touched = touched[touched != END]
        touched = touched[self.after[touched] != END]
        gone = (self.code(touched), touched, -1)
        beyond = self.after[right]
        self.symbol[places], self.symbol[right] = self.made[step], -1
        self.after[places] = beyond
        inside = beyond != END
        self.before[beyond[inside]] = places[inside]
        touched = np.unique(np.concatenate([self.before[places], places]))
        touched = touched[touched != END]
        touched = touched[self.after[touched] != END]
        codes = self.code(touched)
        self.note(codes, touched)
        return [gone, (codes, touched, 1)]


def _id(ids: dict[str, int], symbol: str) -> int:
    return ids.setdefault(symbol, len(ids))


def weigh(
    words: Mapping[str, int], counts: Sequence[Mapping[str, int]]
) -> Float[np.ndarray, "sources words"]:
    """Occurrences of each word in each source, in one table."""
    table = np.zeros((len(counts), len(words)))
    for row, found in zip(table, counts):
        row[[words[w] for w in found]] = list(found.values())
    return table
