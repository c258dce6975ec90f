"""Does low perplexity under a reference find text like it, and is a document not favoured that the
reference holds itself?

Each of 12 corpora is the target once: 50 of its documents are the reference, and documents of all
corpora are ranked. A document of the reference is scored by a model that has not read it; how much
it is favoured nevertheless is measured by two references, A and B: the documents of both are scored
under their own and under the other one, and the mean difference is taken over the same documents.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.attributes.perplexity import Model, Perplexity
from cuvee.core.units import Words
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
NAMES = ("c", "de", "es", "essay", "fortunes", "fr", "handbook_en", "man_en", "perl", "pydoc",
         "python", "wordnet")  # fmt: skip
REFERENCE, EACH, AUC, GAP = 50, 200, 0.95, 0.1
LETTERS = 1000
"""The last ones of a document; shorter documents are joined. Copies are left out."""


def run() -> Finding:
    texts = {name: corpus(name) for name in NAMES}
    pool = [text for name in NAMES for text in texts[name][REFERENCE : REFERENCE + EACH]]
    label = np.repeat(np.arange(len(NAMES)), EACH)
    areas, gaps, naive = {}, {}, {}
    for i, name in enumerate(NAMES):
        first, second = texts[name][:REFERENCE], texts[name][REFERENCE : 2 * REFERENCE]
        areas[name] = area(-nats(first, pool), label == i)
        own = np.r_[nats(first, first), nats(second, second)].mean()
        other = np.r_[nats(second, first), nats(first, second)].mean()
        gaps[name] = float(other - own)
        naive[name] = float(other - (read(first) + read(second)) / 2)
    mean, gap, other = (float(np.mean(list(v.values()))) for v in (areas, gaps, naive))
    worst = min(areas, key=areas.__getitem__)
    return Finding(
        claim="Wenzek et al. 2020 (CCNet): perplexity under a target's model tells text like it. "
        f"Here: mean area under the curve >= {AUC} over 12 targets, and documents of the reference "
        f"are not favoured: by {GAP} nats per token at most.",
        measured=f"Area {mean:.3f} on average, least for {worst} ({areas[worst]:.3f}); documents "
        f"of the reference score {gap:+.3f} nats better than under another one (if the model has "
        f"read them: {other:+.3f}).",
        holds=bool(mean >= AUC and gap <= GAP),
        numbers={"area": areas, "gap_in_nats": gaps, "gap_of_a_model_that_has_read_them": naive},
    )


def nats(reference: list[str], texts: list[str]) -> np.ndarray:
    """Of each text under a reference."""
    fitted = Perplexity().fit(pa.array(reference, pa.large_string()))
    return fitted.score(pa.array(texts, pa.large_string())).column("perplexity_nats").to_numpy()


def corpus(name: str) -> list[str]:
    """Different documents of one length; many begin alike, with a licence, so their ends count."""
    texts = pq.read_table(shared_data(ROOT, "corpora", f"{name}.parquet"))["text"].to_pylist()
    made: dict[str, None] = {}
    current = ""
    for text in texts:
        current = f"{current}\n{text}" if current else text
        if len(current) >= LETTERS:
            made[current[-LETTERS:]] = None
            current = ""
        if len(made) == REFERENCE + EACH:
            break
    return list(made)


def area(score: np.ndarray, wanted: np.ndarray) -> float:
    """Chance that a wanted one scores above another."""
    rank = np.empty(len(score))
    rank[np.argsort(score, kind="stable")] = np.arange(1, len(score) + 1)
    n = wanted.sum()
    return float((rank[wanted].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def read(reference: list[str]) -> float:
    """Nats per token of a model of all of the reference, on the same documents."""
    text = pa.array(reference, pa.large_string())
    model = Model.of(text, Perplexity())
    cuts = list(Words().cut(text))
    logs = [np.add.reduceat(model.log_probability(c), c.offsets[:-1]) for c in cuts]
    counts = np.concatenate([np.diff(c.offsets) for c in cuts])
    return -float((np.concatenate(logs) / counts).mean())
