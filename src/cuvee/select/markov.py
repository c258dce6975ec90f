"""Chains that stay random together: coordinates of a multivariate Markov chain by entropy rate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.order import mixed
from cuvee.core.pool import Choice, Pool, Quota

BY = ("greedy", "distorted")
BLOCK = 8192
SMALL = 1e-9
"""A gain below this is rounding."""
Value = Callable[[tuple[int, ...]], float]
"""Of a set of coordinates, given in ascending order."""


@dataclass(frozen=True, slots=True)
class Markov:
    """Chooses coordinates of a Markov chain whose joint entropy rate is high, greedily.

    A row is one coordinate, and its `points` are its values at successive times. Values are cut
    into `states` levels, of equal counts as far as equal values allow. The entropy rate of some
    coordinates is that of the chain projected onto them, H(X_S(t), X_S(t + 1)) - H(X_S(t)), here
    from counts over the times. Rows are added by what they add to it; once none adds anything, the
    others follow by what they would change.

    Args:
        states: Levels of a value.
        by: `greedy`, or `distorted`: a monotone part less a cost for each row, where a row's cost
            is what leaving it out of all rows would gain; early rows are held to their cost more
            loosely (the guarantee is then for the part that is not monotone, too).

    Fails when: there are few times: once the states of the chosen rows hardly ever repeat, counts
    say that nothing is random any more, and only about log(times) / log(states) rows can be told
    apart. Each row taken costs rows * times * log(times).

    References: Lai and Choi, "Information-theoretic subset selection of multivariate Markov chains
    via submodular optimization", 2025, https://arxiv.org/abs/2503.23340; Harshaw, Feldman, Ward and
    Karbasi, "Submodular maximization beyond non-negativity: guarantees, fast algorithms, and
    applications", 2019, https://arxiv.org/abs/1904.09354.
    """

    states: int = 2
    by: str = "greedy"

    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.states < 2:
            raise CuveeError(f"markov: expected 2 states or more, got {self.states}.")
        if self.by not in BY:
            raise unknown("markov: by", self.by, BY)

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Greedily, as long as something is gained."""
        points = pool.need("points")
        if points.shape[1] < 2:
            raise CuveeError(
                "markov: a row is a time series, and these have 1 time: give 2 features or more."
            )
        words = coded(levels(points, self.states))
        most = k.most(pool.sizes)
        cost = left_out(words) if self.by == "distorted" else np.zeros(len(pool))
        state, now, tokens = np.zeros(words.shape[1], np.uint64), 0.0, 0
        taken, score = [], []
        left = np.ones(len(pool), bool)
        while True:
            fade = (1 - 1 / most) ** max(most - len(taken) - 1, 0) if cost.any() else 1.0
            gain = entropy_rates(state + words) - now
            value = np.where(left, fade * (gain + cost) - cost, -np.inf)
            value[left & ~_fits(pool, k, tokens)] = -np.inf
            best = int(value.argmax())
            if k.full(len(taken), tokens) or not value[best] > SMALL:
                break
            taken.append(best)
            score.append(value[best])
            state, now, left[best] = state + words[best], now + gain[best], False
            tokens += int(pool.sizes[best])
        rest = np.flatnonzero(left)
        rest = rest[np.argsort(-gain[rest], kind="stable")]
        rows = k.fill(np.r_[np.array(taken, np.int64), rest], pool.sizes)
        value = gain.copy()
        value[taken] = score
        note = f"the entropy rate of the first {len(taken)} rows is {now:.4g} nats a step"
        return Choice(rows, value[rows], "gain in entropy rate, nats a step", notes=(note,))


def _fits(pool: Pool, k: Quota, tokens: int) -> np.ndarray:
    """Which rows are short enough for what is left."""
    if k.rows is not None:
        return np.ones(len(pool), bool)
    return pool.sizes <= (k.tokens or 0) - tokens


