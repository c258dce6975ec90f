"""Maximum mean discrepancy: how far the means of two samples are apart, in a kernel's space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import (
    Table,
    grouped,
    median_distance,
    table_of,
    table_of_sums,
    told,
)

SCALES = (0.5, 1.0, 2.0)
"""Bandwidths, as parts of the one asked for, each twice the last; their kernels are averaged."""
BLOCK = 1 << 13
WAYS = ("auto", "exact", "features")


@dataclass(frozen=True, slots=True)
class Mmd:
    """Squared maximum mean discrepancy of Gaussian kernels, unbiased, with a permutation test.

    Up to `rows` rows of each sample every pair is looked at, block by block (32 MB). Of more rows,
    random Fourier features are summed in one pass: the same number up to the chance of the
    features, in time and memory that grow with rows x features, not with pairs.

    Args:
        bandwidth: Of the kernel, in units of the features; 0 for the median distance of two rows.
            Kernels of half and of twice the bandwidth count as much.
        by: "exact" (all pairs), "features", or "auto": exact up to `rows`.
        rows: From more rows on, "auto" takes features.
        features: Random directions.

    Fails when: laws differ on a scale that is far from the bandwidth, or in few of many dimensions:
    the number then is small, though not 0. Numbers of different bandwidths cannot be compared.

    References: Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test", JMLR 13,
    2012; Rahimi and Recht, "Random features for large-scale kernel machines", NeurIPS 2007.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared kernel units (0 to 2)"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    bandwidth: float = 0.0
    by: str = "auto"
    rows: int = 10_000
    features: int = 512

    def __post_init__(self) -> None:
        if self.by not in WAYS:
            raise CuveeError(f"by must be one of {WAYS}, got {self.by!r}.")
        if not self.bandwidth >= 0:
            raise CuveeError(f"bandwidth must be 0 or more, got {self.bandwidth}.")
        if self.rows < 2 or self.features < len(SCALES):
            raise CuveeError(
                f"rows must be 2 or more and features 3 or more, got {self.rows}, {self.features}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions, in which all rows are equally far from one another."""
        dims = a.rows.shape[1]
        if dims <= 256:
            return ()
        return (
            f"in {dims} dimensions all rows are about equally far apart, and a kernel of distances "
            "sees little but the means: choose fewer features.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = a.rows, (b or a).rows
        width = self.bandwidth or median_distance(x, y, rng)
        exact = self.by == "exact" or (self.by == "auto" and max(len(x), len(y)) <= self.rows)
        notes = [f"the bandwidth is {width:.4g}: the median distance of two rows."]
        if self.bandwidth:
            notes = []
        missed = 0.0
        if exact:
            table = table_of(x, y, lambda squares: gaussians(squares, width), rng)
        else:
            table, missed = _features(x, y, width, self.features, rng)
            notes.append(f"{self.features} random features stand for the kernel.")
        return told(
            table, squared, rng=rng, unit=self.unit, notes=tuple(notes), missed=missed
        )  # fmt: skip


def squared(own: np.ndarray, other: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The squared distance of the means, from means of the kernel."""
    return own + other - 2 * across


def gaussians(squares: Float[np.ndarray, "rows others"], width: float) -> np.ndarray:
    """The mean of Gaussian kernels of some bandwidths."""
    part = np.multiply(squares, -0.5 / (SCALES[-1] * width) ** 2)
    np.exp(part, out=part)
    found = part.copy()
    for _ in SCALES[1:]:
        # Half the bandwidth is the fourth power.
        np.square(part, out=part)
        np.square(part, out=part)
        found += part
    found /= len(SCALES)
    return found


def _features(
    x: np.ndarray, y: np.ndarray, width: float, count: int, rng: Generator
) -> tuple[Table, float]:
    """The table of features' sums, and how far the choice of features may move the number."""
    scales = np.resize(np.array(SCALES), count) * width
    ways = (rng.standard_normal((x.shape[1], count)) / scales).astype(np.float32)
    middle = np.asarray(x[:BLOCK], np.float64).mean(axis=0)
    groups, ours = grouped(len(x), len(y), rng)
    label = np.full(len(x) + len(y), -1)
    for i, group in enumerate(groups):
        label[group] = i
    sums = np.concatenate([
        feature_sums(x, ways, middle, label[: len(x)], len(groups)),
        feature_sums(y, ways, middle, label[len(x) :], len(groups)),
    ])  # fmt: skip
    sizes = np.array([len(group) for group in groups])
    sums = sums[:ours], sums[len(groups) + ours :]
    gap = sums[0].sum(axis=0) / sizes[:ours].sum() - sums[1].sum(axis=0) / sizes[ours:].sum()
    each = count * (gap[:count] ** 2 + gap[count:] ** 2)
    table = table_of_sums(*sums, sizes)
    return table, float(each.std(ddof=1) / np.sqrt(count))


def feature_sums(
    x: Float[np.ndarray, "rows dims"], ways: Float[np.ndarray, "dims features"],
    middle: Float[np.ndarray, "dims"], label: np.ndarray, groups: int,
) -> Float[np.ndarray, "groups both"]:  # fmt: skip
    """Sums of cosines and sines of the rows of each group, in one pass."""
    count = ways.shape[1]
    found = np.zeros((groups + 1, 2 * count))
    for start in range(0, len(x), BLOCK):
        mine = label[start : start + BLOCK]
        order = np.argsort(mine, kind="stable")
        rows = (x[start : start + BLOCK] - middle).astype(np.float32)[order]
        angle = rows @ ways
        there, first = np.unique(mine[order], return_index=True)
        found[there, :count] += np.add.reduceat(np.cos(angle), first, axis=0)
        found[there, count:] += np.add.reduceat(np.sin(angle, out=angle), first, axis=0)
    return found[:groups] / np.sqrt(count)
