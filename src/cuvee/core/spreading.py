"""How sure a fitted law is: resampled fits, and noise that includes what the law cannot follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.fitting import Curve, Fit, Noise, Prior, fit

MOST = 0.95
"""Leverage: what is left of a point that decides its own value says nothing when blown up."""


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """What a fit leaves, as it would be at a point left out.

    Args:
        residuals: In the unit of the noise; 0 where there was no loss.
        out: Those of each point, had it been left out.
        sd: Of one loss around the law at a point left out, lack of fit included.
        freedom: Points less the parameters that the losses really decide.
    """

    residuals: Float[np.ndarray, "fits points"]
    out: Float[np.ndarray, "fits points"]
    sd: Float[np.ndarray, "fits"]
    freedom: Float[np.ndarray, "fits"]


def left_over(
    curve: Curve,
    found: Fit,
    losses: Float[np.ndarray, "fits points"],
    noise: Noise | None = None,
    *,
    prior: Prior | None = None,
) -> Left:
    """Leave-one-out residuals to first order: r / (1 - h), with the leverage h of each point.

    The robust weights are left aside: a law that cannot follow a point has an error there.

    References: Cook and Weisberg, "Residuals and Influence in Regression", 1982.
    """
    noise = noise or Noise()
    r, slopes = noise.residuals(*curve(found.params), losses)
    held = np.linalg.pinv(_curvature(slopes, prior), hermitian=True)
    leverage = np.clip(np.einsum("fnp,fpq,fnq->fn", slopes, held, slopes), 0, MOST)
    there = ~np.isnan(losses)
    count = there.sum(axis=1)
    freedom = np.maximum(count - leverage.sum(axis=1), 1.0)
    out = r / (1 - leverage)
    sd = np.sqrt((out**2).sum(axis=1) / np.maximum(count, 1))
    return Left(r, out, np.maximum(sd, 1e-12), freedom)


def bootstrap(
    curve: Curve,
    found: Fit,
    losses: Float[np.ndarray, "fits points"],
    noise: Noise | None = None,
    *,
    kind: Literal["residual", "pairs"] = "residual",
    draws: int = 40,
    rng: Generator,
    prior: Prior | None = None,
    moved: Float[np.ndarray, "draws fits points"] | None = None,
    groups: Int[np.ndarray, "points"] | None = None,
    steps: int = 20,
) -> Float[np.ndarray, "draws fits params"]:
    """Parameters of fits to resampled losses, each begun at the fit itself.

    Args:
        curve: The law.
        found: Its fit.
        losses: That it was fitted to.
        noise: How residuals are judged.
        kind: `residual`: values of the fit plus noise as large as residuals of left-out points,
            of random sign; `pairs`: points drawn with replacement.
        draws: How many.
        rng: Of the draws.
        prior: Of the parameters; in each draw its center is drawn, too.
        moved: Shifts of the losses that are common to all points, such as those of resampled
            target documents; one for each draw.
        groups: Points of one number are drawn, or change sign, together.
        steps: At most, of each refit.

    References: Efron, "Bootstrap methods: another look at the jackknife", 1979; Wu, "Jackknife,
    bootstrap and other resampling methods in regression analysis", 1986 (the wild bootstrap).
    """
    noise = noise or Noise()
    count, points = losses.shape
    groups = np.arange(points) if groups is None else groups
    again, weights = _resampled(curve, found, losses, noise, kind, draws, rng, prior, groups)
    if moved is not None:
        again = again + moved
    flat = again.reshape(-1, points)
    start = np.tile(found.params, (draws, 1))
    ends = fit(
        curve, start, flat, noise, weights=weights.reshape(-1, points),
        prior=prior and _redrawn(prior, start, curve, found, losses, noise, draws, rng),
        steps=steps, tolerance=1e-5,
    )  # fmt: skip
    return ends.params.reshape(draws, count, -1)


def _resampled(
    curve: Curve, found: Fit, losses: np.ndarray, noise: Noise, kind: str, draws: int,
    rng: Generator, prior: Prior | None, groups: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Losses of each draw, and their weights: (draws, fits, points)."""
    count, points = losses.shape
    kinds = int(groups.max()) + 1
    again = np.tile(losses, (draws, 1, 1))
    weights = np.ones((draws, count, points))
    if kind == "pairs":
        drawn = rng.multinomial(kinds, np.full(kinds, 1 / kinds), size=draws).astype(float)
        weights = np.broadcast_to(drawn[:, None, groups], weights.shape)
    else:
        left = left_over(curve, found, losses, noise, prior=prior)
        # Signs of points are common to the targets: runs that went well did so on all of them.
        sign = rng.choice([-1.0, 1.0], size=(draws, 1, kinds))[..., groups]
        again = _shifted(curve(found.params)[0], sign * left.out, noise)
        again = np.where(np.isnan(losses), np.nan, again)
    return again, weights


