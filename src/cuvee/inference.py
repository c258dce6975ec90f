"""From a BPE tokenizer and samples of sources, the shares that it was trained on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import engine as engines
from cuvee import sources as room
from cuvee.core import CuveeError, Estimate, check_names, stream, unknown
from cuvee.core.data import Engine, Source
from cuvee.engine import Progress, silent
from cuvee.mix.merge_list import MergeList, Sample, cut_to
from cuvee.mix.merges import Inference, MergeInference, infer_shares

SAMPLE_BYTES = 8_000_000
PIECES = 32
"""Pieces of a source that are looked into, at most, spread evenly."""
GROUPS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Inferred:
    """What a tokenizer says about its training text.

    Args:
        sources: Names, in the order of the shares.
        shares: Of the bytes of text that the tokenizer was trained on.
        tokens: The same as shares of the tokens that the finished tokenizer makes of that text.
        merges: Merges that were used.
        unseen: Merges left out, as no source has their pair at their time.
        slack: What the shares leave unexplained, as a fraction of the merges' counts.
        settled: Whether the search ended by itself.
        sample_bytes: Text that was read, by source.
    """

    sources: tuple[str, ...]
    shares: Estimate
    tokens: Estimate
    merges: int
    unseen: int
    slack: float
    settled: bool
    sample_bytes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a spread that was not measured is null."""
        return {
            "sources": list(self.sources),
            "shares": _plain(self.sources, self.shares),
            "shares_of_tokens": _plain(self.sources, self.tokens),
            "merges": self.merges,
            "merges_unseen": self.unseen,
            "slack": self.slack,
            "settled": self.settled,
            "sample_bytes": dict(zip(self.sources, self.sample_bytes)),
        }

    def __str__(self) -> str:
        mean, sd = self.shares.mean, self.shares.sd
        spread = ["" if np.isnan(s) else f" ± {s:.1%}" for s in sd]
        found = [f"{n} {m:.1%}{s}" for n, m, s in zip(self.sources, mean, spread)]
        note = " (spread not measured)" if np.isnan(sd).any() else ""
        return f"share of bytes{note}: {', '.join(found)}"


def infer(
    tokenizer: str | Path,
    sources: Mapping[str, Any],
    *,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    seed: int = 0,
    text: str | Mapping[str, str] | None = None,
    sample_bytes: int = SAMPLE_BYTES,
    settings: MergeInference | None = None,
) -> Inferred:
    """Find the shares of its sources that a BPE tokenizer was trained on.

    Args:
        tokenizer: A `tokenizer.json`.
        sources: By name, as for `blend`: samples of what may have been in the training text.
        engine: Where the work runs: "local", "ray", or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished source.
        seed: Of the spread.
        text: Column or field that holds the text; one for all, or by source. None: found.
        sample_bytes: Most bytes of text that are read of each source, from all over it.
        settings: Of the method: merges looked at, resamples, and so on.

    Returns:
        The shares: print them, or look at `shares`, `tokens` and `slack`.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.
    """
    if not isinstance(sources, Mapping):
        raise CuveeError('sources must be given by name, as {"web": "web/*.parquet", ...}.')
    check_names(list(sources), "source")
    if len(sources) < 2:
        raise CuveeError("with one source its share is 100%: expected at least 2 sources.")
    if sample_bytes < 1:
        raise CuveeError(f"sample_bytes must be at least 1, got {sample_bytes}.")
    by_name = text if isinstance(text, Mapping) else dict.fromkeys(sources, text)
    for name in by_name:
        if name not in sources:
            raise unknown("source in text", name, sources)
    learned = MergeList.read(tokenizer)
    opened = [room.open_source(n, spec, by_name.get(n)) for n, spec in sources.items()]
    job = partial(_sample, learned, most=sample_bytes)
    found = list(engines.load(engine, workers, progress)(job, opened, label="counting words"))
    samples = [sample for sample, _ in found]
    fit = infer_shares(learned, samples, settings, rng=stream(seed, "infer"))
    return _inferred(tuple(sources), fit, samples, np.array([rate for _, rate in found]))


def _sample(learned: MergeList, source: Source, most: int) -> tuple[Sample, float]:
    """Words of a source, and its tokens per byte."""
    sample = learned.sample(_documents(source, most), GROUPS)
    if not any(counts for counts in sample.counts):
        raise CuveeError(f"source {source.name!r} holds no text: remove it or check its files.")
    return sample, learned.tokens_per_byte(sample)


def _documents(source: Source, most: int) -> Iterator[str]:
    """Documents of a source, as much from each of some pieces spread over it."""
    pieces = source.pieces()
    count = min(PIECES, len(pieces))
    for i in range(count):
        texts = (t for b in source.read(pieces[i * len(pieces) // count])
                 for t in b.text.to_pylist())  # fmt: skip
        yield from cut_to(texts, -(-most // count))


def _inferred(
    names: tuple[str, ...], fit: Inference, samples: list[Sample], rates: np.ndarray
) -> Inferred:
    tokens = fit.shares.map(lambda s: s * rates / (s @ rates), "share of tokens")
    sizes = tuple(sum(sample.sizes) for sample in samples)
    return Inferred(names, fit.shares, tokens, fit.steps, fit.unseen, fit.slack, fit.settled, sizes)


def _plain(names: tuple[str, ...], shares: Estimate) -> dict[str, Any]:
    pairs = zip(names, shares.mean, shares.sd)
    return {n: {"mean": float(m), "sd": None if np.isnan(s) else float(s)} for n, m, s in pairs}


__all__ = ["Inferred", "infer"]
