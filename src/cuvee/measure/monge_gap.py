"""Monge gap: how far a map is from the shortest way between its own ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import resampled
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import some_rows
from cuvee.measure.wasserstein import DIMS, plug_in


@dataclass(frozen=True, slots=True)
class MongeGap:
    """Mean squared way of a map, less the least that carries its inputs to its outputs.

    The first sample holds inputs, the second the outputs of the same rows. 0 says that no other
    pairing of these rows is shorter. Memory: rows x rows numbers.

    Args:
        rows: Of more rows, so many are drawn.
        draws: Of the interval; half as many pairs of halves are matched.

    Fails when: there are many dimensions: few rows then have shorter ways, and the number is far
    too small.

    References: Uscidda and Cuturi, "The Monge gap: a regularizer to learn all transport maps", ICML
    2023.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "complexity"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "rotation", "swap")
    rows: int = 1000
    draws: int = 40

    def __post_init__(self) -> None:
        if self.rows < 8 or self.draws < 8:
            raise CuveeError(f"rows and draws must be 8 or more, got {self.rows} and {self.draws}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions, or other dimensions of the outputs."""
        dims = a.rows.shape[1]
        if dims <= DIMS:
            return ()
        return (f"in {dims} dimensions the gap of {min(self.rows, len(a))} rows is too small.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class.

        Raises:
            CuveeError: Inputs and outputs have not the same dimensions.
        """
        x, y = a.rows, (b or a).rows
        if x.shape[1] != y.shape[1]:
            raise CuveeError(
                f"inputs have {x.shape[1]} columns, outputs {y.shape[1]}: expected a map within "
                "one space."
            )
        both = some_rows(np.hstack([x, y]), self.rows, rng)
        return resampled(_of_both, [both], rng=rng, unit=self.unit, draws=self.draws, bound="lower")


def gap(x: np.ndarray, y: np.ndarray) -> float:
    """Of inputs and the outputs of the same rows; never below 0, and 0 for a shortest map."""
    way = np.asarray(x, np.float64) - y
    return float(max(np.einsum("nd,nd->n", way, way).mean() - plug_in(x, y), 0.0))


def _of_both(both: np.ndarray) -> float:
    dims = both.shape[1] // 2
    return gap(both[:, :dims], both[:, dims:])
