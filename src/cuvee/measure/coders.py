"""Networks that write rows as a few digits, each telling the most about the class. Needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.random import Generator
from torch import Tensor

from cuvee.measure.stacked import Batches, Shape, generator_of, trained

RATE = 0.005
SMALL = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Coder:
    """What `coder` learned: several networks.

    Args:
        shape: Of each.
        weights: Of all.
        middle: Taken from rows before they go in.
        wide: What rows are divided by then.
        digits: Of a code.
    """

    shape: Shape
    weights: Tensor
    middle: Float[np.ndarray, "dims"]
    wide: Float[np.ndarray, "dims"]
    digits: int

    def log_odds(
        self, points: Float[np.ndarray, "rows dims"]
    ) -> Float[np.ndarray, "networks rows digits ways"]:
        """How likely each digit has each value."""
        given = torch.from_numpy(((points - self.middle) / self.wide).astype(np.float32))
        with torch.no_grad():
            out = self.shape(self.weights, given[None].expand(len(self.weights), -1, -1))
        shaped = out.unflatten(2, (self.digits, -1))
        return torch.log_softmax(shaped, dim=3).double().numpy()

    def codes(
        self, points: Float[np.ndarray, "rows dims"]
    ) -> Int64[np.ndarray, "networks rows digits"]:
        """The likeliest value of each digit."""
        return self.log_odds(points).argmax(axis=3)


def coder(
    points: Float[np.ndarray, "rows dims"], labels: Int64[np.ndarray, "rows"],
    folds: Sequence[Int64[np.ndarray, "some"]], *, digits: int, ways: int, hidden: int, batch: int,
    steps: int, rng: Generator,
) -> Coder:  # fmt: skip
    """Networks, one for each fold of rows, that make the information of digits and labels large.

    Args:
        points: All rows.
        labels: Counted from 0.
        folds: Rows that each network learns from.
        digits: Of a code.
        ways: Values of a digit.
        hidden: Width of the layer between.
        batch: Rows in a step.
        steps: Of training.
        rng: Of weights and batches.
    """
    middle, wide = points.mean(axis=0), np.maximum(points.std(axis=0), SMALL)
    shape, generator = Shape((points.shape[1], hidden, digits * ways)), generator_of(rng)
    data = torch.from_numpy(((points - middle) / wide).astype(np.float32))
    hot = torch.nn.functional.one_hot(torch.from_numpy(labels.astype(np.int64))).float()
    batches = Batches(folds, batch, generator)

    def loss(weights: Tensor) -> Tensor:
        rows = batches.next()
        odds = shape(weights, data[rows]).unflatten(2, (digits, ways)).softmax(dim=3)
        kinds = hot[rows]  # networks, rows, classes
        often = kinds.sum(dim=1)
        each = torch.einsum("nrc,nrdw->ncdw", kinds, odds) / often.clamp(min=1)[..., None, None]
        within = (often / rows.shape[1])[..., None] * _entropy(each)
        return -(_entropy(odds.mean(dim=1)).sum(dim=1) - within.sum(dim=(1, 2)))

    weights = trained(shape.start(len(folds), generator), loss, steps=steps, rate=RATE)
    return Coder(shape, weights, middle, wide, digits)


def _entropy(odds: Tensor) -> Tensor:
    return -(odds * (odds + SMALL).log()).sum(dim=-1)
