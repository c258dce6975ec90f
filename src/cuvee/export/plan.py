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
    lengths = np.asarray(lengths, dtype=np.int64)
    total = int(lengths.sum())
    if asked > 0 and total == 0:
        raise CuveeError(f"source {name!r} holds no tokens, but {asked} are asked of it.")
    epochs = -(-asked // total) if asked else 0
    filled = np.flatnonzero(lengths)
    orders = [stream(seed, "draw", name, e).permutation(filled) for e in range(epochs)]
    row = np.concatenate([np.zeros(0, np.int64), *orders]).astype(np.int64)
    epoch = np.repeat(np.arange(epochs), len(filled))
    end = np.cumsum(lengths[row])
    last = int(np.searchsorted(end, asked)) + 1 if asked else 0
    row, epoch, end = row[:last], epoch[:last], end[:last]
    start = end - lengths[row]
    take = np.minimum(lengths[row], asked - start)
    place = (start + take / 2) / max(asked, 1)
    order = np.argsort(row, kind="stable")
    columns = (row, epoch, take, take < lengths[row], place)
    return Draw(asked, *(column[order] for column in columns))
