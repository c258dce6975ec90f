"""The plan: numbers of the samples of every batch, as far as the shares are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Int

from cuvee.core import CuveeError, Shares
from cuvee.core.order import Order, shuffled

BLOCK = 512
"""Positions of a shuffle that are looked up at once: few at a time are hardly cheaper."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which samples are in which batch: a function of these few values. Immutable.

    Args:
        sizes: Samples of each source, by name.
        batch: Samples of a batch.
        seed: Of the order in each source.
        repeat: Go through a source again when it has run dry.
        order: Which source has its turn.
    """

    sizes: Mapping[str, int]
    batch: int
    seed: int
    repeat: bool
    order: Order

    def rows(self, first: int, last: int) -> Int[np.ndarray, "batches samples"]:
        """Numbers of the samples of batches `first` to `last`, as in the sources put together.

        It ends before a batch for which a source that is not repeated has too few samples.
        """
        source, number = self.order.between(first * self.batch, last * self.batch)
        sizes = np.array(list(self.sizes.values()))
        if not self.repeat and (beyond := number >= sizes[source]).any():
            whole = int(np.argmax(beyond)) // self.batch * self.batch
            source, number = source[:whole], number[:whole]
        starts, found = np.cumsum(sizes) - sizes, np.zeros(len(source), np.int64)
        for i, size in enumerate(sizes.tolist()):
            mine = source == i
            found[mine] = starts[i] + _shuffled(number[mine], size, self.seed, i)
        return found.reshape(-1, self.batch)

    def dry(self, at: int) -> CuveeError:
        """Why there is no batch number `at`."""
        source, number = self.order.between(at * self.batch, (at + 1) * self.batch)
        names, sizes = list(self.sizes), np.array(list(self.sizes.values()))
        beyond = number >= sizes[source]
        if self.repeat or not beyond.any():
            return CuveeError(
                f"batch {at} did not arrive although no source has run dry: call advance() once "
                "for each batch."
            )
        name = names[source[int(np.argmax(beyond))]]
        return CuveeError(
            f"source {name!r} has run dry: its {self.sizes[name]} samples do not suffice for batch "
            f"{at}. Lower its share or the budget, add data, or let it repeat."
        )

    def change(self, at: int, shares: Shares, since: int) -> "Plan":
        """Other shares from batch `at` on; what was before batch `since` is forgotten."""
        order = self.order.change(at * self.batch, shares).since(since * self.batch)
        return replace(self, order=order)

    def epochs(self, at: int) -> dict[str, float]:
        """How often each source was gone through before batch `at`."""
        drawn = self.order.counts(at * self.batch).tolist()
        return {name: n / size for (name, size), n in zip(self.sizes.items(), drawn)}

    def restored(self, stretches: Sequence[Mapping[str, Any]]) -> "Plan":
        """The same with the order that `Order.to_dict` wrote."""
        return replace(self, order=Order.from_dict(stretches))


def _shuffled(numbers: Int[np.ndarray, "samples"], size: int, *key: int) -> np.ndarray:
    """`shuffled`, for numbers in ascending order that lie close together."""
    if not len(numbers):
        return numbers
    first, last = int(numbers[0]) // BLOCK, int(numbers[-1]) // BLOCK
    known = np.concatenate([_block(block, size, *key) for block in range(first, last + 1)])
    return known[numbers - first * BLOCK]


@lru_cache(maxsize=4096)
def _block(block: int, size: int, *key: int) -> np.ndarray:
    return shuffled(np.arange(block * BLOCK, (block + 1) * BLOCK), size, *key)
