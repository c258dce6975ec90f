"""Networks of whole sets, and random laws that they learn from. Needs torch.

A set goes through one network row by row, what comes out is averaged, and another network reads the
mean: the order of rows cannot matter.

References: Zaheer et al., "Deep sets", NeurIPS 2017.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator
from torch import Tensor

from cuvee.measure.stacked import Shape

KINDS = 3
"""Most pieces of a mixture."""
SMALL, SPREAD = 1e-6, 1.5
"""Least standard deviation that is believed, and the one that the second network starts from."""
CHECK = 3000
"""Rows that the entropy of a mixture is taken from."""


class SetShape:
    """Where the weights of a network of sets lie.

    Args:
        dims: Of rows.
        hidden: Width of every layer.
        out: Numbers that a set is turned into.
    """

    def __init__(self, dims: int, hidden: int, out: int) -> None:
        self.rows = Shape((dims, hidden, hidden), smooth=True)
        self.sets = Shape((hidden, hidden, out), smooth=True)

    def start(self, generator: torch.Generator, sets: Tensor) -> Tensor:
        """Random weights of one network, such that what is read of sets like these differs.

        Means over rows differ little from set to set; a network that starts from them as they are
        takes long to see anything.
        """
        weights = torch.cat([part.start(1, generator) for part in (self.rows, self.sets)], dim=1)
        with torch.no_grad():
            means = self.of_rows(weights, sets).mean(dim=-2)
            middle, wide = means.mean(dim=0), means.std(dim=0).clamp(min=SMALL)
            (wide_in, out), start = self.sets.layers[0], self.rows.weights
            first = weights[0, start : start + wide_in * out].view(wide_in, out)
            first /= wide[:, None] / SPREAD
            weights[0, start + wide_in * out :][:out] -= middle @ first
        return weights

    def of_rows(self, weights: Tensor, rows: Tensor) -> Tensor:
        """What is averaged: (..., rows, hidden)."""
        flat = rows.reshape(1, -1, rows.shape[-1])
        return self.rows(weights[:, : self.rows.weights], flat).reshape(*rows.shape[:-1], -1)

    def of_means(self, weights: Tensor, means: Tensor) -> Tensor:
        """What sets are turned into, from their means: (sets, out)."""
        return self.sets(weights[:, self.rows.weights :], means[None])[0]

    def __call__(self, weights: Tensor, sets: Tensor) -> Tensor:
        """(sets, rows, dims) -> (sets, out)."""
        return self.of_means(weights, self.of_rows(weights, sets).mean(dim=-2))


@dataclass(frozen=True, slots=True, eq=False)
class RandomLaw:
    """A mixture of a few pieces, each a turned and stretched product of one-dimensional laws.

    Args:
        odds: Of the pieces.
        places: Their middles.
        shapes: What their unit rows are multiplied by.
        tail: "normal", "uniform", "laplace" or "exponential": law of each unit column.
    """

    odds: Float[np.ndarray, "pieces"]
    places: Float[np.ndarray, "pieces dims"]
    shapes: Float[np.ndarray, "pieces dims dims"]
    tail: str

    def draw(self, rows: int, rng: Generator) -> Float[np.ndarray, "rows dims"]:
        """Rows of the law."""
        piece = rng.choice(len(self.odds), rows, p=self.odds)
        unit = _UNITS[self.tail][0](rng, (rows, self.places.shape[1]))
        return self.places[piece] + np.einsum("nij,nj->ni", self.shapes[piece], unit)

    def entropy(self, rng: Generator) -> float:
        """In nats, from the density at some rows."""
        x, logs = self.draw(CHECK, rng), []
        for odds, place, shape in zip(self.odds, self.places, self.shapes):
            unit = np.linalg.solve(shape, (x - place).T).T
            volume = np.linalg.slogdet(shape)[1]
            logs.append(np.log(odds) + _UNITS[self.tail][1](unit).sum(axis=1) - volume)
        return -float(np.logaddexp.reduce(np.stack(logs)).mean())


def random_law(dims: int, rng: Generator, pieces: int = KINDS, tails: bool = True) -> RandomLaw:
    """A law at random.

    Args:
        dims: Of its rows.
        rng: Of everything.
        pieces: At most.
        tails: Whether other laws than Gaussian ones may be mixed.
    """
    count = int(rng.integers(1, pieces + 1))
    places = rng.normal(0, rng.uniform(0.2, 2), (count, dims))
    turns = np.linalg.qr(rng.standard_normal((count, dims, dims)))[0]
    wide = np.exp(rng.normal(0, 0.35, (count, dims)))
    kinds = tuple(_UNITS) if tails else ("normal",)
    return RandomLaw(
        rng.dirichlet(np.full(count, 3.0)), places, turns * wide[:, None],
        kinds[int(rng.integers(len(kinds)))],
    )  # fmt: skip


def _inside(unit: np.ndarray) -> np.ndarray:
    return np.where(np.abs(unit) <= np.sqrt(3), -np.log(2 * np.sqrt(3)), -np.inf)


def _falling(unit: np.ndarray) -> np.ndarray:
    return np.where(unit >= -1, -(unit + 1), -np.inf)


_UNITS = {
    "normal": (lambda rng, n: rng.standard_normal(n),
               lambda u: -0.5 * u**2 - 0.5 * np.log(2 * np.pi)),
    "uniform": (lambda rng, n: rng.uniform(-np.sqrt(3), np.sqrt(3), n), _inside),
    "laplace": (lambda rng, n: rng.laplace(0, np.sqrt(0.5), n),
                lambda u: -np.sqrt(2) * np.abs(u) - 0.5 * np.log(2)),
    "exponential": (lambda rng, n: rng.exponential(size=n) - 1, _falling),
}  # fmt: skip
"""Laws of mean 0 and variance 1: what draws them, and their log density."""
