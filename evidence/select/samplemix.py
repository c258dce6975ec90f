"""SampleMix as a choice: half of a pool of three overlapping domains, by quality and diversity.

The pool is that of evidence/mix/sample_mix.py: each domain its own blend of Python, prose and
manual pages in samples of 600 bytes, some of them near-copies, some with bytes replaced at random.
Quality comes from an ordinal scorer trained on other, graded samples; points are those of cuvee's
own embedding. An order-5 byte model is trained on the chosen half, each sample as often as its
weight says, and judged on clean held-out text.
"""

import numpy as np
from evidence.mix.sample_mix import BLENDS, domain, material, quality_of, words
from evidence.small_models import ByteCounts

from cuvee.core.order import mixed
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select import choose, load
from cuvee.sources.embed import Embedding
from cuvee.testing.evidence import Finding

SEEDS, PART = 6, 0.5
METHODS = {
    "samplemix": load("samplemix"),
    "quality only": load("samplemix", alpha=0.0),
    "diversity only": load("samplemix", alpha=1.0),
    "random": load("random"),
}


def run() -> Finding:
    rows = [one_seed(seed) for seed in range(SEEDS)]
    loss = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    gain = loss["random"] - loss["samplemix"]
    mean = {name: float(v.mean()) for name, v in loss.items()}
    wins = int((gain > 0).sum())
    alone = min(mean["quality only"], mean["diversity only"])
    return Finding(
        claim="Chosen sample by sample, by 0.8 diversity and 0.2 quality, half of a pool of "
        "overlapping domains gives a lower held-out loss than a random half, in every seed, and "
        "than choice by quality or by diversity alone (arXiv 2503.01506).",
        measured=f"Nats per byte: SampleMix {mean['samplemix']:.3f}, random {mean['random']:.3f} "
        f"(gain {gain.mean():.3f} ± {gain.std(ddof=1):.3f}, lower in {wins} of {SEEDS} seeds), "
        f"quality only {mean['quality only']:.3f}, diversity only {mean['diversity only']:.3f}, "
        f"all of it {mean['all']:.3f}.",
        holds=wins == SEEDS and mean["samplemix"] < alone,
        numbers={"loss": {name: v.tolist() for name, v in loss.items()}},
    )


def one_seed(seed: int) -> dict[str, float]:
    """Held-out loss by way of choosing the training text."""
    rng = np.random.default_rng(seed)
    clean, graded, held = material(rng)
    domains = [domain(rng, clean, name) for name in BLENDS]
    samples = np.concatenate(domains)
    texts = words(samples)
    pool = Pool(
        mixed(np.arange(len(texts), dtype=np.uint64)), np.full(len(texts), samples.shape[1]),
        Embedding.fit(texts[::2]).transform(texts).astype(np.float32),
        quality=quality_of(rng, graded, samples),
        groups=np.repeat(np.arange(len(domains)), [len(d) for d in domains]), names=tuple(BLENDS),
    )  # fmt: skip
    quota = Quota(rows=round(PART * len(pool)))
    found = {"all": ByteCounts(samples.ravel(), bits=20).loss(held)}
    for name, method in METHODS.items():
        choice = choose(method, pool, quota, seed=seed)
        times = repeats(choice, np.random.default_rng(seed))
        text = np.repeat(samples[choice.rows], times, axis=0)
        order = np.random.default_rng(seed).permutation(len(text))
        found[name] = ByteCounts(text[order].ravel(), bits=20).loss(held)
    return found


def repeats(choice: Choice, rng: np.random.Generator) -> np.ndarray:
    """How often each chosen sample is used: its weight, rounded up or down at random, once or more.

    Weights below 1 are of samples that are used once.
    """
    weight = np.ones(len(choice)) if choice.weight is None else np.maximum(choice.weight, 1)
    return (np.floor(weight) + (rng.random(len(weight)) < weight % 1)).astype(int)
