"""Vendi score: how many kinds of rows there are, in effect."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.clusters import unit as lengths_of_one
from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import dealt, of_groups

KERNELS = ("cosine", "gaussian")
BLOCK = 1 << 14
Spectrum = Callable[[Int[np.ndarray, "groups"]], Float[np.ndarray, "values"]]


@dataclass(frozen=True, slots=True)
class Vendi:
    """Effective number of kinds: Hill number of the eigenvalues of the similarity of rows.

    With the cosine kernel only sums of squares are kept (16 times dims squared), and rows are read
    once. With the Gaussian kernel, or fewer rows than dimensions, similarities are.

    Args:
        order: Of the Hill number; 1: exponential of the entropy; above: rare kinds count less.
        kernel: "cosine", or "gaussian".
        width: Of the Gaussian kernel, in units of the features; 0: the median distance.
        rows: That similarities are computed of: of more so many random ones.

    Fails when: rows are few beside dimensions, or similarity is no matter of angle (cosine) or of
    distances like the width (Gaussian).

    References: Friedman and Dieng, "The Vendi score: a diversity evaluation metric for machine
    learning", TMLR 2023; Pasarkar and Dieng, "Cousins of the Vendi score", AISTATS 2024 (orders).
    """

    order: float = 1.0
    kernel: str = "cosine"
    width: float = 0.0
    rows: int = 1000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "diversity"
    unit: ClassVar[str] = "effective kinds of rows"
    keeps: ClassVar[tuple[str, ...]] = ("scale", "rotation")

    def __post_init__(self) -> None:
        check_kernel(self.order, self.kernel, self.width, self.rows)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Too few rows for the eigenvalues."""
        return few(a, self.kernel)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        values = spectrum(a.rows, self.kernel, self.width, self.rows, rng)
        most = a.rows.shape[1] if self.kernel == "cosine" else np.inf
        return of_groups(lambda some: float(np.exp(renyi(values(some), self.order))), rng=rng,
                         unit=self.unit, low=1.0, high=most)  # fmt: skip


def few(a: Sample, kernel: str) -> tuple[str, ...]:
    """Why eigenvalues are known badly."""
    rows, dims = len(a), a.rows.shape[1]
    if kernel != "cosine" or rows >= 10 * dims:
        return ()
    return (f"{rows} rows for {dims} dimensions: small eigenvalues are mostly noise.",)


def check_kernel(order: float, kernel: str, width: float, rows: int) -> None:
    """Refuse settings that make no sense.

    Raises:
        CuveeError: It says which.
    """
    if kernel not in KERNELS:
        raise unknown("kernel", kernel, KERNELS)
    if order < 0 or width < 0 or rows < 32:
        raise CuveeError("expected order and width from 0 on, and rows from 32 on.")


def renyi(values: Float[np.ndarray, "values"], order: float) -> float:
    """Entropy of eigenvalues that sum to 1, in nats."""
    some = values[values > 1e-12]
    if order == 1:
        return float(-some @ np.log(some))
    if np.isinf(order):
        return float(-np.log(some.max()))
    return float(np.log((some**order).sum()) / (1 - order))


def spectrum(points: np.ndarray, kernel: str, width: float, rows: int, rng: Generator) -> Spectrum:
    """Eigenvalues, summing to 1, of the similarity of the rows of some groups.

    Rows times rows and features times features have the same ones: the smaller is used.

    Raises:
        CuveeError: All rows are 0, and have no angle.
    """
    if kernel == "cosine" and points.shape[1] <= len(points):
        return _of_sums(points)
    some = points[np.sort(rng.permutation(len(points))[:rows])]
    near = _similar(np.asarray(some, np.float64), kernel, width)
    at = [np.arange(len(some))[s] for s in dealt(len(some))]

    def values(groups: np.ndarray) -> np.ndarray:
        own = np.concatenate([at[g] for g in groups])
        return _summing_to_1(np.linalg.eigvalsh(near[np.ix_(own, own)]))

    return values


def _of_sums(points: np.ndarray) -> Spectrum:
    dims = points.shape[1]
    sums = np.zeros((len(dealt(len(points))), dims, dims))
    for start in range(0, len(points), BLOCK):
        ways = lengths_of_one(points[start : start + BLOCK]).astype(np.float64)
        for g, own in enumerate(dealt(max(len(ways), 32))):
            sums[g] += ways[own].T @ ways[own]
    return lambda groups: _summing_to_1(np.linalg.eigvalsh(sums[groups].sum(axis=0)))


def _summing_to_1(values: np.ndarray) -> np.ndarray:
    values = np.maximum(values, 0)
    if not values.sum() > 0:
        raise CuveeError("every row is 0: expected rows with an angle; centre or scale them less.")
    return values / values.sum()


def _similar(points: np.ndarray, kernel: str, width: float) -> np.ndarray:
    if kernel == "cosine":
        ways = lengths_of_one(points).astype(np.float64)
        return ways @ ways.T
    square = np.einsum("nd,nd->n", points, points)
    away = np.maximum(square[:, None] + square - 2 * (points @ points.T), 0)
    typical = width or float(np.sqrt(np.median(away[np.triu_indices(len(away), 1)])))
    return np.exp(-away / (2 * max(typical, 1e-300) ** 2))
