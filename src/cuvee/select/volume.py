"""Volume sampling: rows and weights for least squares."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64, Int64
from numpy.random import Generator

from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.dpp import INSTEAD, orthonormal, projection
from cuvee.select.memory import check_room

MOST = 1e12
"""Draws of one row; more are no different."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Draws rows so that weighted least squares on them is nearly that on the whole pool.

    Volume-rescaled sampling: as many rows as the points have directions by a projection
    determinantal process, which makes sure that they span everything, and the rest independently
    by leverage. `weight` makes up for the chances; a row drawn again counts as often. Costs rows
    times features squared; memory is 24 bytes times rows times features, beside the points.

    Args:
        intercept: Least squares will have a constant: one more feature of every row.

    Fails when: the model is not linear in the points; with labels at hand, losses say more.

    References: Dereziński, Warmuth and Hsu, "Leveraged volume sampling for linear regression",
    NeurIPS 2018, https://arxiv.org/abs/1802.06749; Nouy and Michel, "Weighted least-squares
    approximation with determinantal point processes and generalized volume sampling", 2023,
    https://arxiv.org/abs/2312.14057
    """

    intercept: bool = True
    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "cover"

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows in the order in which they were drawn; the score is their leverage."""
        given = pool.need("points")
        least = 24.0 * len(given) * (given.shape[1] + self.intercept)
        check_room(f"volume on {len(given):,} rows of {given.shape[1]} features", least, INSTEAD)
        points = given.astype(np.float64)
        if self.intercept:
            points = np.hstack([points, np.ones((len(points), 1))])
        vectors, _ = orthonormal(points)
        leverage = np.minimum(np.sum(vectors**2, axis=1), 1)
        first = projection(vectors, rng)
        arrival = _arrivals(leverage, rng)
        arrival[first] = -np.arange(len(first), 0, -1)
        rows = k.fill(np.argsort(arrival, kind="stable"), pool.sizes)
        again = _again(arrival[rows], leverage[rows], rng)
        weight = np.where(leverage[rows] > 0, again / np.maximum(leverage[rows], 1e-12), 1.0)
        return Choice(
            rows, leverage[rows], "leverage", weight=weight / weight.mean(), scores=leverage
        )


def _arrivals(leverage: Float64[np.ndarray, "rows"], rng: Generator) -> Float64[np.ndarray, "rows"]:
    """When each row is first drawn, draws of each coming at the rate of its leverage."""
    wait = rng.exponential(size=len(leverage))
    late = np.divide(wait, leverage, out=np.full(len(wait), np.inf), where=leverage > 0)
    # Rows without leverage come behind all others, in random order.
    return np.where(np.isfinite(late), late, 1e300 * (1 + wait))


def _again(
    arrival: Float64[np.ndarray, "chosen"],
    leverage: Float64[np.ndarray, "chosen"],
    rng: Generator,
) -> Int64[np.ndarray, "chosen"]:
    """How often each row was drawn until the last of them was drawn for the first time."""
    usual = arrival[leverage > 0]
    until = max(float(usual.max(initial=0)), 0.0)
    left = np.where(leverage > 0, until - np.maximum(arrival, 0), 0)
    return 1 + rng.poisson(np.minimum(leverage * left, MOST))
