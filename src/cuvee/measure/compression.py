"""Compression: how many bits a byte of text needs at most."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import zstandard
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around, chance
from cuvee.core.sample import Sample
from cuvee.measure.programs import bits, synthesised

FEW = 20_000
"""Bytes below which most of a compressor's output is what it has to learn."""
END = b"\0"
"""Between documents, so that they can be told apart again."""


@dataclass(frozen=True, slots=True)
class Compression:
    """Bits a byte of the shortest description that compressors find: 8 for bytes without rule.

    A bound of Kolmogorov complexity from above, up to the size of the program that unpacks. The
    interval is that of another sample of so many documents.

    Args:
        by: "lzma", "bz2", "zlib", "zstd", "best" of these, or "programs": for each document the
            shortest program in a small language of rules that a search finds.
        most: Bytes that are looked at, of the first documents.
        splits: Pairs of halves behind the interval.

    Fails when: rules are such as no compressor knows (digits of pi): the bound is then loose. More
    text needs fewer bits a byte: compare data of one size.

    References: Goldblum, Finzi, Rowan and Wilson, "The no free lunch theorem, Kolmogorov
    complexity, and the role of inductive biases in machine learning", ICML 2024; Ziv and Lempel,
    "A universal algorithm for sequential data compression", IEEE Transactions on Information Theory
    23, 1977; Yoran et al., "The KoLMogorov test", ICLR 2025.
    """

    takes: ClassVar[str] = "texts"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "complexity"
    unit: ClassVar[str] = "bits per byte"
    keeps: ClassVar[tuple[str, ...]] = ()
    by: str = "best"
    most: int = 1 << 20
    splits: int = 4

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise unknown("by", self.by, WAYS)
        if self.most < 1000 or self.splits < 4:
            raise CuveeError(
                f"most must be 1000 or more, splits 4 or more, got {self.most}, {self.splits}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Little text."""
        total = 0
        for text in a.documents:
            total += len(text)
            if total >= FEW:
                return ()
        return (f"{total} characters: a compressor has hardly begun to learn; give {FEW} or more.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        documents = self._first(a)
        way = WAYS[self.by]
        value, halves = way(documents), []
        for _ in range(self.splits):
            order = rng.permutation(len(documents))
            parts = np.array_split(order, 2)
            halves.append([way([documents[i] for i in np.sort(part)]) for part in parts])
        return around(
            value, chance(np.array(halves)), 0.0, rng=rng, unit=self.unit, floor=0.0, bound="upper"
        )

    def _first(self, a: Sample) -> list[bytes]:
        found, total = [], 0
        for text in a.documents:
            data = text.encode("utf-8", "surrogatepass")
            if data and total < self.most:
                found.append(data[: self.most - total])
                total += len(data)
        if len(found) < 2:
            raise CuveeError(
                f"{a.name}: expected 2 or more documents within {self.most} bytes, got "
                f"{len(found)}: give more, or raise most."
            )
        return found


def packed(data: bytes) -> dict[str, int]:
    """Bytes that some data take, by each compressor; headers that say nothing are left out."""
    return {name: way(data) for name, way in PACKERS.items()}


def _lzma(data: bytes) -> int:
    # A dictionary as large as the data; the raw form, as the filter is known.
    size = 1 << max(len(data).bit_length(), 12)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": size}]
    return len(lzma.compress(data, lzma.FORMAT_RAW, filters=filters))


def _zlib(data: bytes) -> int:
    packer = zlib.compressobj(9, wbits=-15)
    return len(packer.compress(data)) + len(packer.flush())


PACKERS: dict[str, Callable[[bytes], int]] = {
    "lzma": _lzma,
    "bz2": lambda data: len(bz2.compress(data)),
    "zlib": _zlib,
    "zstd": lambda data: len(zstandard.compress(data, 19)),
}


def _by(name: str) -> Callable[[list[bytes]], float]:
    def share(documents: list[bytes]) -> float:
        data = END.join(documents)
        return 8 * PACKERS[name](data) / (len(data) - (len(documents) - 1) * len(END))

    return share


def _best(documents: list[bytes]) -> float:
    """Of all compressors; two bits say which."""
    data = END.join(documents)
    plain = len(data) - (len(documents) - 1) * len(END)
    return (8 * min(packed(data).values()) + 2) / plain


def _programs(documents: list[bytes]) -> float:
    """Of a program for each document."""
    return sum(bits(synthesised(one)) for one in documents) / sum(map(len, documents))


WAYS: dict[str, Callable[[list[bytes]], float]] = {
    "best": _best, **{name: _by(name) for name in PACKERS}, "programs": _programs,
}  # fmt: skip
