"""What is to be decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from cuvee.core.errors import CuveeError
from cuvee.core.mixture import Limits, Rows, Shares, nearest
from cuvee.core.objective import Objective, parse_objective
from cuvee.core.points import Points


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
        params: Size of the model that the answer is for, in parameters; NaN: not stated.
        spend: Tokens that all trials together may train on.
        facts: What can be known of the sources' content without a trial, by name, for mixers
            that say in `needs` what they need.

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
    params: float = float("nan")
    spend: float = float("inf")
    facts: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(
        sources: Sequence[str],
        targets: Sequence[str],
        available: Sequence[float] | np.ndarray,
        tokens: int,
        objective: str | Mapping[str, float] | Objective = "mean",
        limits: Limits | None = None,
        params: float = float("nan"),
        spend: float = float("inf"),
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
            tuple(sources), tuple(targets), amounts, tokens, objective, limits, low, high,
            params, spend,
        )  # fmt: skip

    def fit(self, shares: Rows) -> Rows:
        """The allowed shares nearest in proportion to those wished for; of each row, if many."""
        return nearest(shares, self.low, self.high)

    def points(self, shares: Float[np.ndarray, "points sources"] | Shares) -> Points:
        """Mixtures at the scale that the answer is for."""
        return Points.at(shares, self.tokens, self.params)

    def per_trial(self, trials: int) -> float:
        """Tokens of each of so many trials: the budget, or less if `spend` asks for it."""
        return min(float(self.tokens), self.spend / max(trials, 1))

    def own(self) -> Int[np.ndarray, "sources"]:
        """Index of the target that is text of each source itself.

        Raises:
            CuveeError: A source has no target of its name.
        """
        for name in self.sources:
            if name not in self.targets:
                raise CuveeError(
                    f"this method needs a loss on text of every source itself, and there is no "
                    f"target {name!r}: leave out the target, or add one called {name!r}."
                )
        return np.array([self.targets.index(name) for name in self.sources])

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
