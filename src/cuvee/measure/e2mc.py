"""Effective entropy maximisation criterion: how evenly an embedding fills its cube."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import ndtr

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.groups import of_groups, of_rows, some_rows
from cuvee.measure.spacings import spacing_entropy


@dataclass(frozen=True, slots=True)
class E2mc:
    """Mean entropy of the columns, each squeezed into 0..1 by the normal law, less their ties.

    0 is the most: columns that are normal, of variance 1, and uncorrelated. The penalty is `ties`
    times the squared correlations of the squeezed columns, summed over the others and averaged over
    columns.

    Args:
        ties: Weight of the penalty.
        scaled: Whether columns are first given mean 0 and variance 1; if not, they should have
            them.
        rows: That are looked at: of more so many random ones.

    Fails when: columns depend on one another without being correlated: both parts miss it, so the
    number is no joint entropy, though no joint entropy can be larger than the mean one times dims.

    References: Chakraborty, LeCun, Rudner and Learned-Miller, "Improving pre-trained
    self-supervised embeddings through effective entropy maximization", AISTATS 2025.
    """

    ties: float = 1.0
    scaled: bool = True
    rows: int = 20_000

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats per column"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")

    def __post_init__(self) -> None:
        if self.ties < 0 or self.rows < 32:
            raise CuveeError("expected ties from 0 on, and rows from 32 on.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Columns that do not vary; values that are squeezed to the edge."""
        some = np.asarray(a.rows[:10_000], np.float64)
        found = []
        flat = int((some.std(axis=0) == 0).sum())
        if flat:
            found.append(f"{flat} columns are constant: leave them out.")
        if not self.scaled and np.abs(some).mean() > 3:
            found.append("values are far beyond 3: they are all squeezed to the edge; use scaled.")
        return found

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        some = some_rows(a.rows, self.rows, rng)
        if (some.std(axis=0) == 0).any():
            raise CuveeError("a column is constant, and has no entropy: leave it out.")
        number = of_rows(lambda rows: criterion(rows, self.ties, self.scaled), some)
        return of_groups(number, rng=rng, unit=self.unit)


def criterion(rows: Float[np.ndarray, "rows dims"], ties: float, scaled: bool) -> float:
    """Of an array of rows, in nats per column."""
    if scaled:
        rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-300)
    squeezed = ndtr(rows)
    entropy = float(spacing_entropy(squeezed).mean())
    if rows.shape[1] == 1 or not ties:
        return entropy
    middle = squeezed - squeezed.mean(axis=0)
    middle /= np.maximum(np.sqrt((middle**2).sum(axis=0)), 1e-300)
    square = ((middle.T @ middle) ** 2).sum() - rows.shape[1]
    # Chance alone correlates two columns by a square of 1 / (rows - 1).
    chance = rows.shape[1] * (rows.shape[1] - 1) / (len(rows) - 1)
    return entropy - ties * float(square - chance) / rows.shape[1]
