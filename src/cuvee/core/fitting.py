"""Laws fitted to losses: many small nonlinear fits at once, robust, and honest about converging.

Targets, starts and resamples of one law differ only in their losses, so they are fitted side by
side: parameters are (fits, params), values (fits, points). `core.projection` finds good starts for
laws that are linear in some coefficients; `core.spreading` says how sure a fit is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from cuvee.core.errors import CuveeError

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Curve = Callable[
    [Float[np.ndarray, "fits params"]],
    tuple[Float[np.ndarray, "fits points"], Float[np.ndarray, "fits points params"]],
]
"""Values of a law at its points, and their derivatives with respect to its parameters."""
Residuals = Callable[
    [Float[np.ndarray, "some params"], Int[np.ndarray, "some"]],
    tuple[Float[np.ndarray, "some points"], Float[np.ndarray, "some points params"]],
]
"""Residuals of some of the fits, by number, and their derivatives."""
STUCK = 1e9
"""Damping at which no step leads downhill any more."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How residuals are judged: the sum of their Huber losses, never the mean.

    A mean makes the number so small that an optimiser stops early on its absolute tolerances;
    that alone moved the exponents of a published scaling law.

    Args:
        delta: Residuals beyond it count by their size, not their square; inf: all by squares.
        log: Residuals are those of log losses.

    References: Huber, "Robust estimation of a location parameter", 1964.
    """

    delta: float = inf
    log: bool = False

    def __post_init__(self) -> None:
        if not self.delta > 0:
            raise CuveeError(f"the Huber delta must be above 0, got {self.delta}.")

    def residuals(
        self, values: np.ndarray, slopes: np.ndarray, losses: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Residuals of values and their derivatives; a loss that is missing (NaN) leaves none."""
        missing = np.isnan(losses)
        if self.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                slopes = slopes / values[..., None]
                values, losses = np.log(values), np.log(losses)
        r = np.where(missing, 0.0, values - losses)
        return r, np.where(missing[..., None], 0.0, slopes)

    def cost(self, r: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
        """Sum over the last axis."""
        size = np.abs(r)
        if self.delta == inf:
            return (weights * r**2).sum(axis=-1) / 2
        outside = self.delta * (size - self.delta / 2)
        return (weights * np.where(size <= self.delta, r**2 / 2, outside)).sum(axis=-1)

    def weights(self, r: np.ndarray) -> np.ndarray:
        """What makes weighted squares touch the Huber loss from above."""
        if self.delta == inf:
            return np.ones_like(r)
        return np.minimum(1.0, self.delta / np.maximum(np.abs(r), 1e-300))


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """A parabola added to the cost: what is believed of the parameters before any loss.

    Args:
        center: Of the parabola; one row, or one for each fit.
        precision: Variance of the noise over the prior variance of the parameter; 0: nothing.
    """

    center: Float[np.ndarray, "... params"]
    precision: Float[np.ndarray, "params"]

    def rows(self, rows: np.ndarray) -> "Prior":
        """Of some of the fits."""
        return self if self.center.ndim < 2 else Prior(self.center[rows], self.precision)

    def cost(self, params: np.ndarray) -> np.ndarray:
        """Half the weighted squares."""
        return ((params - self.center) ** 2 @ self.precision) / 2

    def slope(self, params: np.ndarray) -> np.ndarray:
        """Derivative of the cost."""
        return (params - self.center) * self.precision


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Where fits ended. That one did not converge is a fact about it, not an error.

    Args:
        params: Of each fit.
        cost: Sum of the losses of its residuals, and of its prior.
        converged: Whether no step could lower the cost by more than the tolerance.
        steps: That the slowest of them took.
    """

    params: Float[np.ndarray, "fits params"]
    cost: Float[np.ndarray, "fits"]
    converged: Bool[np.ndarray, "fits"]
    steps: int

    def __getitem__(self, rows: np.ndarray | slice) -> "Fit":
        return Fit(self.params[rows], self.cost[rows], self.converged[rows], self.steps)


def fit(
    curve: Curve,
    start: Float[np.ndarray, "fits params"],
    losses: Float[np.ndarray, "fits points"],
    noise: Noise | None = None,
    *,
    weights: Float[np.ndarray, "fits points"] | None = None,
    prior: Prior | None = None,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> Fit:
    """Each row of losses fitted from its own start.

    Args:
        curve: The law.
        start: Of each fit.
        losses: To fit to; NaN where there is none.
        noise: How residuals are judged; squares by default.
        weights: Of each residual; 1 by default.
        prior: Of the parameters.
        steps: At most.
        tolerance: A fit has converged when a step promises less than this part of the cost.
    """
    noise = noise or Noise()

    def residuals(params: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return noise.residuals(*curve(params), losses[rows])

    return descend(
        residuals, start, noise, weights=weights, prior=prior, steps=steps, tolerance=tolerance
    )


def descend(
    residuals: Residuals,
    start: Float[np.ndarray, "fits params"],
    noise: Noise,
    *,
    weights: Float[np.ndarray, "fits points"] | None = None,
    prior: Prior | None = None,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> Fit:
    """Levenberg-Marquardt on all fits at once; those that have converged rest.

    References: Marquardt, "An algorithm for least-squares estimation of nonlinear parameters",
    1963.
    """
    params = np.array(start, dtype=float)
    count, size = params.shape
    prior = prior or Prior(np.zeros(size), np.zeros(size))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        state = _State.at(residuals, params, np.arange(count), noise, weights, prior)
    cost, converged = state.cost.copy(), np.zeros(count, bool)
    damping, taken = np.full(count, 1e-3), 0
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while taken < steps:
            taken += 1
            move, promise = state.move(damping[state.rows], noise)
            tried = _State.at(residuals, state.params - move, state.rows, noise, weights, prior)
            better = tried.cost < state.cost
            rows = state.rows
            small = promise <= tolerance * np.maximum(np.abs(state.cost), 1e-300)
            damping[rows] = np.where(better, damping[rows] / 5, damping[rows] * 4)
            damping[rows] = np.maximum(damping[rows], 1e-12)
            state = state.where(better, tried)
            params[rows], cost[rows] = state.params, state.cost
            converged[rows] = small & (damping[rows] < 10) | (state.cost == 0)
            left = ~converged[rows] & (damping[rows] < STUCK)
            if not left.any():
                break
            if not left.all():
                state = state.only(left)
    return Fit(params, cost, converged, taken)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Fits that are on their way."""

    rows: np.ndarray
    params: np.ndarray
    residuals: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray
    prior: Prior
    cost: np.ndarray

    @staticmethod
    def at(
        residuals: Residuals, params: np.ndarray, rows: np.ndarray, noise: Noise,
        weights: np.ndarray | None, prior: Prior,
    ) -> "_State":  # fmt: skip
        r, slopes = residuals(params, rows)
        w = np.ones_like(r) if weights is None else weights[rows]
        own = prior if prior.center.ndim < 2 else prior.rows(rows)
        cost = noise.cost(r, w) + own.cost(params)
        usable = np.isfinite(cost) & np.isfinite(slopes).all(axis=(1, 2))
        return _State(rows, params, r, slopes, w, prior, np.where(usable, cost, inf))

    def move(self, damping: np.ndarray, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
        """The damped step, and the fall of the cost that it promises.

        The curvature is that of the Huber loss, nothing beyond delta; the damping has the scale
        of the squares that touch it from above, so that a step is never out of proportion.
        """
        prior = self.prior.rows(self.rows)
        pull = self.weights * noise.weights(self.residuals)
        across = self.slopes.transpose(0, 2, 1)
        slope = (across @ (pull * self.residuals)[..., None])[..., 0] + prior.slope(self.params)
        held = self.weights * (np.abs(self.residuals) <= noise.delta)
        curved = across @ (self.slopes * held[..., None])
        scale = (self.slopes**2 * pull[..., None]).sum(axis=1) + prior.precision
        scale = np.maximum(scale, 1e-12 * scale.max(axis=1, keepdims=True) + 1e-300)
        size = slope.shape[1]
        at = np.arange(size)
        curved[:, at, at] += prior.precision + damping[:, None] * scale
        # In units of the scale, or sizes of parameters that differ by far spoil the solution.
        unit = 1 / np.sqrt(scale)
        scaled = curved * unit[:, :, None] * unit[:, None, :]
        scaled[:, at, at] += 1e-13
        usable = np.isfinite(scaled).all(axis=(1, 2)) & np.isfinite(slope).all(axis=1)
        scaled[~usable], slope[~usable] = np.eye(size), 0
        move = unit * np.linalg.solve(scaled, (slope * unit)[..., None])[..., 0]
        return move, (move * slope).sum(axis=1) / 2

    def where(self, better: np.ndarray, tried: "_State") -> "_State":
        """The states tried where they are better, these elsewhere."""
        if better.all():
            return tried
        pairs = [
            np.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old)
            for old, new in (
                (self.params, tried.params), (self.residuals, tried.residuals),
                (self.slopes, tried.slopes), (self.cost, tried.cost),
            )
        ]  # fmt: skip
        params, residuals, slopes, cost = pairs
        return _State(self.rows, params, residuals, slopes, self.weights, self.prior, cost)

    def only(self, left: np.ndarray) -> "_State":
        return _State(
            self.rows[left], self.params[left], self.residuals[left], self.slopes[left],
            self.weights[left], self.prior, self.cost[left],
        )  # fmt: skip


def fit_from_many(
    curve: Curve,
    starts: Float[np.ndarray, "starts fits params"],
    losses: Float[np.ndarray, "fits points"],
    noise: Noise | None = None,
    *,
    weights: Float[np.ndarray, "fits points"] | None = None,
    prior: Prior | None = None,
    keep: int = 3,
    first: int = 15,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> Fit:
    """The best end of several starts for each fit.

    Args:
        curve: The law.
        starts: Several for each fit.
        losses: To fit to.
        noise: How residuals are judged.
        weights: Of each residual.
        prior: Of the parameters.
        keep: Starts that are followed to the end, those best after the first steps.
        first: How many these are.
        steps: At most, after the first.
        tolerance: As of `fit`.
    """
    many, count, size = starts.shape

    def run(start: np.ndarray, steps: int) -> Fit:
        again = len(start) // count
        mine = prior and Prior(np.tile(np.broadcast_to(prior.center, (count, size)), (again, 1)),
                               prior.precision)  # fmt: skip
        tiled = None if weights is None else np.tile(weights, (again, 1))
        return fit(curve, start, np.tile(losses, (again, 1)), noise, weights=tiled, prior=mine,
                   steps=steps, tolerance=tolerance)  # fmt: skip

    early = run(starts.reshape(-1, size), first)
    order = np.argsort(early.cost.reshape(many, count), axis=0, kind="stable")[:keep]
    params = np.take_along_axis(early.params.reshape(many, count, size), order[..., None], axis=0)
    late = run(params.reshape(-1, size), steps)
    best = late.cost.reshape(-1, count).argmin(axis=0) * count + np.arange(count)
    return late[best]


def fit_within(
    residuals: Callable[[Float[np.ndarray, "params"]], Float[np.ndarray, "points"]],
    starts: Sequence[Float[np.ndarray, "params"]],
    low: Float[np.ndarray, "params"],
    high: Float[np.ndarray, "params"],
    *,
    scaled: bool = False,
    steps: int | None = None,
) -> "OptimizeResult":
    """One law whose parameters are bounded: the best end of several starts, by least squares.

    Args:
        residuals: Of the law at its points; derivatives are differences.
        starts: Moved inside the bounds where they lie on or beyond them.
        low: Least parameters.
        high: Largest parameters.
        scaled: Scale parameters by their derivatives.
        steps: Evaluations, at most.

    Returns:
        SciPy's result: `x`, `cost` (half the squares), `fun`, `jac`.
    """
    from scipy.optimize import least_squares

    ends = [
        least_squares(
            residuals, np.clip(start, low + 1e-9, high - 1e-9), bounds=(low, high),
            x_scale="jac" if scaled else 1.0, max_nfev=steps,
        )
        for start in starts
    ]  # fmt: skip
    return min(ends, key=lambda end: end.cost)


def polish(
    curve: Curve, found: Fit, losses: Float[np.ndarray, "fits points"], noise: Noise,
    *, steps: int = 500,
) -> Fit:  # fmt: skip
    """Each fit carried on by quasi-Newton steps: for a delta so small that most residuals are
    beyond it, where squares know little of the curvature.

    The cost is divided by delta squared, or the optimiser's absolute tolerance ends it early.

    References: Nocedal and Wright, "Numerical Optimization", 2006 (BFGS).
    """
    from scipy.optimize import minimize

    params, cost, converged = found.params.copy(), found.cost.copy(), found.converged.copy()
    unit = 1.0 if noise.delta == inf else noise.delta**2
    for i, row in enumerate(losses):

        def both(x: np.ndarray, row: np.ndarray = row) -> tuple[float, np.ndarray]:
            r, slopes = noise.residuals(*curve(x[None]), row[None])
            pull = noise.weights(r) * r
            return float(noise.cost(r)[0]) / unit, (pull[0] @ slopes[0]) / unit

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            end = minimize(both, params[i], jac=True, method="BFGS", options={"maxiter": steps})
        if end.fun * unit <= cost[i]:
            flat = np.abs(end.jac).max() <= 1e-4 * max(end.fun, 1.0)
            params[i], cost[i] = end.x, end.fun * unit
            converged[i] = bool(end.success) or flat
    return Fit(params, cost, converged, found.steps)
