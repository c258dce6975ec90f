"""Mutual information of two classes of the same rows, from their table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Int64
from numpy.random import Generator
from scipy.special import ndtri, stdtrit

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around
from cuvee.core.sample import Sample
from cuvee.measure.counted import ENTROPIES, Tally
from cuvee.measure.groups import GROUPS, dealt, left_out_sd

FEW = 5.0
"""Rows for each pair of classes that could occur, below which the bias is guessed."""
SHUFFLES = 20
WIDER = float(stdtrit(GROUPS - 1, 0.95) / ndtri(0.95))
"""A spread that is known from so many groups: as much wider as Student's interval."""
CORRECTIONS = ("miller_madow", "chao_wang_jost", "shuffled")
BY = (*ENTROPIES, "shuffled")


@dataclass(frozen=True, slots=True)
class LabelInformation:
    """What the class in one column says about the class in another, less the bias of the counts.

    Args:
        by: An entropy, as of `entropy`, of each column and of both; or "shuffled": what there is in
            shuffled rows is taken off, which is too much where columns do depend.
        nulls: Shuffles behind the value under independence.

    Fails when: there are more pairs of classes than rows: nearly every row is a pair of its own.

    References: Miller, "Note on the bias of information estimates", 1955; Treves and Panzeri, "The
    upward bias in measures of information derived from limited data samples", Neural Computation 7,
    1995.
    """

    takes: ClassVar[str] = "labels"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("rename", "swap")
    by: str = "chao_wang_jost"
    nulls: int = 40

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("by", self.by, BY)
        if self.nulls < 0:
            raise CuveeError(f"nulls must be 0 or more, got {self.nulls}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows for the pairs of classes."""
        kinds = [len(np.unique(s.classes)) for s in (a, b or a)]
        if len(a) >= FEW * kinds[0] * kinds[1]:
            return ()
        return (
            f"{len(a)} rows for {kinds[0]} x {kinds[1]} pairs of classes: expected "
            f"{FEW:.0f} for each; put rare classes together.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        # Rows come sorted by what they hold: groups of them would all be alike.
        order = rng.permutation(len(a))
        x, y = (np.unique(s.classes[order], return_inverse=True)[1] for s in (a, b or a))
        table = Table.of(x, y)
        moved = [Table.of(x, rng.permutation(y)) for _ in range(max(self.nulls, SHUFFLES))]
        lost = float(np.mean([shuffled.information("plugin") for shuffled in moved]))

        def corrected(of: Table, by: str) -> float:
            return of.information("plugin") - lost if by == "shuffled" else of.information(by)

        value = corrected(table, self.by)
        without = [Table.of(np.delete(x, g), np.delete(y, g)) for g in dealt(len(x))]
        sd = left_out_sd(np.array([corrected(some, self.by) for some in without]))
        # Pairs that come together by chance: 2 n of the plug-in is chi-squared then.
        sd = WIDER * float(np.hypot(sd, np.sqrt(lost / len(x))))
        # The corrections agree where rows are many; their differences are what is not known.
        missed = float(np.ptp([value, *(corrected(table, by) for by in CORRECTIONS)])) / 2
        null = np.array([corrected(shuffled, self.by) for shuffled in moved[: self.nulls]])
        return around(
            value, sd, missed, rng=rng, unit=self.unit, floor=0.0, squared=True,
            null=null if self.nulls else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Rows of each pair of classes that occurs.

    Args:
        rows: Of each pair.
        margins: Counts of the first classes, and of the second.
    """

    rows: Int64[np.ndarray, "pairs"]
    margins: tuple[Tally, Tally]

    @staticmethod
    def of(x: Int64[np.ndarray, "rows"], y: Int64[np.ndarray, "rows"]) -> "Table":
        """Of two columns, their classes counted from 0."""
        one, two = (np.bincount(z) for z in (x, y))
        rows = _counted(x * len(two) + y, len(one) * len(two))
        return Table(rows, (Tally.of(one), Tally.of(two)))

    def information(self, by: str) -> float:
        """From three entropies."""
        entropy = ENTROPIES[by]
        return entropy(self.margins[0]) + entropy(self.margins[1]) - entropy(Tally.of(self.rows))


def _counted(pairs: Int64[np.ndarray, "rows"], most: int) -> Int64[np.ndarray, "pairs"]:
    """How often each pair occurs that does: without sorting, where there cannot be many."""
    if most > 4 * len(pairs) + (1 << 16):
        return np.unique(pairs, return_counts=True)[1]
    counts = np.bincount(pairs)
    return counts[counts > 0]
