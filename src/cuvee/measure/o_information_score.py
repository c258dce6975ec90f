"""O-information from diffusion: do columns repeat each other, or speak only together?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.sample import Sample
from cuvee.measure.crossfit import concluded, laid_out, plan

if TYPE_CHECKING:
    from torch import Tensor

FEW, MANY = 1000, 12


@dataclass(frozen=True, slots=True)
class OInformationScore:
    """O-information of columns by one masked score network: above 0 redundant, below synergetic.

    Total correlation less dual total correlation. The network guesses the noise in all columns, in
    one alone, and in one given all others; rows that it has not seen judge.

    Args:
        width: Columns that make up one variable, side by side.
        hidden: Width of the three hidden layers.
        batch: Rows in a step.
        steps: Of training.
        rate: Of Adam.
        passes: Levels of noise at which each row is looked at.
        baseline: Whether the network learns only what a Gaussian of the same covariance does not
            say; otherwise all, as in the paper.
        nulls: Networks trained on rows of which each column was shuffled.

    Fails when: there are many variables for few rows, or one column follows from others. Redundancy
    and synergy of different parts cancel.

    References: Bounoua, Franzese and Michiardi, "SΩI: Score-based O-INFORMATION estimation", ICML
    2024; Rosas et al., "Quantifying high-order interdependencies via multivariate extensions of the
    mutual information", Physical Review E 100, 2019.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "monotone")
    width: int = 1
    hidden: int = 96
    batch: int = 256
    steps: int = 2500
    rate: float = 0.005
    passes: int = 16
    baseline: bool = True
    nulls: int = 1

    def __post_init__(self) -> None:
        for name in ("width", "hidden", "batch", "steps", "passes"):
            if getattr(self, name) < 1:
                raise CuveeError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.rate <= 0 or self.nulls < 0:
            raise CuveeError("rate must be above 0, and nulls 0 or more: give such numbers.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows, or too many variables."""
        count, found = a.rows.shape[1] // self.width, []
        if len(a) < FEW:
            found.append(f"{len(a)} rows: the network learns little from fewer than {FEW}.")
        if count < 3:
            found.append(f"{count} variables: O-information is 0 for fewer than 3.")
        if count > MANY:
            found.append(f"{count} variables: one network serves {MANY} or fewer; take groups.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        columns = a.rows.shape[1]
        if columns % self.width:
            raise CuveeError(
                f"{a.name} has {columns} columns, which variables of {self.width} do not fill: "
                "give another width."
            )
        if len(a) < 32:
            raise CuveeError(f"{a.name} has {len(a)} rows: a network needs 32 or more to learn.")
        try:
            from cuvee.measure import score_networks as nets
        except ModuleNotFoundError as error:
            raise missing(error) from error
        (points,) = laid_out([a.rows], rng)
        count = columns // self.width
        runs = plan(len(points), count, self.nulls, rng)
        groups = np.repeat(np.arange(count), self.width)
        diffusion = nets.Diffusion(
            self.hidden, self.batch, self.steps, self.rate, self.passes, self.baseline
        )
        found = nets.integrals(
            points, groups, runs, tasks(count), _Contrast(count, self.width), diffusion, rng
        )
        return concluded(
            runs, (found.distances + found.losses) / 2, found.errors, unit=self.unit, rng=rng,
            apart=found.distances, floor=-np.inf,
        )  # fmt: skip


def tasks(count: int) -> list[list[int]]:
    """All noised; then one alone; then one given the others: 1 noised, 0 given, -1 absent."""
    one = np.eye(count, dtype=int)
    return np.concatenate([np.ones((1, count), int), 2 * one - 1, one]).tolist()


@dataclass(frozen=True, slots=True)
class _Contrast:
    """Total correlation less dual total correlation."""

    count: int
    width: int

    def __call__(self, guesses: Sequence["Tensor"], noise: "Tensor") -> tuple["Tensor", "Tensor"]:
        both, alone, given = guesses[0], guesses[0].clone(), guesses[0].clone()
        for i in range(self.count):
            part = slice(i * self.width, (i + 1) * self.width)
            alone[:, :, part] = guesses[1 + i][:, :, part]
            given[:, :, part] = guesses[1 + self.count + i][:, :, part]
        near = (both - alone) ** 2 - (both - given) ** 2
        lost = (noise - alone) ** 2 + (noise - given) ** 2 - 2 * (noise - both) ** 2
        return near.sum(2), lost.sum(2)
