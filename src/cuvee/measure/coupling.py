"""Minimum-entropy coupling: how well could one law's classes tell another's?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample, block_counts
from cuvee.measure.couplings import entropy, greedy, least, through, told
from cuvee.measure.groups import GROUPS, around, extrapolated, left_out_sd, parts

MANY = 3000
"""Classes whose coupling takes a while."""
ROOT, SLOWEST = 0.5, 0.4
"""Of the rows: how chance that splits equal shares falls."""
Number = Callable[[Float[np.ndarray, "symbols"]], float]
SEEN = 30
"""Rows of a class, on average, that shares need."""


@dataclass(frozen=True, slots=True)
class Coupling:
    """Nats of the second sample's class that the first one's leaves open, if coupled at best.

    Only the probabilities count, not which class has them: 0 if they are the same numbers. With a
    rate, the first class passes through a code of at most so many nats, and more is left open.

    Args:
        rate: Of the code between, in nats; 0: no code.

    Fails when: classes are many for their rows: shares then differ by chance. The greedy coupling
    is not always the best: the number is a bound from above, and the notes say how loose.

    References: Kocaoglu et al., "Entropic causal inference", AAAI 2017; Cicalese, Gargano and
    Vaccaro, "Minimum-entropy couplings and their applications", IEEE Transactions on Information
    Theory 65, 2019; Ebrahimi, Chen and Khisti, "Minimum entropy coupling with bottleneck", NeurIPS
    2024.
    """

    takes: ClassVar[str] = "labels"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("rename",)
    rate: float = 0.0

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise CuveeError(f"rate must be 0 or more, got {self.rate}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Classes that are too many, for their rows or for the time it takes."""
        found = []
        for sample in (a, b or a):
            kinds = len(np.unique(sample.classes))
            if len(sample) < SEEN * kinds:
                found.append(
                    f"{len(sample)} rows of {sample.name} in {kinds} classes: expected {SEEN} for "
                    "each; put rare ones together."
                )
            if kinds > MANY:
                found.append(f"{kinds} classes take minutes to couple: put rare ones together.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (np.unique(s.classes, return_inverse=True)[1] for s in (a, b or a))
        least_rows = min(len(x), len(y))
        if least_rows < 2 * GROUPS:
            raise CuveeError(f"expected {2 * GROUPS} or more rows, got {least_rows}: give more.")
        found = self._found(_dealt(x, y, rng), self._left_open(x, y), rng)
        p, q = (np.bincount(z) / len(z) for z in (x, y))
        code = through(p, q, self.rate or np.inf)
        loose = entropy(greedy(code, q)[1]) - least(code, q)
        note = f"the best coupling of these shares leaves at most {loose:.2g} nats less open."
        return replace(found, bound="upper", notes=(note,))

    def _found(self, table: np.ndarray, number: Number, rng: Generator) -> Estimate:
        """Shares that are equal are split by chance, which leaves more open; others are not.

        What it adds falls with the root of the rows. It is not known which case this is: the number
        is moved half of the way, and the interval holds both ends.
        """

        def of(some: np.ndarray) -> float:
            return number(table[some].sum(axis=0))

        every = np.arange(GROUPS)
        value, sd = of(every), left_out_sd(np.array([of(np.delete(every, g)) for g in every]))
        (half, _), (quarter, _) = parts(of, 2, rng), parts(of, 4, rng)
        way = extrapolated(value, half, quarter, ROOT, SLOWEST)[0] - value
        return around(value + way / 2, sd, abs(way), rng=rng, unit=self.unit, low=0.0)

    def _left_open(self, x: np.ndarray, y: np.ndarray) -> Number:
        """Of counts of the first classes, and then of the second."""
        kinds, rate = int(x.max()) + 1, self.rate or np.inf

        def number(counts: Float[np.ndarray, "symbols"]) -> float:
            p, q = (part / max(part.sum(), 1) for part in (counts[:kinds], counts[kinds:]))
            return entropy(q) - told(through(p, q, rate), q)

        return number


def _dealt(x: np.ndarray, y: np.ndarray, rng: Generator) -> Float[np.ndarray, "groups symbols"]:
    """Counts of both, in groups of rows: of mixed ones, as rows come sorted by what they hold."""
    tables = [block_counts(rng.permutation(z)).toarray() for z in (x, y)]
    both = np.concatenate(tables, axis=1)
    return both[:GROUPS] + both[GROUPS:]
