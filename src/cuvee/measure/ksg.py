"""Mutual information by nearest neighbours (Kraskov, Stögbauer and Grassberger)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import digamma

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.columns import no_dependence, normal_scores, varying, whitened
from cuvee.measure.groups import around
from cuvee.measure.neighbours import shared_counts

SCALES = ("whiten", "columns", "ranks")
NORMS = ("euclidean", "max")
ONWARD, SPREAD = 0.5, 1.15
"""Of the doublings of the rows that are still missing, how many are added; and how much rows
that are neighbours of each other add to the standard error. Set on Gaussian laws."""
PARTS = 4
"""Deals of the rows into halves, and into quarters."""


@dataclass(frozen=True, slots=True)
class Ksg:
    """Mutual information of two groups of columns, from distances to nearest neighbours.

    Distances of all columns are the larger of the distances of both groups (the first estimator of
    the paper). Trees do the work where both groups have few columns; else all pairs are looked at,
    in blocks that fit into the processor's cache.

    Args:
        neighbours: Which neighbour sets the scale: more vary less, and are biased more.
        scale: "whiten": each group is turned to unit covariance; "columns": each column to unit
            variance; "ranks": each column to normal scores, so that no monotone map matters.
        norm: Of the columns of a group, "euclidean" or "max".
        rows: That are looked at, at most; of more, so many are drawn.
        nulls: Shuffles of the rows behind the value under independence.

    Fails when: the dependence lies in more than some five columns together, or is strong: the
    number is then too small, and does not say by how much.

    References: Kraskov, Stögbauer and Grassberger, "Estimating mutual information", Physical Review
    E 69, 2004; Gao, Ver Steeg and Galstyan, "Efficient estimation of mutual information for
    strongly dependent variables", AISTATS 2015.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation", "swap")
    neighbours: int = 5
    scale: str = "whiten"
    norm: str = "euclidean"
    rows: int = 20_000
    nulls: int = 20

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise CuveeError(f"neighbours must be 1 or more, got {self.neighbours}.")
        if self.scale not in SCALES:
            raise CuveeError(f"scale must be one of {', '.join(SCALES)}, got {self.scale!r}.")
        if self.norm not in NORMS:
            raise CuveeError(f"norm must be one of {', '.join(NORMS)}, got {self.norm!r}.")
        if self.rows < 16 or self.nulls < 0:
            raise CuveeError(
                f"rows must be 16 or more and nulls not negative, got {self.rows}, {self.nulls}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many columns, few rows."""
        said = []
        dims = a.rows.shape[1] + (b or a).rows.shape[1]
        if dims > 10:
            said.append(
                f"{dims} columns: neighbours are far away, and the number is too small by an "
                "unknown part: use mutual_information."
            )
        if len(a) < 20 * self.neighbours:
            said.append(f"{len(a)} rows: expected {20 * self.neighbours} or more.")
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = varying(a, self.rows, rng), varying(b or a, self.rows, rng)
        if not x.size or not y.size:
            return no_dependence(self.unit)
        if len(x) < 8 * (self.neighbours + 1):
            raise CuveeError(
                f"{len(x)} rows: expected {8 * (self.neighbours + 1)} or more for "
                f"{self.neighbours} neighbours: give more rows, or fewer neighbours."
            )
        x, y = self._scaled(x), self._scaled(y)
        terms = local_information(x, y, self.neighbours, self.norm)
        value = float(terms.mean())
        half, quarter = (self._mean_of_parts(x, y, parts, rng) for parts in (2, 4))
        step = max((value - quarter) / 2, 0.0)
        # Each doubling of the rows brings less than the last: how much less is not known.
        missed = max(1.5 * step, abs(value - half), abs(half - quarter) / 2)
        sd = float(terms.std() / np.sqrt(len(terms)))
        found = around(value + ONWARD * step, SPREAD * sd, missed, rng=rng, unit=self.unit)
        orders = [rng.permutation(len(y)) for _ in range(self.nulls)]
        null = [local_information(x, y[o], self.neighbours, self.norm).mean() for o in orders]
        return Estimate(
            found.draws, self.unit, "samples", found.center,
            null=np.array(null) if null else None,
        )  # fmt: skip

    def _scaled(self, x: np.ndarray) -> Float[np.ndarray, "rows dims"]:
        if self.scale == "whiten":
            return whitened(x)
        return normal_scores(x) if self.scale == "ranks" else (x - x.mean(axis=0)) / x.std(axis=0)

    def _mean_of_parts(self, x: np.ndarray, y: np.ndarray, parts: int, rng: Generator) -> float:
        """The number of parts of the rows, on average."""
        deals = [np.array_split(rng.permutation(len(x)), parts) for _ in range(PARTS // parts + 1)]
        some = [rows for deal in deals for rows in deal]
        k, norm = self.neighbours, self.norm
        found = [local_information(x[rows], y[rows], k, norm).mean() for rows in some]
        return float(np.mean(found))


def local_information(
    x: Float[np.ndarray, "rows dx"], y: Float[np.ndarray, "rows dy"], k: int, norm: str
) -> Float[np.ndarray, "rows"]:
    """What each row adds to the mutual information, in nats; the number is their mean."""
    near_x, near_y = shared_counts(x, y, k, norm)
    table = digamma(np.arange(1, len(x) + 1))
    return table[k - 1] + table[-1] - table[near_x] - table[near_y]
