"""A network that learns which rows of a set belong to the subset that is wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota

BLOCK = 65_536
DECAY = (0.9, 0.99)
Sets = Callable[[Generator], tuple[np.ndarray, np.ndarray]]
"""Draws supersets (sets, members, features), and which members each wanted subset has."""


@dataclass(frozen=True, slots=True)
class Neural:
    """Neural subset selection: rows that a set encoder takes for the wanted part of the pool.

    The encoder learns from made-up supersets: rows of the pool with some of the target among them,
    which are the subset to be found. It says of each member how likely it is to belong, from the
    member itself and from a statistic of the whole superset (the mean of learnt features), so that
    the same row may be wanted in one pool and not in another. The smallest form of the method: the
    value of a subset is the sum over its members, so the best subset is that of the highest scores.

    Args:
        superset: Let the encoder see that statistic; without, it sees only the statistic of the
            subset that it holds for the wanted one (guessed, then made better in `rounds`).
        hidden: Units of each hidden layer.
        steps: Of training.
        sets: Supersets in a step.
        members: Of a superset.
        rate: Adam's step.
        rounds: Without `superset`, how often the subset is guessed again.

    Fails when: the target is no set of examples of single rows, but has to be chosen as a whole.

    References: Xie, Bian, Zhou, Chen, Zhao, Han, Meng and Cheng, "Enhancing neural subset
    selection: integrating background information into set representations", 2024,
    https://arxiv.org/abs/2402.03139.
    """

    superset: bool = True
    hidden: int = 16
    steps: int = 80
    sets: int = 8
    members: int = 32
    rate: float = 0.02
    rounds: int = 4

    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        counts = (self.hidden, self.steps, self.sets, self.members - 1, self.rounds)
        if min(counts) < 1 or not 0 < self.rate < np.inf:
            raise CuveeError(
                "neural: expected hidden, steps, sets and rounds of 1 or more, members of 2 or "
                "more, and a rate above 0."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None, rng: Generator) -> Choice:
        """The rows of the highest scores."""
        if target is None:
            raise CuveeError("neural: there is nothing to learn from: give a target.")
        points, wanted = pool.need("points"), target.need("points")

        def draw(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
            shape = (self.sets, self.members)
            part = rng.uniform(1 / self.members, 0.5, self.sets)
            member = np.arange(self.members) < np.ceil(part * self.members)[:, None]
            ours = points[rng.integers(len(points), size=shape)]
            theirs = wanted[rng.integers(len(wanted), size=shape)]
            return np.where(member[:, :, None], theirs, ours), member

        encoder = self.fit(draw, points.shape[1], rng=rng)
        scores = encoder.scores(points, k.about(pool.sizes))
        return Choice.best(scores, pool, k, "log odds of belonging to the target")

    def fit(self, draw: Sets, features: int, *, rng: Generator) -> "Encoder":
        """The encoder, trained on supersets whose wanted subsets are known.

        Args:
            draw: Gives supersets and which members are wanted.
            features: Of a member.
            rng: Of the start and of the sets.
        """
        seen = draw(rng)[0].reshape(-1, features)
        middle = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
        scale = max(float(np.sqrt(np.mean(np.square(seen - middle), dtype=np.float64))), 1e-6)
        weights = _start(features, self.hidden, rng)
        means = [np.zeros((2, *w.shape), np.float32) for w in weights]
        for step in range(1, self.steps + 1):
            sets, member = draw(rng)
            x = ((sets - middle) / scale).astype(np.float32)
            slopes = _slopes(weights, x, member, self.superset)
            _move(weights, slopes, means, step, self.rate)
        return Encoder(middle, scale, tuple(weights), self.superset, self.rounds)


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A trained set encoder.

    Args:
        middle: Mean of what it was trained on.
        scale: Its root mean square.
        weights: Of member, statistic, and head.
        superset: Whether the statistic is that of the superset.
        rounds: Guesses of the subset, if it is not.
    """

    middle: Float32[np.ndarray, "features"]
    scale: float
    weights: tuple[np.ndarray, ...]
    superset: bool
    rounds: int

    def scores(
        self, points: Float[np.ndarray, "members features"], k: int
    ) -> Float[np.ndarray, "members"]:
        """Log odds that each member of one superset belongs to its wanted subset of size k.

        In double precision, so that the order of the members is no matter.
        """
        x = ((points - self.middle) / self.scale).astype(np.float32)
        every = np.ones(len(x), bool)
        if self.superset:
            return self._given(x, self._statistic(x, every))
        found = self._given(x, np.zeros(len(self.weights[3])))
        for _ in range(self.rounds):
            found = self._given(x, self._statistic(x, _highest(found, k)))
        return found

    def _statistic(self, x: np.ndarray, members: Bool[np.ndarray, "members"]) -> np.ndarray:
        """Mean of the learnt features."""
        weights, bias = (w.astype(np.float64) for w in self.weights[2:4])
        total = np.zeros(len(bias))
        rows = np.flatnonzero(members)
        for i in range(0, len(rows), BLOCK):
            total += np.maximum(x[rows[i : i + BLOCK]] @ weights + bias, 0).sum(axis=0)
        return total / max(len(rows), 1)

    def _given(self, x: np.ndarray, statistic: np.ndarray) -> np.ndarray:
        w1, b1, _, _, w3, w4, b3, w5, b5 = (w.astype(np.float64) for w in self.weights)
        found = np.empty(len(x))
        for i in range(0, len(x), BLOCK):
            own = np.maximum(x[i : i + BLOCK] @ w1 + b1, 0)
            found[i : i + BLOCK] = np.maximum(own @ w3 + statistic @ w4 + b3, 0) @ w5 + b5
        return found


