import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.er_bound import ErBound, learned

QUICK = ErBound(features=60, nulls=3)


def found(x, y, method=QUICK, seed=0):
    return measure(method, Sample.of_points(x), Sample.of_points(y, "b"), seed=seed)


@pytest.mark.parametrize(("dims", "tie"), [(1, 0.6), (1, 0.95), (3, 0.7)])
def test_gaussians_are_met(dims, tie):
    rng = default_rng(dims)
    x = rng.standard_normal((1500, dims))
    y = tie * x + np.sqrt(1 - tie**2) * rng.standard_normal((1500, dims))
    number = found(x, y)
    truth = -0.5 * dims * np.log(1 - tie**2)
    assert number.interval()[0] < truth
    assert abs(number.mean - truth) < 0.06 + 0.05 * truth
    assert number.bound == "lower"
    assert number.null.max() < 0.05


def test_dependence_without_correlation_is_seen_and_not_overstated():
    rng = default_rng(5)
    x = rng.uniform(-1, 1, 1000)
    y = x**2 + 0.05 * rng.standard_normal(1000)
    number = found(x, y)
    # Of y = x^2 + noise: the entropy of y less that of the noise, which x leaves open.
    grid = np.linspace(-0.4, 1.4, 500)
    roots = (np.arange(500) + 0.5) / 500
    gap = (grid[:, None] - roots**2) / 0.05
    density = np.exp(-0.5 * gap**2).mean(axis=1) / (0.05 * np.sqrt(2 * np.pi))
    entropy = -np.trapezoid(density * np.log(np.maximum(density, 1e-300)), grid)
    truth = entropy - 0.5 * np.log(2 * np.pi * np.e * 0.05**2)
    assert 0.5 * truth < number.mean
    assert number.interval()[0] < truth


def test_monotone_maps_change_nothing():
    rng = default_rng(6)
    x = rng.standard_normal((300, 2))
    y = x + rng.standard_normal((300, 2))
    assert np.array_equal(found(x, y).draws, found(np.exp(x), y**3).draws)


def test_ridge_leaves_out_noise():
    rng = default_rng(7)
    waves, y = rng.standard_normal((200, 50)), rng.standard_normal((200, 1))
    weights, spread = learned(waves, y)
    assert np.abs(weights).max() < 0.3
    assert spread[0, 0] > 0.8 * y.var()


def test_what_is_refused_and_warned_of():
    few = Sample.of_points(np.arange(20.0))
    with pytest.raises(CuveeError, match="expected 40 or more"):
        measure(ErBound(), few, few)
    with pytest.raises(CuveeError, match="folds 2 or more"):
        ErBound(folds=1)
    with pytest.raises(CuveeError, match="rows must be 32"):
        ErBound(rows=5)
    said = ErBound().outside(few, Sample.of_points(np.zeros((20, 9))))
    assert len(said) == 2
    assert "9 columns" in said[1]
    flat = Sample.of_points(np.ones(100))
    assert measure(ErBound(), flat, Sample.of_points(np.arange(100.0))).mean == 0
