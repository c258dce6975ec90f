"""Submodular functions of points, maximised greedily."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.facility_location import facilities
from cuvee.select.functions import Covered, Cut, Features, LogDet, Saturated
from cuvee.select.greedy import Current, State, greedy
from cuvee.select.kernels import KERNELS, Kernel, sites, unit

FUNCTIONS = (
    "facility_location", "saturated_coverage", "max_coverage", "graph_cut", "feature_based",
    "log_det",
)  # fmt: skip
CONCAVE = ("sqrt", "log")


@dataclass(frozen=True, slots=True)
class Submodular:
    """Greedy choice by a submodular function: what a row adds is less, the more is chosen.

    With n rows, d features and k chosen: `feature_based` and `log_det` cost about n k d at most,
    the others n d times `sites` at least; none needs more memory than `memory` and a few blocks.

    Args:
        function: "facility_location", "saturated_coverage", "max_coverage", "graph_cut",
            "feature_based" (each feature counts as two, what is above and what is below 0) or
            "log_det".
        kernel: "cosine" (what points the other way counts 0) or "rbf".
        width: Distance at which "rbf" is exp(-1/2); 0: the root mean square over all pairs.
        sites: Rows whose similarity to the choice counts: of a larger pool so many random ones.
        part: Of "saturated_coverage": this part of a row's similarity to all rows is enough.
        threshold: Of "max_coverage": a row that is so similar covers another.
        trade: Of "graph_cut": what similarity to all rows counts, against 1 for that within the
            choice; below 2 a row may take away from the value.
        concave: Of "feature_based": "sqrt" or "log".
        scale: Of "log_det": what an inner product of points of length 1 counts beside 1.
        epsilon: Above 0, each step looks at random rows only, enough for 1 - 1/e - epsilon of the
            best value on average; not for "graph_cut" and "log_det", which know all gains anyway.
        memory: Bytes for all similarities; where they do not fit, they are made when needed.

    Fails when: the function does not say what a good choice is: each has its own blind spot, such
    as odd rows for coverage and dense regions for "log_det".

    References: Bilmes, "Submodularity in machine learning and artificial intelligence", 2022,
    https://arxiv.org/abs/2202.00132; Lin and Bilmes, 2011, https://aclanthology.org/P11-1052
    """

    function: str = "facility_location"
    kernel: str = "cosine"
    width: float = 0.0
    sites: int = 30_000
    part: float = 0.1
    threshold: float = 0.8
    trade: float = 2.0
    concave: str = "sqrt"
    scale: float = 1.0
    epsilon: float = 0.0
    memory: float = 2e9
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        for setting, among in (("function", FUNCTIONS), ("kernel", KERNELS), ("concave", CONCAVE)):
            if getattr(self, setting) not in among:
                raise unknown(setting, getattr(self, setting), among)
        for setting in ("part", "threshold", "trade", "scale", "sites"):
            if not 0 < getattr(self, setting) < np.inf:
                raise CuveeError(f"{setting}: expected above 0, got {getattr(self, setting)}.")
        if self.width < 0 or self.memory < 0 or not 0 <= self.epsilon < 1:
            raise CuveeError("expected width and memory from 0 on, and epsilon from 0 to below 1.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by what they added to the value."""
        state, notes = self._start(pool.need("points"), rng)
        rows, gains = greedy(state, pool.sizes, k, rng=rng, epsilon=self.epsilon)
        return Choice(rows, gains, f"gain in {self.function.replace('_', ' ')}", notes=notes)

    def _start(self, points: np.ndarray, rng: Generator) -> tuple[State | Current, tuple[str, ...]]:
        if self.function == "feature_based":
            scaled = unit(points)
            amounts = np.hstack([np.maximum(scaled, 0), np.maximum(-scaled, 0)])
            return Features(amounts, self.concave), ()
        if self.function == "log_det":
            return LogDet(points, self.scale), ()
        some = sites(len(points), self.sites, rng)
        kernel = Kernel.of(points, self.kernel, self.width, some)
        if self.function == "facility_location":
            return facilities(kernel, 0, self.epsilon, self.memory)
        notes = () if some is None else (f"Similarities to {len(some)} random rows count.",)
        if self.function == "saturated_coverage":
            return Saturated(kernel, self.part, self.memory), notes
        if self.function == "max_coverage":
            return Covered(kernel, self.threshold, self.memory), notes
        return Cut(kernel, self.trade), notes
