"""Functional and O-information: closed forms, the Sobolev bound, shares, and what is refused."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure, reasons
from cuvee.measure.functional_information import (
    FunctionalInformation,
    fisher_bound,
    functional_entropy,
    shares,
)
from cuvee.measure.o_information import OInformation, entropies, o_information
from cuvee.measure.softmax import Terms, fisher, fitted


def two_clouds(rows, dims, far, seed):
    rng = default_rng([seed, 31])
    y = rng.integers(2, size=rows)
    x = rng.standard_normal((rows, dims))
    x[:, 0] += far * (y - 0.5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    lost = np.log1p(np.exp(-far * (nodes + far / 2)))
    return Sample.of_points(x), Sample.of_labels(y, "b"), np.log(2) - lost @ weights / weights.sum()


@pytest.mark.parametrize(("dims", "far"), [(3, 0.0), (1, 1.0), (3, 2.0)])
def test_information_of_two_clouds_is_in_its_interval(dims, far):
    inside = 0
    for seed in range(20):
        a, b, truth = two_clouds(400, dims, far, seed)
        low, high = measure(FunctionalInformation(nulls=0), a, b).interval()
        inside += low - 1e-9 <= truth <= high + 1e-9
    assert inside >= 15


def test_the_note_names_the_column_that_tells():
    a, b, _ = two_clouds(600, 4, 2.0, 0)
    x = np.column_stack([np.ones(600), a.rows[:, ::-1]])
    found = measure(FunctionalInformation(nulls=1), Sample.of_points(x), b)
    assert found.bound == "lower"
    assert found.null is not None
    assert found.null[0] < 0.02
    assert "of which columns 5 (" in found.notes[-1]


def test_an_exponential_of_a_line_meets_the_bound():
    cov = np.array([[1.0, 0.4], [0.4, 0.5]])
    x = default_rng(0).multivariate_normal(np.zeros(2), cov, size=200_000)
    slope = np.array([0.5, -0.4])
    values = np.exp(x @ slope)
    exact = float(slope @ cov @ slope / 2 * np.exp(slope @ cov @ slope / 2))
    assert np.isclose(functional_entropy(values), exact, rtol=0.02)
    assert np.isclose(fisher_bound(values, values[:, None] * slope, cov), exact, rtol=0.02)
    bent = 1 + x[:, 0] ** 2
    gradients = np.column_stack([2 * x[:, 0], np.zeros(len(x))])
    assert functional_entropy(bent) < fisher_bound(bent, gradients, cov)


@pytest.mark.parametrize("dims", [3, 30])
def test_slopes_are_those_of_the_probabilities(dims):
    rng, terms = default_rng(1), Terms(2, dims)
    x = rng.standard_normal((50, dims))
    step = 1e-5 * np.eye(dims)[1]
    numeric = (terms.of(x + step) - terms.of(x - step)) / 2e-5
    assert np.allclose(terms.slope(x, 1), numeric, atol=1e-6)
    weights = fitted(terms.of(x), rng.integers(3, size=50), 3, 0.1)
    information = fisher(terms, x, weights)
    assert np.allclose(information, information.T)
    assert np.isclose(shares(information).sum(), 1)
    assert np.allclose(shares(np.zeros((2, 2))), 0.5)


def test_few_rows_for_the_terms_are_told():
    a, b, _ = two_clouds(100, 6, 1.0, 0)
    assert "set degree=1" in reasons(FunctionalInformation(), a, b)[0]
    assert not reasons(FunctionalInformation(degree=1), *two_clouds(300, 6, 1.0, 0)[:2])
    rare = Sample.of_labels(np.r_[np.zeros(95), np.ones(5)].astype(int))
    assert any("a class has 5 rows" in why for why in reasons(FunctionalInformation(), a, rare))
    none = measure(FunctionalInformation(), a, Sample.of_labels(np.zeros(100, int)))
    assert none.mean == 0
    with pytest.raises(CuveeError, match="degree 1 or 2"):
        FunctionalInformation(degree=3)


def alike(count, tie):
    return np.eye(count) * (1 - tie) + tie


def chained(tie):
    made = np.eye(3)
    made[0, 1:] = made[1:, 0] = [1 / np.sqrt(2), tie / np.sqrt(2)]
    return made


SYSTEMS = [
    (alike(3, 0.6), 0.1474),
    (alike(4, 0.8), 0.9222),
    (chained(0.6), -0.1239),
    (np.eye(4), 0),
]


@pytest.mark.parametrize(("cov", "truth"), SYSTEMS)
def test_gaussian_systems_are_in_their_interval(cov, truth):
    terms = entropies(np.arange(len(cov)))
    assert np.isclose(o_information(cov, terms), truth, atol=1e-4)
    truth, inside = o_information(cov, terms), 0
    for seed in range(30):
        rows = default_rng([seed, 37]).multivariate_normal(np.zeros(len(cov)), cov, size=300)
        low, high = measure(OInformation(nulls=4), Sample.of_points(np.exp(rows))).interval()
        inside += low <= truth <= high
    assert inside >= 23


def test_columns_side_by_side_are_one_variable():
    rng = default_rng(3)
    cause = rng.standard_normal((4000, 1))
    x = np.hstack([cause + 0.5 * rng.standard_normal((4000, 1)) for _ in range(6)])
    wide = float(measure(OInformation(width=2), Sample.of_points(x)).mean)
    cov = np.cov(x, rowvar=False)
    assert np.isclose(wide, o_information(cov, entropies(np.arange(6) // 2)), atol=0.02)
    two = measure(OInformation(width=3), Sample.of_points(x))
    assert abs(two.mean) < 1e-9
    assert "fewer than 3" in two.notes[0]


def test_what_no_gaussian_shows_is_told():
    rng = default_rng(4)
    x = rng.standard_normal((2000, 2))
    product = np.abs(rng.standard_normal(2000)) * np.sign(x.prod(axis=1))
    tails = rng.standard_normal((2000, 3)) / np.sqrt(rng.chisquare(2, (2000, 1)))
    assert abs(measure(OInformation(), Sample.of_points(np.column_stack([x, product]))).mean) < 0.01
    assert "o_information_score" in reasons(OInformation(), Sample.of_points(tails))[0]
    with pytest.raises(CuveeError, match="another width"):
        measure(OInformation(width=2), Sample.of_points(tails))
    with pytest.raises(CuveeError, match="5 rows for 3 columns"):
        measure(OInformation(), Sample.of_points(tails[:5]))
    with pytest.raises(CuveeError, match="expected width from 1"):
        OInformation(width=0)
