"""Regression discontinuity of distributions: what crossing a line does to a whole law.

Each unit (firm, school, data shard) has a running variable and many outcomes. `distribution_jump`
says by how much the mean quantile function of the units jumps where the running variable crosses
a line: a curve over levels, with a band that holds the whole curve at once. No number of one or two
samples, so it is a function and not listed among the measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.optimize import isotonic_regression

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate

LEVELS = tuple((np.arange(19) + 1) / 20)
LEAST = 12
"""Units on each side within the bandwidth."""
PILOT = 4
"""Terms of the polynomial that is fitted to all units of a side, to see how the curve bends."""
EDGE = 3.4375
"""Of the bandwidth that is best at an edge, for lines fitted by triangular weights."""
MOST_BENT = 1e-3
"""Least squared bend, in variances over squared range, that is believed in."""


@dataclass(frozen=True, slots=True, eq=False)
class Jump:
    """What `distribution_jump` found.

    Args:
        levels: Of the quantiles.
        estimate: The jump of each, in units of the outcomes; draws of the multiplier bootstrap.
        sd: Of each.
        sides: Mean quantile functions at the line, from below and from above, made monotone.
        bandwidth: In units of the running variable.
        units: Within the bandwidth, below and above.
    """

    levels: Float[np.ndarray, "levels"]
    estimate: Estimate
    sd: Float[np.ndarray, "levels"]
    sides: Float[np.ndarray, "2 levels"]
    bandwidth: float
    units: tuple[int, int]

    def band(
        self, level: float = 0.9
    ) -> tuple[Float[np.ndarray, "levels"], Float[np.ndarray, "levels"]]:
        """Below and above the whole curve at once, as often as the level says."""
        off = np.abs(self.estimate.draws - self.estimate.mean) / self.sd
        wide = np.quantile(off.max(axis=1), level) * self.sd
        return self.estimate.mean - wide, self.estimate.mean + wide

    @property
    def distance(self) -> float:
        """2-Wasserstein distance of both sides at the line, as it comes: its bias is upwards."""
        return float(np.sqrt(((self.sides[1] - self.sides[0]) ** 2).mean()))


def distribution_jump(
    running: Float[np.ndarray, "units"],
    outcomes: Sequence[Float[np.ndarray, "outcomes"]] | Float[np.ndarray, "units outcomes"],
    *,
    rng: Generator,
    at: float = 0.0,
    levels: Sequence[float] = LEVELS,
    bandwidth: float | None = None,
    draws: int = 1000,
) -> Jump:
    """By how much the mean quantile function jumps at a line.

    On each side a parabola of the running variable is fitted to the units' quantiles, nearer units
    weighing more: that is a local line whose bias was taken off. Each unit counts once, however
    many outcomes it has: of units with few, extreme quantiles are a little off.

    Args:
        running: Variable of each unit; those at the line count as above it.
        outcomes: Of each unit, as many as it has.
        rng: Of the draws.
        at: The line.
        levels: Of quantiles, between 0 and 1.
        bandwidth: Units farther from the line are not looked at; found from the data if None.
        draws: Of the multiplier bootstrap.

    Raises:
        CuveeError: Numbers do not fit together, or there are too few units near the line.

    References: Van Dijcke, "Regression discontinuity design with distribution-valued outcomes",
    2025; Calonico, Cattaneo and Titiunik, "Robust nonparametric confidence intervals for
    regression-discontinuity designs", Econometrica 82, 2014; Fan and Gijbels, "Local polynomial
    modelling and its applications", 1996.
    """
    far = np.asarray(running, np.float64) - at
    grid = np.asarray(levels, np.float64)
    _checked(far, outcomes, grid, draws)
    curves = np.stack([
        np.quantile(np.asarray(one, np.float64), grid, method="median_unbiased") for one in outcomes
    ])  # fmt: skip
    if not np.isfinite(curves).all() or not np.isfinite(far).all():
        raise CuveeError("running and outcomes must be finite: leave out what is missing.")
    wide = _bandwidth(far, curves) if bandwidth is None else float(bandwidth)
    if not wide > 0:
        raise CuveeError(f"bandwidth must be above 0, got {bandwidth}.")
    limits, parts, units = [], [], []
    for side in (far < 0, far >= 0):
        limit, part = _at_line(far[side] / wide, curves[side])
        limits.append(limit)
        parts.append(part)
        units.append(int((np.abs(far[side]) < wide).sum()))
    jump = limits[1] - limits[0]
    moves = np.concatenate([-parts[0], parts[1]])
    signs = rng.choice([-1.0, 1.0], size=(draws, len(moves)))
    sd = np.maximum(np.sqrt((moves**2).sum(axis=0)), 1e-300)
    sides = np.stack([isotonic_regression(limit).x for limit in limits])
    estimate = Estimate(jump + signs @ moves, "units of the outcomes", "bootstrap", jump)
    return Jump(grid, estimate, sd, sides, wide, (units[0], units[1]))


def _checked(
    far: np.ndarray, outcomes: Sequence[np.ndarray] | np.ndarray, grid: np.ndarray, draws: int
) -> None:
    if far.ndim != 1 or len(far) != len(outcomes):
        raise CuveeError(
            f"expected a number of the running variable for each unit, got {far.shape} for "
            f"{len(outcomes)} units."
        )
    if any(np.size(one) == 0 for one in outcomes):
        raise CuveeError("every unit needs outcomes: leave out units that have none.")
    if not len(grid) or not ((grid > 0) & (grid < 1)).all() or draws < 50:
        raise CuveeError("expected levels between 0 and 1, and 50 draws or more.")
    for side, name in ((far < 0, "below"), (far >= 0, "above")):
        if side.sum() < LEAST:
            raise CuveeError(f"{side.sum()} units {name} the line: expected {LEAST} or more.")


def _at_line(
    far: Float[np.ndarray, "units"], curves: Float[np.ndarray, "units levels"]
) -> tuple[Float[np.ndarray, "levels"], Float[np.ndarray, "near levels"]]:
    """Limit of the curves at 0, and what each unit's deviation adds to it.

    Args:
        far: From the line, in bandwidths.
        curves: Of each unit.
    """
    near = np.abs(far) < 1
    if near.sum() < LEAST:
        raise CuveeError(
            f"{near.sum()} units on a side within the bandwidth: expected {LEAST} or more; give a "
            "larger bandwidth."
        )
    x, y = far[near], curves[near]
    design = np.vander(x, 3, increasing=True)
    weights = 1 - np.abs(x)
    solved = np.linalg.pinv(np.sqrt(weights)[:, None] * design) * np.sqrt(weights)
    leverage = np.einsum("nk,kn->n", design, solved)
    # Deviations left over are too small by what a unit pulled the curve to itself.
    left = (y - design @ (solved @ y)) / np.maximum(1 - leverage, 0.1)[:, None]
    return solved[0] @ y, solved[0][:, None] * left


def _bandwidth(far: np.ndarray, curves: np.ndarray) -> float:
    """Best for lines at the edge, mean over levels, from cubics fitted to all units of a side."""
    bend = noise = density = 0.0
    span = float(np.ptp(far)) or 1.0
    for side in (far < 0, far >= 0):
        x, y = far[side], curves[side]
        design = np.vander(x / span, PILOT, increasing=True)
        fitted = np.linalg.lstsq(design, y, rcond=None)[0]
        left = y - design @ fitted
        noise += float((left**2).mean()) / 2
        bend += float(((2 * fitted[2] / span**2) ** 2).mean()) / 2
        near = np.sort(np.abs(x))[: max(len(x) // 3, LEAST)]
        density += len(near) / (max(near[-1], 1e-12) * len(far)) / 2
    bend = max(bend, MOST_BENT * noise / span**4)
    found = EDGE * (noise / (max(density, 1e-12) * bend * len(far))) ** 0.2
    # Both sides must hold enough units.
    nearest = [np.sort(np.abs(far[side])) for side in (far < 0, far >= 0)]
    least = max(float(one[min(2 * LEAST, len(one) - 1)]) for one in nearest)
    return float(np.clip(found, least * 1.001, span * 1.001))
