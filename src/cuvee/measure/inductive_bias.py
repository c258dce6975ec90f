"""Inductive bias: how many bits of knowledge it takes to be right on rows that were not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import erfcx, ndtr

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around
from cuvee.core.sample import Sample

LEAST = 24
NEAR = 1e-3
"""Standard deviations from the mean within which a saddlepoint says nothing, and a series does."""


@dataclass(frozen=True, slots=True)
class InductiveBias:
    """Bits that hypotheses lack which fit the rows seen: -log2 of how many are right on others.

    Hypotheses are random functions, smooth but for a rough part (a Gaussian process), that pass
    through the labels of the training rows. Right is one whose mean squared error on the held-out
    rows is no more than a share of the labels' variance. That so few are is computed from the law
    of the error, a weighted sum of squares, by a saddlepoint in its tail.

    Args:
        train: Rows that are seen; two thirds of fewer rows.
        held: Rows that are not; the rest of fewer rows.
        error: Share of the labels' variance that may be missed.
        width: Of the smooth functions, in median distances of rows.
        rough: Share of a hypothesis' variance that is of each row its own.
        splits: Into rows that are seen and rows that are not; the number is their mean.

    Fails when: numbers of different `train`, `held`, `error` or `width` are compared: bits add up
    over held-out rows. Two sets of labels of the same points are compared fairly.

    References: Boopathy, Yue, Hwang, Iyer and Fiete, "Towards exact computation of inductive
    bias", IJCAI 2024; Lugannani and Rice, "Saddle point approximation for the distribution of the
    sum of independent random variables", Advances in Applied Probability 12, 1980.
    """

    takes: ClassVar[tuple[str, str]] = ("points", "labels")
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "complexity"
    unit: ClassVar[str] = "bits"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation", "rename")
    train: int = 200
    held: int = 100
    error: float = 0.2
    width: float = 0.5
    rough: float = 0.05
    splits: int = 8

    def __post_init__(self) -> None:
        if min(self.train, self.held) < 8 or self.splits < 4:
            raise CuveeError(
                f"train and held must be 8 or more, splits 4 or more, got {self.train}, "
                f"{self.held}, {self.splits}."
            )
        if not (self.error > 0 and self.width > 0 and 1 > self.rough > 0):
            raise CuveeError(
                f"error and width must be above 0, rough between 0 and 1, got {self.error}, "
                f"{self.width}, {self.rough}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Fewer rows than are split off."""
        if len(a) >= self.train + self.held:
            return ()
        return (
            f"{len(a)} rows, fewer than {self.train} to learn from and {self.held} to be right on: "
            "compare with numbers of as many rows only.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        rows = len(a)
        if rows < LEAST:
            raise CuveeError(f"{a.name} has {rows} rows: expected {LEAST} or more.")
        classes = (b or a).classes
        train = self.train if rows >= self.train + self.held else 2 * rows // 3
        held = min(self.held, rows - train)
        found = []
        for _ in range(self.splits):
            picked = rng.permutation(rows)[: train + held]
            points = np.asarray(a.rows[picked], np.float64)
            found.append(self._bits(points, coded(classes[picked]), train))
        # Splits share rows, so that their spread is not divided by their number.
        return around(
            float(np.mean(found)), float(np.std(found, ddof=1)), 0.0, rng=rng, unit=self.unit,
            floor=0.0,
        )  # fmt: skip

    def _bits(self, points: np.ndarray, codes: np.ndarray, train: int) -> float:
        """Of one split; the first rows are seen."""
        if not codes.shape[1]:
            return 0.0  # one class: every hypothesis is right
        middle, spread = hypotheses(points, codes[:train], self.width, self.rough)
        size = self.error * (codes**2).mean() * codes[train:].size
        return max(-log_probability(middle - codes[train:], spread, size) / np.log(2), 0.0)


def coded(classes: Int64[np.ndarray, "rows"]) -> Float[np.ndarray, "rows kinds_less_one"]:
    """Classes as numbers of mean 0 in independent directions, as far from each other as can be."""
    kinds = np.unique(classes)
    hot = (classes[:, None] == kinds).astype(float)
    directions = np.linalg.svd(np.eye(len(kinds)) - 1 / len(kinds))[0][:, : len(kinds) - 1]
    found = hot @ directions
    return found - found.mean(axis=0)


def hypotheses(
    points: Float[np.ndarray, "rows dims"],
    codes: Float[np.ndarray, "train outputs"],
    width: float,
    rough: float,
) -> tuple[Float[np.ndarray, "held outputs"], Float[np.ndarray, "held held"]]:
    """Mean and covariance, on the other rows, of random functions that fit the first ones.

    Args:
        points: Those that are seen, then those that are not.
        codes: Of those that are seen.
        width: Of the functions, in median distances.
        rough: Share of their variance that is of each row its own.
    """
    train, power = len(codes), float((codes**2).mean())
    square = cdist(points, points, "sqeuclidean")
    usual = float(np.median(square[np.triu_indices(len(points), 1)])) or 1.0
    kernel = power * (1 - rough) * np.exp(-square / (2 * width**2 * usual))
    kernel += power * rough * np.eye(len(points))
    seen = cho_factor(kernel[:train, :train])
    weights = cho_solve(seen, kernel[:train, train:])
    spread = kernel[train:, train:] - kernel[train:, :train] @ weights
    return weights.T @ codes, (spread + spread.T) / 2


def log_probability(
    middle: Float[np.ndarray, "rows outputs"], spread: Float[np.ndarray, "rows rows"], size: float
) -> float:
    """Nats of how likely the sum of squares of Gaussian numbers is no more than a size.

    Args:
        middle: Their means; outputs are independent of each other.
        spread: Covariance of the rows of each output.
        size: Above 0.
    """
    values, vectors = np.linalg.eigh(spread)
    values = np.maximum(values, 1e-12 * max(values[-1], 1e-300))
    outputs = middle.shape[1]
    far = ((vectors.T @ middle) ** 2).sum(axis=1)

    def slope(t: float) -> float:
        room = 1 - 2 * t * values
        return float((outputs * values / room + far / room**2).sum()) - size

    mean = slope(0.0) + size
    sd = np.sqrt((2 * outputs * values**2 + 4 * values * far).sum())
    if abs(size - mean) < NEAR * sd:  # Edgeworth's first term, of the skewness
        off = (size - mean) / sd
        skew = (8 * outputs * values**3 + 24 * values**2 * far).sum() / sd**3
        return float(np.log(ndtr(off) - skew / 6 * (off**2 - 1) * np.exp(_log_normal(off))))
    if size > mean:
        high = (1 - 1e-9) / (2 * values[-1])
        if slope(high) < 0:
            return 0.0
        t = float(brentq(slope, 0.0, high, rtol=1e-12))  # type: ignore[arg-type]
    else:
        low = -1 / values[-1]
        while slope(low) > 0:
            low *= 4
        t = float(brentq(slope, low, 0.0, rtol=1e-12))  # type: ignore[arg-type]
    room = 1 - 2 * t * values
    cumulant = -0.5 * outputs * np.log(room).sum() + (t * far / room).sum()
    bend = (2 * outputs * (values / room) ** 2 + 4 * values * far / room**3).sum()
    w = np.sign(t) * np.sqrt(max(2 * (t * size - cumulant), 0.0))
    return _tail(w, t * np.sqrt(bend))


def _tail(w: float, u: float) -> float:
    """Log of the normal tail at w, corrected by u; in logarithms, as it may be tiny."""
    if w > 0:
        upper = np.sqrt(np.pi / 2) * erfcx(w / np.sqrt(2)) + 1 / u - 1 / w
        return float(np.log1p(-min(np.exp(_log_normal(w)) * max(upper, 0.0), 1 - 1e-16)))
    part = np.sqrt(np.pi / 2) * erfcx(-w / np.sqrt(2)) + 1 / w - 1 / u
    return float(_log_normal(w) + np.log(max(part, 1e-300)))


def _log_normal(w: float) -> float:
    return -0.5 * w * w - 0.5 * np.log(2 * np.pi)
