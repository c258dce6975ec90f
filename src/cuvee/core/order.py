"""Whose turn is it? Samples of several sources, in proportions that may change on the way.

Which source sample n comes from, and which of the source's samples it is, are functions of a few
numbers: they can be asked for any n, by anybody, in any order. So any number of readers agree
without talking to each other, and to go on after a stop is to remember n and these numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

from cuvee.core.errors import CuveeError
from cuvee.core.mixture import Shares

NONE = 1e-12
"""A smaller share is none."""
ROUNDS = 6
"""Of the Feistel network behind a shuffle; four are enough to look random."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A part of the order in which the shares stay the same.

    The j-th sample of source i in it has its turn at time `(j + 1 - credit_i) / share_i`; samples
    come in the order of these times. So every source is laid out evenly (stride scheduling), and
    after any number of samples each has its share to within a few samples.

    Args:
        start: Its first sample in the order.
        shares: Of the samples, summing to 1.
        credit: What each source is owed at the start, in samples.
        drawn: Samples that each source gave before.
    """

    start: int
    shares: Shares
    credit: Float[np.ndarray, "sources"]
    drawn: Int[np.ndarray, "sources"]

    def between(
        self, first: int, last: int
    ) -> tuple[Int[np.ndarray, "samples"], Int[np.ndarray, "samples"]]:
        """The source, and which of its samples, of samples `first` to `last` of the order."""
        before, source, number = self._around(first, last)
        turn = slice(first - self.start - before.sum(), last - self.start - before.sum())
        return source[turn], self.drawn[source[turn]] + number[turn]

    def counts(self, at: int) -> Int[np.ndarray, "sources"]:
        """Samples that each source gives before sample `at` of the order."""
        before, source, _ = self._around(at, at)
        some = source[: at - self.start - before.sum()]
        return self.drawn + before + np.bincount(some, minlength=len(before))

    def _around(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Samples that certainly come before, by source; then source and number of the next ones,
        in order, at least to `last`.

        The sample of rank r has its turn at time r, give or take as many samples as there are
        sources.
        """
        k = len(self.shares)
        low, high = max(first - self.start - 2 * k, 0), last - self.start + 2 * k
        before = np.array([self._until(i, low) if low else 0 for i in range(k)])
        after = np.array([self._until(i, high) for i in range(k)])
        source = np.repeat(np.arange(k), after - before)
        number = np.concatenate([np.arange(a, b) for a, b in zip(before, after)])
        with np.errstate(divide="ignore", invalid="ignore"):
            time = (number + 1 - self.credit[source]) / self.shares[source]
        turn = np.argsort(time, kind="stable")
        return before, source[turn], number[turn]

    def _until(self, i: int, time: float) -> int:
        """Samples of a source whose turn is before a time."""
        share, credit = self.shares[i], self.credit[i]
        if share <= 0:
            return 0
        count = max(int(share * time + credit) - 2, 0)
        while (count + 1 - credit) / share < time:
            count += 1
        return count


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The order of the samples: stretches, one after another. Immutable.

    Args:
        stretches: By their start.
    """

    stretches: tuple[Stretch, ...]

    @staticmethod
    def of(shares: Sequence[float] | np.ndarray) -> "Order":
        """From sample 0 on; the first sources to have a turn are those named first."""
        k = len(shares)
        credit = 1 - (np.arange(k) + 0.5) / k
        return Order((Stretch(0, _normal(shares), credit, np.zeros(k, np.int64)),))

    def change(self, at: int, shares: Sequence[float] | np.ndarray) -> "Order":
        """Other shares from sample `at` on.

        Raises:
            CuveeError: Shares of a later part are set already, or these are no shares.
        """
        last = self.stretches[-1]
        if at < last.start:
            raise CuveeError(
                f"the shares are set up to sample {last.start} already, and cannot change at {at}."
            )
        new = _normal(shares)
        if len(new) != len(last.shares):
            raise CuveeError(f"expected {len(last.shares)} shares, got {len(new)}.")
        drawn = last.counts(at)
        credit = last.credit + (at - last.start) * last.shares - (drawn - last.drawn)
        kept = self.stretches[:-1] if at == last.start else self.stretches
        return Order((*kept, Stretch(at, new, credit, drawn)))

    def between(
        self, first: int, last: int
    ) -> tuple[Int[np.ndarray, "samples"], Int[np.ndarray, "samples"]]:
        """The source, and which of its samples, of samples `first` to `last` of the order."""
        ends = [*(s.start for s in self.stretches[1:]), last]
        parts = [
            stretch.between(max(first, stretch.start), min(last, end))
            for stretch, end in zip(self.stretches, ends)
            if max(first, stretch.start) < min(last, end)
        ]
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def counts(self, at: int) -> Int[np.ndarray, "sources"]:
        """Samples that each source gives before sample `at`."""
        return next(s for s in reversed(self.stretches) if s.start <= at).counts(at)

    def since(self, at: int) -> "Order":
        """Without the stretches that end before sample `at`."""
        ends = [*(s.start for s in self.stretches[1:]), float("inf")]
        return Order(tuple(s for s, end in zip(self.stretches, ends) if end > at))

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain values, from which `from_dict` makes the same order to the bit."""
        return [
            {"start": s.start, "shares": s.shares.tolist(), "credit": s.credit.tolist(),
             "drawn": s.drawn.tolist()}
            for s in self.stretches
        ]  # fmt: skip

    @staticmethod
    def from_dict(plain: Sequence[Mapping[str, Any]]) -> "Order":
        """The order that `to_dict` wrote."""
        return Order(
            tuple(
                Stretch(
                    int(s["start"]), np.array(s["shares"], float), np.array(s["credit"], float),
                    np.array(s["drawn"], np.int64),
                )
                for s in plain
            )
        )  # fmt: skip


