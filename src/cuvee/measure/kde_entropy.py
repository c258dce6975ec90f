"""Entropy of points from a kernel density, which says of how many rows it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import Number, dealt, of_groups, some_rows

WIDTHS = np.geomspace(0.04, 2.5, 17)
"""Of the usual bandwidth."""
CELLS, PILOT, FEW = 1 << 22, 1000, 5.0


@dataclass(frozen=True, slots=True)
class KdeEntropy:
    """Differential entropy: mean surprise at each row under the kernel density of the others.

    Columns are made uncorrelated and of variance 1 first. The bandwidth is the likeliest (left-out
    rows judge), and falls with rows as usual. Sharpened, each row first moves up the density by
    half a bandwidth squared times its score, which takes off most of the smoothing.

    Args:
        sharpened: Whether rows move.
        bandwidth: In standard deviations; 0: the likeliest.
        rows: That are looked at: of more so many random ones. Memory is its square.

    Fails when: there are more than a few dimensions: the likeliest density then is made of one or
    two rows at each place, and the notes say of how many.

    References: Silverman, "Density estimation for statistics and data analysis", 1986; Epstein et
    al., "SD-KDE: Score-debiased kernel density estimation", 2025; Biroli and Mézard, "Kernel
    density estimators in large dimensions", 2024 (effective rows).
    """

    sharpened: bool = True
    bandwidth: float = 0.0
    rows: int = 2000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation")

    def __post_init__(self) -> None:
        if self.bandwidth < 0 or self.rows < 64:
            raise CuveeError("expected bandwidth from 0 on, and rows from 64 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions."""
        dims = a.rows.shape[1]
        if dims <= 6:
            return ()
        return (
            f"{dims} dimensions: a density is made of few rows above 6; knn_entropy is better.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        points, volume = whitened(some_rows(a.rows, self.rows, rng))
        usual = len(points) ** (-1 / (points.shape[1] + 4))
        some = points[:PILOT]
        factor = self.bandwidth / usual if self.bandwidth else likeliest(some, self.sharpened)
        found = effective(some, factor * usual) * len(points) / len(some)
        notes = ()
        if found < FEW:
            notes = (f"the density is made of {found:.1f} rows at each place: it knows little.",)
        number = self._of_groups(points, factor, volume)
        return of_groups(number, rng=rng, unit=self.unit, notes=notes)

    def _of_groups(self, points: np.ndarray, factor: float, volume: float) -> Number:
        at = [np.arange(len(points))[s] for s in dealt(len(points))]

        def number(groups: np.ndarray) -> float:
            own = points[np.concatenate([at[g] for g in groups])]
            width = factor * len(own) ** (-1 / (own.shape[1] + 4))
            return volume - float(log_density(own, width, self.sharpened).mean())

        return number


def whitened(
    points: Float[np.ndarray, "rows dims"],
) -> tuple[Float[np.ndarray, "rows dims"], float]:
    """Rows without correlations and of variance 1, and the log volume that this took.

    Raises:
        CuveeError: A column is constant, or a sum of others.
    """
    middle = points - points.mean(axis=0)
    values, ways = np.linalg.eigh(np.atleast_2d(middle.T @ middle) / (len(points) - 1))
    if values[0] <= 1e-10 * values[-1]:
        raise CuveeError(
            "a column is constant or a sum of others: leave it out; it has no density."
        )
    return middle @ ways / np.sqrt(values), float(0.5 * np.log(values).sum())


def likeliest(points: Float[np.ndarray, "rows dims"], sharpened: bool) -> float:
    """Factor of the usual bandwidth under which left-out rows of quarters are likeliest.

    Quarters are the smallest parts whose number is needed: rows that are alone in theirs would be
    endlessly surprising under a density as narrow as the whole bears.
    """
    parts = [points[i::4] for i in range(4)]
    usual = len(parts[0]) ** (-1 / (points.shape[1] + 4))
    likely = [
        np.mean([log_density(part, w * usual, sharpened).mean() for part in parts]) for w in WIDTHS
    ]
    return float(WIDTHS[int(np.argmax(likely))])


def log_density(
    points: Float[np.ndarray, "rows dims"], width: float, sharpened: bool
) -> Float[np.ndarray, "rows"]:
    """At each row, of the kernel density of the others."""
    centers = points
    if sharpened:
        near, means = _smoothed(points, points, width)
        # The score of a Gaussian kernel density: to the weighted mean of the rows, by width^2.
        centers = points + 0.5 * np.where(np.isfinite(near)[:, None], means - points, 0)
    logs, _ = _smoothed(points, centers, width)
    dims = points.shape[1]
    return logs - np.log(len(points) - 1) - dims * np.log(width) - 0.5 * dims * np.log(2 * np.pi)


def effective(points: Float[np.ndarray, "rows dims"], width: float) -> float:
    """Rows that the density at a row is made of: the inverse sum of squared shares, its median."""
    once, _ = _smoothed(points, points, width)
    twice, _ = _smoothed(points, points, width / np.sqrt(2))
    return float(np.exp(np.median(2 * once - twice)))


def _smoothed(
    points: np.ndarray, centers: np.ndarray, width: float
) -> tuple[Float[np.ndarray, "rows"], Float[np.ndarray, "rows dims"]]:
    """Log sums of the kernels of the other rows, and the weighted means of their centers."""
    square, step = (centers**2).sum(axis=1), max(CELLS // len(points), 1)
    logs, means = np.empty(len(points)), np.empty(points.shape)
    for start in range(0, len(points), step):
        block = points[start : start + step]
        power = block @ centers.T
        power -= 0.5 * square
        power -= 0.5 * (block**2).sum(axis=1)[:, None]
        power /= width**2
        line = np.arange(len(block))
        power[line, start + line] = -np.inf
        top = power.max(axis=1, keepdims=True)
        kernel = np.exp(power - top, out=power)
        total = kernel.sum(axis=1)
        logs[start : start + step] = top[:, 0] + np.log(total)
        means[start : start + step] = (kernel @ centers) / total[:, None]
    return logs, means