def posterior(
    curve: Curve,
    found: Fit,
    losses: Float[np.ndarray, "fits points"],
    noise: Noise | None = None,
    *,
    draws: int = 100,
    rng: Generator,
    prior: Prior | None = None,
    groups: Sequence[Int[np.ndarray, "points"]] = (),
) -> Float[np.ndarray, "draws fits params"]:
    """Parameters from the curvature at the fit, Student's t with the freedom that is left.

    Args:
        curve: The law.
        found: Its fit.
        losses: That it was fitted to.
        noise: How residuals are judged.
        draws: How many.
        rng: Of the draws.
        prior: Of the parameters.
        groups: Ways to group points whose errors go together, such as those of one mixture, and
            those of one scale: the covariance is then the sum of the sandwiches over groups,
            which lack of fit widens as it should.

    References: White, "A heteroskedasticity-consistent covariance matrix estimator", 1980;
    Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011.
    """
    spread, freedom = _covariance(curve, found, losses, noise or Noise(), prior, groups)
    values, vectors = np.linalg.eigh((spread + spread.transpose(0, 2, 1)) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    normal = rng.standard_normal((draws, *found.params.shape))
    tails = np.sqrt(freedom / np.maximum(rng.chisquare(freedom, (draws, len(freedom))), 1e-9))
    return found.params + tails[..., None] * np.einsum("fpq,dfq->dfp", root, normal)


def _covariance(
    curve: Curve, found: Fit, losses: np.ndarray, noise: Noise, prior: Prior | None,
    groups: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Covariance of the parameters of each fit, and its degrees of freedom."""
    r, slopes = noise.residuals(*curve(found.params), losses)
    left = left_over(curve, found, losses, noise, prior=prior)
    held = np.linalg.pinv(_curvature(slopes, prior), hermitian=True)
    freedom = left.freedom
    believed = np.zeros(held.shape[1]) if prior is None else prior.precision
    spread, middle = held * (left.sd**2)[:, None, None], np.zeros_like(held)
    for group in groups:
        kinds = int(group.max()) + 1
        if kinds < 2:
            continue
        scores = np.eye(kinds)[group].T @ (slopes * r[..., None])
        middle += scores.transpose(0, 2, 1) @ scores * (kinds / (kinds - 1))
        freedom = np.minimum(freedom, kinds - 1.0)
    if middle.any():  # what the prior alone decides varies as the prior does
        spread = held @ (middle + np.diag(believed) * (left.sd**2)[:, None, None]) @ held
    return spread, freedom


def with_noise(
    values: Float[np.ndarray, "draws points fits"],
    left: Left,
    noise: Noise,
    rng: Generator,
) -> Float[np.ndarray, "draws points fits"]:
    """Values of a law as losses of one more run: noise of Student's t is added.

    It goes together over the fits as the residuals do, so that sums of losses have their right
    spread.
    """
    draws, points, _ = values.shape
    mixed = rng.standard_normal((draws, points, left.out.shape[1])) @ left.out.T
    size = np.sqrt((left.out**2).sum(axis=1))
    freedom = np.median(left.freedom)
    tails = np.sqrt(freedom / np.maximum(rng.chisquare(freedom, (draws, points, 1)), 1e-9))
    return _shifted(values, mixed / np.maximum(size, 1e-300) * left.sd * tails, noise)


def _shifted(values: np.ndarray, by: np.ndarray, noise: Noise) -> np.ndarray:
    return values * np.exp(by) if noise.log else values + by


def _curvature(slopes: np.ndarray, prior: Prior | None) -> np.ndarray:
    curved = slopes.transpose(0, 2, 1) @ slopes
    if prior is not None:
        curved = curved + np.diag(prior.precision)
    return curved


def _redrawn(
    prior: Prior, start: np.ndarray, curve: Curve, found: Fit, losses: np.ndarray, noise: Noise,
    draws: int, rng: Generator,
) -> Prior:  # fmt: skip
    """Priors whose centers are drawn: the refits then spread as the posterior does."""
    left = left_over(curve, found, losses, noise, prior=prior)
    with np.errstate(divide="ignore"):
        width = np.where(prior.precision > 0, 1 / np.sqrt(prior.precision), 0.0)
    center = np.tile(np.broadcast_to(prior.center, found.params.shape), (draws, 1))
    sd = np.tile(left.sd, draws)[:, None] * width
    # Around the fit, where the prior and the losses agreed.
    return Prior(center + sd * rng.standard_normal(start.shape), prior.precision)