def levels(points: Float[np.ndarray, "rows times"], states: int) -> Int[np.ndarray, "rows times"]:
    """Each value as the number of its level: by the part of the row's own values that are below.

    Equal values, of which half count as below, have one level.
    """
    times = points.shape[1]
    order = np.argsort(points, axis=1, kind="stable")
    ranked = np.take_along_axis(points, order, axis=1)
    new = np.ones(points.shape, bool)
    new[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    at = np.arange(times)
    start = np.maximum.accumulate(np.where(new, at, 0), axis=1)
    last = np.ones(points.shape, bool)
    last[:, :-1] = new[:, 1:]
    stop = np.minimum.accumulate(np.where(last, at + 1, times)[:, ::-1], axis=1)[:, ::-1]
    found = np.empty(points.shape, np.int64)
    np.put_along_axis(found, order, states * (start + stop) // (2 * times), axis=1)
    return found


def coded(symbols: Int[np.ndarray, "rows times"]) -> UInt64[np.ndarray, "rows times"]:
    """A random word for each row and symbol; the joint state of some rows is the sum of theirs."""
    rows = mixed(np.arange(len(symbols), dtype=np.uint64))
    return mixed(mixed(rows[:, None] + symbols.astype(np.uint64)))


def entropy_rates(words: UInt64[np.ndarray, "rows times"]) -> Float[np.ndarray, "rows"]:
    """Entropy rate of each row's sequence of states, from counts, in nats a step."""
    found = np.empty(len(words))
    for i in range(0, len(words), BLOCK):
        some = words[i : i + BLOCK]
        pairs = mixed(some[:, :-1]) + some[:, 1:]
        found[i : i + BLOCK] = _entropies(pairs) - _entropies(some[:, :-1])
    return found


def left_out(words: UInt64[np.ndarray, "rows times"]) -> Float[np.ndarray, "rows"]:
    """What the entropy rate of all rows gains when one is left out; 0 if it loses."""
    every = words.sum(axis=0, dtype=np.uint64)
    whole = entropy_rates(every[None])[0]
    return np.maximum(entropy_rates(every - words) - whole, 0)


def _entropies(states: UInt64[np.ndarray, "rows times"]) -> Float[np.ndarray, "rows"]:
    """Of the counts of each row's states, in nats."""
    n, times = states.shape
    ranked = np.sort(states, axis=1)
    first = np.ones((n, times), bool)
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    at = np.flatnonzero(first)
    counts = np.diff(np.r_[at, n * times])
    spread = np.bincount(at // times, counts * np.log(counts), minlength=n)
    return np.log(times) - spread / times


def stationary(matrix: Float[np.ndarray, "states states"]) -> Float[np.ndarray, "states"]:
    """The distribution that an ergodic transition matrix keeps."""
    n = len(matrix)
    system = np.vstack([matrix.T - np.eye(n), np.ones(n)])
    return np.linalg.lstsq(system, np.r_[np.zeros(n), 1.0], rcond=None)[0]


def pair_table(
    matrix: Float[np.ndarray, "states states"], sizes: Sequence[int]
) -> Float[np.ndarray, "..."]:
    """Probability of a state and the next, with an axis for each coordinate of both.

    Args:
        matrix: Transitions between joint states, the last coordinate changing fastest.
        sizes: Values of each coordinate.
    """
    return (stationary(matrix)[:, None] * matrix).reshape(*sizes, *sizes)


def entropy_rate(pairs: Float[np.ndarray, "..."], kept: Sequence[int]) -> float:
    """Entropy rate of the chain projected onto some coordinates, in nats a step.

    Args:
        pairs: From `pair_table`.
        kept: Numbers of the coordinates; of none the rate is 0.
    """
    d = pairs.ndim // 2
    others = [i for i in range(d) if i not in set(kept)]
    table = pairs.sum(axis=tuple(others + [d + i for i in others]))
    before = table.sum(axis=tuple(range(len(kept), 2 * len(kept))))
    return _plain_entropy(table) - _plain_entropy(before)


def _plain_entropy(table: Float[np.ndarray, "..."]) -> float:
    some = np.asarray(table)[np.asarray(table) > 0]
    return float(-(some * np.log(some)).sum())


def greedy(value: Value, ground: int, k: int) -> tuple[int, ...]:
    """k of the coordinates, each the one that adds most; of equals the first."""
    kept: tuple[int, ...] = ()
    for _ in range(k):
        options = [e for e in range(ground) if e not in kept]
        found = [value(tuple(sorted((*kept, e)))) for e in options]
        kept = (*kept, options[int(np.argmax(found))])
    return kept


def monotone_part(value: Value, ground: int) -> tuple[Value, Float[np.ndarray, "ground"]]:
    """A submodular function as a monotone one less costs: (monotone function, cost of each)."""
    every = tuple(range(ground))
    whole = value(every)
    cost = np.array([max(value(every[:e] + every[e + 1 :]) - whole, 0.0) for e in every])
    return lambda kept: value(kept) + float(cost[list(kept)].sum()), cost


def distorted_greedy(
    values: Sequence[Value], costs: Float[np.ndarray, "parts ground"], ground: int, k: int
) -> tuple[tuple[int, ...], ...]:
    """At most k coordinates, each in one of several parts: the generalized distorted greedy.

    Makes sum_i g_i(S_i) - c_i(S_i) large for monotone submodular g and costs c; one part is the
    distorted greedy of Harshaw et al. The result is at least (1 - 1/e) g(best) - c(best).

    Args:
        values: g of each part.
        costs: c of each coordinate in each part.
        ground: Coordinates.
        k: Of them that may be taken in all.

    Returns:
        The coordinates of each part, in the order taken.
    """
    parts: list[tuple[int, ...]] = [() for _ in values]
    now = [value(()) for value in values]
    for step in range(k):
        fade = (1 - 1 / k) ** (k - step - 1)
        left = [e for e in range(ground) if not any(e in part for part in parts)]
        table = np.full((len(values), ground), -np.inf)
        for i, value in enumerate(values):
            for e in left:
                gain = value(tuple(sorted((*parts[i], e)))) - now[i]
                table[i, e] = fade * gain - costs[i, e]
        i, e = divmod(int(table.argmax()), ground)
        if not left or table[i, e] <= 0:
            continue
        parts[i] = (*parts[i], e)
        now[i] = values[i](tuple(sorted(parts[i])))
    return tuple(parts)
