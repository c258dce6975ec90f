"""The engine that fits laws, on surfaces whose parameters are known."""

import itertools
import time

import numpy as np
import pytest

from cuvee.core import CuveeError
from cuvee.core.fitting import Noise, Prior, fit, fit_from_many
from cuvee.core.projection import fit_separable, joint_curve, project, solve
from cuvee.core.spreading import bootstrap, left_over, posterior, with_noise

TRUE = np.array([0.34, 0.37, np.log(1.8), np.log(480.0), np.log(2100.0)])
"""Exponents of parameters and tokens; logarithms of E, A and B."""
GRID = np.array(list(itertools.product(np.linspace(0.1, 1, 10), repeat=2)))


def surface(n=240, noise=0.005, seed=0):
    """Losses of models of many sizes, with noise of heavy tails."""
    rng = np.random.default_rng(seed)
    size, tokens = rng.uniform(18, 24, n), rng.uniform(20, 26, n)

    def basis(shapes):
        by_size = np.exp(-shapes[:, :1] * size)
        by_tokens = np.exp(-shapes[:, 1:] * tokens)
        columns = np.stack([np.ones_like(by_size), by_size, by_tokens], axis=2)
        slopes = np.zeros((*columns.shape, 2))
        slopes[:, :, 1, 0], slopes[:, :, 2, 1] = -size * by_size, -tokens * by_tokens
        return columns, slopes

    values = joint_curve(basis, 2, logarithms=True)(TRUE[None])[0][0]
    return basis, values * np.exp(noise * rng.standard_t(4, n))


def line(x):
    """A straight line as a curve."""

    def curve(params):
        slopes = np.stack([np.ones_like(x), x], axis=1)
        return params @ slopes.T, np.broadcast_to(slopes, (len(params), *slopes.shape))

    return curve


def test_a_scaling_law_is_found_from_one_grid_and_quickly():
    basis, losses = surface()
    start = time.perf_counter()
    found, curve = fit_separable(basis, GRID, losses[None], Noise(1e-3, log=True))
    assert time.perf_counter() - start < 2
    assert found.converged.all()
    assert np.allclose(found.params[0, :2], TRUE[:2], atol=0.03)
    assert np.isclose(found.params[0, 2], TRUE[2], atol=0.02)
    # No start near the truth ends lower.
    nearby = TRUE + 0.01 * np.random.default_rng(1).standard_normal((4, 5))
    again = fit(curve, nearby, np.tile(losses, (4, 1)), Noise(1e-3, log=True), steps=1000)
    assert found.cost[0] <= again.cost.min() * (1 + 1e-6)


def test_exact_losses_give_exact_parameters():
    basis, losses = surface(noise=0)
    found, _ = fit_separable(basis, GRID, losses[None], Noise(log=True))
    assert np.allclose(found.params[0], TRUE, rtol=1e-5)


def test_projection_turns_back_where_columns_outgrow_numbers_and_misses_missing_losses():
    """Each fit from a grid of its own, held by a prior: one shape, near which a step overflows."""
    x = np.linspace(0, 30, 40)

    def basis(shapes):
        grown = np.exp(np.exp(shapes) * x)[..., None]
        return grown, (grown[..., 0] * np.exp(shapes) * x)[..., None, None]

    losses = 2 * np.exp(np.array([[0.5], [1.5]]) * x)
    truth = losses.copy()
    losses[0, 5] = np.nan
    grid = np.array([[[-1.0], [3.5]], [[0.3], [4.0]]])
    prior = Prior(np.zeros(1), np.array([1e-9]))
    with np.errstate(over="ignore", invalid="ignore"):
        shapes, found = project(basis, grid, losses, 1 / truth, prior=prior)
    assert np.allclose(np.exp(shapes[:, 0]), [0.5, 1.5], rtol=1e-4)
    assert np.allclose(found, 2, rtol=1e-2)


def test_slopes_of_a_joint_curve_are_its_differences():
    basis, _ = surface(n=7)
    curve = joint_curve(basis, 2, logarithms=True)
    values, slopes = curve(TRUE[None])
    for i, step in enumerate(1e-6 * np.eye(5)):
        assert np.allclose((curve(TRUE[None] + step)[0] - values) / 1e-6, slopes[..., i], rtol=1e-3,
                           atol=1e-6)  # fmt: skip


def test_one_wild_loss_moves_a_robust_line_less_than_squares():
    x = np.linspace(0, 1, 30)
    losses = 1 + 2 * x
    losses[3] += 5
    start = np.zeros((1, 2))
    robust = fit(line(x), start, losses[None], Noise(0.01))
    squares = fit(line(x), start, losses[None])
    assert robust.converged.all()
    assert np.abs(robust.params - [1, 2]).max() < 0.02 < np.abs(squares.params - [1, 2]).max()
    assert np.allclose(squares.params[0], np.polyfit(x, losses, 1)[::-1])


def test_the_cost_is_a_sum_and_the_huber_loss():
    noise = Noise(0.5)
    assert np.isclose(noise.cost(np.array([0.3, -2.0])), 0.3**2 / 2 + 0.5 * (2 - 0.25))
    assert np.isclose(Noise().cost(np.array([1.0, 1.0])), 1.0)


