"""Is the mean of models trained on parts like a model trained on all? Small byte models, trained.

A byte model with a window of 6 and one hidden layer is trained on all four domains together for a
while; from there, one model for each domain (equal steps), and one for each subset of domains
together (the union: as many steps for each domain as its part's model had). For all 11 subsets of
two and more domains, every test set and 2 seeds, the loss of the parameter average is held against
that of the model of the union.
"""

from itertools import combinations

import numpy as np
from evidence.small_models import MlpLM, corpus
from scipy.stats import pearsonr, spearmanr

from cuvee.testing.evidence import Finding

DOMAINS = ("python", "essay", "de", "man_en")
SEED_STEPS, STEPS, BATCH, TEST, SEEDS = 600, 150, 256, 3000, 2
SUBSETS = [s for r in (2, 3, 4) for s in combinations(range(len(DOMAINS)), r)]


def run() -> Finding:
    texts = [corpus(name) for name in DOMAINS]
    averaged, trained = [], []
    for seed in range(SEEDS):
        start = train(texts, range(len(DOMAINS)), SEED_STEPS, seed, None)
        parts = [train(texts, (i,), STEPS, seed, start) for i in range(len(DOMAINS))]
        for subset in SUBSETS:
            mean = [sum(parts[i][w] for i in subset) / len(subset) for w in range(len(start))]
            union = train(texts, subset, STEPS * len(subset), seed, start)
            averaged.append(losses(texts, mean, seed))
            trained.append(losses(texts, union, seed))
    a, t = np.array(averaged), np.array(trained)
    r = float(pearsonr(a.ravel(), t.ravel()).statistic)
    # Test sets differ in difficulty, which alone correlates: also within each test set.
    within = [float(pearsonr(x, y).statistic) for x, y in zip(a.T, t.T)]
    picks = float(np.mean([spearmanr(x, y).statistic for x, y in zip(a.T, t.T)]))
    cost = {"averaging": STEPS * len(DOMAINS), "unions": sum(STEPS * len(s) for s in SUBSETS)}
    return Finding(
        claim="The loss of the parameter average of models of the parts goes with the loss of a "
        "model trained on the union: r > 0.9 over all subsets and test sets.",
        measured=f"r = {r:.3f} over all subsets and test sets; within each test set "
        f"{min(within):.2f} to {max(within):.2f} (mean {np.mean(within):.2f}, Spearman "
        f"{picks:.2f}); {cost['averaging']} steps instead of {cost['unions']}.",
        holds=r > 0.9,
        numbers={
            "pearson": r, "pearson_within_test_sets": dict(zip(DOMAINS, within)),
            "mean_spearman_within": picks, "steps": cost,
            "mean_gap_in_nats": float(np.mean(a - t)),
        },
    )  # fmt: skip


def train(texts, domains, steps: int, seed: int, start) -> list:
    """Parameters after so many steps on equal parts of the domains."""
    model = model_of(seed, start)
    rng = np.random.default_rng([seed, steps, *domains])
    for _ in range(steps):
        i = domains[int(rng.integers(len(domains)))]
        text = texts[i][0]
        ends = rng.integers(model.window, len(text) - 1, size=BATCH)
        model.step(model.losses(text, ends).mean())
    return [w.detach().clone() for w in model.weights]


def model_of(seed: int, weights) -> MlpLM:
    model = MlpLM(seed, window=6, width=96)
    for mine, other in zip(model.weights, weights or []):
        mine.data.copy_(other)
    return model


def losses(texts, weights, seed: int) -> list[float]:
    """Of these parameters on each domain's held-out bytes."""
    model, rng = model_of(seed, weights), np.random.default_rng(0)
    found = []
    for _, held in texts:
        ends = rng.integers(model.window, len(held) - 1, size=TEST)
        found.append(model.held_out(held, ends))
    return found
