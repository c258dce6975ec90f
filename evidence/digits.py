"""Handwritten digits as a pool to choose from, and a network that is trained on what was chosen."""

import numpy as np
from numpy.random import Generator, default_rng
from sklearn.datasets import load_digits

from cuvee.core.order import mixed
from cuvee.core.pool import Pool
from cuvee.select.difficulty import learn

TEST = 450
STEPS = 1500
"""Of training, however many rows there are."""


def digits(seed: int, wrong: float = 0.0) -> tuple[Pool, Pool]:
    """The pool and what is held out; a part of the pool's labels may be wrong."""
    data, rng = load_digits(), default_rng(seed)
    order = rng.permutation(len(data.data))
    points = (data.data[order] / 16).astype(np.float32)
    labels = data.target[order].copy()
    hit = np.flatnonzero(rng.random(len(labels)) < wrong)
    hit = hit[hit >= TEST]
    labels[hit] = (labels[hit] + rng.integers(1, 10, len(hit))) % 10
    keys = mixed(np.arange(len(labels), dtype=np.uint64))
    whole = Pool(keys, np.ones(len(labels), np.int64), points, labels=labels)
    return whole.take(np.arange(TEST, len(labels))), whole.take(np.arange(TEST))


def accuracy(
    chosen: Pool, test: Pool, rng: Generator, hidden: int, weight: np.ndarray | None = None
) -> float:
    """Of a network that was trained on the chosen rows, on the held-out ones."""
    epochs = max(STEPS // -(-len(chosen) // 32), 1)
    points, labels = chosen.need("points"), chosen.need("labels")
    model = learn(points, labels, rng=rng, epochs=epochs, hidden=hidden, rate=0.005, weight=weight)
    found = model.classes[model.logits(test.need("points")).argmax(axis=1)]
    return float(np.mean(found == test.labels))
