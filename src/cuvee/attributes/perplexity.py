"""How well an n-gram model of a reference foretells each document."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt64

from cuvee.attributes.lookup import Lookup
from cuvee.attributes.spans import then
from cuvee.core.contents import document_hashes
from cuvee.core.data import Cut
from cuvee.core.errors import CuveeError
from cuvee.core.order import mixed
from cuvee.core.units import Words

if TYPE_CHECKING:
    import pyarrow as pa

START = np.uint64(0xB05B05B05B05B05B)
"""Stands before the first unit of a document."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Nats per token under n-gram counts of a reference: low is like the reference.

    The model is that of the count proxy, trained on all of a reference: counts of n-grams of
    built-in words, each backed up by the shorter one. The reference is parted in two by content,
    and each document is scored by the model of the part that it is not in: none is foretold by a
    model that has read it, nor by a copy.

    Args:
        order: Longest n-gram.
        k: Weight of the shorter context, in tokens, for n-grams of two units and more.
        k_unigram: Weight of the uniform distribution, in tokens.
        vocabulary: Units that the uniform distribution spreads over.

    Fails when: the reference is small, or good text is unlike it: low is like the reference, not
    good. The lowest of all are often lists and boilerplate.

    References: Wenzek et al., "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl
    Data", 2020, https://arxiv.org/abs/1911.00359 (perplexity as a filter); MacKay and Peto, "A
    hierarchical Dirichlet language model", Natural Language Engineering 1, 1995 (this smoothing).
    """

    order: int = 3
    k: float = 400.0
    k_unigram: float = 4e4
    vocabulary: float = 2e5

    learns: ClassVar[str] = "sample"

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 8:
            raise CuveeError(f"perplexity: order must lie in 1..8, got {self.order}.")
        if not min(self.k, self.k_unigram, self.vocabulary) > 0:
            raise CuveeError("perplexity: k, k_unigram and vocabulary must be above 0.")

    def columns(self) -> tuple[str, ...]:
        """Nats per token, and tokens."""
        return ("perplexity_nats", "perplexity_tokens")

    def fit(self, reference: "pa.LargeStringArray") -> "Foretold":
        """Counts of both parts of the reference.

        Raises:
            CuveeError: It has fewer than two different documents with text.
        """
        keys = document_hashes(reference)
        different = np.unique(keys[keys > 0])
        if len(different) < 2:
            raise CuveeError(
                "perplexity: expected a reference of 2 or more different documents, as none is "
                f"scored by what has read it; got {len(different)}: give more text."
            )
        middle = different[len(different) // 2]
        import pyarrow as pa

        high = keys >= middle
        parts = (reference.filter(pa.array(~high & (keys > 0))), reference.filter(pa.array(high)))
        # The model of the other part is the one that is asked.
        models = [Model.of(part, self) for part in reversed(parts)]
        return Foretold(int(middle), (models[0], models[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """N-gram counts of some documents.

    Args:
        settings: Of the smoothing.
        tokens: Of the documents.
        events: By order from unigrams: n-grams, and how often each occurs.
        contexts: By order from bigrams: what stands before the last unit, likewise.
    """

    settings: Perplexity
    tokens: int
    events: tuple[tuple[Lookup, Int64[np.ndarray, "events"]], ...]
    contexts: tuple[tuple[Lookup, Int64[np.ndarray, "contexts"]], ...]

    @staticmethod
    def of(text: "pa.LargeStringArray", settings: Perplexity) -> "Model":
        """Counted."""
        seen: list[list[np.ndarray]] = [[] for _ in range(2 * settings.order)]
        tokens = 0
        for cut in Words().cut(text):
            tokens += len(cut.ids)
            for level, (context, event) in enumerate(_ngrams(cut, settings.order)):
                seen[2 * level].append(event)
                seen[2 * level + 1].append(context)
        tables = [_counted(parts) for parts in seen]
        return Model(settings, tokens, tuple(tables[::2]), tuple(tables[3::2]))

    def log_probability(self, cut: Cut) -> Float[np.ndarray, "tokens"]:
        """Of each unit, given those before it in its document."""
        s = self.settings
        p = np.full(len(cut.ids), 1 / s.vocabulary)
        for level, (context, event) in enumerate(_ngrams(cut, s.order)):
            if not level:
                p = (_often(self.events[0], event) + s.k_unigram * p) / (self.tokens + s.k_unigram)
                continue
            held = _often(self.contexts[level - 1], context)
            some = np.flatnonzero(held)  # elsewhere the shorter context says it all
            found = _often(self.events[level], event[some])
            p[some] = (found + s.k * p[some]) / (held[some] + s.k)
        return np.log(p)


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """Scores documents by the part of a reference that they are not in.

    Args:
        middle: Documents whose hash is below it belong to the first part.
        models: By part of the document that is scored.
    """

    middle: int
    models: tuple[Model, Model]

    def score(self, text: "pa.LargeStringArray") -> "pa.Table":
        """Mean nats per token; of a document without text they are not known."""
        import pyarrow as pa

        high = document_hashes(text) >= np.uint64(self.middle)
        sums, tokens, start = [np.zeros(0)], [np.zeros(0, np.int64)], 0
        for cut in Words().cut(text):
            n = len(cut.offsets) - 1
            sums.append(self._sums(cut, high[start : start + n]))
            tokens.append(np.diff(cut.offsets))
            start += n
        total, count = np.concatenate(sums), np.concatenate(tokens)
        nats = (-total / np.maximum(count, 1)).astype(np.float32)
        return pa.table(
            {
                "perplexity_nats": pa.array(nats, mask=count == 0),
                "perplexity_tokens": pa.array(count),
            }
        )

    def _sums(
        self, cut: Cut, high: Bool[np.ndarray, "documents"]
    ) -> Float[np.ndarray, "documents"]:
        """Log probability of each document."""
        lengths = np.diff(cut.offsets)
        each = np.repeat(high, lengths)
        found = np.zeros(len(high))
        for part, model in enumerate(self.models):
            mine, asked = np.where(high == bool(part), lengths, 0), each == bool(part)
            some = Cut(cut.ids[asked], np.r_[0, np.cumsum(mine)])
            document = np.repeat(np.arange(len(mine)), mine)
            found += np.bincount(document, model.log_probability(some), len(mine))
        return found


def _ngrams(cut: Cut, order: int) -> "list[tuple[np.ndarray, np.ndarray]]":
    """Hashes of context and event at each unit, from unigrams up."""
    ids, before = cut.ids, cut.ids
    context = np.zeros(len(ids), np.uint64)
    first = cut.offsets[:-1][np.diff(cut.offsets) > 0]
    found = [(context, mixed(ids))]
    for level in range(1, order):
        shifted = np.empty_like(before)
        shifted[1:], shifted[:1] = before[:-1], START
        shifted[first] = START
        before = shifted
        context = then(context, before)
        found.append((mixed(context ^ np.uint64(level)), then(context, mixed(ids))))
    return found


def _counted(parts: list[np.ndarray]) -> tuple[Lookup, Int64[np.ndarray, "keys"]]:
    keys, counts = np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]), return_counts=True)
    return Lookup.of(keys), counts


def _often(
    table: tuple[Lookup, Int64[np.ndarray, "keys"]], wanted: UInt64[np.ndarray, "n"]
) -> Int64[np.ndarray, "n"]:
    """How often each was counted."""
    lookup, counts = table
    at = lookup.find(wanted)
    return np.where(at >= 0, np.append(counts, 0)[at], 0)
