"""Random choice: the row to beat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.pool import Choice, Pool, Quota


@dataclass(frozen=True, slots=True)
class Random:
    """Every row with the same chance, without replacement."""

    needs: ClassVar[tuple[str, ...]] = ()
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = ""

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """A random order of the rows, as far as it fits."""
        rows = k.fill(rng.permutation(len(pool)), pool.sizes)
        return Choice(rows, np.zeros(len(rows)), "none: random")
