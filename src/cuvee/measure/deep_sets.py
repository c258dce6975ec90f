"""Deep Sets: entropy as a network reads it off a set, having seen sets of known entropy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.sample import Sample
from cuvee.measure.columns import whitened
from cuvee.measure.groups import around, left_out_sd

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST, DIMS, SETS = 32, 4, 16
RATE, BATCH = 0.003, 16
HELD = 4
"""One law in so many is kept to see how far the network is off."""


@dataclass(frozen=True, slots=True)
class DeepSets:
    """Entropy of points, read by a sum-pooling network trained on random laws of known entropy.

    The network sees whitened sets and says how far they are from the entropy of their Gaussian; the
    volume is added in closed form. It is trained anew for the dimensions and the rows of a set. The
    interval is how far it was off on laws that it had not seen.

    Args:
        laws: That it learns from: mixtures of up to three turned Gaussians, cubes, Laplace or
            exponential laws.
        rows: Of a set; larger samples are several sets, whose mean is taken.
        hidden: Width of its layers.
        steps: Of training.

    Fails when: the law is unlike those that it learned from (a curve or ring, many clusters): the
    interval knows nothing of that. Compare with `knn_entropy`.

    References: Zaheer et al., "Deep sets", NeurIPS 2017.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift",)
    laws: int = 2000
    rows: int = 200
    hidden: int = 48
    steps: int = 2000

    def __post_init__(self) -> None:
        if self.laws < 16 or self.rows < LEAST or self.hidden < 2 or self.steps < 1:
            raise CuveeError(
                f"expected laws from 16, rows from {LEAST}, hidden from 2, steps from 1 on, got "
                f"{self.laws}, {self.rows}, {self.hidden}, {self.steps}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions: laws are then more various than those learned from."""
        if a.rows.shape[1] <= DIMS:
            return ()
        return (
            f"{a.rows.shape[1]} columns: random laws of more than {DIMS} teach the network little; "
            "compress the columns first.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x = np.asarray(a.rows[: self.rows * SETS], np.float64)
        if len(x) < LEAST:
            raise CuveeError(f"{a.name} has {len(x)} rows: expected {LEAST} or more.")
        volume = np.linalg.slogdet(np.atleast_2d(np.cov(x, rowvar=False)))
        if volume[0] <= 0 or np.linalg.matrix_rank(x - x.mean(axis=0)) < x.shape[1]:
            raise CuveeError(
                f"{a.name} has columns that are constant or follow from others: entropy is not "
                "finite; leave them out."
            )
        size = min(self.rows, len(x))
        read, off = self._learned(x.shape[1], size, rng)
        count = len(x) // size
        found = read(np.stack(np.split(x[: count * size], count)))
        # Of one set, its halves say how much it varies.
        sd = float(found.std(ddof=1) / np.sqrt(count)) if count > 1 else _jackknife(x, size)
        bias, spread = float(off.mean()), float(np.sqrt((off**2).mean()))
        return around(
            float(found.mean()) - bias, float(np.hypot(sd, spread)), rng=rng, unit=self.unit,
            freedom=max(len(off) - 1, 1),
        )  # fmt: skip

    def _learned(
        self, dims: int, size: int, rng: Generator
    ) -> tuple["Callable[[np.ndarray], np.ndarray]", Float[np.ndarray, "laws"]]:
        """What reads the entropy of sets, and how far it is off on laws that were held out."""
        try:
            import torch

            from cuvee.measure.set_networks import SetShape, random_law
            from cuvee.measure.stacked import generator_of, trained
        except ModuleNotFoundError as error:
            raise missing(error) from error
        laws = [random_law(dims, rng) for _ in range(self.laws)]
        sets = np.stack([law.draw(size, rng) for law in laws])
        truth = np.array([law.entropy(rng) for law in laws])
        plain, flat = _split(sets)
        shape, generator = SetShape(dims, self.hidden, 1), generator_of(rng)
        data, goal = (torch.from_numpy(z.astype(np.float32)) for z in (flat, truth - plain))
        first = len(laws) - max(len(laws) // HELD, 4)

        def loss(weights: torch.Tensor) -> torch.Tensor:
            some = torch.randint(first, (BATCH,), generator=generator)
            # However a set is turned, its entropy stays: each law teaches as many as there are.
            turn = torch.linalg.qr(torch.randn(dims, dims, generator=generator))[0]
            turn = turn * (2 * torch.randint(2, (dims,), generator=generator) - 1)
            return ((shape(weights, data[some] @ turn)[:, 0] - goal[some]) ** 2).mean()[None]

        start = shape.start(generator, data[:first])
        weights = trained(start, loss, steps=self.steps, rate=RATE, average=self.steps > 50)

        def read(some: np.ndarray) -> np.ndarray:
            plain, flat = _split(some)
            with torch.no_grad():
                seen = shape(weights, torch.from_numpy(flat.astype(np.float32)))[:, 0]
            return plain + seen.double().numpy()

        return read, read(sets[first:]) - truth[first:]


def _split(
    sets: Float[np.ndarray, "sets rows dims"],
) -> tuple[Float[np.ndarray, "sets"], Float[np.ndarray, "sets rows dims"]]:
    """Entropy of each set's Gaussian, and the sets whitened."""
    return np.array([_gaussian(one) for one in sets]), np.stack([whitened(one) for one in sets])


def _gaussian(one: Float[np.ndarray, "rows dims"]) -> float:
    volume = np.linalg.slogdet(np.atleast_2d(np.cov(one, rowvar=False)))[1]
    return float(0.5 * (volume + one.shape[1] * np.log(2 * np.pi * np.e)))


def _jackknife(x: Float[np.ndarray, "rows dims"], size: int, groups: int = 16) -> float:
    """How much the volume of one set varies, the only part that the laws held out do not show."""
    part = np.arange(size) % groups
    return left_out_sd(np.array([_gaussian(x[:size][part != g]) for g in range(groups)]))
