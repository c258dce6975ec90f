"""Couplings of two laws: joint laws of as little entropy as can be found, and through a bottleneck.

Two things of given laws are made to say as much about each other as they can. The least entropy is
hard to find; the greedy way is at most about half a bit above it, and mostly at it.
"""

import heapq
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int64
from scipy.special import entr

Law = Float[np.ndarray, "symbols"]
NIL = 1e-15
"""Less is none."""
LOOK, STAGES = 10, 32
"""Groups of which all pairs are looked at; stages at which there are more."""


def entropy(p: Float[np.ndarray, "..."]) -> float:
    """Shannon's, in nats."""
    return float(entr(p).sum())


def greedy(p: Law, q: Law) -> tuple[Int64[np.ndarray, "cells 2"], Float[np.ndarray, "cells"]]:
    """Cells of a coupling, and their probabilities: the two largest masses are paired first.

    Of what is left of the larger one, the rest goes back into the heap: fewer cells than symbols.

    References: Kocaoglu, Dimakis, Vishwanath and Hassibi, "Entropic causal inference", AAAI 2017;
    Compton, Katz, Qi, Greenewald and Kocaoglu, "Minimum-entropy coupling approximation guarantees
    beyond the majorization barrier", AISTATS 2023.
    """
    heaps = [[(-float(mass), i) for i, mass in enumerate(law) if mass > NIL] for law in (p, q)]
    for heap in heaps:
        heapq.heapify(heap)
    cells, masses = [], []
    while heaps[0] and heaps[1]:
        (one, i), (two, j) = (heap[0] for heap in heaps)
        mass = min(-one, -two)
        cells.append((i, j))
        masses.append(mass)
        for heap, left, at in zip(heaps, (-one - mass, -two - mass), (i, j)):
            if left > NIL:
                heapq.heapreplace(heap, (-left, at))
            else:
                heapq.heappop(heap)
    return np.array(cells, np.int64).reshape(-1, 2), np.array(masses)


def least(p: Law, q: Law) -> float:
    """What no coupling's entropy is below: that of the largest law that both are finer than.

    References: Cicalese, Gargano and Vaccaro, "Minimum-entropy couplings and their applications",
    IEEE Transactions on Information Theory 65, 2019.
    """
    wide = max(len(p), len(q))
    sums = [np.cumsum(np.sort(np.pad(law, (0, wide - len(law))))[::-1]) for law in (p, q)]
    return entropy(np.maximum(np.diff(np.minimum(*sums), prepend=0.0), 0.0))


def codes(p: Law) -> list[Law]:
    """Laws of codes of a symbol: of groups of symbols, all kept apart first.

    The two rarest groups are put together, again and again; or all but the most frequent symbols
    are. Where few groups are left, each pair of them is put together, too.
    """
    law = np.sort(p[p > NIL])[::-1]
    shown = set(np.unique(np.geomspace(1, len(law), STAGES).astype(int)).tolist())
    heads = [np.append(law[:k], law[k:].sum()) for k in shown if k < len(law)]
    found = [np.ones(1), *heads]
    while len(law) > 1:
        if len(law) in shown:
            found.append(law)
        if len(law) <= LOOK:
            found += [_together(law, *pair) for pair in combinations(range(len(law)), 2)]
        law = _together(law, len(law) - 2, len(law) - 1)
    return found


def _together(law: Law, one: int, two: int) -> Law:
    return np.sort(np.append(np.delete(law, [one, two]), law[one] + law[two]))[::-1]


def told(code: Law, q: Law) -> float:
    """Information about a symbol from a code that is coupled with it."""
    return max(entropy(code) + entropy(q) - entropy(greedy(code, q)[1]), 0.0)


def through(p: Law, q: Law, rate: float = np.inf) -> Law:
    """The code of a symbol, of at most so many nats, that tells most about another one.

    Args:
        p: Of the symbol that is coded.
        q: Of the one that is to be told.
        rate: Of the code; without one, the symbol itself is the code.

    References: Ebrahimi, Chen and Khisti, "Minimum entropy coupling with bottleneck", NeurIPS 2024.
    """
    if not np.isfinite(rate):
        return p
    # What a larger rate allows holds what a smaller one does: more rate never tells less.
    return max((c for c in codes(p) if entropy(c) <= rate + 1e-12), key=lambda c: told(c, q))
