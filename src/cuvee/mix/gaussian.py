"""Gaussian processes with linear parts, fitted by their exact gradient, fast enough for 512 runs.

The covariance of one target is a sum of linear parts and one smooth part,

    k(x, x') = sum_b exp(2 a_b) phi_b(x).phi_b(x') + exp(2 s) m(|z - z'|),

with the Matérn function m of smoothness 5/2 and one length per group of inputs. The parameters
are `[a_1 ... a_B, s, log lengths, log noise]`; noise may differ from run to run by a known
profile. Formulas: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, (2.25),
(5.9), (5.10)-(5.12); functions are drawn as in Wilson et al., arXiv 2002.09309, 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.linalg import cho_solve, cholesky, get_lapack_funcs
from scipy.optimize import minimize

ROOT5 = np.sqrt(5.0)
JITTER = 1e-6
"""Added to the variance of every run: singular designs are common, as shares sum to 1."""
WIDE = 4.0
"""Parameters stay within so many prior standard deviations."""
WAVES = 384
"""Random waves that stand in for the smooth part when a function is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What the covariance sees of some points.

    Args:
        blocks: Features of each linear part.
        smooth: Inputs of the smooth part.
        groups: Number of the length that each smooth input uses.
    """

    blocks: tuple[Float[np.ndarray, "points features"], ...]
    smooth: Float[np.ndarray, "points inputs"]
    groups: Int[np.ndarray, "inputs"]

    def __len__(self) -> int:
        return len(self.smooth)

    def __getitem__(self, rows: np.ndarray | slice) -> "Inputs":
        return Inputs(tuple(b[rows] for b in self.blocks), self.smooth[rows], self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Normal priors of the parameters."""

    mean: Float[np.ndarray, "parameters"]
    sd: Float[np.ndarray, "parameters"]

    def at(self, mean: np.ndarray, sd: float) -> "Belief":
        """Around other values, each at most so wide."""
        return Belief(mean, np.minimum(self.sd, sd))


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Runs of one or more targets that share all inputs: y has a column for each."""

    inputs: Inputs
    y: Float[np.ndarray, "runs targets"]
    profile: Float[np.ndarray, "runs"]

    def __getitem__(self, rows: np.ndarray) -> "Sheet":
        return Sheet(self.inputs[rows], self.y[rows], self.profile[rows])


def matern(r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matérn covariance of smoothness 5/2, and its derivative by the squared distance."""
    r = np.sqrt(r2)
    fade = np.exp(-ROOT5 * r)
    return (1 + ROOT5 * r + 5 / 3 * r2) * fade, -5 / 6 * (1 + ROOT5 * r) * fade


def covariance(theta: np.ndarray, a: Inputs, b: Inputs) -> Float[np.ndarray, "a b"]:
    """Covariance of the noise-free function between two sets of points."""
    parts = len(a.blocks)
    total = np.exp(2 * theta[parts]) * matern(_distance(theta, a, b)[0])[0]
    for amplitude, left, right in zip(theta, a.blocks, b.blocks):
        total += np.exp(2 * amplitude) * (left @ right.T)
    return total


def variance(theta: np.ndarray, a: Inputs) -> Float[np.ndarray, "points"]:
    """Diagonal of `covariance`."""
    total = np.full(len(a), np.exp(2 * theta[len(a.blocks)]))
    for amplitude, block in zip(theta, a.blocks):
        total += np.exp(2 * amplitude) * np.einsum("ij,ij->i", block, block)
    return total


def misfit(theta: np.ndarray, belief: Belief, sheets: Sequence[Sheet]) -> tuple[float, np.ndarray]:
    """Negative log posterior of the parameters, up to a constant, and its gradient."""
    offset = (theta - belief.mean) / belief.sd
    value, slope = 0.5 * float(offset @ offset), offset / belief.sd
    for sheet in sheets:
        more, gradient = _evidence(theta, sheet)
        value, slope = value + more, slope + gradient
    return value, slope


def maximise(
    belief: Belief, sheets: Sequence[Sheet], start: np.ndarray | None = None, steps: int = 60
) -> Float[np.ndarray, "parameters"]:
    """Most probable parameters, one set for all sheets."""
    bounds = np.stack([belief.mean - WIDE * belief.sd, belief.mean + WIDE * belief.sd], axis=1)
    begin = np.clip(belief.mean if start is None else start, bounds[:, 0], bounds[:, 1])
    found = minimize(
        misfit, begin, args=(belief, sheets), jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": steps, "ftol": 1e-6},
    )  # fmt: skip
    return found.x


