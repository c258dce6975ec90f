"""Critics: networks that score whether two rows belong together. Needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from cuvee.measure.crossfit import Run
from cuvee.measure.stacked import Batches, Shape, generator_of, trained

Kind = Literal["mine", "nwj", "infonce", "smile"]
EMBED = 32
"""Width in which the two sides of a separable critic meet."""
PARTNERS = 63
"""Rows that each row is scored against when networks are judged."""
FADE = 0.01
"""How much of MINE's running mean is new with each batch."""


@dataclass(frozen=True, slots=True)
class Training:
    """How critics are trained.

    Args:
        kind: Whose bound.
        critic: "joint": one network of both rows; "separable": the product of a network of each.
        hidden: Width of the two hidden layers.
        batch: Rows in a step.
        negatives: Others that a row is scored against in a step by a joint critic; a separable one
            scores it against the whole batch.
        steps: Of training.
        rate: Of Adam, at the start.
        clip: SMILE's: the ratio of densities is held between exp(-clip) and exp(clip).
    """

    kind: Kind
    critic: str
    hidden: int
    batch: int
    negatives: int
    steps: int
    rate: float
    clip: float = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What critics say about rows that they have not seen, for each run.

    Args:
        values: Of the bound.
        errors: Standard errors.
        rest_on: Rows that the mean over pairs that do not belong together in effect rests on.
        ceiling: What the bound cannot exceed.
    """

    values: np.ndarray
    errors: np.ndarray
    rest_on: np.ndarray
    ceiling: float


class Critic:
    """A critic's shape: how two sides become scores."""

    def __init__(self, training: Training, x: int, y: int) -> None:
        h, self.joint = training.hidden, training.critic == "joint"
        out = h if self.joint else EMBED
        self.left = Shape((x, h) if self.joint else (x, h, h, out))
        self.right = Shape((y, h) if self.joint else (y, h, h, out))
        self.top = Shape((h, h, 1))
        self.parts = [self.left.weights, self.right.weights]
        self.parts += [self.top.weights] if self.joint else []

    def start(self, networks: int, generator: torch.Generator) -> Tensor:
        """Random weights."""
        shapes = [self.left, self.right] + ([self.top] if self.joint else [])
        return torch.cat([shape.start(networks, generator) for shape in shapes], dim=1)

    def table(self, weights: Tensor, x: Tensor, y: Tensor, partners: int) -> Tensor:
        """Scores (networks, rows, 1 + partners): with its own y first, then with those of the rows
        that follow.
        """
        parts = weights.split(self.parts, dim=1)
        one, two = self.left(parts[0], x), self.right(parts[1], y)
        rows = one.shape[1]
        if not self.joint:
            scores = torch.bmm(one, two.transpose(1, 2)) / EMBED**0.5
            place = (torch.arange(rows)[:, None] + torch.arange(1 + partners)) % rows
            return scores.gather(2, place.expand(len(scores), -1, -1))
        meet = [functional.relu(one + two.roll(-r, 1)) for r in range(1 + partners)]
        scores = self.top(parts[2], torch.cat(meet, dim=1))
        return scores.view(len(one), 1 + partners, rows).transpose(1, 2)


def judged(
    x: np.ndarray, y: np.ndarray, runs: Sequence[Run], training: Training, rng: Generator
) -> Judged:
    """Train a critic for each run, and let it score the rows that judge."""
    generator = generator_of(rng)
    data = _Data(x, y, runs)
    critic = Critic(training, x.shape[1], y.shape[1])
    batches = Batches([run.learn for run in runs], training.batch, generator)
    stop = torch.from_numpy(np.stack([run.stop for run in runs]))
    judge = torch.from_numpy(np.stack([run.judge for run in runs]))
    partners = batches.size - 1
    if critic.joint:
        partners = min(partners, training.negatives)
    running = torch.full((len(runs),), torch.nan)

    def loss(weights: Tensor) -> Tensor:
        table = critic.table(weights, *data.rows(batches.next()), partners)
        return _loss(training.kind, table, running)

    def missed(weights: Tensor) -> Tensor:
        tables = _tables(critic, weights, data, stop, training, batches.size)
        return -_value(training, tables)[0]

    weights = critic.start(len(runs), generator)
    weights = trained(
        weights, loss, steps=training.steps, rate=training.rate, judge=missed, average=True
    )
    with torch.no_grad():
        tables = _tables(critic, weights, data, judge, training, batches.size)
    values, errors, rest_on = _value(training, tables)
    ceiling = np.log(tables.shape[2]) if training.kind == "infonce" else np.inf
    return Judged(
        values.double().numpy(), errors.double().numpy(), rest_on.double().numpy(), ceiling
    )


