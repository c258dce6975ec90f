"""Kullback-Leibler divergence by nearest neighbours (Wang, Kulkarni and Verdú)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import some_rows
from cuvee.measure.near import nearest
from cuvee.measure.neighbours import carried_on

ONWARD, UNKNOWN = 1.5, 0.4
"""Doublings of the rows that are still missing, and share of the number; set on Gaussian laws."""


@dataclass(frozen=True, slots=True)
class KnnKl:
    """KL(a || b): how much farther the rows of `a` are from those of `b` than from each other.

    Columns are turned to the identity of the pooled covariance first, which does not change the
    divergence and makes distances mean something.

    Args:
        neighbours: Which neighbour: more vary less, and are biased more.
        rows: Of each sample that are looked at, at most; of more, so many are drawn.
        nulls: Exchanges of rows behind the value under no difference.

    Fails when: the laws are far apart or the columns many: the number is then far too small. Where
    `b` has no rows at all near those of `a`, the divergence is infinite and the number is not.

    References: Wang, Kulkarni and Verdú, "Divergence estimation for multidimensional densities via
    k-nearest-neighbor distances", IEEE Transactions on Information Theory 55, 2009.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation")
    neighbours: int = 5
    rows: int = 20_000
    nulls: int = 20

    def __post_init__(self) -> None:
        if self.neighbours < 1 or self.rows < 16 or self.nulls < 0:
            raise CuveeError(
                "expected neighbours of 1 or more, rows of 16 or more and nulls not negative, got "
                f"{self.neighbours}, {self.rows}, {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many columns, few rows."""
        said, rows, dims = [], min(len(a), len(b or a)), a.rows.shape[1]
        if dims > 8:
            said.append(
                f"{dims} columns: the number is too small by an unknown part; use a divergence by "
                "a classifier."
            )
        if rows < 20 * self.neighbours:
            said.append(f"{rows} rows: expected {20 * self.neighbours} or more.")
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (some_rows(s.rows, self.rows, rng) for s in (a, b or a))
        least = 4 * (self.neighbours + 1)
        if min(len(x), len(y)) < least:
            raise CuveeError(
                f"{min(len(x), len(y))} rows: expected {least} or more for {self.neighbours} "
                "neighbours: give more rows, or fewer neighbours."
            )
        x, y = _turned(x, y)
        found = carried_on(self._number, [x, y], rng=rng, unit=self.unit, onward=ONWARD,
                           unknown=(0.0, UNKNOWN), low=0.0)  # fmt: skip
        return Estimate(found.draws, self.unit, "samples", found.center, null=self._null(x, y, rng))

    def _number(self, x: np.ndarray, y: np.ndarray) -> float:
        return divergence(x, y, self.neighbours)

    def _null(self, x: np.ndarray, y: np.ndarray, rng: Generator) -> np.ndarray | None:
        both, found = np.concatenate([x, y]), []
        for _ in range(self.nulls):
            order = rng.permutation(len(both))
            one, two = both[order[: len(x)]], both[order[len(x) :]]
            found.append(divergence(one, two, self.neighbours))
        return np.array(found) if found else None


def divergence(
    x: Float[np.ndarray, "rows dims"], y: Float[np.ndarray, "others dims"], k: int
) -> float:
    """The estimate of Wang et al., eq. 5."""
    own, other = log_ratios(x, y, k)
    return float((other - own).mean() + np.log(len(y) / (len(x) - 1)))


def log_ratios(
    x: np.ndarray, y: np.ndarray, k: int
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:
    """Log volumes up to the k-th neighbour among a row's own kind, and among the others."""
    own, other = (nearest(x, among, k)[0][:, -1] for among in (None, y))
    if not own.all() or not other.all():
        raise CuveeError(
            f"some rows have {k} or more copies: points that repeat have no density; compare "
            "classes, or leave copies out."
        )
    return x.shape[1] * np.log(own), x.shape[1] * np.log(other)


def _turned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both by the pooled covariance; directions without any variance are left out."""
    both = np.concatenate([x, y])
    scale = both.std(axis=0)
    if not scale.any():
        raise CuveeError("all columns are constant: two such samples do not differ.")
    both = (both - both.mean(axis=0))[:, scale > 0] / scale[scale > 0]
    values, vectors = np.linalg.eigh(both.T @ both / len(both))
    kept = values > 1e-10 * values[-1]
    both = both @ (vectors[:, kept] / np.sqrt(values[kept]))
    return both[: len(x)], both[len(x) :]
