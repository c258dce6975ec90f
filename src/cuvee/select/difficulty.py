"""How hard is each row to learn? Scores from a small classifier, and draws by unequal chances.

Shared by the methods that go by scores. The classifier is multinomial regression or a network with
one hidden layer, trained by Adam on small batches; what it costs is `epochs` passes of
`rows * features * classes` products, and it keeps a few numbers of each row.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Pool

SCORES = ("aum", "el2n", "forgetting", "quality")
"""Names of what says how easy a row is."""
BLOCK = 65_536
"""Rows whose logits are in memory at once."""
DECAY = (0.9, 0.99)
"""Of Adam's two averages."""
REST = 1e-4
"""Weight decay: keeps a few rows of one class from being learnt without end."""


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A network that tells classes apart.

    Args:
        classes: The labels, in the order of the logits.
        middle: Mean of the points that it was trained on.
        scale: Their root mean square after the mean is taken off.
        layers: Weights and biases.
    """

    classes: Int[np.ndarray, "classes"]
    middle: Float32[np.ndarray, "features"]
    scale: float
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]

    def inner(self, points: Float[np.ndarray, "rows features"]) -> Float32[np.ndarray, "rows size"]:
        """What the last layer sees."""
        x = ((points - self.middle) / self.scale).astype(np.float32)
        for weights, bias in self.layers[:-1]:
            x = np.maximum(x @ weights + bias, 0)
        return x

    def logits(
        self, points: Float[np.ndarray, "rows features"]
    ) -> Float32[np.ndarray, "rows classes"]:
        """Of many rows, a block at a time."""
        weights, bias = self.layers[-1]
        found = np.empty((len(points), len(self.classes)), np.float32)
        for i in range(0, len(points), BLOCK):
            found[i : i + BLOCK] = self.inner(points[i : i + BLOCK]) @ weights + bias
        return found

    def chances(
        self, points: Float[np.ndarray, "rows features"]
    ) -> Float32[np.ndarray, "rows classes"]:
        """Probability of each class."""
        return softmax(self.logits(points))


@dataclass(frozen=True, slots=True, eq=False)
class Difficulty:
    """What training showed of each row.

    Args:
        margin: Logit of its label less the highest other one, mean over all epochs; low: hard, or
            mislabelled.
        error: Length of (probabilities - one-hot label), mean over the first half of the epochs.
        forgotten: How often a row that was told right was told wrong an epoch later; one never
            told right counts as forgotten in every epoch.
    """

    margin: Float[np.ndarray, "rows"]
    error: Float[np.ndarray, "rows"]
    forgotten: Float[np.ndarray, "rows"]


def softmax(logits: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows classes"]:
    """Probabilities."""
    found = np.exp(logits - logits.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def epochs_of(
    points: Float[np.ndarray, "rows features"], labels: Int[np.ndarray, "rows"], *, rng: Generator,
    hidden: int = 0, rate: float = 0.02, weight: Float[np.ndarray, "rows"] | None = None,
    rows: Iterator[Int[np.ndarray, "some"]] | None = None,
) -> Iterator[Classifier]:  # fmt: skip
    """Trains for ever: the classifier after each epoch.

    Args:
        points: Features.
        labels: Class of each row, any whole numbers.
        rng: Of the start and of the batches.
        hidden: Units of the hidden layer; 0: none.
        rate: Adam's step.
        weight: What each row counts; None: the same.
        rows: Which rows each epoch goes through, as `Rs2().epochs` gives them; None: all, in random
            order.
    """
    classes, y = np.unique(labels, return_inverse=True)
    middle = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    x = (points - middle).astype(np.float32)
    scale = max(float(np.sqrt(np.mean(np.square(x), dtype=np.float64))), 1e-6)
    x /= np.float32(scale)
    layers = _begun([x.shape[1], *([hidden] if hidden else []), len(classes)], rng)
    net = Classifier(classes, middle, scale, layers)
    steps = [np.zeros((2, *part.shape), np.float32) for layer in layers for part in layer]
    step = 0
    share = None if weight is None else (weight / weight.mean()).astype(np.float32)
    while True:
        order = rng.permutation(len(x)) if rows is None else next(rows)
        batch = int(np.clip(len(order) // 50, 32, 1024))
        for i in range(0, len(order), batch):
            some, step = order[i : i + batch], step + 1
            each = None if share is None else share[some]
            slopes = _slopes(net.layers, x[some], y[some], each)
            net = replace(net, layers=_moved(net.layers, slopes, steps, step, rate))
        yield net


def learn(
    points: Float[np.ndarray, "rows features"], labels: Int[np.ndarray, "rows"], *, rng: Generator,
    epochs: int = 10, hidden: int = 0, rate: float = 0.02,
    weight: Float[np.ndarray, "rows"] | None = None,
) -> Classifier:  # fmt: skip
    """The classifier after so many epochs; the settings are those of `epochs_of`."""
    training = epochs_of(points, labels, rng=rng, hidden=hidden, rate=rate, weight=weight)
    return [next(training) for _ in range(epochs)][-1]


def difficulty(
    points: Float[np.ndarray, "rows features"], labels: Int[np.ndarray, "rows"], *, rng: Generator,
    epochs: int = 10, hidden: int = 0, rate: float = 0.02,
) -> Difficulty:  # fmt: skip
    """AUM, EL2N and forgetting scores from one training run.

    References: Pleiss, Zhang, Elenberg and Weinberger, "Identifying mislabeled data using the area
    under the margin ranking", 2020, https://arxiv.org/abs/2001.10528; Paul, Ganguli and Dziugaite,
    "Deep learning on a data diet", 2021, https://arxiv.org/abs/2107.07075; Toneva et al., "An
    empirical study of example forgetting during deep neural network learning", 2019,
    https://arxiv.org/abs/1812.05159.
    """
    n, y = len(points), np.unique(labels, return_inverse=True)[1]
    margin, error, forgotten = np.zeros(n), np.zeros(n), np.zeros(n)
    right, ever = np.zeros(n, bool), np.zeros(n, bool)
    half = (epochs + 1) // 2
    training = epochs_of(points, labels, rng=rng, hidden=hidden, rate=rate)
    for epoch in range(epochs):
        logits = next(training).logits(points)
        own = logits[np.arange(n), y].copy()
        if epoch < half:
            off = softmax(logits)
            off[np.arange(n), y] -= 1
            error += np.sqrt(np.square(off).sum(axis=1)) / half
        logits[np.arange(n), y] = -np.inf if logits.shape[1] > 1 else 0
        gap = own - logits.max(axis=1)
        margin += gap / epochs
        forgotten += right & (gap <= 0)
        right = gap > 0
        ever |= right
    return Difficulty(margin, error, np.where(ever, forgotten, float(epochs)))


def ease(
    pool: Pool, score: str, *, rng: Generator, epochs: int = 10, hidden: int = 0
) -> Float[np.ndarray, "rows"]:
    """How easy, or how good, each row is: the higher, the easier.

    Args:
        pool: With points and labels; for `quality`, with quality.
        score: One of SCORES: the margin (AUM), minus the error (EL2N), minus how often it was
            forgotten, or the quality.
        rng: Of the training.
        epochs: Of the training.
        hidden: Units of the hidden layer; 0: none.
    """
    if score == "quality":
        return np.asarray(pool.need("quality"), np.float64)
    points, labels = pool.need("points"), pool.need("labels")
    found = difficulty(points, labels, rng=rng, epochs=epochs, hidden=hidden)
    return {"aum": found.margin, "el2n": -found.error, "forgetting": -found.forgotten}[score]


class Reads:
    """What a method reads, by its setting `score`: works on the class and on its instances."""

    def __get__(self, method: object, kind: type) -> tuple[str, ...]:
        by_quality = getattr(method, "score", "") == "quality"
        return ("quality",) if by_quality else ("points", "labels")


def checked_scores(name: str, score: str, epochs: int, hidden: int) -> None:
    """Raise if these are no settings for scores.

    Raises:
        CuveeError: It says which.
    """
    if score not in SCORES:
        raise unknown(f"{name}: score", score, SCORES)
    if epochs < 1 or hidden < 0:
        raise CuveeError(
            f"{name}: expected 1 epoch or more and 0 hidden units or more, got {epochs} and "
            f"{hidden}."
        )


def inclusion(weights: Float[np.ndarray, "rows"], count: float) -> Float[np.ndarray, "rows"]:
    """Chances in proportion to weights, none above 1, that sum to `count`.

    Args:
        weights: None below 0.
        count: How many rows are to be drawn, on average; at most all.
    """
    weights = np.maximum(np.asarray(weights, np.float64), 1e-300)
    order = np.argsort(-weights, kind="stable")
    ranked = weights[order]
    rest = np.cumsum(ranked[::-1])[::-1]
    left = count - np.arange(len(ranked))
    # The first rank at which what is left suits all that come after.
    sure = int(np.argmax(np.r_[left[:-1] * ranked[:-1] <= rest[:-1], True]))
    found = np.ones(len(ranked))
    if left[sure] < len(ranked) - sure:
        found[sure:] = np.clip(ranked[sure:] / rest[sure] * left[sure], 1e-300, 1)
    chances = np.empty(len(ranked))
    chances[order] = found
    return chances


def drawn(chances: Float[np.ndarray, "rows"], rng: Generator) -> Int[np.ndarray, "rows"]:
    """An order of the rows of which the first are a draw by these chances, as many as they sum to.

    Systematic sampling along a random order: each row has exactly its chance. The others follow by
    a random number / chance, should more be wanted.

    References: Madow, "On the theory of systematic sampling, II", 1949,
    https://doi.org/10.1214/aoms/1177729988.
    """
    order = rng.permutation(len(chances))
    ends = np.floor(np.cumsum(chances[order]) + rng.random())
    taken = np.diff(np.r_[0.0, ends]) > 0
    rest = order[~taken]
    return np.r_[order[taken], rest[np.argsort(rng.random(len(rest)) / chances[rest])]]


def _begun(sizes: list[int], rng: Generator) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Random weights between layers of these sizes, zeros before the logits."""
    return tuple(
        (
            (rng.standard_normal((a, b)) * np.sqrt(2 / a) * (i + 2 < len(sizes))).astype(
                np.float32
            ),
            np.zeros(b, np.float32),
        )
        for i, (a, b) in enumerate(pairwise(sizes))
    )


