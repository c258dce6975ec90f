"""The text corpora as a pool to choose from, and what a count model learns from a choice."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import default_rng

from cuvee import driver
from cuvee.core import Trial, stream
from cuvee.core.embedding import Embedding
from cuvee.core.ngrams import hashed_ngrams
from cuvee.core.order import mixed
from cuvee.core.pool import Pool
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import shared_data

ROOT = Path(__file__).parents[1]
NAMES = ("c", "de", "es", "essay", "fortunes", "fr", "handbook_en", "man_en", "perl", "pydoc",
         "python", "wordnet")  # fmt: skip


def documents(name: str, least: int = 200, most: int = 4000) -> list[str]:
    """Different documents of a corpus of at least so many characters, cut after so many."""
    texts = pq.read_table(shared_data(ROOT, "corpora", f"{name}.parquet"))["text"].to_pylist()
    return list(dict.fromkeys(text[:most] for text in texts if len(text) >= least))


def drawn(name: str, sizes: Sequence[int], seed: int = 0, **bounds: int) -> list[list[str]]:
    """Disjoint random parts of a corpus; the last may be smaller."""
    texts = documents(name, **bounds)
    order = default_rng([seed, NAMES.index(name)]).permutation(len(texts))
    edges = np.cumsum([0, *sizes])
    return [[texts[i] for i in order[a:b]] for a, b in pairwise(edges)]


def pool_of(
    texts: Sequence[str], points: np.ndarray | None = None, groups: np.ndarray | None = None
) -> Pool:
    """A pool of these texts, with their n-grams."""
    array = pa.array(list(texts), pa.large_string())
    table = hashed_ngrams(array)
    sizes = np.concatenate([np.diff(cut.offsets) for cut in Words().cut(array)])
    keys = mixed(np.arange(len(texts), dtype=np.uint64))
    return Pool(
        keys, sizes.astype(np.int64), None if points is None else points.astype(np.float32),
        lambda of: of(table), groups=groups, totals=lambda times: times.astype(float) @ table,
    )  # fmt: skip


def embedded(texts: Sequence[str], dims: int = 64, seed: int = 0) -> Embedding:
    """Latent semantics fitted to some of the texts."""
    some = default_rng(seed).permutation(len(texts))[:4000]
    return Embedding.fit([texts[i] for i in some], dims, seed)


def held_out_loss(chosen: Sequence[str], held: Sequence[str], tokens: int) -> float:
    """Nats a token of the count proxy, trained on so many tokens of the choice."""
    asked = Question(
        {"chosen": list(chosen)}, target={"held": list(held)}, budget=tokens, target_tokens=20_000
    )
    trainer, _ = driver.prepare(open_question(asked, Local(1)))
    return float(trainer.run(Trial(np.ones(1), tokens), rng=stream(0)).losses.mean[0])
