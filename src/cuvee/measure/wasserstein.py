"""Wasserstein distance: what it costs to carry one sample to the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.optimize import linear_sum_assignment

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample
from cuvee.measure.frechet import Frechet

DIMS = 4
"""From so many on, the bias falls slowly with the rows."""


@dataclass(frozen=True, slots=True)
class Wasserstein:
    """Squared 2-Wasserstein distance: the least mean squared way from one sample to the other.

    The plug-in number is far too large: points of one law are as far from each other as those of
    two. So what there is between halves of one sample is taken off. Of large samples, blocks of
    `rows` are looked at, so that memory and time are bounded: rows x rows numbers. In more than
    four dimensions the number is at least the Fréchet distance, as no transport is shorter.

    Args:
        rows: At most so many of each sample are matched with one another at a time.
        splits: Pairs of halves, or blocks, behind the number and its interval.

    Fails when: there are many dimensions and the laws differ in shape, not in place and width: the
    bias that is taken off then is another's.

    References: Villani, "Optimal Transport: Old and New", Springer 2009; Gelbrich, "On a formula
    for the L2 Wasserstein metric between measures on Euclidean and Hilbert spaces", Mathematische
    Nachrichten 147, 1990; Weed and Bach, "Sharp asymptotic and finite-sample rates of convergence
    of empirical measures in Wasserstein distance", Bernoulli 25, 2019; Flamary et al., "POT: Python
    Optimal Transport", JMLR 22, 2021.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    rows: int = 500
    splits: int = 20

    def __post_init__(self) -> None:
        if self.rows < 8 or self.splits < 4:
            raise CuveeError(
                f"rows must be 8 or more and splits 4 or more, got {self.rows} and {self.splits}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions, or rows that are not looked at."""
        rows, dims = min(len(a), len(b or a)), a.rows.shape[1]
        found = []
        if dims > DIMS:
            found.append(
                f"in {dims} dimensions the number is known up to the shape of the laws (compare "
                "frechet, which is never more, and sliced_wasserstein)."
            )
        if rows > 2 * self.rows * self.splits:
            seen = 2 * self.rows * self.splits
            found.append(f"{seen} of {rows} rows are looked at (more with splits).")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        found = contrasted(
            plug_in, a.rows, (b or a).rows, rng=rng, unit=self.unit, cap=self.rows,
            splits=self.splits, nulls=self.splits,
        )  # fmt: skip
        if a.rows.shape[1] <= DIMS:
            return found
        least = Frechet(self.splits).measure(a, b, rng=rng)
        # Gelbrich's bound; like draws with like, or two even numbers would give a larger one.
        draws = np.maximum(np.sort(found.draws), np.sort(least.draws))
        return replace(found, draws=draws, center=np.maximum(found.mean, least.mean))


def plug_in(x: np.ndarray, y: np.ndarray) -> float:
    """Of two arrays of rows, as they are."""
    cost = squares(x, y)
    if len(x) == len(y):
        return float(cost[linear_sum_assignment(cost)].mean())
    try:
        import ot
    except ModuleNotFoundError as error:
        raise missing(error) from error
    return float(np.asarray(ot.emd2([], [], cost)))


def squares(x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "rows others"]:
    """Squared distances of all pairs."""
    middle = x.mean(axis=0, dtype=np.float64)
    x, y = x - middle, y - middle
    both = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)
    both -= 2 * (x @ y.T)
    return np.maximum(both, 0, out=both)
