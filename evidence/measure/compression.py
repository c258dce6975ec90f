"""Do text and labels compress, random ones not, and does a random network prefer simple strings?

Text: 300,000 characters of six corpora, against as many random characters of the same alphabet and
odds. Labels: handwritten digits given their pixels, against the same labels shuffled. Strings: all
4,096 binary ones of length 12, each with the exact probability that networks with random weights
(GRU, never trained) give it, and the number of its Lempel-Ziv phrases. A single network likes some
strings for no reason; a network drawn at random is the mixture of them.
"""

from typing import Any

import numpy as np
import torch
from evidence.select_texts import documents
from numpy.random import default_rng
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.compression import Compression
from cuvee.measure.label_compression import LabelCompression
from cuvee.testing.evidence import Finding

CORPORA = ("python", "c", "man_en", "essay", "fr", "wordnet")
CHARACTERS, LENGTH, NETWORKS, HIDDEN, WIDE = 300_000, 12, 100, 32, 2.0


def run() -> Finding:
    torch.set_num_threads(1)
    text = {name: of_text(name) for name in CORPORA}
    digits = load_digits()
    labels = default_rng(41).permutation(digits.target)
    told = {
        how: float(
            measure(
                LabelCompression(rows=1200),
                Sample.of_points(digits.data),
                Sample.of_labels(y, "b"),
            ).mean
        )
        for how, y in (("real", digits.target), ("shuffled", labels))
    }
    drawn = strings()
    ordered = all(t["text"] < 0.6 * t["entropy"] and t["random"] > t["entropy"] - 0.01
                  for t in text.values())  # fmt: skip
    return Finding(
        claim="Text takes less than 0.6 of its characters' entropy, random characters no less than "
        "it; labels of digits take less than half of log2(10) bits, shuffled ones no less than "
        "log2(10) - 0.02; a network with random weights gives complex strings less probability "
        "(Spearman of the mixture of 100 below -0.2), and draws simpler ones than chance.",
        measured="bits a byte, text (random): "
        + ", ".join(f"{n} {t['text']:.2f} ({t['random']:.2f})" for n, t in text.items())
        + f"; bits a label: {told['real']:.2f} (shuffled {told['shuffled']:.2f}); Spearman of "
        f"probability and complexity {drawn['mixture']:.2f} (each network by itself, mean "
        f"{np.mean(drawn['each']):.2f}); phrases of drawn strings {drawn['phrases']:.2f}, of "
        f"uniform ones {drawn['uniform']:.2f}.",
        holds=bool(
            ordered
            and told["real"] < 0.5 * np.log2(10)
            and told["shuffled"] > np.log2(10) - 0.02
            and drawn["mixture"] < -0.2
            and drawn["phrases"] < drawn["uniform"]
        ),
        numbers={"text": text, "labels": told, "strings": drawn},
    )


def of_text(name: str) -> dict[str, float]:
    texts, total = [], 0
    for one in documents(name):
        if total < CHARACTERS:
            texts.append("".join(c for c in one if ord(c) < 128))
            total += len(one)
    letters = np.frombuffer("".join(texts).encode(), np.uint8)
    odds = np.bincount(letters) / len(letters)
    some = odds[odds > 0]
    rng = default_rng(42)
    made = rng.choice(len(odds), len(letters), p=odds).astype(np.uint8).tobytes().decode()
    random = [made[i : i + 3000] for i in range(0, len(made), 3000)]
    one, other = (
        float(measure(Compression(), Sample(name, texts=tuple(t), size=len(t))).mean)
        for t in (texts, random)
    )
    return {"text": one, "random": other, "entropy": float(-(some * np.log2(some)).sum())}


def strings() -> dict[str, Any]:
    """Rank correlation of probability and complexity, of the mixture and of each network."""
    bits = (np.arange(2**LENGTH)[:, None] >> np.arange(LENGTH)) & 1
    complexity = np.array([phrases("".join(map(str, row))) for row in bits])
    data = torch.nn.functional.one_hot(torch.from_numpy(bits), 2).float()
    before = torch.cat([torch.zeros(len(bits), 1, 2), data[:, :-1]], dim=1)
    odds = []
    for seed in range(NETWORKS):
        torch.manual_seed(700 + seed)
        net, head = torch.nn.GRU(2, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, 2)
        with torch.no_grad():
            for weights in (*net.parameters(), *head.parameters()):
                weights.normal_(0, WIDE * (HIDDEN**-0.5 if weights.ndim > 1 else 0.1))
            logs = (head(net(before)[0]).log_softmax(2) * data).sum((1, 2))
        odds.append(np.exp(logs.double().numpy()))
    mixture = np.mean(odds, axis=0)
    return {
        "mixture": float(spearmanr(mixture, complexity).statistic),
        "each": [float(spearmanr(one, complexity).statistic) for one in odds],
        "phrases": float(mixture @ complexity / mixture.sum()),
        "uniform": float(complexity.mean()),
    }


def phrases(text: str) -> int:
    """Lempel-Ziv phrases: each the shortest that did not stand before (1976)."""
    count, start = 0, 0
    while start < len(text):
        stop = start + 1
        while stop <= len(text) and text[start:stop] in text[: stop - 1]:
            stop += 1
        count, start = count + 1, stop
    return count
