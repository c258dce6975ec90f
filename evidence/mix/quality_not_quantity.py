"""Does merging sources dilute the robustness of the best one? (Nguyen et al. 2022)

Digits with a stamped row of ten pixels. In each source the stamp gives the label away with its own
probability (0.1 is chance). All training sets are judged on the same test images with every stamp:
a reference (stamp right half of the time) and a shift (stamp always wrong). Robustness is the
paper's effective robustness: logit of the shifted accuracy above one common line through the
logits of all models. Pairs are merged at equal total size and as full unions: twice the data.
Every stamp is shown because one random stamp an image is too noisy to order close sources (with it,
39 of 48 cases lay between).
"""

import itertools
from typing import Any

import numpy as np
from scipy.special import logit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from cuvee.testing.evidence import Finding

STRENGTHS = (0.1, 0.6, 0.95)
SIZES = (150, 250, 400)
SEEDS = 20


def run() -> Finding:
    between, below, cases, table = 0, 0, 0, []
    for seed in range(SEEDS):
        found = one_seed(seed)
        table.append(found)
        for i, j in itertools.combinations(range(len(STRENGTHS)), 2):
            low, high = sorted((found[f"{i}"], found[f"{j}"]))
            for how in ("equal", "union"):
                cases += 1
                between += low < found[f"{i}+{j} {how}"] < high
                below += found[f"{i}+{j} {how}"] < high
    mean = {k: float(np.mean([t[k] for t in table])) for k in table[0]}
    spread = {k: float(np.std([t[k] for t in table], ddof=1)) for k in table[0]}
    return Finding(
        claim="The effective robustness of two merged sources lies between theirs, below the "
        "better one, also when the union is twice as large (arXiv 2208.05516): in >= 90% of cases.",
        measured=f"Between in {between} of {cases} (seed, pair, way), below the better source in "
        f"{below}; e.g. {mean['0']:.2f} and {mean['2']:.2f}, union {mean['0+2 union']:.2f}.",
        holds=bool(between >= 0.9 * cases and below >= 0.9 * cases),
        numbers={"robustness": mean, "sd_over_seeds": spread, "between": between, "cases": cases,
                 "below_best": below, "strengths": STRENGTHS},
    )  # fmt: skip


def one_seed(seed: int) -> dict[str, float]:
    """Effective robustness of each source and each merged pair, mean over sizes."""
    rng = np.random.default_rng(seed)
    digits: Any = load_digits()
    images, labels = digits.data, digits.target
    order = rng.permutation(len(labels))
    images, labels = images[order] / 16, labels[order]
    test, pools = np.arange(500), np.array_split(np.arange(500, len(labels)), len(STRENGTHS))
    sources = [stamped(rng, images[p], labels[p], s) for p, s in zip(pools, STRENGTHS)]
    every_stamp = [np.hstack([images[test], np.tile(row, (len(test), 1))]) for row in np.eye(10)]
    judge = (every_stamp, labels[test])
    points = {}
    for name, parts, halve in training_sets():
        points[name] = [accuracies(sources, parts, n // 2 if halve else n, judge) for n in SIZES]
    every = np.array([p for rows in points.values() for p in rows])
    line = np.polyfit(every[:, 0], every[:, 1], 1)
    return {
        name: float(np.mean([shifted - np.polyval(line, here) for here, shifted in rows]))
        for name, rows in points.items()
    }


def training_sets() -> list[tuple[str, tuple[int, ...], bool]]:
    """Name, sources, and whether each source gives only half."""
    k = range(len(STRENGTHS))
    alone = [(str(i), (i,), False) for i in k]
    pairs = list(itertools.combinations(k, 2))
    equal = [(f"{i}+{j} equal", (i, j), True) for i, j in pairs]
    return alone + equal + [(f"{i}+{j} union", (i, j), False) for i, j in pairs]


def stamped(
    rng: np.random.Generator, images: np.ndarray, labels: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Images with a row of ten pixels, the lit one the label's with probability `strength`."""
    wrong = (labels + rng.integers(1, 10, len(labels))) % 10
    lit = np.where(rng.random(len(labels)) < strength, labels, wrong)
    return np.hstack([images, np.eye(10)[lit]]), labels


def accuracies(sources: list, parts: tuple[int, ...], size: int, judge: tuple) -> list[float]:
    """Logits of both accuracies: each test image is shown with all ten stamps."""
    x = np.vstack([sources[i][0][:size] for i in parts])
    y = np.concatenate([sources[i][1][:size] for i in parts])
    model = LogisticRegression(C=1.0, max_iter=500).fit(x, y)
    images, labels = judge
    hits = np.array([model.predict(image) == labels for image in images])
    right = hits[labels, np.arange(len(labels))].mean()
    wrong = (hits.sum(axis=0) - hits[labels, np.arange(len(labels))]).mean() / 9
    return [float(logit(np.clip(s, 0.001, 0.999))) for s in ((right + wrong) / 2, wrong)]
