"""Do Gopher's rules keep prose and drop damaged prose, and does a model of what is kept lose less?

The damage is made by rule, so that each kind has a rule that should see it; the loss is not: it is
that of an n-gram model on held-out essays, trained on as many tokens of a pool, half of which is
damaged, with and without the filter.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator, default_rng

from cuvee.attributes.gopher import Gopher
from cuvee.attributes.perplexity import Model, Perplexity
from cuvee.core.units import Words
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
PROSE, OTHERS = "essay", ("handbook_en", "man_en", "fortunes", "wordnet", "python", "c", "de")
KEPT, DROPPED, SEEDS, TOKENS = 0.8, 0.9, 10, 200_000
STOP = re.compile(r"\b(the|be|to|of|and|that|have|with)\b", re.IGNORECASE)


def run() -> Finding:
    texts = corpus(PROSE)
    train, held = texts[:800], texts[800:]
    whole = kept(train).mean()
    dropped = {name: 1 - kept([damage(t, default_rng(i)) for i, t in enumerate(train)]).mean()
               for name, damage in DAMAGE.items()}  # fmt: skip
    gains = [gain(train, held, seed) for seed in range(SEEDS)]
    wins = sum(g > 0 for g in gains)
    worst = min(dropped, key=dropped.__getitem__)
    return Finding(
        claim=f"Rae et al. 2021: rules of thumb drop damaged text, keep prose. Here: >= {KEPT:.0%} "
        f"of essays kept, >= {DROPPED:.0%} of each kind of damage dropped, and at equal tokens a "
        f"model of what is kept has the lower held-out loss in {SEEDS} of {SEEDS} draws.",
        measured=f"{whole:.1%} of essays kept; least dropped: {worst}, {dropped[worst]:.1%}; the "
        f"filter lowers the held-out loss by {np.mean(gains):.3f} nats per token (sd "
        f"{np.std(gains, ddof=1):.3f}), in {wins} of {SEEDS} draws.",
        holds=bool(whole >= KEPT and min(dropped.values()) >= DROPPED and wins == SEEDS),
        numbers={
            "kept_of_essays": whole, "dropped_by_damage": dropped, "gain_in_nats": gains,
            "kept_of_other_corpora": {name: kept(corpus(name)[:1000]).mean() for name in OTHERS},
        },
    )  # fmt: skip


def corpus(name: str) -> list[str]:
    """Documents, in their fixed order."""
    return pq.read_table(shared_data(ROOT, "corpora", f"{name}.parquet"))["text"].to_pylist()


def kept(texts: list[str]) -> np.ndarray:
    """Which pass."""
    table = Gopher().score(pa.array(texts, pa.large_string()))
    return table.column("gopher_keep").to_numpy()


def gain(train: list[str], held: list[str], seed: int) -> float:
    """By how much the filter lowers the loss of a model of so many tokens."""
    rng = default_rng(seed)
    kinds = list(DAMAGE.values())
    bad = [kinds[int(rng.integers(len(kinds)))](t, rng) for t in train[::2]]
    pool = [*train[1::2], *bad]
    passes = kept(pool)
    every = [pool[i] for i in rng.permutation(len(pool))]
    good = [pool[i] for i in rng.permutation(np.flatnonzero(passes))]
    return loss(every, held) - loss(good, held)


def loss(texts: list[str], held: list[str]) -> float:
    """Held-out nats per token of a model of the first tokens of some texts."""
    cuts = [next(iter(Words().cut(pa.array([t], pa.large_string())))) for t in texts]
    ends = np.cumsum([len(cut.ids) for cut in cuts])
    enough = int(np.searchsorted(ends, TOKENS)) + 1
    model = Model.of(pa.array(texts[:enough], pa.large_string()), Perplexity())
    logs = [model.log_probability(c) for c in Words().cut(pa.array(held, pa.large_string()))]
    return -float(np.concatenate(logs).mean())


def repeated(text: str, rng: Generator) -> str:
    """One passage again and again."""
    return "\n".join([text[:300].replace("\n", " ")] * (len(text) // 300 + 1))


def menu(text: str, rng: Generator) -> str:
    """Two words a line, with a dash."""
    words = text.split()
    return "\n".join(f"- {' '.join(words[i : i + 2])}" for i in range(0, len(words), 2))


def symbols(text: str, rng: Generator) -> str:
    """A sign after every fifth word."""
    return " ".join(f"{w} #" if i % 5 == 4 else w for i, w in enumerate(text.split()))


def snippets(text: str, rng: Generator) -> str:
    """Eight words a line, then dots."""
    words = text.split()
    return "\n".join(f"{' '.join(words[i : i + 8])} ..." for i in range(0, len(words), 8))


def figures(text: str, rng: Generator) -> str:
    """Every third word is a number."""
    return " ".join(
        str(rng.integers(10**4)) if i % 3 == 0 else w for i, w in enumerate(text.split())
    )


def keywords(text: str, rng: Generator) -> str:
    """Without small words."""
    return STOP.sub(" ", text)


def glued(text: str, rng: Generator) -> str:
    """Words run together in threes."""
    words = text.split()
    return " ".join("".join(words[i : i + 3]) for i in range(0, len(words), 3))


DAMAGE = {
    f.__name__: f for f in (repeated, menu, symbols, snippets, figures, keywords, glued)
}  # fmt: skip
