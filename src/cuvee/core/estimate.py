"""A number that carries its unit and its uncertainty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from cuvee.core.errors import CuveeError

Spread = Literal[
    "target documents", "bootstrap", "posterior", "seeds", "samples", "exact", "none"
]  # fmt: skip
"""What varies from draw to draw. `samples`: another sample of the same size, and what is not known
of this one's bias; `exact`: nothing can vary; `none`: the spread was not measured."""
Bound = Literal["", "lower", "upper"]
SHOWN = 40
"""Rows of a notebook's table."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A number, or an array of numbers, as equally likely draws.

    Args:
        draws: First axis: draws; the other axes: the quantity's own.
        unit: What one unit is, e.g. "nats per token" or "share".
        spread: What varies from draw to draw.
        center: The point estimate, where it is better known than the mean of the draws.
        bound: Whether this is no estimate of the quantity but a bound from below or above.
        null: Values that would come out if there were no difference (or no dependence), at these
            sizes: draws of the quantity as it is computed, its bias included.
        notes: Why the number may lie, in sentences.

    Raises:
        CuveeError: No draws, an unknown spread, or several draws without a spread.
    """

    draws: Float[np.ndarray, "draws ..."]
    unit: str
    spread: Spread
    center: Float[np.ndarray, "..."] | None = None
    bound: Bound = ""
    null: Float[np.ndarray, "nulls ..."] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.spread not in get_args(Spread):
            raise CuveeError(f"spread must be one of {get_args(Spread)}, got {self.spread!r}.")
        if np.ndim(self.draws) < 1 or len(self.draws) < 1:
            raise CuveeError("an estimate needs at least one draw on its first axis.")
        if len(self.draws) > 1 and self.spread in ("exact", "none"):
            raise CuveeError(f"{len(self.draws)} draws, but the spread is {self.spread!r}.")

    @property
    def mean(self) -> Float[np.ndarray, "..."]:
        """The point estimate."""
        return self.draws.mean(axis=0) if self.center is None else self.center

    @property
    def sd(self) -> Float[np.ndarray, "..."]:
        """Standard deviation: 0 if exact, NaN (never 0) if the spread was not measured."""
        if self.spread == "exact":
            return np.zeros_like(self.mean)
        if len(self.draws) == 1:
            return np.full_like(self.mean, np.nan)
        return self.draws.std(axis=0, ddof=1)

    def interval(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Central interval of the draws; NaN if the spread was not measured."""
        if len(self.draws) == 1:
            edge = self.mean if self.spread == "exact" else np.full_like(self.mean, np.nan)
            return edge, edge
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def map(self, function: Callable[[np.ndarray], np.ndarray], unit: str) -> "Estimate":
        """Apply a function of one draw to each draw, and to the point estimate."""
        draws = np.stack([np.asarray(function(draw)) for draw in self.draws])
        center = None if self.center is None else np.asarray(function(self.center))
        return Estimate(draws, unit, self.spread, center)

    def shifted(self, by: Float[np.ndarray, "..."]) -> "Estimate":
        """The point estimate and every draw, moved by the same amount."""
        return Estimate(self.draws + by, self.unit, self.spread, self.mean + by)

    def probability(self, claim: Callable[[np.ndarray], bool]) -> float:
        """Share of draws for which a claim holds; NaN if the spread was not measured."""
        if len(self.draws) == 1 and self.spread != "exact":
            return float("nan")
        return float(np.mean([bool(claim(draw)) for draw in self.draws]))

    def __str__(self) -> str:
        return f"{with_spread(self.mean, self.sd, self.spread)} {self.unit}".strip()

    def _repr_html_(self) -> str:
        """For notebooks: one number as a line, several as a table of at most `SHOWN` rows."""
        unit, varies = escape(self.unit), escape(self.spread)
        many = "1 draw" if len(self.draws) == 1 else f"{len(self.draws)} draws"
        said = f"{unit} (spread: {varies}, {many})"
        if not np.ndim(self.mean):
            low, high = self.interval()
            ends = "" if np.isnan(low) else f", 90% interval {low:.4g} to {high:.4g}"
            return f"<div>{with_spread(self.mean, self.sd, self.spread)} {said}{ends}</div>"
        low, high = self.interval()
        places = [*np.ndindex(np.shape(self.mean))]
        rows = "".join(
            f"<tr><th>{', '.join(map(str, i))}</th><td>{self.mean[i]:.4g}</td>"
            f"<td>{_shown(self.sd[i])}</td><td>{_shown(low[i])}</td><td>{_shown(high[i])}</td></tr>"
            for i in places[:SHOWN]
        )
        more = f"<p>{len(places) - SHOWN:,} more are not shown.</p>" if places[SHOWN:] else ""
        heads = "".join(f"<th>{name}</th>" for name in ("", "mean", "±", "5%", "95%"))
        return (
            f"<table><caption>{said}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table>{more}"
        )


def _shown(number: np.ndarray) -> str:
    """Of a notebook's table: an empty cell for what was not measured."""
    return "" if np.isnan(number) else f"{number:.4g}"


def stack(estimates: Sequence[Estimate]) -> Estimate:
    """Several estimates with paired draws as one, along a new first axis of the quantity."""
    first = estimates[0]
    return Estimate(
        np.stack([e.draws for e in estimates], axis=1),
        first.unit,
        first.spread,
        np.stack([e.mean for e in estimates]),
    )


def with_spread(mean: np.ndarray, sd: np.ndarray, spread: Spread) -> str:
    """`0.52 ± 0.03`, or `0.52 (spread not measured)`."""
    if np.ndim(mean):
        return "[" + ", ".join(with_spread(m, s, spread) for m, s in zip(mean, sd)) + "]"
    if spread == "exact":
        return f"{mean:.4g} (exact)"
    if np.isnan(sd):
        return f"{mean:.4g} (spread not measured)"
    return f"{mean:.4g} ± {sd:.2g}"
