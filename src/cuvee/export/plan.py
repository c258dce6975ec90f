"""Which document goes where in the mixed dataset.

Each source is put into a random order, gone through as often as its share asks, and laid evenly
along the dataset. Any stretch of the dataset therefore has the asked shares, to about one
document of each source, and repeats of a document are a whole epoch apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from cuvee.core import CuveeError, stream


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What is taken of one source, in the order of its documents.

    Args:
        asked: Tokens.
        row: Document, counted over the source; sorted.
        epoch: Which passage through the source, from 0.
        take: Tokens; fewer than the document has for the last one drawn.
        cut: Whether it is that last one.
        place: Where its middle lies along the dataset, 0 to 1.
    """

    asked: int
    row: Int[np.ndarray, "taken"]
    epoch: Int[np.ndarray, "taken"]
    take: Int[np.ndarray, "taken"]
    cut: Bool[np.ndarray, "taken"]
    place: Float[np.ndarray, "taken"]

    def part(self, of: slice | np.ndarray) -> "Draw":
        """Some of the documents: a slice, or a mask."""
        return Draw(
            self.asked, self.row[of], self.epoch[of], self.take[of], self.cut[of], self.place[of]
        )

    def between(self, first: int, stop: int) -> "Draw":
        """Those of a stretch of the source."""
        return self.part(slice(*np.searchsorted(self.row, [first, stop])))


def whole_tokens(shares: Sequence[float] | np.ndarray, tokens: int) -> Int[np.ndarray, "sources"]:
    """Tokens of each source: shares of the budget, rounded so that they sum to it."""
    exact = np.asarray(shares) * tokens
    floor = np.floor(exact).astype(np.int64)
    most_left = np.argsort(floor - exact, kind="stable")[: tokens - int(floor.sum())]
    floor[most_left] += 1
    return floor


def draw(lengths: Int[np.ndarray, "documents"], asked: int, name: str, seed: int) -> Draw:
    """Take a number of tokens from a source: whole documents in random order, the last one cut.

    Args:
        lengths: Tokens of each document.
        asked: Tokens to take; more than the source has means more than one epoch.
        name: Of the source: each has its own random stream.
        seed: The user's.
    """
    total = int(lengths.sum(dtype=np.int64))
    if asked > 0 and total == 0:
        raise CuveeError(f"source {name!r} holds no tokens, but {asked} are asked of it.")
    epochs = -(-asked // total) if asked else 0
    # 32 bits where they do: this is the only place that holds more of a document than its length.
    filled = np.flatnonzero(lengths).astype(np.uint32)
    parts = [_first(stream(seed, "draw", name, e).permutation(filled), lengths, asked - e * total)
             for e in range(epochs)]  # fmt: skip
    row = np.concatenate([np.zeros(0, np.uint32), *parts])
    epoch = np.repeat(np.arange(epochs, dtype=np.uint32), [len(part) for part in parts])
    size = lengths[row]
    start = np.cumsum(size, dtype=np.int64) - size
    take = np.minimum(size, asked - start)
    place = (start + take / 2) / max(asked, 1)
    order = np.argsort(row, kind="stable")
    columns = (row, epoch, take, take < size, place)
    return Draw(asked, *(column[order] for column in columns))


def _first(order: np.ndarray, lengths: np.ndarray, asked: int) -> np.ndarray:
    """The first documents of an order that hold so many tokens; all if they hold fewer."""
    end = np.cumsum(lengths[order], dtype=np.int64)
    return order[: int(np.searchsorted(end, asked)) + 1].copy()
