"""Datamodels: which rows of a training set lower a model's loss on the target."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota

HELD = 1 << 24
"""Numbers that a group of models trained together may need for their outputs."""
TINY = 1e-30
"""What a class has that nothing is against: a lone one."""
GRID = np.geomspace(1e-3, 1e3, 25)
"""Penalties tried, in units of the mean eigenvalue."""


@dataclass(frozen=True, slots=True)
class Dsdm:
    """Trains many small models on random parts of the pool and takes the rows that helped.

    How well each model does on the target is regressed on which rows it was trained on; the slope
    of a row is what it adds, and those of the highest are taken. The model is a multinomial
    logistic regression on the points, trained by accelerated gradient descent; the regression is
    ridge, its penalty set by generalised cross-validation. With a model this small the subsets
    really are trained; the paper estimates the same slopes from gradients of one large model
    (TRAK). Rows x features x classes x subsets x steps multiplications, and 5 bytes for each row of
    each subset: for pools of some 100,000 rows, not of millions.

    Args:
        subsets: Models to train.
        alpha: Part of the pool that each is trained on.
        steps: Of gradient descent for each model.
        decay: Weight of the squared length of a model's weights.
        outcome: "margin": the log odds of the right class, on which datamodels were defined;
            "loss": minus the cross-entropy, as published for language models. Where labels of the
            target are wrong, the loss rewards training on wrong ones: a less sure model has less
            to lose.

    Fails when: there are many more rows than subsets, as each slope is then known from few models;
    rows only matter together with others; what is wanted is a model of another kind.

    References: Engstrom, Feldmann and Madry, "DsDm: Model-Aware Dataset Selection with Datamodels",
    ICML 2024, https://arxiv.org/abs/2401.12926; Ilyas et al., "Datamodels: Predicting Predictions
    from Training Data", ICML 2022, https://arxiv.org/abs/2202.00622
    """

    subsets: int = 300
    alpha: float = 0.5
    steps: int = 30
    decay: float = 1e-2
    outcome: str = "margin"

    needs: ClassVar[tuple[str, ...]] = ("points", "labels")
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        if self.subsets < 2 or self.steps < 1 or not 0 < self.alpha < 1 or self.decay < 0:
            raise CuveeError(
                "dsdm: expected subsets >= 2, steps >= 1, 0 < alpha < 1 and decay >= 0, got "
                f"{self.subsets}, {self.steps}, {self.alpha} and {self.decay}."
            )
        if self.outcome not in ("margin", "loss"):
            raise CuveeError(f"dsdm: expected outcome margin or loss, got {self.outcome!r}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """The rows whose presence helps most on the target."""
        if target is None:
            raise CuveeError("dsdm: there is no target: give --target.")
        task = Task.of(pool, target, self.steps, self.decay)
        masks = parts(self.subsets, len(pool), self.alpha, rng)
        slopes, fit = datamodel(masks, task.outcomes(masks, self.outcome))
        note = (
            f"The slopes explain {fit:.0%} of how {self.subsets} models differ on the target, each "
            "left out of the fit in turn."
        )
        what = "margin" if self.outcome == "margin" else "minus the loss"
        meaning = f"what it adds on the target, nats of {what}"
        return Choice.best(slopes, pool, k, meaning, notes=(note,))


def parts(subsets: int, rows: int, alpha: float, rng: Generator) -> Bool[np.ndarray, "subsets n"]:
    """Random parts of the rows, all of one size."""
    size = min(max(1, round(alpha * rows)), max(rows - 1, 1))
    masks = np.zeros((subsets, rows), bool)
    for mask in masks:
        mask[rng.choice(rows, size, replace=False)] = True
    return masks


def datamodel(
    masks: Bool[np.ndarray, "subsets rows"], outcomes: Float[np.ndarray, "subsets"]
) -> tuple[Float[np.ndarray, "rows"], float]:
    """Slope of the outcome by each row's presence, and the part of the spread explained.

    Ridge regression in its dual form: subsets squared times rows, whatever the number of rows. The
    part explained is of outcomes each left out of the fit.
    """
    signs = masks.astype(np.float32)
    signs -= signs.mean(axis=0)
    rest = outcomes - outcomes.mean()
    values, axes = np.linalg.eigh((signs @ signs.T).astype(np.float64))
    values = np.maximum(values, 0)
    along, unit = axes.T @ rest, max(float(values.mean()), 1e-12)
    best, found, fit = np.inf, np.zeros(len(outcomes)), 0.0
    for penalty in GRID * unit:
        shrunk = penalty / (values + penalty)
        wrong = axes @ (shrunk * along)
        # The mean of all outcomes is fitted, too: one more direction that is not shrunk at all.
        free = np.mean(shrunk) - 1 / len(outcomes)
        score = np.mean(wrong**2) / max(free, 1e-9) ** 2
        if score < best:
            leverage = np.maximum((axes**2) @ shrunk - 1 / len(outcomes), 1e-9)
            spread = max(float(np.mean(rest**2)), 1e-300)
            best, found = score, axes @ (along / (values + penalty))
            fit = max(0.0, 1 - float(np.mean((wrong / leverage) ** 2)) / spread)
    return found.astype(np.float32) @ signs, fit


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Rows to learn from and rows to be judged by, standardised.

    Args:
        x: Features of the pool, and a one.
        y: Class of each row of the pool.
        there: Features of the target, and a one.
        wanted: Class of each row of the target.
        classes: How many there are.
        steps: Of gradient descent.
        decay: Weight of the squared length of the weights.
    """

    x: Float32[np.ndarray, "rows dims"]
    y: Int64[np.ndarray, "rows"]
    there: Float32[np.ndarray, "targets dims"]
    wanted: Int64[np.ndarray, "targets"]
    classes: int
    steps: int
    decay: float

    @staticmethod
    def of(pool: Pool, target: Pool, steps: int, decay: float) -> "Task":
        """With the mean and spread of the pool's features taken out of both."""
        points, there = pool.need("points"), target.need("points")
        labels, wanted = pool.need("labels"), target.need("labels")
        middle, spread = points.mean(axis=0), points.std(axis=0)
        spread = np.where(spread > 1e-6 * max(float(spread.max()), 1e-30), spread, 1)
        known = np.unique(np.r_[labels, wanted])
        x, z = (
            np.column_stack([(p - middle) / spread, np.ones(len(p))]).astype(np.float32)
            for p in (points, there)
        )
        y, w = np.searchsorted(known, labels), np.searchsorted(known, wanted)
        return Task(x, y, z, w, len(known), steps, decay)

    def outcomes(
        self, masks: Bool[np.ndarray, "subsets rows"], outcome: str = "margin"
    ) -> Float[np.ndarray, "subsets"]:
        """How well a model trained on each part of the rows does on the target, in the mean."""
        at_once = max(1, HELD // (len(self.x) * self.classes))
        groups = [masks[i : i + at_once] for i in range(0, len(masks), at_once)]
        return np.concatenate([self._outcomes(group, outcome == "loss") for group in groups])

    def _outcomes(
        self, masks: Bool[np.ndarray, "subsets rows"], own_too: bool
    ) -> Float[np.ndarray, "subsets"]:
        """Logit of the right class less the log sum of all, or of all others."""
        weights = self.trained(masks)
        logits = (self.there @ weights).reshape(len(self.there), self.classes, len(masks))
        at = np.arange(len(self.wanted))
        right = logits[at, self.wanted]
        if not own_too:
            logits[at, self.wanted] = -np.inf
        top = np.maximum(logits.max(axis=1), right)
        total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1) + TINY)
        return (right - total).mean(axis=0, dtype=np.float64)

    def trained(self, masks: Bool[np.ndarray, "subsets rows"]) -> Float32[np.ndarray, "dims all"]:
        """Weights of all models side by side: Nesterov's method, at the speed that is safe."""
        many, classes = len(masks), self.classes
        each = (masks / np.maximum(masks.sum(axis=1, keepdims=True), 1)).T.astype(np.float32)
        # A softmax bends at most by 1/2; a part of the rows may be steeper than all of them.
        steep = np.linalg.norm(self.x.T @ self.x / len(self.x), 2)
        rate = np.float32(1 / (steep + self.decay))
        weights = np.zeros((self.x.shape[1], many * classes), np.float32)
        ahead, momentum = weights, 1.0
        at = np.arange(len(self.x))
        for _ in range(self.steps):
            logits = (self.x @ ahead).reshape(len(self.x), classes, many)
            logits -= logits.max(axis=1, keepdims=True)
            np.exp(logits, out=logits)
            logits /= logits.sum(axis=1, keepdims=True)
            logits[at, self.y] -= 1
            logits *= each[:, None]
            slope = self.x.T @ logits.reshape(len(self.x), -1) + np.float32(self.decay) * ahead
            before, weights = weights, ahead - rate * slope
            after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = weights + np.float32((momentum - 1) / after) * (weights - before)
            momentum = after
        return weights