class _Data:
    """Rows of both sides, as each run sees them."""

    def __init__(self, x: np.ndarray, y: np.ndarray, runs: Sequence[Run]) -> None:
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        same = np.arange(len(y))
        order = [same if run.shuffle is None else run.shuffle[:, -1] for run in runs]
        self.partner = torch.from_numpy(np.stack(order))

    def rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Both sides of each network's rows."""
        return self.x[rows], self.y[self.partner.gather(1, rows)]


def _tables(
    critic: Critic, weights: Tensor, data: _Data, rows: Tensor, training: Training, batch: int
) -> Tensor:
    """Scores of rows in blocks: each with its own partner and with others of its block."""
    many = rows.shape[1]
    # For InfoNCE the number of others is part of the bound: as many as in training.
    most = batch - 1 if training.kind == "infonce" else PARTNERS
    if critic.joint and training.kind == "infonce":
        most = min(most, training.negatives)
    size = min(many, max(batch, most + 1))
    blocks = max(many // size, 1)
    size = many // blocks if training.kind != "infonce" else size
    partners = min(most, size - 1)
    made = []
    for start in range(0, blocks * size, size):
        part = data.rows(rows[:, start : start + size])
        made.append(critic.table(weights, *part, partners))
    return torch.cat(made, dim=1)


def _loss(kind: Kind, table: Tensor, running: Tensor) -> Tensor:
    """What each network lowers."""
    own, other = table[:, :, 0], table[:, :, 1:]
    if kind == "infonce":
        return (table.logsumexp(2) - own).mean(1)
    if kind == "smile":  # the Jensen-Shannon bound: logistic regression
        return functional.softplus(-own).mean(1) + functional.softplus(other).mean((1, 2))
    if kind == "nwj":
        return (other - 1).exp().mean((1, 2)) - own.mean(1)
    with torch.no_grad():  # the log of the mean's running mean, in place of the batch's own
        now = _log_mean(other)
        old = torch.where(running.isnan(), now, running)
        mixed = torch.logaddexp(old + np.log1p(-FADE), now + np.log(FADE))
        running.copy_(mixed)
    return (other - running[:, None, None]).exp().mean((1, 2)) - own.mean(1)


def _log_mean(scores: Tensor) -> Tensor:
    return scores.logsumexp((1, 2)) - np.log(scores[0].numel())


def _value(training: Training, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The bound of each network on these rows, its standard error, and how many rows in effect
    make up the mean over pairs that do not belong together.
    """
    own, other = table[:, :, 0], table[:, :, 1:]
    rows = own.shape[1]
    if training.kind == "infonce":
        gain = own - table.logsumexp(2) + np.log(table.shape[2])
        full = torch.full((len(table),), float(rows))
        return gain.mean(1), gain.std(1) / rows**0.5, full
    clipped = other.clamp(-training.clip, training.clip)
    level = torch.ones(len(table)) if training.kind == "nwj" else _log_mean(clipped)
    weight = (clipped - level[:, None, None]).exp().mean(2)
    value = own.mean(1) - level - (weight.mean(1) - 1)
    # A pair stands in the mean for both of its rows.
    error = ((own - weight).var(1) + weight.var(1)).div(rows).sqrt()
    return value, error, weight.sum(1) ** 2 / (weight**2).sum(1)
