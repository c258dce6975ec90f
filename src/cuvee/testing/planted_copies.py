"""Planted copies: documents of which it is known what repeats what."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from cuvee.testing.planted_texts import Texts

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


@dataclass(frozen=True, slots=True)
class Listed:
    """Documents as a method goes through them.

    Args:
        items: The documents.
        batch: So many at a time.
    """

    items: tuple[str, ...]
    batch: int = 7

    def __call__(self, job: Callable[[Any], Any], *, label: str) -> Iterator[Any]:
        """Results of the job, in order."""
        for i in range(0, len(self.items), self.batch):
            yield job(pa.array(self.items[i : i + self.batch], pa.large_string()))


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Documents with planted repetition.

    Args:
        kind: What is planted: "copies", "near", "passages", or "" for nothing.
        items: The documents.
        of: Number of the planted group of each; -1 for those that repeat nothing.
    """

    kind: str
    items: tuple[str, ...]
    of: np.ndarray

    def texts(self, order: Sequence[int] | None = None, batch: int = 7) -> Listed:
        """The documents, in their order or another."""
        rows = range(len(self.items)) if order is None else order
        return Listed(tuple(self.items[i] for i in rows), batch)

    def sources(self, piece: int = 10**9) -> tuple[Texts, Texts]:
        """The same as two sources, in pieces of so many documents."""
        half = len(self.items) // 2
        return Texts("a", self.items[:half], piece, 5), Texts("b", self.items[half:], piece, 5)


def made(rng: Generator, words: int) -> list[str]:
    """Words of which a run of five practically never comes twice."""
    lengths = rng.integers(2, 9, words)
    return ["".join(rng.choice(LETTERS, n)) for n in lengths]


def _single(rng: Generator, many: int) -> tuple[list[str], list[int]]:
    return [" ".join(made(rng, 90)) for _ in range(many)], [-1] * many


@cache
def copies() -> Copies:
    """Fifteen documents two to four times, and thirty once."""
    rng = default_rng(11)
    items, of = _single(rng, 30)
    for group in range(15):
        text = " ".join(made(rng, 90))
        for _ in range(int(rng.integers(2, 5))):
            items.append(text)
            of.append(group)
    return _mixed("copies", items, of, rng)


@cache
def near() -> Copies:
    """Fifteen documents with two versions each, which differ in a word or two, case and blanks."""
    rng = default_rng(12)
    items, of = _single(rng, 30)
    for group in range(15):
        words = made(rng, 200)
        for version in range(3):
            mine = list(words)
            for at in rng.integers(0, 200, version):
                mine[at] = "".join(made(rng, 1))
            text = (" ", "\n", "  ")[version].join(mine)
            items.append(text.upper() if version == 2 else text)
            of.append(group)
    return _mixed("near", items, of, rng)


@cache
def passages() -> Copies:
    """Ten passages of eighty words, each in three documents of its own."""
    rng = default_rng(13)
    items, of = _single(rng, 20)
    for group in range(10):
        passage = made(rng, 80)
        for _ in range(3):
            before, after = (made(rng, int(n)) for n in rng.integers(10, 40, 2))
            items.append(" ".join([*before, *passage, *after]) + ".")
            of.append(group)
    return _mixed("passages", items, of, rng)


@cache
def odd() -> Copies:
    """Nothing, blanks, one word, other scripts, one word many times, a long document."""
    rng = default_rng(14)
    items = [
        "", "", " ", "\n\t", "...", "!?", "a", "a", "A", "two words", "Two  words.", "\x00",
        "中文文本没有空格的句子" * 20, "中文文本没有空格的句子" * 20 + "。", "é" * 400,
        "naïve café " * 40,
        "na na " * 500, "na " * 1100, "😀 " * 100, "😀" * 100, " ".join(made(rng, 5000)),
    ]  # fmt: skip
    return Copies("", tuple(items), np.full(len(items), -1))


def _mixed(kind: str, items: list[str], of: list[int], rng: Generator) -> Copies:
    order = rng.permutation(len(items))
    return Copies(kind, tuple(items[i] for i in order), np.array(of)[order])


PLANTED: dict[str, Callable[[], Copies]] = {
    "copies": copies, "near": near, "passages": passages, "odd": odd,
}  # fmt: skip