def test_missing_losses_are_left_out_and_weights_count():
    x = np.linspace(0, 1, 10)
    losses = 1 + 2 * x
    losses[4] = np.nan
    assert np.allclose(fit(line(x), np.zeros((1, 2)), losses[None]).params, [[1, 2]])
    losses[4] = 50
    weights = np.ones((1, 10))
    weights[0, 4] = 0
    found = fit(line(x), np.zeros((1, 2)), losses[None], weights=weights)
    assert np.allclose(found.params, [[1, 2]])


def test_a_prior_decides_what_the_losses_do_not():
    x = np.zeros(5)  # the slope is open
    prior = Prior(np.array([0.0, 7.0]), np.array([0.0, 1e-4]))
    found = fit(line(x), np.zeros((1, 2)), np.ones((1, 5)), prior=prior)
    assert np.allclose(found.params, [[1, 7]])


def test_several_starts_find_the_lower_valley():
    x = np.linspace(0, 6, 60)

    def wave(params):
        inside = params[:, :1] * x
        return np.sin(inside), (x * np.cos(inside))[..., None]

    losses = np.sin(2.3 * x)[None]
    alone = fit(wave, np.array([[0.2]]), losses)
    many = fit_from_many(wave, np.linspace(0.2, 4, 12)[:, None, None], losses)
    assert np.isclose(many.params[0, 0], 2.3)
    assert many.cost[0] < alone.cost[0]


def test_what_does_not_converge_says_so():
    x = np.linspace(0, 1, 10)

    def decay(params):
        value = np.exp(-params[:, :1] * x)
        return value, (-x * value)[..., None]

    found = fit(decay, np.array([[5.0]]), np.exp(-0.5 * x)[None], steps=1)
    assert not found.converged[0]


@pytest.mark.parametrize("columns", [3, 6])
def test_coefficients_that_must_not_be_negative(columns):
    from scipy.optimize import nnls

    rng = np.random.default_rng(columns)
    a, b = rng.standard_normal((5, 20, columns)), rng.standard_normal((5, 20))
    found, left = solve(a, b, nonnegative=True)
    for one, row, x, squares in zip(a, b, found, left):
        assert np.allclose(x, nnls(one, row)[0], atol=1e-6)
        assert np.isclose(squares, nnls(one, row)[1] ** 2)
    free, _ = solve(a, b, nonnegative=False)
    assert np.allclose(free[0], np.linalg.lstsq(a[0], b[0], rcond=None)[0])


@pytest.mark.parametrize("how", ["residual", "pairs", "posterior"])
def test_stated_errors_of_a_line_are_right(how):
    """The spread over resamples against the spread over 200 repetitions: within a third."""
    x, rng = np.linspace(0, 1, 40), np.random.default_rng(0)
    losses = 1 + 2 * x + 0.1 * rng.standard_normal((200, 40))
    curve = line(x)
    found = fit(curve, np.zeros((200, 2)), losses)
    if how == "posterior":
        drawn = posterior(curve, found, losses, draws=100, rng=rng)
    else:
        drawn = bootstrap(curve, found, losses, kind=how, draws=100, rng=rng)
    stated, real = drawn.std(axis=0).mean(axis=0), found.params.std(axis=0)
    assert np.all((stated / real > 2 / 3) & (stated / real < 1.5))


def test_groups_whose_errors_go_together_widen_the_posterior():
    x, rng = np.linspace(0, 1, 60), np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 5)
    losses = 1 + 2 * x + 0.1 * rng.standard_normal(12)[groups] + 0.001 * rng.standard_normal(60)
    found = fit(line(x), np.zeros((1, 2)), losses[None])
    plain, together = (
        posterior(line(x), found, losses[None], draws=300, rng=rng, groups=g).std(axis=0)
        for g in ((), (groups,))
    )
    assert np.all(together > 1.4 * plain)


def test_an_interval_knows_lack_of_fit():
    """Losses without noise that bend: 90% intervals of a line must not shrink to nothing."""
    x = np.linspace(-1, 1, 30)
    losses = (x**2)[None]
    found = fit(line(x), np.zeros((1, 2)), losses)
    left = left_over(line(x), found, losses)
    values = np.zeros((400, 30, 1)) + line(x)(found.params)[0].T
    draws = with_noise(values, left, Noise(), np.random.default_rng(0))
    low, high = np.quantile(draws[..., 0], [0.05, 0.95], axis=0)
    assert 0.8 <= np.mean((losses[0] >= low) & (losses[0] <= high)) <= 1


def test_noise_goes_together_over_fits_as_residuals_do():
    x, rng = np.linspace(0, 1, 30), np.random.default_rng(0)
    shared = rng.standard_normal(30)
    losses = np.stack([shared, -shared])
    found = fit(line(x), np.zeros((2, 2)), losses)
    left = left_over(line(x), found, losses)
    draws = with_noise(np.zeros((500, 1, 2)), left, Noise(), rng)[:, 0]
    assert np.corrcoef(draws.T)[0, 1] < -0.99


def test_a_delta_must_be_positive():
    with pytest.raises(CuveeError, match="delta"):
        Noise(0)