def doubt(
    theta: np.ndarray, belief: Belief, sheets: Sequence[Sheet]
) -> Float[np.ndarray, "parameters parameters"]:
    """Root of the covariance of the parameters around the most probable ones, by Laplace's
    approximation.

    The curvature is that of differences of the gradient, nowhere less than the prior's.
    """
    step = 0.05 * belief.sd
    sides = [(misfit(theta + e, belief, sheets)[1], misfit(theta - e, belief, sheets)[1])
             for e in np.diag(step)]  # fmt: skip
    bend = np.array([(up - down) / (2 * h) for (up, down), h in zip(sides, step)])
    size, axes = np.linalg.eigh((bend + bend.T) / 2 * np.outer(belief.sd, belief.sd))
    return belief.sd[:, None] * axes / np.sqrt(np.maximum(size, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """A Gaussian process after its runs; made by `condition`.

    Args:
        theta: Parameters.
        sheet: The runs, of one target.
        factor: Lower Cholesky factor of the runs' covariance, noise included.
        weights: Inverse covariance times y.
    """

    theta: Float[np.ndarray, "parameters"]
    sheet: Sheet
    factor: Float[np.ndarray, "runs runs"]
    weights: Float[np.ndarray, "runs"]

    def mean(self, at: Inputs) -> Float[np.ndarray, "points"]:
        """Expected value of the function."""
        return covariance(self.theta, at, self.sheet.inputs) @ self.weights

    def variance(self, at: Inputs) -> Float[np.ndarray, "points"]:
        """Variance of the function, noise left out."""
        cross = covariance(self.theta, at, self.sheet.inputs)
        known = np.einsum("ij,ji->i", cross, cho_solve((self.factor, True), cross.T))
        return np.maximum(variance(self.theta, at) - known, 0)

    def left_out(
        self, alike: Int[np.ndarray, "runs"]
    ) -> tuple[Float[np.ndarray, "runs"], Float[np.ndarray, "runs"]]:
        """Error of each run when the others forecast it, and the variance stated for it.

        Args:
            alike: A number per run; runs of the same number are left out together.
        """
        inverse = _inverse(self.factor)
        error, stated = self.weights / np.diag(inverse), 1 / np.diag(inverse)
        numbers, count = np.unique(alike, return_counts=True)
        for number in numbers[count > 1]:
            rows = np.flatnonzero(alike == number)
            block = np.linalg.inv(inverse[np.ix_(rows, rows)])
            error[rows], stated[rows] = block @ self.weights[rows], np.diag(block)
        return error, stated

    def echo(self, errors: np.ndarray, at: Inputs) -> Float[np.ndarray, "points draws"]:
        """What errors of the runs, (runs, draws), add to the expected values."""
        cross = covariance(self.theta, at, self.sheet.inputs)
        return cross @ cho_solve((self.factor, True), errors)

    def draw(self, count: int, rng: Generator, moved: np.ndarray | float = 0.0) -> "Paths":
        """Functions from the posterior that can be evaluated anywhere, at the same cost.

        Args:
            count: How many.
            rng: Of the functions.
            moved: By how much the runs' values differ for each function, (runs, count).
        """
        inputs, parts = self.sheet.inputs, len(self.sheet.inputs.blocks)
        d, n = inputs.smooth.shape[1], len(inputs)
        heavy = np.sqrt(rng.chisquare(5, size=WAVES) / 5)  # the Matérn spectrum is a Student t
        paths = Paths(
            self, rng.standard_normal((d, WAVES)) / heavy, rng.uniform(0, 2 * np.pi, WAVES),
            rng.standard_normal((WAVES, count)) * np.exp(self.theta[parts]) * np.sqrt(2 / WAVES),
            tuple(np.exp(a) * rng.standard_normal((b.shape[1], count))
                  for a, b in zip(self.theta, inputs.blocks)),
            np.zeros((n, count)),
        )  # fmt: skip
        noise = np.sqrt(_noise(self.theta, self.sheet.profile))[:, None]
        miss = self.sheet.y + moved - paths(inputs) - noise * rng.standard_normal((n, count))
        return Paths(
            self, paths.waves, paths.phases, paths.heights, paths.slopes,
            cho_solve((self.factor, True), miss),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Functions drawn from a posterior; call with inputs for values (points, draws).

    Args:
        posterior: Drawn from.
        waves: Directions of the random waves.
        phases: Of the waves.
        heights: Of the waves, per draw.
        slopes: Coefficients of each linear part, per draw.
        weights: Of the runs' covariances, per draw: what bends a prior function to the runs.
    """

    posterior: Posterior
    waves: Float[np.ndarray, "inputs waves"]
    phases: Float[np.ndarray, "waves"]
    heights: Float[np.ndarray, "waves draws"]
    slopes: tuple[Float[np.ndarray, "features draws"], ...]
    weights: Float[np.ndarray, "runs draws"]

    def __call__(self, at: Inputs) -> Float[np.ndarray, "points draws"]:
        """Values of every function."""
        own = self.posterior
        lengths = np.exp(own.theta[len(at.blocks) + 1 : -1])[at.groups]
        values = np.cos(at.smooth / lengths @ self.waves + self.phases) @ self.heights
        for block, slope in zip(at.blocks, self.slopes):
            values += block @ slope
        if self.weights.any():
            values += covariance(own.theta, at, own.sheet.inputs) @ self.weights
        return values


def condition(theta: np.ndarray, sheet: Sheet) -> Posterior:
    """The process given its parameters and the runs of one target."""
    total = covariance(theta, sheet.inputs, sheet.inputs)
    total[np.diag_indices_from(total)] += _noise(theta, sheet.profile)
    factor = cholesky(total, lower=True)
    return Posterior(theta, sheet, factor, cho_solve((factor, True), sheet.y[:, 0]))


def _noise(theta: np.ndarray, profile: np.ndarray) -> np.ndarray:
    return np.exp(2 * theta[-1]) * profile + JITTER


def _distance(theta: np.ndarray, a: Inputs, b: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances in lengths, and a's inputs in lengths."""
    lengths = np.exp(theta[len(a.blocks) + 1 : -1])[a.groups]
    left, right = a.smooth / lengths, b.smooth / lengths
    r2 = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    if a is b:
        np.fill_diagonal(r2, 0)
    return np.maximum(r2, 0, out=r2), left


def _evidence(theta: np.ndarray, sheet: Sheet) -> tuple[float, np.ndarray]:
    """Negative log marginal likelihood, up to a constant, and its gradient."""
    x, y, parts = sheet.inputs, sheet.y, len(sheet.inputs.blocks)
    r2, scaled = _distance(theta, x, x)
    smooth, bend = matern(r2)
    strength, each = np.exp(2 * theta[parts]), np.exp(2 * theta[:parts])
    total = strength * smooth
    for size, block in zip(each, x.blocks):
        total += size * (block @ block.T)
    total[np.diag_indices_from(total)] += _noise(theta, sheet.profile)
    factor = cholesky(total, lower=True)
    inverse = _inverse(factor)
    weights = inverse @ y
    value = 0.5 * np.sum(y * weights) + y.shape[1] * np.log(np.diag(factor)).sum()
    pull = 0.5 * (y.shape[1] * inverse - weights @ weights.T)  # derivative by the covariance
    gradient = np.zeros_like(theta)
    for i, (size, block) in enumerate(zip(each, x.blocks)):
        gradient[i] = 2 * size * np.einsum("ij,ij->", pull @ block, block)
    gradient[parts] = 2 * strength * np.vdot(pull, smooth)
    # Sum of bent_ij (z_id - z_jd)^2 over i, j without a tensor of all differences.
    bent = strength * pull * bend
    spread = 2 * (bent.sum(axis=1) @ scaled**2 - np.einsum("id,id->d", scaled, bent @ scaled))
    gradient[parts + 1 : -1] = -2 * np.bincount(x.groups, spread, len(theta) - parts - 2)
    gradient[-1] = 2 * np.exp(2 * theta[-1]) * (np.diag(pull) @ sheet.profile)
    return float(value), gradient


def _inverse(factor: np.ndarray) -> np.ndarray:
    """Inverse of a matrix from its lower Cholesky factor."""
    (potri,) = get_lapack_funcs(("potri",), (factor,))
    half = np.tril(potri(factor, lower=1)[0])
    return half + np.tril(half, -1).T