def shuffled(
    position: Int[np.ndarray, "samples"], size: int, *key: int
) -> Int[np.ndarray, "samples"]:
    """Which of `size` things comes at each position of an endless shuffle.

    Every passage through the things is another permutation of them, and none is stored: a Feistel
    network on the number of the thing, applied again where its result is too large.

    Args:
        position: From 0; `position // size` is the passage.
        size: Things.
        key: Numbers that choose the shuffle, such as a seed and the number of a source.

    References: Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.
    """
    position = np.asarray(position, np.int64)
    passage, place = position // size, position % size
    half = np.uint64(max(((size - 1).bit_length() + 1) // 2, 1))
    mask = np.uint64((1 << int(half)) - 1)
    base = np.uint64(0)
    for number in key:
        base = mixed(np.array([np.uint64(number % 2**64) ^ base], np.uint64))[0]
    keys = mixed(passage.astype(np.uint64) ^ base)
    found = place.astype(np.uint64)
    todo = np.arange(len(found))
    while len(todo):
        x, k = found[todo], keys[todo]
        left, right = x >> half, x & mask
        for turn in range(ROUNDS):
            left, right = right, left ^ (mixed(right ^ mixed(k + np.uint64(turn))) & mask)
        found[todo] = (left << half) | right
        todo = todo[found[todo] >= size]
    return found.astype(np.int64)


def mixed(x: UInt64[np.ndarray, "n"]) -> UInt64[np.ndarray, "n"]:
    """One step of SplitMix64: a bijection that spreads every bit over all.

    References: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014,
    https://doi.org/10.1145/2714064.2660195
    """
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def _normal(shares: Sequence[float] | np.ndarray) -> Shares:
    """Shares that sum to 1."""
    found = np.asarray(shares, dtype=float)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all() or found.min() < 0:
        raise CuveeError(f"expected shares from 0 on, got {found.tolist()}.")
    if not found.sum() > 0:
        raise CuveeError("every share is 0: at least one source must have some.")
    found = found / found.sum()
    return np.where(found < NONE, 0.0, found)


def apart(keys: np.ndarray) -> np.ndarray:
    """Keys of which no two are equal: copies are told apart by their turn."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    first = np.r_[True, ranked[1:] != ranked[:-1]]
    at = np.arange(len(keys))
    turn = np.empty(len(keys), np.uint64)
    turn[order] = at - np.maximum.accumulate(np.where(first, at, 0))
    return mixed(keys + mixed(turn))
