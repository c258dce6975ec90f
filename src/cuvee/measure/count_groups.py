"""How far a number of counts may be off: documents left out, and growth with their number.

The bias of an entropy falls slowly where most of a law is rare, and fast once all of it was seen.
What the number gains from a quarter to a half to all of the documents tells which; gains that fell
like a power of the size for ever would lead too far, as no law has symbols without end.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import GROUPS, around, left_out_sd, parts

Table = Float[np.ndarray, "groups symbols"]
HALFWAY = 0.55
"""How far of the way that gains by a power would lead; learned on laws of Zipf."""
SLOWEST, SLOW, FASTEST = 1.2, 1.5, 3.0
"""Gain of a half over that of a whole; of a law that was hardly seen, no more than the second."""
PENDING = 1.5
"""Of the last gain, what may yet come at least: where next to nothing was seen, gains are noise."""
SURE = 0.9
"""Part of the law that should have been seen."""
HASHED = 1 << 16
"""Columns from which on they are hashes."""


def grouped(a: Sample, rng: Generator) -> Table:
    """Counts of the symbols that occur, in groups of documents of about the same size.

    Classes of rows are dealt one by one, and so are words of fewer documents than groups.

    Raises:
        CuveeError: There are hardly any.
    """
    table = a.blocks.tocsc()
    counts = np.asarray(table.sum(axis=0)).ravel()
    seen = np.flatnonzero(counts)
    if counts.sum() < 2 * GROUPS:
        raise CuveeError(
            f"{a.name} has {counts.sum():.0f} symbols: expected {2 * GROUPS} or more; give more."
        )
    dense = np.asarray(table[:, seen].todense(), np.float64)
    if few_documents(a) or _by_row(a):
        return _dealt(dense.sum(axis=0), rng)
    # The largest block goes with the smallest.
    order = np.argsort(-dense.sum(axis=1), kind="stable")
    snake = np.concatenate([order[:GROUPS], order[GROUPS:][::-1]])
    made = np.zeros((GROUPS, len(seen)))
    np.add.at(made, np.arange(len(snake)) % GROUPS, dense[snake])
    return made


def _dealt(counts: Float[np.ndarray, "symbols"], rng: Generator) -> Table:
    """Each occurrence to a group at random; groups of the same size, but for one."""
    order = rng.permutation(np.repeat(np.arange(len(counts)), counts.astype(np.int64)))
    made = np.zeros((GROUPS, len(counts)))
    np.add.at(made, (np.arange(len(order)) % GROUPS, order), 1)
    return made


def of_tables(
    number: Callable[[Float[np.ndarray, "symbols"]], float], table: Table, *, rng: Generator,
    unit: str, low: float = -np.inf, high: float = np.inf, notes: Sequence[str] = (),
) -> Estimate:  # fmt: skip
    """A number of counts, its interval, and in it what is not known of its bias.

    Args:
        number: Of the counts of some groups together.
        table: Counts by group.
        rng: Of halves, quarters and draws.
        unit: Of the number.
        low: The number cannot be less.
        high: It cannot be more.
        notes: Of the estimate.
    """

    def of(some: np.ndarray) -> float:
        return number(table[some].sum(axis=0))

    every = np.arange(GROUPS)
    value = of(every)
    sd = left_out_sd(np.array([of(np.delete(every, g)) for g in every]))
    (half, _), (quarter, _) = parts(of, 2, rng), parts(of, 4, rng)
    fastest = FASTEST if covered(table.sum(axis=0)) >= SURE else SLOW
    further = _further(value, half, quarter, fastest)
    missed = max(abs(further), PENDING * abs(value - half))
    return around(value + further, sd, missed, rng=rng, unit=unit, low=low, high=high, notes=notes)


def _further(value: float, half: float, quarter: float, fastest: float) -> float:
    """How much more the number would be of all that there is."""
    last, before = value - half, half - quarter
    ratio = float(np.clip(before / last if last else fastest, SLOWEST, fastest))
    return HALFWAY * last / (ratio - 1)


def _by_row(a: Sample) -> bool:
    """Each row has one symbol: its class."""
    return a.labels is not None and a.blocks.sum() == len(a)


def few_documents(a: Sample) -> tuple[str, ...]:
    """A sentence if documents are too few to be left out one after the other."""
    if _by_row(a):
        return ()
    full = int((np.asarray(a.blocks.sum(axis=1)).ravel() > 0).sum())
    if full >= GROUPS:
        return ()
    return (f"{a.name} has text in {full} groups of documents: words are taken to come one by "
            "one, and the interval is too narrow if documents differ.",)  # fmt: skip


def unseen(a: Sample) -> tuple[str, ...]:
    """Sentences if much of the law was not seen, or symbols cannot be told apart."""
    counts = np.asarray(a.blocks.sum(axis=0)).ravel()
    kinds, found = int((counts > 0).sum()), []
    if (seen := covered(counts)) < SURE:
        found.append(
            f"{seen:.0%} of the symbols of {a.name} were seen before (Good and Turing): what "
            "the rest adds is guessed; give more."
        )
    if len(counts) >= HASHED and kinds > 0.1 * len(counts):
        found.append(
            f"{kinds:,} words share {len(counts):,} columns: some are counted as one, which makes "
            "the entropy too small."
        )
    return tuple(found)


def covered(counts: Float[np.ndarray, "symbols"]) -> float:
    """Part of the law that was seen, from what occurs once (Good 1953)."""
    return 1 - float((counts == 1).sum() / max(counts.sum(), 1))
