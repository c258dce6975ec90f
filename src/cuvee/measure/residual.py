"""What a closed form misses of a log ratio, learned by a small network of each side.

The score of a pair is base(x, y) + g(x) . h(y): a network for each side, so that a batch of b rows
gives b^2 pairs. It starts at the closed form, and goes back to it where rows that it has not seen
do not gain. Plain numpy, in single precision: the networks are small enough.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from numpy.random import Generator

from cuvee.measure.elliptical import bound

Table = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Rows of x and of y, by number -> their base scores."""
LEAK = np.float32(0.1)
KEPT = 0.02
"""Share of new weights in the running mean that is judged."""


@dataclass(frozen=True, slots=True)
class Training:
    """How long, how wide.

    Args:
        steps: Of training at most.
        batch: Rows in a step.
        hidden: Width of both hidden layers.
        width: In which both sides meet.
        rate: Of Adam, at the start.
        decay: Of the weights.
        every: Steps between two looks at the rows that judge.
        patience: Looks without a gain before it stops.
    """

    steps: int = 800
    batch: int = 256
    hidden: int = 64
    width: int = 16
    rate: float = 3e-3
    decay: float = 1e-3
    every: int = 40
    patience: int = 6


class Sides:
    """Both networks; all their weights are parts of one vector."""

    def __init__(self, dx: int, dy: int, how: Training, rng: Generator) -> None:
        h, k = how.hidden, how.width
        self.shapes = [s for d in (dx, dy) for s in ((d, h), (h,), (h, h), (h,), (h, k), (k,))]
        made = [
            rng.standard_normal(s) * np.sqrt(2 / s[0]) if len(s) == 2 else np.zeros(s)
            for s in self.shapes
        ]
        made[4][:] = 0  # the score starts at the base
        self.weights = np.concatenate([m.ravel() for m in made]).astype(np.float32)

    def parts(self, vector: np.ndarray) -> list[np.ndarray]:
        """Matrices and vectors that lie in such a vector."""
        ends = np.cumsum([int(np.prod(s)) for s in self.shapes])
        pieces = np.split(vector, ends[:-1])
        return [p.reshape(s) for p, s in zip(pieces, self.shapes)]

    def scores(
        self, weights: np.ndarray, x: Float32[np.ndarray, "rows dx"],
        y: Float32[np.ndarray, "others dy"],
    ) -> Float32[np.ndarray, "rows others"]:  # fmt: skip
        """What is added to the base."""
        parts = self.parts(weights)
        return _forward(parts[:6], x)[-1] @ _forward(parts[6:], y)[-1].T


def learned(
    x: Float32[np.ndarray, "rows dx"], y: Float32[np.ndarray, "rows dy"], base: Table,
    how: Training, rng: Generator,
) -> tuple[Sides, Float32[np.ndarray, "weights"]] | None:  # fmt: skip
    """Networks that raise the bound on rows that they have not seen; None if they do not.

    References: van den Oord, Li and Vinyals, "Representation learning with contrastive predictive
    coding", 2018; Kingma and Ba, "Adam", ICLR 2015.
    """
    order = rng.permutation(len(x))
    held, rows = np.split(order, [max(len(x) // 6, 20)])
    sides = Sides(x.shape[1], y.shape[1], how, rng)
    still, own = base(held, held), np.arange(len(held))
    best, kept, bad = float(bound(still, own).mean()), None, 0
    adam = _Adam(sides.weights, how)
    size = min(how.batch, len(rows) // 2)
    while adam.step < how.steps and bad < how.patience:
        mixed = rng.permutation(rows)
        for start in range(0, len(rows) - size + 1, size):
            some = mixed[start : start + size]
            adam.move(_slope(sides, x[some], y[some], base(some, some)))
            if adam.step % how.every == 0:
                gain = bound(still + sides.scores(adam.mean, x[held], y[held]), own).mean()
                bad += 1
                if gain > best + 1e-4:
                    best, kept, bad = float(gain), adam.mean.copy(), 0
            if adam.step >= how.steps or bad >= how.patience:
                break
    return None if kept is None else (sides, kept)


class _Adam:
    """Steps whose size falls like a cosine, and the running mean of where they led."""

    def __init__(self, weights: np.ndarray, how: Training) -> None:
        self.weights, self.how, self.step = weights, how, 0
        self.first, self.second = np.zeros_like(weights), np.zeros_like(weights)
        self.mean = weights.copy()

    def move(self, slope: np.ndarray) -> None:
        """One step."""
        self.step += 1
        done = self.step / self.how.steps
        rate = self.how.rate * min(1, self.step / 50) * (0.525 + 0.475 * np.cos(np.pi * done))
        self.first += 0.1 * (slope - self.first)
        self.second += 0.01 * (slope * slope - self.second)
        root = np.sqrt(self.second / (1 - 0.99**self.step)) + 1e-8
        self.weights *= 1 - rate * self.how.decay
        self.weights -= rate / (1 - 0.9**self.step) * self.first / root
        self.mean += max(KEPT, 1 / (self.step + 1)) * (self.weights - self.mean)


def _slope(
    sides: Sides, x: np.ndarray, y: np.ndarray, base: np.ndarray
) -> Float[np.ndarray, "weights"]:
    """Gradient of the InfoNCE loss, in both directions, on one batch."""
    parts = sides.parts(sides.weights)
    left, right = _forward(parts[:6], x), _forward(parts[6:], y)
    table = base + left[-1] @ right[-1].T
    pull = _shares(table, 1) + _shares(table, 0)
    pull *= np.float32(0.5)
    pull[np.arange(len(x)), np.arange(len(x))] -= 1
    pull /= np.float32(len(x))
    found = _backward(parts[:6], left, pull @ right[-1])
    found += _backward(parts[6:], right, pull.T @ left[-1])
    return np.concatenate([g.ravel() for g in found])


def _shares(table: np.ndarray, axis: int) -> np.ndarray:
    found = np.exp(table - table.max(axis=axis, keepdims=True))
    found /= found.sum(axis=axis, keepdims=True)
    return found


def _forward(parts: list[np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """Input, both hidden layers and the output."""
    one = x @ parts[0] + parts[1]
    one = np.maximum(one, LEAK * one)
    two = one @ parts[2] + parts[3]
    two = np.maximum(two, LEAK * two)
    return [x, one, two, two @ parts[4] + parts[5]]


def _backward(
    parts: list[np.ndarray], layers: list[np.ndarray], slope: np.ndarray
) -> list[np.ndarray]:
    x, one, two, _ = layers
    last = [two.T @ slope, slope.sum(axis=0)]
    slope = (slope @ parts[4].T) * np.where(two > 0, np.float32(1), LEAK)
    middle = [one.T @ slope, slope.sum(axis=0)]
    slope = (slope @ parts[2].T) * np.where(one > 0, np.float32(1), LEAK)
    return [x.T @ slope, slope.sum(axis=0), *middle, *last]
