"""Greedy choice: the row of the highest gain, again and again, without asking every row."""

from heapq import heapify, heappop, heappush
from math import ceil, log
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int, Int64
from numpy.random import Generator

from cuvee.core.pool import Quota

MOST = 256
"""Rows asked for their gain at a time."""
Found = tuple[Int64[np.ndarray, "chosen"], Float64[np.ndarray, "chosen"]]
"""Rows in the order in which they were taken, and the gain of each."""


class State(Protocol):
    """A submodular function of a set of rows, and what it keeps of those that are in the set."""

    @property
    def slack(self) -> float:
        """By how much rounding may raise a gain that can but fall; 0 if gains are exact."""
        ...

    def gains(self, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
        """What each row would add to the value."""
        ...

    def add(self, row: int) -> None:
        """Put a row into the set."""
        ...


@runtime_checkable
class Current(Protocol):
    """A function that knows every gain at any time."""

    current: Float64[np.ndarray, "rows"]
    """Gains of all rows; whoever chooses writes -inf where a row is not to be had any more."""

    def add(self, row: int) -> None:
        """Put a row into the set, and keep `current` up to date."""
        ...


class Purse:
    """What a quota leaves.

    Args:
        k: The quota.
        sizes: Tokens of all rows.
    """

    def __init__(self, k: Quota, sizes: Int64[np.ndarray, "rows"]) -> None:
        self.k, self.sizes = k, sizes
        self.left = float("inf") if k.tokens is None else k.tokens
        self.spent = 0
        self.rows: list[int] = []
        self.gains: list[float] = []
        self.largest = int(sizes.max(initial=0))

    @property
    def full(self) -> bool:
        """Whether the quota is met."""
        return self.k.full(len(self.rows), self.spent)

    def fits(self, row: int) -> bool:
        """Whether there is room for a row."""
        return self.left >= self.largest or self.sizes[row] <= self.left

    def take(self, row: int, gain: float) -> None:
        """One more row."""
        self.rows.append(row)
        self.gains.append(gain)
        self.spent += int(self.sizes[row])
        self.left -= int(self.sizes[row])

    @property
    def found(self) -> Found:
        """What was taken."""
        return np.array(self.rows, np.int64), np.array(self.gains, np.float64)


def greedy(
    state: State | Current,
    sizes: Int64[np.ndarray, "rows"],
    k: Quota,
    *,
    rng: Generator | None = None,
    epsilon: float = 0.0,
) -> Found:
    """What a search through all rows at every step would choose; of equals the first row.

    Args:
        state: The function, of no row yet.
        sizes: Tokens of each row.
        k: How much.
        rng: For `epsilon`.
        epsilon: Above 0, each step looks at a random part of the rows only, so large that the value
            is (1 - 1/e - epsilon) of the optimum on average.

    References: Minoux, "Accelerated greedy algorithms for maximizing submodular set functions",
    1978, https://doi.org/10.1007/BFb0006528; Mirzasoleiman et al., "Lazier than lazy greedy", AAAI
    2015, https://arxiv.org/abs/1409.7938
    """
    if isinstance(state, Current):
        return eager(state, sizes, k)
    if epsilon > 0 and rng is not None:
        return stochastic(state, sizes, k, rng, epsilon)
    return lazy(state, sizes, k)


def eager(state: Current, sizes: Int64[np.ndarray, "rows"], k: Quota) -> Found:
    """Greedy choice where all gains are known."""
    purse = Purse(k, sizes)
    while not purse.full:
        if purse.left < purse.largest:
            state.current[sizes > purse.left] = -np.inf
        row = int(np.argmax(state.current))
        gain = float(state.current[row])
        if gain == -np.inf:
            break
        purse.take(row, gain)
        state.add(row)
        state.current[row] = -np.inf
    return purse.found


def lazy(state: State, sizes: Int64[np.ndarray, "rows"], k: Quota) -> Found:
    """Greedy choice that asks again only rows that were better before than the best is now.

    Gains only fall, so what a row once had is a bound. 1, 2, 4, ... rows are asked at a time: at
    most twice as many as needed.
    """
    bounds = asked_for(state, np.arange(len(sizes)))
    heap = list(zip((-bounds).tolist(), range(len(sizes)), strict=True))
    heapify(heap)
    purse = Purse(k, sizes)
    while heap and not purse.full:
        fresh: list[tuple[float, int]] = []
        many = 1
        while asked := _better(heap, min(fresh, default=None), many, purse, state.slack):
            gains = state.gains(np.array(asked))
            fresh.extend(zip((-gains).tolist(), asked, strict=True))
            many = min(2 * many, MOST)
        if not fresh:
            break
        best = min(fresh)
        purse.take(best[1], -best[0])
        state.add(best[1])
        for item in fresh:
            if item is not best:
                heappush(heap, item)
    return purse.found


def asked_for(state: State, rows: Int[np.ndarray, "some"]) -> Float64[np.ndarray, "some"]:
    """Gains of any number of rows."""
    return np.concatenate([state.gains(rows[i : i + MOST]) for i in range(0, len(rows), MOST)])


def _better(
    heap: list[tuple[float, int]], best: tuple[float, int] | None, many: int, purse: Purse,
    slack: float,
) -> list[int]:  # fmt: skip
    """The next rows that may be better than the best so far; those too long are dropped."""
    asked: list[int] = []
    while heap and len(asked) < many:
        bound, row = heap[0]
        # What adds nothing never will: no rounding to fear.
        if best is not None and (bound - slack if bound else bound, row) >= best:
            break
        heappop(heap)
        if purse.fits(row):
            asked.append(row)
    return asked


def stochastic(
    state: State, sizes: Int64[np.ndarray, "rows"], k: Quota, rng: Generator, epsilon: float
) -> Found:
    """Greedy choice among some random rows at each step."""
    many = ceil(len(sizes) / max(k.about(sizes), 1) * log(1 / epsilon))
    rows = np.arange(len(sizes))
    purse = Purse(k, sizes)
    while len(rows) and not purse.full:
        if purse.left < purse.largest:
            rows = rows[sizes[rows] <= purse.left]
            if not len(rows):
                break
        places = np.sort(rng.choice(len(rows), min(many, len(rows)), replace=False, shuffle=False))
        asked = np.sort(rows[places])
        gains = asked_for(state, asked)
        best = int(np.argmax(gains))
        row = int(asked[best])
        purse.take(row, float(gains[best]))
        state.add(row)
        rows[int(places[np.flatnonzero(rows[places] == row)[0]])] = rows[-1]
        rows = rows[:-1]
    return purse.found
