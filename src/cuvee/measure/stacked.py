"""Small networks that are trained side by side, as one array: what each needs a step for is shared.

On a processor a step of a small network costs more in calls than in sums, so that four networks of
this kind take little longer than one. Needs torch.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor], Tensor]
"""Weights of all networks -> the loss of each."""
CLIP = 1.0
"""Largest norm of a network's gradient."""
AVERAGE = 10


class Shape:
    """Fully connected networks of one shape: where their weights lie in a row of numbers.

    Args:
        sizes: Width of the input, of each hidden layer, and of the output.
        smooth: Whether layers bend softly (SiLU) or sharply (ReLU).
    """

    def __init__(self, sizes: Sequence[int], smooth: bool = False) -> None:
        self.layers = list(pairwise(sizes))
        self.lengths = [n for a, b in self.layers for n in (a * b, b)]
        self.bend = functional.silu if smooth else functional.relu

    @property
    def weights(self) -> int:
        """How many numbers one network has."""
        return sum(self.lengths)

    def start(self, networks: int, generator: torch.Generator) -> Tensor:
        """Random weights."""
        made = []
        for a, b in self.layers:
            made.append(_uniform(networks, a * b, a**-0.5, generator))
            made.append(_uniform(networks, b, a**-0.5, generator))
        return torch.cat(made, dim=1)

    def __call__(self, weights: Tensor, x: Tensor) -> Tensor:
        """The output for each network's own rows, (networks, rows, width)."""
        parts = weights.split(self.lengths, dim=1)
        for i, (a, b) in enumerate(self.layers):
            if i:
                x = self.bend(x)
            x = torch.baddbmm(parts[2 * i + 1][:, None], x, parts[2 * i].view(-1, a, b))
        return x


def _uniform(rows: int, columns: int, wide: float, generator: torch.Generator) -> Tensor:
    return wide * (2 * torch.rand(rows, columns, generator=generator) - 1)


def generator_of(rng: Generator) -> torch.Generator:
    """A stream of torch's own."""
    return torch.Generator().manual_seed(int(rng.integers(2**62)))


def trained(
    weights: Tensor, loss: Loss, *, steps: int, rate: float, judge: Loss | None = None,
    looks: int = 20, average: bool = False,
) -> Tensor:  # fmt: skip
    """Weights after so many steps of Adam, with a rate that falls to 0 like a cosine.

    Args:
        weights: Where to start, (networks, weights).
        loss: Of a batch of its own choice.
        steps: Of training.
        rate: At the start.
        judge: If given, each network keeps the weights at which this was lowest.
        looks: How often that is looked at.
        average: Weights are averaged over the last steps, about one in AVERAGE of all.
    """
    weights = weights.clone().requires_grad_()
    mean, square = torch.zeros_like(weights), torch.zeros_like(weights)
    best, lowest = weights.detach().clone(), torch.full((len(weights), 1), torch.inf)
    kept = weights.detach().clone()
    every, slow = max(steps // looks, 1), max(1 - AVERAGE / steps, 0.0)
    for step in range(1, steps + 1):
        (slope,) = torch.autograd.grad(loss(weights).sum(), weights)
        now = rate * (1 + float(np.cos(np.pi * step / (steps + 1)))) / 2
        with torch.no_grad():
            _move(weights, slope, mean, square, step, now)
            if average:
                kept.lerp_(weights, 1 - min(slow, step / (step + 10)))
            else:
                kept.copy_(weights)
            if judge is not None and (step % every == 0 or step == steps):
                value = judge(kept)[:, None].nan_to_num(torch.inf)
                best = torch.where(value < lowest, kept, best)
                lowest = torch.minimum(value, lowest)
    return kept if judge is None else best


def _move(
    weights: Tensor, slope: Tensor, mean: Tensor, square: Tensor, step: int, rate: float
) -> None:
    """A step of Adam (Kingma and Ba 2015), each network's gradient held to its largest norm."""
    slope = slope * (CLIP / slope.norm(dim=1, keepdim=True).clamp(min=CLIP)).nan_to_num(0)
    slope.nan_to_num_(0, 0, 0)
    mean.lerp_(slope, 0.1)
    square.mul_(0.999).addcmul_(slope, slope, value=0.001)
    root = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
    weights.addcdiv_(mean, root, value=-rate / (1 - 0.9**step))


class Batches:
    """Rows for each network to learn from, each once before any a second time.

    Args:
        rows: Those of each network; the numbers may differ.
        size: Of a batch; at most the fewest rows.
        generator: Of the order.
    """

    def __init__(self, rows: Sequence[np.ndarray], size: int, generator: torch.Generator) -> None:
        longest, self.fewest = max(map(len, rows)), min(map(len, rows))
        self.size, self.generator = min(size, self.fewest), generator
        padded = np.stack([np.pad(r, (0, longest - len(r))) for r in rows])
        self.rows = torch.from_numpy(padded.astype(np.int64))
        there = [np.arange(longest) < len(r) for r in rows]
        self.there, self.at = torch.from_numpy(np.stack(there)), self.fewest

    def next(self) -> Tensor:
        """Rows, (networks, size)."""
        if self.at + self.size > self.fewest:
            dice = torch.rand(self.rows.shape, generator=self.generator)
            self.order = torch.where(self.there, dice, 2.0).argsort(dim=1)
            self.at = 0
        part = self.order[:, self.at : self.at + self.size]
        self.at += self.size
        return self.rows.gather(1, part)