def _highest(scores: np.ndarray, k: int) -> Bool[np.ndarray, "members"]:
    members = np.zeros(len(scores), bool)
    members[np.argsort(-scores, kind="stable")[:k]] = True
    return members


def _start(features: int, size: int, rng: Generator) -> list[np.ndarray]:
    """Weights of the member's layer, the statistic's, the joint one, and of the log odds."""

    def layer(a: int, b: int) -> np.ndarray:
        return (rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32)

    none = np.zeros(size, np.float32)
    return [
        layer(features, size), none.copy(), layer(features, size), none.copy(),
        layer(size, size), layer(size, size), none.copy(),
        (rng.standard_normal(size) / np.sqrt(size)).astype(np.float32), np.zeros((), np.float32),
    ]  # fmt: skip


def _slopes(
    weights: list[np.ndarray], x: Float32[np.ndarray, "sets members features"],
    member: Bool[np.ndarray, "sets members"], superset: bool,
) -> list[np.ndarray]:  # fmt: skip
    """Of the mean cross entropy of membership, by each weight."""
    w1, b1, w2, b2, w3, w4, b3, w5, b5 = weights
    counted = np.ones(member.shape, np.float32) if superset else member.astype(np.float32)
    counted = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
    own, seen = np.maximum(x @ w1 + b1, 0), np.maximum(x @ w2 + b2, 0)
    statistic = np.einsum("sm,smh->sh", counted, seen)
    joint = np.maximum(own @ w3 + (statistic @ w4)[:, None] + b3, 0)
    off = (1 / (1 + np.exp(-(joint @ w5 + b5))) - member).astype(np.float32) / member.size
    by_joint = off[:, :, None] * w5 * (joint > 0)
    by_own = by_joint @ w3.T * (own > 0)
    summed = by_joint.sum(axis=1)
    by_seen = counted[:, :, None] * (summed @ w4.T)[:, None] * (seen > 0)
    return [
        _product(x, by_own), by_own.sum(axis=(0, 1)), _product(x, by_seen),
        by_seen.sum(axis=(0, 1)), _product(own, by_joint), statistic.T @ summed,
        summed.sum(axis=0), np.einsum("sm,smh->h", off, joint), off.sum(),
    ]  # fmt: skip


def _product(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    return below.reshape(-1, below.shape[-1]).T @ above.reshape(-1, above.shape[-1])


def _move(
    weights: list[np.ndarray], slopes: list[np.ndarray], means: list[np.ndarray], step: int,
    rate: float,
) -> None:  # fmt: skip
    """One step of Adam, in place."""
    first, second = DECAY
    pace = rate * np.sqrt(1 - second**step) / (1 - first**step)
    for i, (slope, (mean, square)) in enumerate(zip(slopes, means)):
        mean += (1 - first) * (slope - mean)
        square += (1 - second) * (slope * slope - square)
        weights[i] = (weights[i] - pace * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


def jaccard(one: Int[np.ndarray, "some"], other: Int[np.ndarray, "some"]) -> float:
    """Size of what two sets share, of what they have together."""
    both = len(np.intersect1d(one, other))
    return both / max(len(np.union1d(one, other)), 1)