def _slopes(
    layers: tuple[tuple[np.ndarray, np.ndarray], ...], x: np.ndarray, y: np.ndarray,
    each: np.ndarray | None,
) -> list[np.ndarray]:  # fmt: skip
    """Of the mean loss, by every weight and bias."""
    kept = [x]
    for weights, bias in layers[:-1]:
        kept.append(np.maximum(kept[-1] @ weights + bias, 0))
    off = softmax(kept[-1] @ layers[-1][0] + layers[-1][1])
    off[np.arange(len(y)), y] -= 1
    if each is not None:
        off *= each[:, None]
    off /= len(y)
    found: list[np.ndarray] = []
    for (weights, _), below in zip(layers[::-1], kept[::-1]):
        found = [below.T @ off + REST * weights, off.sum(axis=0), *found]
        off = (off @ weights.T) * (below > 0)
    return found


def _moved(
    layers: tuple[tuple[np.ndarray, np.ndarray], ...], slopes: list[np.ndarray],
    steps: list[np.ndarray], step: int, rate: float,
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:  # fmt: skip
    """One step of Adam; `steps` are its averages."""
    first, second = DECAY
    pace = rate * np.sqrt(1 - second**step) / (1 - first**step)
    moved = []
    for part, slope, (mean, square) in zip((p for layer in layers for p in layer), slopes, steps):
        mean += (1 - first) * (slope - mean)
        square += (1 - second) * (slope * slope - square)
        moved.append((part - pace * mean / (np.sqrt(square) + 1e-8)).astype(np.float32))
    return tuple(zip(moved[::2], moved[1::2]))
