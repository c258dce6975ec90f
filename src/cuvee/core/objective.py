"""What a good mixture is: one number from the losses of all targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError, unknown


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """Weighted mean of the targets' losses, or the worst of them.

    Args:
        weights: One weight per target, summing to 1.
        worst: Take the largest loss among targets of positive weight instead of the mean.
    """

    weights: Float[np.ndarray, "targets"]
    worst: bool = False

    def score(self, losses: Float[np.ndarray, "... targets"]) -> Float[np.ndarray, "..."]:
        """The number to make small, in the losses' own unit."""
        if self.worst:
            return np.where(self.weights > 0, losses, -np.inf).max(axis=-1)
        return losses @ self.weights


def parse_objective(text: str | Mapping[str, float], targets: Sequence[str]) -> Objective:
    """`"mean"`, `"worst"`, the name of one target, or weights by name (`"a=2,b=1"`).

    Raises:
        CuveeError: Unknown target, or weights that are negative or all zero.
    """
    if text in ("mean", "worst"):
        return Objective(np.full(len(targets), 1 / len(targets)), worst=text == "worst")
    weights = text if isinstance(text, Mapping) else named_numbers(text, "objective", default=1.0)
    array = np.zeros(len(targets))
    for name, weight in weights.items():
        if name not in targets:
            raise unknown("objective", name, ["mean", "worst", *targets])
        if not np.isfinite(weight) or weight < 0:
            raise CuveeError(f"the objective's weight of {name!r} must be 0 or more, got {weight}.")
        array[list(targets).index(name)] = weight
    if array.sum() <= 0:
        raise CuveeError("the objective's weights are all zero.")
    return Objective(array / array.sum())


def named_numbers(text: str, what: str, default: float | None = None) -> dict[str, float]:
    """`{"web": 0.3, "code": 0.7}` from `"web=0.3,code=0.7"`."""
    numbers: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = part.strip().rpartition("=")
        if not equals:
            name, value = value, "" if default is None else str(default)
        try:
            number = float(value)
        except ValueError:
            raise CuveeError(f"{what}: expected NAME=NUMBER,..., got {part!r}.") from None
        if name in numbers:
            raise CuveeError(f"{what}: {name!r} is given twice.")
        numbers[name] = number
    return numbers
