"""Couplings of two laws: joint laws of as little entropy as can be found, and through a bottleneck.

Two things of given laws are made to say as much about each other as they can. The least entropy is
hard to find; the greedy way is at most about half a bit above it, and mostly at it.
"""

import heapq

import numpy as np
from jaxtyping import Float, Int64
from scipy.special import entr

Law = Float[np.ndarray, "symbols"]
NIL = 1e-15
"""Less is none."""
LOOK = 128
"""Groups of which all pairs are looked at."""


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


def coded(p: Law, rate: float) -> Law:
    """The law with symbols put together until its entropy is at most the rate.

    The two rarest groups are put together first, which costs least; the last step is the one, of
    all pairs, that leaves most.
    """
    law, now, best, most = np.sort(p[p > NIL])[::-1], entropy(p), np.ones(1), 0.0
    while now > rate and len(law) > 1:
        if len(law) <= LOOK:
            one, two = np.triu_indices(len(law), 1)
            ends = now - (entr(law[one]) + entr(law[two]) - entr(law[one] + law[two]))
            at = int(np.argmax(np.where(ends <= rate, ends, -np.inf)))
            if most < ends[at] <= rate:
                most, best = float(ends[at]), _together(law, int(one[at]), int(two[at]))
        law = _together(law, len(law) - 2, len(law) - 1)
        now = entropy(law)
    return law if now > most else best


def _together(law: Law, one: int, two: int) -> Law:
    return np.sort(np.append(np.delete(law, [one, two]), law[one] + law[two]))[::-1]


def through(p: Law, q: Law, rate: float = np.inf) -> tuple[float, float]:
    """A law is coded in at most so many nats, and the code coupled with the other law.

    Args:
        p: What is coded.
        q: What is to be told from the code.
        rate: Of the code.

    Returns:
        The entropy of the code, and its information about `q`: both in nats.

    References: Ebrahimi, Chen and Khisti, "Minimum entropy coupling with bottleneck", NeurIPS 2024.
    """
    code = coded(p, rate) if np.isfinite(rate) else p
    joint = entropy(greedy(code, q)[1])
    return entropy(code), max(entropy(code) + entropy(q) - joint, 0.0)
