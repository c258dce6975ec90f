"""Are labels with a rule told in fewer bits than without, and none in fewer than they hold?

Labels of normal rows, 2000 of them: by chance, by a plane, by which of 8 spots a row is near, and
by a plane where a part of the labels was turned. Of the last the entropy of a label, given its
row, is known: no code can be shorter on average.
"""

import numpy as np
from numpy.random import default_rng

from cuvee.core.sample import Sample
from cuvee.measure import load, measure
from cuvee.testing.evidence import Finding

ROWS, DIMS, SEEDS = 2000, 4, 10
TURNED = (0.5, 0.1, 0.02, 0.0)
"""Parts of the labels that are the wrong way round; half: chance."""


def run() -> Finding:
    plane = {part: [bits(part, seed) for seed in range(SEEDS)] for part in TURNED}
    spots = [near_spots(seed) for seed in range(SEEDS)]
    least = {part: entropy(part) for part in TURNED}
    over = {part: float(np.mean(found)) - least[part] for part, found in plane.items()}
    below = sum(value < least[part] - 0.03 for part, found in plane.items() for value in found)
    return Finding(
        claim="Labels of a plane cost at most 0.05 bits more than their entropy given the row, "
        "labels by chance at most 0.02 more than 1 bit, no code is shorter than that entropy "
        "(to 0.03 bits of chance), and labels of 8 spots cost less than half of their 3 bits.",
        measured="beyond the entropy: "
        + ", ".join(f"{part:.0%} turned {value:+.3f}" for part, value in over.items())
        + f" bits; {below} of {SEEDS * len(TURNED)} below it; spots {np.mean(spots):.2f} bits.",
        holds=bool(
            max(over[part] for part in TURNED if part < 0.5) <= 0.05 and over[0.5] <= 0.02
            and below == 0 and np.mean(spots) < 1.5
        ),
        numbers={"plane": {str(k): v for k, v in plane.items()}, "spots": spots},
    )  # fmt: skip


def entropy(part: float) -> float:
    """Bits of a label that is wrong with this chance."""
    return -sum(p * np.log2(p) for p in (part, 1 - part) if p > 0)


def bits(part: float, seed: int) -> float:
    rng = default_rng([seed, 83, int(1000 * part)])
    x = rng.standard_normal((ROWS, DIMS))
    labels = (x @ np.arange(1, DIMS + 1) > 0) ^ (rng.random(ROWS) < part)
    return told(x, labels, seed)


def near_spots(seed: int) -> float:
    rng = default_rng([seed, 84])
    x = rng.standard_normal((ROWS, DIMS))
    centers = rng.standard_normal((8, DIMS))
    return told(x, ((x[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1), seed)


def told(x: np.ndarray, labels: np.ndarray, seed: int) -> float:
    pair = Sample.of_points(x), Sample.of_labels(labels.astype(np.int64), "b")
    return float(measure(load("label_compression", nulls=0), *pair, seed=seed).mean)
