"""SampleMix (Xi et al. 2025): weights for samples against the best weights for domains.

Three overlapping domains, each its own blend of Python, prose and manual pages in samples of 600
bytes. 20% or 40% of a domain are near-copies of 8 samples, and of the others 30% or 50% have bytes
replaced at random. Quality comes from an ordinal scorer trained on 450 labelled samples
of other documents; diversity from k-means, cluster compactness times separation; the weights are
softmax((alpha d + (1 - alpha) q) / tau) with the paper's alpha 0.8 and tau 0.2, and a sample's
count is its expected number rounded at random. An order-5 byte model is trained on the same number
of bytes each time and judged on clean held-out text of all three kinds. The best of 15 domain
weights is chosen on the judge itself, which favours it.
"""

import itertools

import numpy as np
from evidence.small_models import ByteCounts, corpus
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from cuvee.testing.evidence import Finding

KINDS = ("python", "essay", "man_en")
BLENDS = {"web": (0.2, 0.5, 0.3), "code": (0.8, 0.2, 0.0), "manuals": (0.0, 0.3, 0.7)}
COPIED = {"web": 0.2, "code": 0.4, "manuals": 0.4}
NOISY = {"web": 0.5, "code": 0.3, "manuals": 0.3}
LEVELS = (0.0, 0.1, 0.4)
"""Parts of the bytes replaced: the three quality levels."""
LENGTH, SAMPLES, BUDGET, SEEDS, CLUSTERS = 600, 900, 500_000, 8, 60
ALPHA, TAU = 0.8, 0.2


def run() -> Finding:
    rows = [one_seed(seed) for seed in range(SEEDS)]
    loss = {k: np.array([r[k] for r in rows]) for k in rows[0]}
    gain = loss["best domains"] - loss["samplemix"]
    wins = int((gain > 0).sum())
    mean = {k: float(v.mean()) for k, v in loss.items()}
    return Finding(
        claim="Per-sample weights from quality and diversity give a lower held-out loss than the "
        "best domain weights at equal tokens, in every seed (arXiv 2503.01506).",
        measured=f"Nats per byte: SampleMix {mean['samplemix']:.3f}, best of 15 domain weights "
        f"{mean['best domains']:.3f}, natural {mean['natural']:.3f}; gain {gain.mean():.3f} ± "
        f"{gain.std(ddof=1):.3f}, lower in {wins} of {SEEDS} seeds. Quality alone "
        f"{mean['quality only']:.3f}, diversity alone {mean['diversity only']:.3f}.",
        holds=wins == SEEDS,
        numbers={"loss": {k: v.tolist() for k, v in loss.items()}, "gain": gain.tolist()},
    )


def one_seed(seed: int) -> dict[str, float]:
    """Held-out loss by way of choosing the training text."""
    rng = np.random.default_rng(seed)
    clean, graded, held = material(rng)
    domains = [domain(rng, clean, name) for name in BLENDS]
    pool, owner = np.concatenate(domains), np.repeat(np.arange(len(domains)), SAMPLES)

    def judge(counts: np.ndarray) -> float:
        text = np.repeat(pool, counts, axis=0)[rng.permutation(counts.sum())].ravel()
        return ByteCounts(text, bits=20).loss(held)

    quality, diversity = quality_of(rng, graded, pool), diversity_of(pool, seed)
    found = {
        name: judge(sampled(rng, softmax((a * diversity + (1 - a) * quality) / TAU)))
        for name, a in (("samplemix", ALPHA), ("quality only", 0.0), ("diversity only", 1.0))
    }
    weights = [np.array(w) / 4 for w in itertools.product(range(5), repeat=3) if sum(w) == 4]
    found["best domains"] = min(judge(sampled(rng, w[owner] / SAMPLES)) for w in weights)
    found["natural"] = judge(sampled(rng, np.full(len(pool), 1 / len(pool))))
    return found


def material(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Clean samples of each kind, clean samples to grade, held-out text of all kinds."""
    clean, graded, held = [], [], []
    for kind in KINDS:
        text, test = corpus(kind)
        cut = text[: len(text) // LENGTH * LENGTH].reshape(-1, LENGTH)
        cut = cut[rng.permutation(len(cut))]
        graded.append(cut[:150])
        clean.append(cut[150:])
        held.append(test[:60_000])
    return clean, np.concatenate(graded), np.concatenate(held)


def spoil(rng: np.random.Generator, samples: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A part of each sample's bytes replaced by printable ones."""
    hit = rng.random(samples.shape) < part[:, None]
    return np.where(hit, rng.integers(32, 127, samples.shape), samples).astype(np.uint8)


def domain(rng: np.random.Generator, clean: list[np.ndarray], name: str) -> np.ndarray:
    """SAMPLES samples of a blend of kinds, some near-copies of a few, some noisy."""
    kinds = rng.choice(len(KINDS), size=SAMPLES, p=BLENDS[name])
    samples = np.array([clean[k][rng.integers(len(clean[k]))] for k in kinds])
    copies = int(COPIED[name] * SAMPLES)
    samples[:copies] = spoil(rng, samples[rng.integers(copies, copies + 8, copies)],
                             np.full(copies, 0.01))  # fmt: skip
    level = np.where(rng.random(SAMPLES) < NOISY[name], rng.integers(1, 3, SAMPLES), 0)
    level[:copies] = 0
    return spoil(rng, samples, np.array(LEVELS)[level])


def words(samples: np.ndarray) -> list[str]:
    return [bytes(s).decode("latin-1") for s in samples]


def quality_of(rng: np.random.Generator, graded: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Expected quality level of each sample, scaled to 0..1; one logistic cut between levels."""
    level = np.arange(len(graded)) % len(LEVELS)
    texts = words(spoil(rng, graded, np.array(LEVELS)[level]))
    rank = np.zeros(len(pool))
    for cut in range(1, len(LEVELS)):
        model = make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True),
            LogisticRegression(C=10.0, max_iter=500),
        )
        rank += model.fit(texts, level < cut).predict_proba(words(pool))[:, 1]
    return scaled(rank)


def diversity_of(pool: np.ndarray, seed: int) -> np.ndarray:
    """Compactness times separation of each sample's cluster, scaled to 0..1."""
    embed = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(3, 3), max_features=5000, sublinear_tf=True),
        TruncatedSVD(50, random_state=seed),
    )
    points = embed.fit_transform(words(pool))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cluster = KMeans(CLUSTERS, random_state=seed).fit_predict(points)
    centres = np.array([points[cluster == c].mean(axis=0) for c in range(CLUSTERS)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    near = 1 - (points * centres[cluster]).sum(axis=1)
    compactness = np.array([near[cluster == c].mean() for c in range(CLUSTERS)])
    separation = (1 - centres @ centres.T).sum(axis=1) / (CLUSTERS - 1)
    return scaled((compactness * separation)[cluster])


def scaled(x: np.ndarray) -> np.ndarray:
    return (x - x.min()) / (x.max() - x.min())


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def sampled(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """How often each sample is used: its expected number, rounded up or down at random."""
    expected = BUDGET / LENGTH * weights
    return np.floor(expected).astype(int) + (rng.random(len(weights)) < expected % 1)
