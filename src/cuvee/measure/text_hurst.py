"""Hurst exponent of text: how long its surprises remember."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from jaxtyping import Float, UInt64
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.order import mixed
from cuvee.core.sample import Sample
from cuvee.core.units import Words
from cuvee.measure.groups import around
from cuvee.measure.memory import BY, Way, freed

BOOTS, FEWEST = 200, 8
WINDOW = 32
"""Tokens of the smallest window: below, it is grammar that ties surprises to each other."""
Documents = list[UInt64[np.ndarray, "tokens"]]


@dataclass(frozen=True, slots=True)
class TextHurst:
    """Hurst exponent of the surprise at each token: 0.5 if passages are all as surprising.

    Surprise is that of a count model (pairs of words, backed up by single ones) that is fitted to
    the other half of the documents. Each document is a series of its own, of mean 0.

    Args:
        by: "dfa" (detrended fluctuations), "rs" (rescaled range, as in most papers), "whittle",
            "local_whittle".
        tokens: That are looked at, of the first documents.
        shortest: Tokens; shorter documents are left out.
        backing: Tokens that the shorter context weighs.

    Fails when: documents are short (memory beyond them is not seen), or change their language or
    kind inside: a change of level looks like memory.

    References: Alabdulmohsin, Tran and Dehghani, "Fractal patterns may illuminate the success of
    next-token prediction", NeurIPS 2024.
    """

    by: str = "dfa"
    tokens: int = 1 << 17
    shortest: int = 256
    backing: float = 20.0

    takes: ClassVar[str] = "texts"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "memory"
    unit: ClassVar[str] = "(Hurst exponent)"
    keeps: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.shortest < 4 * WINDOW or self.tokens < self.shortest or not self.backing > 0:
            raise CuveeError(
                f"expected shortest from {4 * WINDOW} on, more tokens, backing above 0."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Short documents."""
        some = sorted(len(text) for text in a.documents[:1000])
        if some and some[len(some) // 2] < 4 * self.shortest:
            return ("most documents are short: memory beyond a document is not seen.",)
        return ()

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        documents = self._long(a)
        # Few different lengths, so that many series are worked on together.
        series = [x[: _round(len(x))] for x in surprises(documents, self.backing)]
        series = [x for x in series if x.std() > 0]
        if not series:
            raise CuveeError(f"{a.name}: every token is as surprising as the others.")
        way = Way(self.by, [len(x) for x in series], WINDOW)
        tally = way.tally(series)
        value, sd = freed(way, way.solve(tally.sum(axis=0)), rng)
        if len(series) >= FEWEST:
            drawn = rng.multinomial(len(series), np.full(len(series), 1 / len(series)), BOOTS)
            boots = [way.solve(np.tensordot(times, tally, 1)) for times in drawn]
            sd = max(sd, float(np.std(boots)))
        return around(value, sd, rng=rng, unit=self.unit, low=0.0, high=1.0)

    def _long(self, a: Sample) -> Documents:
        """The first documents that are long enough."""
        import pyarrow as pa

        found, total = [], 0
        for cut in Words().cut(pa.array(list(a.documents), pa.large_string())):
            for start, end in pairwise(cut.offsets):
                if end - start >= self.shortest and total < self.tokens:
                    found.append(np.asarray(cut.ids[start:end], np.uint64))
                    total += int(end - start)
        if len(found) < 2:
            raise CuveeError(
                f"{a.name} has {len(found)} documents of {self.shortest} or more tokens: expected "
                "2 or more, as each half is foretold by the other."
            )
        return found


def _round(length: int) -> int:
    """The next smaller of a few lengths, a sixth apart."""
    return int(2 ** (np.floor(np.log2(length + 0.5) * 4) / 4))


def surprises(documents: Documents, backing: float = 20.0) -> list[Float[np.ndarray, "tokens"]]:
    """Nats of each token of each document, under counts of the documents of the other half."""
    found: list[np.ndarray] = [np.zeros(0)] * len(documents)
    for half in (0, 1):
        model = _Counts(documents[1 - half :: 2])
        for i in range(half, len(documents), 2):
            found[i] = model.surprise(documents[i], backing)
    return found


class _Counts:
    """How often tokens and pairs of them occur."""

    def __init__(self, documents: Documents) -> None:
        self.single = np.unique(np.concatenate(documents), return_counts=True)
        pairs = np.concatenate([_pairs(one) for one in documents])
        self.pair = np.unique(pairs, return_counts=True)
        self.total = int(self.single[1].sum())

    def surprise(self, tokens: UInt64[np.ndarray, "tokens"], backing: float) -> np.ndarray:
        """Nats of each, given the one before."""
        kinds = len(self.single[0]) + 1
        held = _often(self.single, tokens)
        p = (held + backing / kinds) / (self.total + backing)
        before = np.concatenate([[0], held[:-1]])
        seen = np.concatenate([[0], _often(self.pair, _pairs(tokens))])
        return -np.log((seen + backing * p) / (before + backing))


def _pairs(tokens: UInt64[np.ndarray, "tokens"]) -> UInt64[np.ndarray, "pairs"]:
    return mixed(mixed(tokens[:-1]) ^ tokens[1:])


def _often(table: tuple[np.ndarray, np.ndarray], keys: np.ndarray) -> np.ndarray:
    names, counts = table
    at = np.minimum(np.searchsorted(names, keys), len(names) - 1)
    return np.where(names[at] == keys, counts[at], 0)
