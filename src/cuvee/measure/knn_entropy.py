"""Differential entropy by nearest neighbours (Kozachenko and Leonenko)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import digamma, gammaln

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import some_rows
from cuvee.measure.near import nearest
from cuvee.measure.neighbours import carried_on

BACK, UNKNOWN = 0.8, 0.25
"""Set on samples of Gaussian, uniform, Laplace and Student laws."""


@dataclass(frozen=True, slots=True)
class KnnEntropy:
    """Entropy of a law of points, from the distance of each row to its k-th neighbour.

    It may be negative, and depends on the scale of the columns: twice the scale adds log 2 for each
    column.

    Args:
        neighbours: Which neighbour: more vary less, and are biased more.
        rows: That are looked at, at most; of more, so many are drawn.

    Fails when: there are more than some ten columns, rows lie on a surface of fewer dimensions, or
    values are rounded: then there is no density that neighbours could show.

    References: Kozachenko and Leonenko, "Sample estimate of the entropy of a random vector",
    Problems of Information Transmission 23, 1987; Berrett, Samworth and Yuan, "Efficient
    multivariate entropy estimation via k-nearest neighbour distances", Annals of Statistics 47,
    2019.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation")
    neighbours: int = 5
    rows: int = 50_000

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.rows < 16:
            raise CuveeError(
                f"neighbours must be 1 or more and rows 16 or more, got {self.neighbours}, "
                f"{self.rows}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many columns, few rows."""
        said, dims = [], a.rows.shape[1]
        if dims > 10:
            said.append(
                f"{dims} columns: neighbours are far away, and the number is off by an unknown "
                "part; choose or project to 10 or fewer."
            )
        if len(a) < 20 * self.neighbours:
            said.append(f"{len(a)} rows: expected {20 * self.neighbours} or more.")
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x = some_rows(a.rows, self.rows, rng)
        self._check(a.name, x)
        terms = local_entropy(x, self.neighbours)
        if not np.isfinite(terms).all():
            raise CuveeError(
                f"{a.name} has rows of which there are more than {self.neighbours} copies: points "
                "that repeat have no density; measure the entropy of their classes instead."
            )
        # Of the order of the squared distance over which the density is taken to be flat.
        flat = x.shape[1] * (self.neighbours / len(x)) ** (2 / x.shape[1])
        moved = abs(self._number(x) - float(terms.mean()))
        unknown = (max(UNKNOWN * flat, moved), 0.0)
        return carried_on(self._number, [x], rng=rng, unit=self.unit, unknown=unknown)

    def _number(self, x: np.ndarray) -> float:
        """Carried on to no neighbours at all: next to an edge the bias grows like their number to
        the power of 1 / dims, else more slowly.
        """
        k, rate = self.neighbours, 1 / x.shape[1]
        one, two = (float(local_entropy(x, many).mean()) for many in (k, 2 * k))
        return one - BACK * (two - one) / (2**rate - 1)

    def _check(self, name: str, x: np.ndarray) -> None:
        if flat := np.flatnonzero(np.ptp(x, axis=0) == 0).tolist():
            raise CuveeError(
                f"column {flat[0]} of {name} is always the same, which makes the entropy minus "
                "infinity: leave it out."
            )
        if len(x) < 12 * self.neighbours:
            raise CuveeError(
                f"{len(x)} rows: expected {12 * self.neighbours} or more for "
                f"{self.neighbours} neighbours: give more rows, or fewer neighbours."
            )


def local_entropy(x: Float[np.ndarray, "rows dims"], k: int) -> Float[np.ndarray, "rows"]:
    """What each row adds; the entropy is their mean. Minus infinity for rows with k copies."""
    rows, dims = x.shape
    away = nearest(x, None, k)[0][:, -1]
    ball = dims / 2 * np.log(np.pi) - gammaln(dims / 2 + 1)
    with np.errstate(divide="ignore"):
        return digamma(rows) - digamma(k) + ball + dims * np.log(away)
