"""Entropy rates of projected chains, greedy choice, and the guarantee of the distorted one."""

import itertools

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import markov


def chain(states, seed=0):
    return default_rng(seed).dirichlet(np.ones(states), size=states)


def product(*matrices):
    whole = np.ones((1, 1))
    for matrix in matrices:
        whole = np.kron(whole, matrix)
    return whole


def by_formula(matrix):
    pi = markov.stationary(matrix)
    return -(pi[:, None] * matrix * np.log(matrix)).sum()


def test_stationary_distribution_stays():
    matrix = chain(5)
    pi = markov.stationary(matrix)
    assert np.allclose(pi @ matrix, pi)
    assert pi.sum() == pytest.approx(1)


def test_entropy_rate_is_that_of_the_formula():
    matrix = chain(6)
    pairs = markov.pair_table(matrix, (2, 3))
    assert markov.entropy_rate(pairs, (0, 1)) == pytest.approx(by_formula(matrix))
    assert markov.entropy_rate(pairs, ()) == pytest.approx(0)


def test_independent_chains_add_up():
    parts = [chain(2, 1), chain(3, 2), chain(2, 3)]
    pairs = markov.pair_table(product(*parts), (2, 3, 2))
    for kept in ((0,), (1,), (0, 2), (1, 2), (0, 1, 2)):
        expected = sum(by_formula(parts[i]) for i in kept)
        assert markov.entropy_rate(pairs, kept) == pytest.approx(expected)


def simulated(matrix, steps, seed=0):
    rng, ends = default_rng(seed), np.cumsum(matrix, axis=1)
    at, path = 0, np.empty(steps, int)
    for t, u in enumerate(rng.random(steps)):
        at = min(int(np.searchsorted(ends[at], u)), len(matrix) - 1)
        path[t] = at
    return path


def test_rates_from_counts_come_near_the_truth():
    matrix = chain(6, 4)
    path = simulated(matrix, 40_000)
    symbols = np.stack([path // 3, path % 3])
    words = markov.coded(symbols)
    pairs = markov.pair_table(matrix, (2, 3))
    truth = [markov.entropy_rate(pairs, kept) for kept in ((0,), (1,), (0, 1))]
    found = [*markov.entropy_rates(words), markov.entropy_rates(words.sum(axis=0)[None])[0]]
    assert np.allclose(found, truth, atol=0.01)


def test_levels_have_equal_counts():
    points = default_rng(0).standard_normal((3, 99)).astype(np.float32)
    for states in (2, 3):
        found = markov.levels(points, states)
        assert set(np.unique(found)) == set(range(states))
        counts = np.apply_along_axis(np.bincount, 1, found)
        assert (np.abs(counts - 99 / states) <= 1).all()


def coverage(sets):
    return lambda kept: float(len(set().union(*(sets[e] for e in kept)))) if kept else 0.0


def test_greedy_takes_what_adds_most_and_the_first_of_equals():
    value = coverage([{1, 2}, {1, 2}, {3}, {1, 2, 3, 4}])
    assert markov.greedy(value, 4, 3) == (3, 0, 1)


@pytest.mark.parametrize("seed", range(8))
def test_distorted_greedy_keeps_its_bound(seed):
    rng = default_rng(seed)
    values = [coverage([set(rng.integers(12, size=4).tolist()) for _ in range(6)]) for _ in "ab"]
    costs = rng.uniform(0, 3, (2, 6))

    def worth(groups):
        g = sum(value(tuple(sorted(group))) for value, group in zip(values, groups))
        return g, sum(costs[i, list(group)].sum() for i, group in enumerate(groups))

    for k in (1, 3, 5):
        best = []
        for who in itertools.product((-1, 0, 1), repeat=6):
            groups = [[e for e in range(6) if who[e] == i] for i in (0, 1)]
            if sum(map(len, groups)) <= k:
                g, c = worth(groups)
                best.append((1 - np.exp(-1)) * g - c)
        found = markov.distorted_greedy(values, costs, 6, k)
        taken = [e for group in found for e in group]
        assert len(taken) == len(set(taken)) <= k
        g, c = worth(found)
        assert g - c >= max(best) - 1e-9


def test_monotone_part_never_falls():
    pairs = markov.pair_table(chain(16, 5), (2,) * 4)
    value, cost = markov.monotone_part(lambda kept: markov.entropy_rate(pairs, kept), 4)
    assert (cost >= 0).all()
    every = tuple(range(4))
    for e in every:
        assert value(every) >= value(every[:e] + every[e + 1 :]) - 1e-12


@pytest.mark.parametrize("by", ["greedy", "distorted"])
def test_a_copy_and_a_constant_add_nothing(by):
    rng = default_rng(1)
    a, b = rng.integers(2, size=(2, 4000))
    slow = np.repeat(rng.integers(2, size=400), 10)
    points = np.stack([a, a, np.zeros(4000), slow, b]).astype(np.float32)
    pool = Pool(np.arange(5, dtype=np.uint64), np.ones(5, np.int64), points)
    found = select.choose(markov.Markov(by=by), pool, Quota(rows=5))
    assert set(found.rows[:2].tolist()) & {0, 1}
    assert 4 in found.rows[:2]
    assert found.rows[2] == 3
    assert found.score[2] > 0
    assert (found.score[3:] <= 1e-9).all()


@pytest.mark.parametrize("named", ["markov:states=1", "markov:by=luck"])
def test_bad_settings_are_refused(named):
    with pytest.raises(CuveeError, match="markov"):
        select.load(named)


def test_one_time_is_no_series():
    pool = Pool(np.arange(3, dtype=np.uint64), np.ones(3, np.int64), np.ones((3, 1), np.float32))
    with pytest.raises(CuveeError, match="time series"):
        select.choose(markov.Markov(), pool, Quota(rows=2))
