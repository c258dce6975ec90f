"""Does the ratio see repetition, and do sets of documents that pack tightly teach less?

Sets of equal size are made of essays' sentences; in a redundant set each document repeats few
sentences. A second series is redundant across documents, by copies of whole documents: a ratio of
single documents cannot see that.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import default_rng
from scipy.stats import spearmanr

from cuvee.attributes.compression import Compression
from cuvee.attributes.perplexity import Model, Perplexity
from cuvee.core.units import Words
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SIZE, DOCUMENTS = 2000, 150
"""Characters of a document, and documents of a set."""
RANKS, LAW = 0.95, 0.8
SEEDS = 5


def run() -> Finding:
    path = shared_data(ROOT, "corpora", "essay.parquet")
    texts = pq.read_table(path)["text"].to_pylist()
    sentences = [s for t in texts[:800] for s in re.split(r"(?<=[.!?])\s+", t) if 30 < len(s) < 400]
    held = texts[800:]
    every = [1, 2, 3, 4, 6, 8, 12, 16, 24, 40]
    ranks, within, across = [], [], []
    for seed in range(SEEDS):
        sets = [made(sentences, some, seed) for some in every]
        means = [ratios(one).mean() for one in sets]
        single = np.concatenate([ratios(one) for one in sets])
        ranks.append(-spearmanr(single, np.repeat(every, DOCUMENTS))[0])
        within.append(spearmanr(means, [loss(one, held) for one in sets])[0])
        copies = [copied(made(sentences, 40, seed), part) for part in np.linspace(0, 0.9, 10)]
        losses = [loss(one, held) for one in copies]
        across.append(spearmanr([ratios(one).mean() for one in copies], losses)[0])
    rank, law, blind = np.mean(ranks), np.mean(within), np.mean(across)
    return Finding(
        claim="Yin et al. 2024 (entropy law): what packs tighter teaches less. Here: the ratio "
        f"ranks documents of one length by their repetition (Spearman >= {RANKS}), and sets of one "
        f"size by held-out loss (Spearman >= {LAW}).",
        measured=f"Spearman {rank:.3f} with repetition, {law:.3f} with held-out loss; where whole "
        f"documents are copied, which a single document cannot show, {blind:.3f}.",
        holds=bool(rank >= RANKS and law >= LAW),
        numbers={
            "spearman_with_repetition": ranks, "spearman_with_loss": within,
            "spearman_with_loss_where_documents_are_copied": across,
        },
    )  # fmt: skip


def made(sentences: list[str], different: int, seed: int) -> list[str]:
    """Documents of one length, each of so many different sentences."""
    rng = default_rng([seed, different])
    found = []
    for _ in range(DOCUMENTS):
        own = [sentences[i] for i in rng.choice(len(sentences), different, replace=False)]
        text = ""
        while len(text) < SIZE:
            text += " ".join(own[i] for i in rng.permutation(different)) + " "
        found.append(text[:SIZE])
    return found


def copied(texts: list[str], part: float) -> list[str]:
    """The same set with a part of its documents replaced by copies of the first."""
    n = round(part * len(texts))
    return [*texts[: len(texts) - n], *[texts[i % max(len(texts) // 20, 1)] for i in range(n)]]


def ratios(texts: list[str]) -> np.ndarray:
    table = Compression().score(pa.array(texts, pa.large_string()))
    return table.column("compression_ratio").to_numpy()


def loss(texts: list[str], held: list[str]) -> float:
    """Held-out nats per token of an n-gram model."""
    model = Model.of(pa.array(texts, pa.large_string()), Perplexity())
    logs = [model.log_probability(c) for c in Words().cut(pa.array(held, pa.large_string()))]
    return -float(np.concatenate(logs).mean())
