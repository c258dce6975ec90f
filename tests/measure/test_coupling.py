"""Couplings: small cases solved in full, bounds, codes of a rate, and samples."""

import itertools

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.coupling import Coupling
from cuvee.measure.couplings import entropy, greedy, least, through, told


def laws(seed, one=4, two=3):
    rng = default_rng([seed, 29])
    return rng.dirichlet(np.ones(one)), rng.dirichlet(np.ones(two))


def best(p, q):
    """The least entropy of a coupling: it is at a corner, where a greedy order of cells ends."""
    cells, lowest = list(itertools.product(range(len(p)), range(len(q)))), np.inf

    def fill(left_p, left_q, so_far):
        nonlocal lowest
        if so_far >= lowest:
            return
        open_cells = [(i, j) for i, j in cells if left_p[i] > 1e-12 and left_q[j] > 1e-12]
        if not open_cells:
            lowest = so_far
            return
        i = next(i for i, _ in open_cells)
        for _, j in (cell for cell in open_cells if cell[0] == i):
            mass = min(left_p[i], left_q[j])
            less_p, less_q = left_p.copy(), left_q.copy()
            less_p[i] -= mass
            less_q[j] -= mass
            fill(less_p, less_q, so_far - mass * np.log(mass))

    for order in itertools.permutations(range(len(p))):
        fill(p[list(order)], q, 0.0)
    return lowest


@pytest.mark.parametrize("seed", range(12))
def test_the_greedy_coupling_is_between_the_bounds(seed):
    p, q = laws(seed)
    cells, masses = greedy(p, q)
    joint = np.zeros((len(p), len(q)))
    joint[tuple(cells.T)] = masses
    assert np.allclose(joint.sum(axis=1), p)
    assert np.allclose(joint.sum(axis=0), q)
    lowest = best(p, q)
    assert least(p, q) <= lowest + 1e-9
    assert lowest <= entropy(masses) + 1e-9 <= lowest + np.log(2)


def test_equal_laws_are_coupled_without_rest():
    p, _ = laws(0, 9)
    assert np.isclose(entropy(greedy(p, default_rng(1).permutation(p))[1]), entropy(p))
    assert np.isclose(least(p, p), entropy(p))


@pytest.mark.parametrize("seed", range(5))
def test_a_code_keeps_to_its_rate(seed):
    p, q = laws(seed, 12, 5)
    before = 0.0
    for rate in np.linspace(0, entropy(p), 12):
        code = through(p, q, rate)
        assert np.isclose(code.sum(), 1)
        assert entropy(code) <= rate + 1e-9
        assert before <= told(code, q) + 1e-12 <= min(entropy(code), entropy(q)) + 1e-9
        before = told(code, q)
    assert before >= told(p, q)
    assert through(p, q) is p


def sample(law, rows, seed, name="a"):
    return Sample.of_labels(default_rng(seed).choice(len(law), rows, p=law), name, len(law))


def test_the_number_is_what_the_first_class_leaves_open():
    p, q = laws(3, 6, 6)
    truth = entropy(greedy(p, q)[1]) - entropy(p)
    inside = 0
    for seed in range(20):
        found = measure(Coupling(), sample(p, 2000, seed), sample(q, 2000, seed + 99, "b"))
        low, high = found.interval()
        inside += low <= truth <= high
        assert found.bound == "upper"
    assert inside >= 15


def test_a_rate_leaves_more_open():
    p, q = laws(4, 8, 8)
    a, b = sample(p, 3000, 1), sample(q, 3000, 2, "b")
    numbers = [float(measure(Coupling(rate=r), a, b).mean) for r in (0.0, 1.2, 0.7, 0.01)]
    assert numbers == sorted(numbers)
    assert np.isclose(numbers[-1], entropy(q), atol=0.05)


def test_few_rows_and_bad_rates_are_told():
    p, q = laws(5, 40, 40)
    assert (
        "classes: expected 30" in measure(Coupling(), sample(p, 200, 1), sample(q, 200, 2)).notes[0]
    )
    with pytest.raises(CuveeError, match="rate must be 0 or more"):
        Coupling(rate=-1)
    with pytest.raises(CuveeError, match="expected 32 or more rows"):
        measure(Coupling(), sample(p, 20, 1), sample(q, 200, 2))
