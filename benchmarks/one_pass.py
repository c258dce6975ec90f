"""Reading, cutting into units and counting: 20 MB/s of text a core, ahead of two common tools.

What is timed is `Data.survey` with the count proxy's own tally, and a plain 4-gram tally beside
it, on one thread, documents of the targets left out: the pass that `cuvee blend` makes. The
other tools get the same texts as Python strings: HashingVectorizer(ngram_range=(1, 4)), and the
hashed bigrams that DSIR takes of every document.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.shared import (
    Figure,
    Options,
    alternating,
    corpora,
    data_of,
    over,
    probe,
    size_of,
    targets,
)
from benchmarks.writers import write
from cuvee import proxies
from cuvee.core import stream
from cuvee.core.data import Data, Tally
from cuvee.proxies.ngrams import Counter, Index

GRAMS = ((), (1,), (1, 2), (1, 2, 3))
KINDS = ("parquet", "jsonl", "jsonl.zst")
TOKENS = 10_000
SAMPLE = 15
"""Every so many documents go to the slow tools."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched(Data):
    """Data that remembers which tally it was asked to fill."""

    starts: list[Any] = field(default_factory=list)

    def survey(self, start: Callable[[], Tally] | None = None) -> Any:
        self.starts.append(start)
        return Data.survey(self, start)


def proxy_tally(data: Data) -> Callable[[], Tally]:
    """The tally that the count proxy fills, whatever it is at the moment."""
    watched = Watched(data.sources, data.targets, data.units, data.engine)
    proxies.load("counts").prepare(watched, rng=stream(0, "proxy"))
    return watched.starts[-1]


def plain_tally(data: Data, grams: int = 4) -> Callable[[], Tally]:
    """1- to 4-grams of all targets, or fewer."""
    import numpy as np

    cuts = [c for t in data.targets for p in t.pieces() for b in t.read(p)
            for c in data.units.cut(b.text)]  # fmt: skip
    lengths = np.concatenate([np.diff(c.offsets) for c in cuts])
    hashes, offsets = np.concatenate([c.ids for c in cuts]), np.r_[0, np.cumsum(lengths)]
    index = Index(hashes, offsets, GRAMS[:grams])
    return partial(Counter, index)


def run(options: Options) -> list[Figure]:
    """Throughput, and ratios to the other tools."""
    texts, origin = corpora()
    few = [t for some in texts.values() for t in some[::SAMPLE]]
    with tempfile.TemporaryDirectory() as folder:
        figures = _throughput(Path(folder), options, origin)
        return figures + _beside(few, options)


def _throughput(folder: Path, options: Options, origin: str) -> list[Figure]:
    texts, aims = corpora()[0], targets(TOKENS)
    data = {
        kind: data_of({n: str(write(folder, n, t, kind)) for n, t in texts.items()}, aims)
        for kind in KINDS
    }
    survey = data["parquet"].survey()[0]
    size, tokens = sum(survey.text_bytes), survey.available.sum()
    small, plain = proxy_tally(data["parquet"]), plain_tally(data["parquet"])
    usual = data_of({n: f"{folder}/{n}.parquet" for n in texts}, targets(30_000))
    jobs: dict[str, Callable[[], object]] = {
        f"{kind}, {what}": partial(data[kind].survey, tally)
        for kind in KINDS
        for what, tally in (("the proxy's counts", small), ("1- to 4-grams", plain))
    }
    jobs["parquet, the proxy's counts, 12 x 30k target tokens"] = partial(
        usual.survey, proxy_tally(usual)
    )
    jobs["parquet, read and cut only"] = data["parquet"].survey
    wall = {n: [size / s / 1e6 for s in v] for n, v in alternating(jobs, options.rounds).items()}
    cpu = alternating(
        {"cpu": jobs["parquet, the proxy's counts"]}, options.rounds, time.process_time
    )["cpu"]
    # At least: each byte comes from memory once, each token is looked up once.
    least = 1 / (probe()["copy_GB_per_s"] * 1e9) + tokens / size / probe()["lookups_M_per_s"] / 1e6
    limit = (
        f"limit {1e-6 / least:.0f} MB/s: bytes read, tokens of {size / tokens:.1f} bytes looked up"
    )
    notes = f"{size / 1e6:.0f} MB of {origin}; 12 x {TOKENS} target tokens unless named"
    return [
        *(Figure(n, v, "MB/s", "" if "only" in n else ">= 20", limit, notes)
          for n, v in wall.items()),
        Figure("parquet, the proxy's counts, per second of CPU time",
               [size / s / 1e6 for s in cpu], "MB/s", ">= 20", limit, notes),
    ]  # fmt: skip


def _beside(few: list[str], options: Options) -> list[Figure]:
    size = size_of(few)
    data = data_of({"sample": few}, targets(TOKENS))
    jobs: dict[str, Callable[[], object]] = {
        "cuvee": partial(data.survey, proxy_tally(data)),
        "cuvee, 1- to 4-grams": partial(data.survey, plain_tally(data)),
    }
    notes = f"the same {size / 1e6:.1f} MB, every {SAMPLE}th document, as Python strings for all"
    figures = []
    for name, make in (("HashingVectorizer", _vectorise), ("DSIR", _dsir)):
        try:
            jobs[name] = make(few)
        except ModuleNotFoundError as error:
            figures.append(Figure(name, [], "MB/s", note=f"{error.name} is not installed."))
    seconds = alternating(jobs, options.rounds)
    for name, taken in seconds.items():
        rates = [size / s / 1e6 for s in taken]
        figures.append(Figure(f"sample, {name}", rates, "MB/s", note=notes))
    for name, target in (("HashingVectorizer", ">= 5"), ("DSIR", ">= 20")):
        for ours in ("cuvee", "cuvee, 1- to 4-grams"):
            if name in seconds:
                ratio = over(seconds[name], seconds[ours])
                figures.append(Figure(f"{ours} over {name}", ratio, "times", target, note=notes))
    return figures


def _vectorise(texts: list[str]) -> Callable[[], object]:
    from sklearn.feature_extraction.text import HashingVectorizer

    return partial(HashingVectorizer(ngram_range=(1, 4)).transform, texts)


def _dsir(texts: list[str]) -> Callable[[], object]:
    from data_selection.hashed_ngram_dsir import get_ngram_counts

    return lambda: [get_ngram_counts(text, n=2) for text in texts] and None
