"""The law that the methods share, and the measure of how true it is."""

import numpy as np
import pytest

from cuvee.core import CuveeError
from cuvee.mix import linear_mixing as lmo
from cuvee.mix.aioli import smoothed_one_hot

RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0.1, 1, size=(3, 4))
SHARES = RNG.dirichlet(np.ones(4), size=20)
LOSSES = np.array([3.0, 4.0, 5.0])


def test_measured_inverts_the_law():
    for mixtures in (np.eye(4), smoothed_one_hot(4, 0.6), SHARES):
        assert lmo.measured(mixtures, mixtures @ TRUE.T) == pytest.approx(TRUE)


def test_too_few_mixtures_are_refused():
    with pytest.raises(CuveeError, match="3 mixtures do not tell 4 sources apart"):
        lmo.measured(SHARES[:3], np.ones((3, 3)))


def test_the_true_matrix_is_perfect_and_a_multiple_of_it_up_to_scale():
    falls = SHARES @ TRUE.T
    exact = lmo.fidelity(TRUE, TRUE, SHARES, falls)
    assert [exact.similarity, exact.cosine, exact.explained] == pytest.approx([1, 1, 1])
    assert [exact.error, exact.scaled_error] == pytest.approx([0, 0], abs=1e-12)
    twice = lmo.fidelity(2 * TRUE, TRUE, SHARES, falls)
    assert twice.error == pytest.approx(1)
    assert twice.scaled_error == pytest.approx(0, abs=1e-7)
    assert twice.explained == pytest.approx(1)


def test_a_matrix_that_says_nothing_explains_nothing():
    falls = SHARES @ TRUE.T
    nothing = lmo.fidelity(np.ones((3, 4)), TRUE, SHARES, falls)
    assert nothing.explained == pytest.approx(0, abs=1e-9)
    assert nothing.similarity == pytest.approx(0, abs=1e-9)
    assert nothing.scaled_error == pytest.approx(1)


def test_what_is_added_to_a_row_does_not_count():
    falls = SHARES @ TRUE.T
    found = lmo.fidelity(TRUE + np.array([[5.0], [-2.0], [0.0]]), TRUE, SHARES, falls)
    assert [found.similarity, found.cosine, found.explained] == pytest.approx([1, 1, 1])
    assert found.error > 1


def test_the_static_law_is_its_own_slope():
    scale, exponents, p = np.array([1.0, 2, 3]), TRUE, SHARES[0]
    found = lmo.mixing_law(scale, exponents, p)
    for j, row in enumerate(1e-6 * np.eye(4)):
        drop = scale * (np.exp(-exponents @ (p - row)) - np.exp(-exponents @ (p + row))) / 2e-6
        assert found[:, j] == pytest.approx(drop, rel=1e-5)
    assert lmo.mixing_law(scale, exponents, p, part=0.1) == pytest.approx(found / 10)


def test_the_choices_of_the_methods():
    assert lmo.skill_it(TRUE, LOSSES) == pytest.approx(TRUE * [[3], [4], [5]])
    assert lmo.doremi(np.array([0.5, -1.0])) == pytest.approx(np.array([[0.5, 0], [0, 0]]))
    assert lmo.doge(-TRUE) == pytest.approx(TRUE)


def test_the_shared_update():
    p = np.array([0.5, 0.25, 0.25])
    matrix = np.array([[0.0, np.log(2), 0.0], [0.0, np.log(2), 0.0]])
    assert lmo.next_shares(p, matrix, eta=1.0) == pytest.approx([0.5 / 1.75, 1 / 1.75, 0.25 / 1.75])


def test_the_shared_update_keeps_zeros():
    found = lmo.next_shares(np.array([0.5, 0.5, 0.0]), np.array([[np.log(3), 0.0, 5000.0]]), 1.0)
    assert found == pytest.approx([0.75, 0.25, 0.0])
