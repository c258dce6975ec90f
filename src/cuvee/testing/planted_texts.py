"""Planted texts: small languages with words and habits of their own, so that it is known which
source helps which target."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.random import default_rng

from cuvee.core.data import Batch, Data, Engine, Piece, Units
from cuvee.core.units import Words

WORDS = 400
"""Of a language."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A source that can be split any way.

    Args:
        name: What the user calls it.
        texts: Documents.
        piece: Documents of a piece.
        batch: Documents of a batch.
    """

    name: str
    texts: tuple[str, ...]
    piece: int = 10**9
    batch: int = 10**9

    def pieces(self) -> tuple[Piece, ...]:
        """Runs of documents."""
        n = len(self.texts)
        return tuple(
            Piece("", i, min(i + self.piece, n)) for i in range(0, n, min(self.piece, max(n, 1)))
        )

    def read(self, piece: Piece) -> Iterator[Batch]:
        """The documents of a piece."""
        for i in range(piece.start, piece.stop, min(self.batch, max(len(self.texts), 1))):
            some = self.texts[i : min(i + self.batch, piece.stop)]
            yield Batch(pa.array(some, pa.large_string()))

    def fingerprint(self) -> Mapping[str, str]:
        """Hash of all texts."""
        return {"texts": blake2b(repr(self.texts).encode(), digest_size=16).hexdigest()}


def serial(
    job: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    label: str,
    holds: int = 0,
    light: bool = False,
) -> Iterator[Any]:
    """An engine that does one thing after another."""
    return map(job, items)


@cache
def language(kind: int, documents: int, seed: int) -> tuple[str, ...]:
    """Documents of about 45 words; half of the words follow from the one before."""
    rng = default_rng([kind, documents, seed])
    letters = default_rng([kind, 7]).integers(97, 123, (WORDS, 5)).astype(np.uint8)
    words = np.array([bytes(row).decode() for row in letters])
    words[:20] = [f"the{i}" for i in range(20)]  # every language has these
    follows = default_rng([kind, 8]).permutation(WORDS)
    weights = 1 / np.arange(1, WORDS + 1)
    made = []
    for length in rng.integers(30, 60, documents):
        fresh = rng.choice(WORDS, length, p=weights / weights.sum())
        bound = rng.random(length) < 0.5
        for i in range(1, length):
            if bound[i]:
                fresh[i] = follows[fresh[i - 1]]
        made.append(" ".join(words[fresh]) + ".")
    return tuple(made)


@dataclass(frozen=True, slots=True, eq=False)
class Planted(ABC):
    """Sources of known kinds, and targets of some of them.

    Args:
        sources: Kind of each source.
        targets: Kinds of each target, in equal parts.
        documents: Of each source.
        target_documents: Of each target.
    """

    units: ClassVar[Units]
    sources: Mapping[str, int]
    targets: Mapping[str, tuple[int, ...]]
    documents: int = 600
    target_documents: int = 60

    @abstractmethod
    def made(self, kind: int, documents: int, seed: int) -> tuple[str, ...]:
        """Documents of a kind."""

    def asked(self, kind: int, documents: int, seed: int) -> tuple[str, ...]:
        """Documents of a target."""
        return self.made(kind, documents, seed)

    def data(
        self,
        *,
        target_seed: int = 1,
        piece: int = 10**9,
        batch: int = 10**9,
        engine: Engine = serial,
        fewer: Mapping[str, int] | None = None,
    ) -> Data:
        """The problem as a proxy gets it; `fewer` documents of some sources where asked."""
        sources = []
        for name, kind in self.sources.items():
            made = self.made(kind, self.documents, 0)[: (fewer or {}).get(name, self.documents)]
            sources.append(Texts(name, made, piece, batch))
        targets = []
        for name, kinds in self.targets.items():
            each = self.target_documents // len(kinds)
            asked = [text for kind in kinds for text in self.asked(kind, each, target_seed)]
            targets.append(Texts(name, tuple(asked)))
        return Data(tuple(sources), tuple(targets), self.units, engine)

    def own(self, target: str) -> str | None:
        """The source of the only kind of a target."""
        kinds = self.targets[target]
        names = [name for name, kind in self.sources.items() if (kind,) == kinds]
        return names[0] if names else None


@dataclass(frozen=True, slots=True, eq=False)
class PlantedTexts(Planted):
    """Sources in known languages, and targets in some of them.

    Args:
        sources: Language of each source.
        targets: Languages of each target, in equal parts.
        documents: Of each source.
        target_documents: Of each target.
        echoes: Each target document says all twice, which no short memory can see.
    """

    reads: ClassVar[str] = "text"
    unit: ClassVar[str] = "nats per token"
    tokens_each: ClassVar[int] = 45
    """Of a document, about."""
    units: ClassVar[Units] = Words()
    echoes: bool = False

    def made(self, kind: int, documents: int, seed: int) -> tuple[str, ...]:
        """Documents in a language."""
        return language(kind, documents, seed)

    def asked(self, kind: int, documents: int, seed: int) -> tuple[str, ...]:
        """Documents of a target, in a language."""
        made = self.made(kind, documents, seed)
        return tuple(f"{text} {text}" for text in made) if self.echoes else made


TEXTS = {
    "languages": PlantedTexts({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tb": (2,)}),
    "mixed_target": PlantedTexts({"a": 1, "b": 2, "c": 3, "d": 4}, {"tab": (1, 2), "tc": (3,)}),
    "echoes": PlantedTexts({"a": 1, "b": 2}, {"ta": (1,), "tb": (2,)}, echoes=True),
    "few_documents": PlantedTexts({"a": 1, "b": 2}, {"ta": (1,)}, target_documents=6),
}
