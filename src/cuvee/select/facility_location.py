"""Facility location: a set to which every row is similar to some row of it."""

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.functions import Facility
from cuvee.select.greedy import Current, State, greedy
from cuvee.select.kernels import KERNELS, Kernel, sites
from cuvee.select.serving import FEW, Listed, Made, Table, Updated

LISTED = 9 / 8
"""Memory for the table with its lists, per memory for the table."""


@dataclass(frozen=True, slots=True)
class FacilityLocation:
    """Maximises the sum over all rows of the similarity to the most similar chosen row.

    The choice is the greedy one, of equals the first row: at least 1 - 1/e of the best value there
    is. Every gain is kept up to date: a chosen row changes it only through the rows that it is
    nearest to. While all similarities fit into `memory` they are kept, and the choice is exact; of
    more rows they are made again when needed, which gives the same up to rounding. Time grows with
    rows times sites.

    Args:
        kernel: "cosine" (what points the other way counts 0) or "rbf".
        width: Distance at which "rbf" is exp(-1/2); 0: the root mean square over all pairs.
        sites: Rows to be served: of a larger pool so many random ones.
        neighbours: Above 0, rows farther than so many nearest ones do not count: for many rows.
        epsilon: Above 0, each step looks at random rows only, enough for 1 - 1/e - epsilon of the
            best value on average; similarities are then not kept.
        memory: Bytes for similarities.

    Fails when: a few odd rows matter: far from all others, they add nothing but themselves.

    References: Cornuéjols, Fisher and Nemhauser, "Location of bank accounts to optimize float",
    1977, https://doi.org/10.1287/mnsc.23.8.789; Wei, Iyer and Bilmes, "Submodularity in data subset
    selection and active learning", ICML 2015, https://proceedings.mlr.press/v37/wei15.html;
    Mirzasoleiman et al., "Lazier than lazy greedy", 2015, https://arxiv.org/abs/1409.7938
    """

    kernel: str = "cosine"
    width: float = 0.0
    sites: int = 30_000
    neighbours: int = 0
    epsilon: float = 0.0
    memory: float = 2e9
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def __post_init__(self) -> None:
        if self.kernel not in KERNELS:
            raise CuveeError(f"kernel: expected {' or '.join(KERNELS)}, got {self.kernel!r}.")
        if self.width < 0 or self.neighbours < 0 or self.memory < 0:
            raise CuveeError("width, neighbours and memory: expected 0 or more.")
        if self.sites < 1:
            raise CuveeError(f"sites: expected 1 or more, got {self.sites}.")
        if not 0 <= self.epsilon < 1:
            raise CuveeError(f"epsilon: expected 0 to below 1, got {self.epsilon}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows by their gain: what they brought all rows nearer to the choice."""
        serve = None if self.neighbours else sites(len(pool), self.sites, rng)
        kernel = Kernel.of(pool.need("points"), self.kernel, self.width, serve)
        state, notes = facilities(kernel, self.neighbours, self.epsilon, self.memory)
        rows, gains = greedy(state, pool.sizes, k, rng=rng, epsilon=self.epsilon)
        return Choice(rows, gains, "gain in similarity to the choice", notes=notes)


def facilities(
    kernel: Kernel, neighbours: int, epsilon: float, memory: float
) -> tuple[State | Current, tuple[str, ...]]:
    """The function, in the form that suits the number of rows; what to know about it."""
    n = len(kernel)
    if neighbours and neighbours < n - 1:
        note = f"Of each row's similarities only the {neighbours} largest count."
        return Listed(kernel.neighbours(neighbours)), (note,)
    note = f"Similarities to {kernel.width} random ones of the {n} rows count."
    notes = () if kernel.sites is None else (note,)
    if epsilon > 0:
        note = f"Each step looked at random rows only (epsilon {epsilon:g})."
        return Facility(kernel), (*notes, note)
    if kernel.sites is None and LISTED * 4 * n**2 <= memory:
        return Updated(Table(kernel.table())), notes
    few = min(FEW, memory / (16 * n * kernel.width))
    note = (
        f"{kernel.width} x {n} similarities are more than {memory / 1e9:g} GB: made again when "
        "needed, equal up to rounding."
    )
    return Updated(Made(kernel), few), (*notes, note)
