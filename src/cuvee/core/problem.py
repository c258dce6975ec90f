"""What is to be decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError
from cuvee.core.mixture import Limits, Shares, nearest
from cuvee.core.objective import Objective, parse_objective


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """How much of which source, for which targets, within which budget.

    It holds numbers only, no data: a mixer works the same on text, on a table of old runs and
    on a planted test problem.

    Args:
        sources: Names.
        targets: Names.
        available: Tokens that each source holds.
        tokens: The budget.
        objective: One number from the targets' losses; the mean by default.
        limits: What the shares must obey.

    Raises:
        CuveeError: Names repeat, a source is empty, or no mixture obeys the limits.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    available: Float[np.ndarray, "sources"]
    tokens: int
    objective: Objective
    limits: Limits
    low: Shares
    high: Shares

    @staticmethod
    def of(
        sources: Sequence[str],
        targets: Sequence[str],
        available: Sequence[float] | np.ndarray,
        tokens: int,
        objective: str | Mapping[str, float] | Objective = "mean",
        limits: Limits | None = None,
    ) -> "Problem":
        """A checked problem; `objective` may be written as in `parse_objective`."""
        check_names(sources, "source")
        check_names(targets, "target")
        amounts = np.asarray(available, dtype=float)
        for name, amount in zip(sources, amounts):
            if not amount > 0:
                raise CuveeError(f"source {name!r} holds no tokens: remove it or check its files.")
        if not isinstance(objective, Objective):
            objective = parse_objective(objective, targets)
        limits = limits or Limits()
        low, high = limits.box(sources, amounts, tokens)
        return Problem(
            tuple(sources), tuple(targets), amounts, tokens, objective, limits, low, high
        )

    def fit(self, shares: Shares) -> Shares:
        """The allowed shares nearest in proportion to those wished for."""
        return nearest(shares, self.low, self.high)

    def epochs(self, shares: Shares) -> Float[np.ndarray, "sources"]:
        """How often each source is gone through."""
        return np.asarray(shares) * self.tokens / self.available


def check_names(names: Sequence[str], what: str) -> None:
    """Refuse no names, empty ones and duplicates."""
    if not names:
        raise CuveeError(f"at least one {what} is needed, got none.")
    for name in names:
        if not name:
            raise CuveeError(f"a {what} has an empty name: give each one as NAME=PATH.")
        if not isinstance(name, str) or any(mark in name for mark in ",=\n"):
            raise CuveeError(f"{what} {name!r}: a name is text without commas, = and line ends.")
        if what == "target" and name in ("mean", "worst"):
            raise CuveeError(f"a target cannot be called {name!r}: that is an objective.")
        if list(names).count(name) > 1:
            raise CuveeError(f"two {what}s are called {name!r}: give each its own name.")
