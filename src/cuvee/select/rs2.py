"""Another random subset in every epoch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np
from jaxtyping import Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.core.seeds import stream

SEEDS = 2**62


@dataclass(frozen=True, slots=True)
class Rs2:
    """Repeated sampling of random subsets: a new random subset in every epoch of training.

    `choose` gives the subset of one epoch. The sampler for training is `epochs`, which gives
    numbers of rows as they stand. Each epoch is a function of the seed and its number alone, so
    that a run can be taken up again anywhere.

    Args:
        replacement: Draw every epoch from all rows, whatever epochs before it had. Without, epochs
            go through a random order of all rows and begin another one when it is used up, so that
            all rows are seen before one comes again (the last epoch of a pass takes what it lacks
            from the pass's beginning; a document that does not fit into what an epoch has left of
            its tokens waits for the next pass).
        epoch: Which epoch's subset `choose` gives, from 0.

    Fails when: the training set has to be fixed, or is read only once.

    References: Okanovic, Waleffe, Mageirakos, Nikolakakis, Karbasi, Kalogerias, Gürel and
    Rekatsinas, "Repeated random sampling for minimizing the time-to-accuracy of learning", 2024,
    https://arxiv.org/abs/2305.18424.
    """

    replacement: bool = False
    epoch: int = 0

    needs: ClassVar[tuple[str, ...]] = ()
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.epoch < 0:
            raise CuveeError(f"rs2: epochs are counted from 0, got epoch {self.epoch}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """The subset of the epoch `epoch`."""
        seed, sizes = int(rng.integers(SEEDS)), pool.sizes
        if k.rows is not None:
            rows = self.subset(self.epoch, len(pool), k.rows, seed=seed)
        elif self.replacement:
            rows = k.fill(_order(seed, self.epoch, len(pool)), sizes)
        else:
            rows = self._of_tokens(pool, k, seed)
        note = f"epoch {self.epoch}; every epoch has another subset: rs2:epoch={self.epoch + 1}"
        return Choice(rows, np.zeros(len(rows)), "none: random", notes=(note,))

    def _of_tokens(self, pool: Pool, k: Quota, seed: int) -> Int[np.ndarray, "chosen"]:
        """Documents that begin within the epoch's stretch of tokens, as far as they fit."""
        tokens, total = int(k.tokens or 0), int(pool.sizes.sum())
        turns = -(-total // tokens)
        turn, part = divmod(self.epoch, turns)
        order = _order(seed, turn, len(pool))
        begins = np.cumsum(pool.sizes[order]) - pool.sizes[order]
        first, last = np.searchsorted(begins, (part * tokens, (part + 1) * tokens))
        rows = order[first:last]
        rows = rows[np.cumsum(pool.sizes[rows]) <= tokens]
        if part + 1 == turns or not len(rows):
            return k.fill(np.roll(order, -int(first)), pool.sizes)
        return rows

    def subset(self, epoch: int, rows: int, k: int, *, seed: int) -> Int[np.ndarray, "chosen"]:
        """Rows of one epoch, in random order.

        Args:
            epoch: Its number, from 0.
            rows: Of the pool.
            k: Rows of an epoch.
            seed: Of the sampler.
        """
        if not 1 <= k <= rows:
            raise CuveeError(f"rs2: expected 1 to {rows} rows an epoch, got {k}.")
        if self.replacement:
            return stream(seed, "rs2", epoch).choice(rows, k, replace=False)
        turn, part = divmod(epoch, -(-rows // k))
        return _part(_order(seed, turn, rows), part, k)

    def epochs(
        self, rows: int, k: int, rng: Generator, *, start: int = 0
    ) -> Iterator[Int[np.ndarray, "chosen"]]:
        """The subsets of epoch `start` and all after it, without end.

        Args:
            rows: Of the pool.
            k: Rows of an epoch.
            rng: One number is drawn from it; the same generator gives the same epochs.
            start: Where to take up.
        """
        seed, turns = int(rng.integers(SEEDS)), -(-rows // max(k, 1))
        kept = (-1, np.zeros(0, np.int64))
        for epoch in count(start):
            if self.replacement or not 1 <= k <= rows:
                yield self.subset(epoch, rows, k, seed=seed)
                continue
            turn, part = divmod(epoch, turns)
            if kept[0] != turn:
                kept = (turn, _order(seed, turn, rows))
            yield _part(kept[1], part, k)


def _order(seed: int, turn: int, rows: int) -> Int[np.ndarray, "rows"]:
    """The random order of one pass over all rows."""
    return stream(seed, "rs2", turn).permutation(rows)


def _part(order: Int[np.ndarray, "rows"], part: int, k: int) -> Int[np.ndarray, "chosen"]:
    """The k rows of a pass's part; the last part goes on at the beginning."""
    return order[(part * k + np.arange(k)) % len(order)]
