"""The Gaussian process, against finite differences, brute force and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern

from cuvee.mix.gaussian import JITTER, Belief, Inputs, Sheet, condition, doubt, maximise, misfit

GROUPS = np.array([0, 1, 1, 2])
THETA = np.array([0.3, -0.4, 0.2, 0.5, -0.1, 0.3, -1.0])


def inputs(rng, n):
    return Inputs((np.ones((n, 1)), rng.normal(size=(n, 3))), rng.normal(size=(n, 4)), GROUPS)


def sheet(rng, n=25, targets=1):
    return Sheet(inputs(rng, n), rng.normal(size=(n, targets)), rng.uniform(0.5, 2, n))


def test_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    belief, sheets = Belief(np.zeros(7), np.full(7, 2.0)), [sheet(rng, targets=2), sheet(rng, 12)]
    gradient = misfit(THETA, belief, sheets)[1]
    step = 1e-6
    sides = [(misfit(THETA + step * e, belief, sheets)[0],
              misfit(THETA - step * e, belief, sheets)[0]) for e in np.eye(7)]  # fmt: skip
    assert np.allclose(gradient, [(up - down) / (2 * step) for up, down in sides], atol=1e-5)


def test_maximise_ends_where_the_gradient_vanishes():
    rng = np.random.default_rng(1)
    belief, sheets = Belief(np.zeros(7), np.ones(7)), [sheet(rng, targets=3)]
    theta = maximise(belief, sheets, steps=200)
    assert misfit(theta, belief, sheets)[0] < misfit(belief.mean, belief, sheets)[0]
    assert np.abs(misfit(theta, belief, sheets)[1]).max() < 0.1


def test_doubt_is_the_inverse_curvature_and_without_runs_the_prior():
    rng = np.random.default_rng(8)
    belief = Belief(np.zeros(7), np.array([1.0, 0.5, 2.0, 1.0, 0.3, 1.0, 1.0]))
    root = doubt(belief.mean, belief, [])
    assert np.allclose(root @ root.T, np.diag(belief.sd**2))
    sheets = [sheet(rng, 40, targets=30)]
    theta = maximise(belief, sheets, steps=200)
    root = doubt(theta, belief, sheets)
    along = root[:, 0] / 5  # a fifth of a standard deviation on an axis lowers by 0.02
    near = [misfit(theta + side * along, belief, sheets)[0] for side in (-1, 0, 1)]
    assert np.isclose((near[0] + near[2]) / 2 - near[1], 0.02, rtol=0.2)
    assert (np.sum(root**2, axis=1) <= belief.sd**2 * (1 + 1e-9)).all()


@pytest.mark.parametrize("alike", [np.arange(25), np.arange(25) // 3])
def test_left_out_errors_are_those_of_refits(alike):
    rng = np.random.default_rng(2)
    whole = sheet(rng)
    error, stated = condition(THETA, whole).left_out(alike)
    for number in np.unique(alike):
        out = alike == number
        process = condition(THETA, whole[~out])
        noise = np.exp(2 * THETA[-1]) * whole.profile[out] + JITTER
        assert np.allclose(error[out], whole.y[out, 0] - process.mean(whole.inputs[out]))
        assert np.allclose(stated[out], process.variance(whole.inputs[out]) + noise)


def test_same_as_scikit_learn_at_the_same_parameters():
    rng = np.random.default_rng(3)
    x, y, new = rng.normal(size=(30, 4)), rng.normal(size=30), rng.normal(size=(9, 4))
    theta = np.array([np.log(0.7), np.log(1.3), *np.log([0.9, 1.7, 2.5]), np.log(0.2)])
    smooth: Any = Matern(np.exp(theta[2:5])[GROUPS], nu=2.5)  # pyright: ignore[reportArgumentType]
    kernel: Any = (
        ConstantKernel(0.7**2) * DotProduct(0.0, "fixed") + ConstantKernel(1.3**2) * smooth
    )
    fixed: Any = None
    peer = GaussianProcessRegressor(kernel, alpha=0.2**2 + JITTER, optimizer=fixed).fit(x, y)
    process = condition(theta, Sheet(Inputs((x,), x, GROUPS), y[:, None], np.ones(30)))
    mean, sd = peer.predict(new, return_std=True)
    at = Inputs((new,), new, GROUPS)
    assert np.allclose(process.mean(at), mean)
    assert np.allclose(np.sqrt(process.variance(at)), sd, rtol=1e-6)


def test_drawn_functions_have_the_posterior_s_mean_and_variance():
    rng = np.random.default_rng(4)
    process = condition(THETA, sheet(rng))
    at = inputs(rng, 8)
    values = process.draw(4000, rng)(at)
    sd = np.sqrt(process.variance(at))
    assert np.abs((values.mean(axis=1) - process.mean(at)) / sd).max() < 0.1
    assert np.allclose(values.std(axis=1), sd, rtol=0.1)


def test_a_drawn_function_is_the_same_wherever_it_is_evaluated():
    rng = np.random.default_rng(5)
    paths, at = condition(THETA, sheet(rng)).draw(3, rng), inputs(rng, 10)
    assert np.allclose(paths(at)[4:6], paths(at[np.array([4, 5])]))


def test_moved_runs_move_the_functions():
    rng = np.random.default_rng(6)
    whole = sheet(rng)
    process = condition(THETA, whole)
    near = process.draw(2000, np.random.default_rng(7))(whole.inputs)
    moved = process.draw(2000, np.random.default_rng(7), np.ones((25, 2000)))(whole.inputs)
    assert np.allclose(moved - near, process.echo(np.ones((25, 2000)), whole.inputs))
