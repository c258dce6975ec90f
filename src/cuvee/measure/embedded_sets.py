"""An encoder of sets and a generator of sets, trained on random mixtures. Needs torch."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator
from scipy.linalg import sqrtm
from torch import Tensor

from cuvee.measure.set_networks import RandomLaw, SetShape, random_law
from cuvee.measure.stacked import Shape, generator_of, trained

BATCH, RATE, SLICES = 24, 0.003, 16
POOL, PAIRS = 400, 60
"""Laws that are learned from; pairs of Gaussian ones that set the scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What `embedding` learned.

    Args:
        shape: Of the encoder.
        generator: Of what draws.
        weights: Of both, the encoder's first.
        codes: Numbers that a set is turned into.
        scale: Between distances of codes and W2.
        correlation: Of both, on pairs of laws that were not learned from.
    """

    shape: SetShape
    generator: Shape
    weights: Tensor
    codes: int
    scale: float
    correlation: float

    def of_rows(self, x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows hidden"]:
        """What is averaged over the rows of a set."""
        with torch.no_grad():
            return self.shape.of_rows(self._encoder(), _tensor(x)).double().numpy()

    def of_means(self, means: Float[np.ndarray, "sets hidden"]) -> Float[np.ndarray, "sets codes"]:
        """Codes of sets, from the means of their rows."""
        with torch.no_grad():
            return self.shape.of_means(self._encoder(), _tensor(means)).double().numpy()

    def code(self, x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "codes"]:
        """Of a set."""
        return self.of_means(self.of_rows(x).mean(axis=0)[None])[0]

    def draw(
        self, code: Float[np.ndarray, "codes"], rows: int, rng: Generator
    ) -> Float[np.ndarray, "rows dims"]:
        """A set of what a code stands for."""
        noise = rng.standard_normal((rows, self.generator.layers[-1][1]))
        given = np.column_stack([np.tile(code, (rows, 1)), noise])
        with torch.no_grad():
            return self.generator(self._drawer(), _tensor(given)[None])[0].double().numpy()

    def _encoder(self) -> Tensor:
        return self.weights[:, : -self.generator.weights]

    def _drawer(self) -> Tensor:
        return self.weights[:, -self.generator.weights :]


def embedding(
    dims: int, *, codes: int, rows: int, hidden: int, steps: int, rng: Generator
) -> Embedding:
    """Encoder and generator of sets of so many columns.

    Args:
        dims: Columns.
        codes: Numbers that a set is turned into.
        rows: Of a set.
        hidden: Width of layers.
        steps: Of training.
        rng: Of laws, weights and batches.
    """
    generator = generator_of(rng)
    shape, drawer = SetShape(dims, hidden, codes), Shape((codes + dims, hidden, hidden, dims), True)
    data = _tensor(np.stack([_usual(dims, rng).draw(2 * rows, rng) for _ in range(POOL)]))
    start = torch.cat([shape.start(generator, data), drawer.start(1, generator)], dim=1)

    def loss(weights: Tensor) -> Tensor:
        some = torch.randint(POOL, (BATCH,), generator=generator)
        order = torch.randperm(2 * rows, generator=generator)
        seen, other = data[some][:, order[:rows]], data[some][:, order[rows:]]
        code = shape(weights[:, : -drawer.weights], seen)
        noise = torch.randn(BATCH, rows, dims, generator=generator)
        given = torch.cat([code[:, None].expand(-1, rows, -1), noise], dim=2)
        made = drawer(weights[:, -drawer.weights :], given.reshape(1, BATCH * rows, -1))
        ways = torch.nn.functional.normalize(torch.randn(dims, SLICES, generator=generator), dim=0)
        one, two = (z.view(BATCH, rows, dims) @ ways for z in (made, other.contiguous()))
        return ((one.sort(dim=1)[0] - two.sort(dim=1)[0]) ** 2).mean()[None]

    weights = trained(start, loss, steps=steps, rate=RATE, average=steps > 50)
    found = Embedding(shape, drawer, weights, codes, 1.0, 0.0)
    near, true = _pairs(found, dims, rows, rng)
    scale = float((near * true).sum() / max((near**2).sum(), 1e-12))
    usable = near.std() > 0
    correlation = float(np.corrcoef(near, true)[0, 1]) if usable else 0.0
    return Embedding(shape, drawer, weights, codes, scale, correlation)


def w2(one: RandomLaw, other: RandomLaw) -> float:
    """2-Wasserstein distance of two laws of one Gaussian piece."""
    a, b = (law.shapes[0] @ law.shapes[0].T for law in (one, other))
    root = np.real(sqrtm(a))
    cross = np.real(np.trace(np.asarray(sqrtm(root @ b @ root))))
    gap = ((one.places[0] - other.places[0]) ** 2).sum()
    return float(np.sqrt(max(gap + np.trace(a) + np.trace(b) - 2 * cross, 0.0)))


def gaussian(dims: int, rng: Generator) -> RandomLaw:
    """One Gaussian piece, of the place and width that laws here have."""
    return _usual(dims, rng, pieces=1)


def _usual(dims: int, rng: Generator, pieces: int = 3) -> RandomLaw:
    """A mixture within the room that standardised samples take."""
    law = random_law(dims, rng, pieces, tails=False)
    small = rng.uniform(0.25, 0.9)
    return RandomLaw(law.odds, 0.6 * law.places, small * law.shapes, law.tail)


def _pairs(
    found: Embedding, dims: int, rows: int, rng: Generator
) -> tuple[Float[np.ndarray, "pairs"], Float[np.ndarray, "pairs"]]:
    """Distances of codes, and W2, of Gaussian laws that were not learned from."""
    laws = [(gaussian(dims, rng), gaussian(dims, rng)) for _ in range(PAIRS)]
    near = [
        np.linalg.norm(np.subtract(*(found.code(law.draw(4 * rows, rng)) for law in pair)))
        for pair in laws
    ]
    return np.array(near), np.array([w2(*pair) for pair in laws])


def _tensor(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, np.float32))
