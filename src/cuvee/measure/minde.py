"""Mutual information from diffusion: noise is guessed better by who knows the other side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.sample import Sample
from cuvee.measure.crossfit import concluded, laid_out, plan

if TYPE_CHECKING:
    from torch import Tensor

FEW = 500


@dataclass(frozen=True, slots=True)
class Minde:
    """Mutual information as the difference of two score networks along a diffusion (MINDE).

    Columns are brought to normal scores, and rows that the network has not seen judge. The interval
    spans the number by distances of guesses, which is too high where networks are noisy, and the
    one by their losses, which then is too low.

    Args:
        variant: "conditional" (x with and without y) or "joint" (both, and each given the other).
        hidden: Width of the three hidden layers.
        batch: Rows in a step.
        steps: Of training.
        rate: Of Adam.
        passes: Levels of noise at which each row is looked at.
        baseline: Whether the network learns only what a Gaussian of the same covariance does not
            say; otherwise all, as in the paper.
        nulls: Networks trained on shuffled rows.

    Fails when: there are many columns for few rows; one side fixes the other, as the network then
    would have to be exact where there is hardly any noise; or what one side leaves open falls into
    parts (a ring, say), which takes many steps to learn: the number is then too small.

    References: Franzese, Bounoua and Michiardi, "MINDE: Mutual information neural diffusion
    estimation", ICLR 2024; Kong, Brekelmans and Ver Steeg, "Information-theoretic diffusion", ICLR
    2023.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    variant: Literal["conditional", "joint"] = "conditional"
    hidden: int = 64
    batch: int = 256
    steps: int = 2000
    rate: float = 0.01
    passes: int = 16
    baseline: bool = True
    nulls: int = 1

    def __post_init__(self) -> None:
        if self.variant not in ("conditional", "joint"):
            raise CuveeError(f'variant must be "conditional" or "joint", got {self.variant!r}.')
        for name in ("hidden", "batch", "steps", "passes"):
            if getattr(self, name) < 1:
                raise CuveeError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.rate <= 0 or self.nulls < 0:
            raise CuveeError("rate must be above 0, and nulls 0 or more: give such numbers.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows."""
        if len(a) >= FEW:
            return ()
        return (f"{len(a)} rows: a network learns little from fewer than {FEW}; take ksg.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        if len(a) < 32:
            raise CuveeError(f"{a.name} has {len(a)} rows: a network needs 32 or more to learn.")
        try:
            from cuvee.measure import score_networks as nets
        except ModuleNotFoundError as error:
            raise missing(error) from error
        x, y = laid_out([a.rows, (b or a).rows], rng)
        runs = plan(len(x), 2, self.nulls, rng)
        groups = np.repeat([0, 1], [x.shape[1], y.shape[1]])
        diffusion = nets.Diffusion(
            self.hidden, self.batch, self.steps, self.rate, self.passes, self.baseline
        )
        joint = self.variant == "joint"
        found = nets.integrals(
            np.hstack([x, y]), groups, runs, JOINT if joint else CONDITIONAL,
            _Joint(x.shape[1]) if joint else _Conditional(x.shape[1]), diffusion, rng,
        )  # fmt: skip
        return concluded(
            runs, (found.distances + found.losses) / 2, found.errors, unit=self.unit, rng=rng,
            apart=found.distances,
        )  # fmt: skip


CONDITIONAL = ((1, -1), (1, 0))
JOINT = ((1, 1), (1, 0), (0, 1))
"""What each side is: 1 noised, 0 given, -1 absent."""


@dataclass(frozen=True, slots=True)
class _Conditional:
    """KL divergence of x given y from x."""

    columns: int

    def __call__(self, guesses: Sequence["Tensor"], noise: "Tensor") -> tuple["Tensor", "Tensor"]:
        alone, given = (guess[:, :, : self.columns] for guess in guesses)
        true = noise[:, :, : self.columns]
        lost = ((true - alone) ** 2 - (true - given) ** 2).sum(2)
        return ((given - alone) ** 2).sum(2), lost


@dataclass(frozen=True, slots=True)
class _Joint:
    """Entropy of both, less that of each given the other."""

    columns: int

    def __call__(self, guesses: Sequence["Tensor"], noise: "Tensor") -> tuple["Tensor", "Tensor"]:
        both, first, second = guesses
        given = first.clone()
        given[:, :, self.columns :] = second[:, :, self.columns :]
        lost = ((noise - both) ** 2 - (noise - given) ** 2).sum(2)
        return ((given - both) ** 2).sum(2), lost
