"""Determinantal and volume sampling: the chances are those of the definition."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.dpp import k_dpp, nystrom, orthonormal, projection, sums


def pool(x, sizes=None):
    keys = np.arange(len(x), dtype=np.uint64)
    sizes = np.ones(len(x), np.int64) if sizes is None else sizes
    return Pool(keys, sizes, points=np.asarray(x, np.float32))


def same(seen, chances, draws):
    """Within 5 standard errors for each of the sets; a right sampler fails in one of 10^4 runs."""
    for rows, chance in chances.items():
        error = np.sqrt(max(chance * (1 - chance), 1e-6) / draws)
        assert abs(seen[rows] / draws - chance) < 5 * error, rows


def test_k_dpp_draws_by_the_determinant():
    x = default_rng(0).normal(size=(6, 4))
    kernel = x @ x.T
    chances = {rows: np.linalg.det(kernel[np.ix_(rows, rows)]) for rows in
               combinations(range(6), 2)}  # fmt: skip
    total = sum(chances.values())
    rng, draws = default_rng(1), 4000
    drawn = [k_dpp(x, 2, rng) for _ in range(draws)]
    seen = Counter(tuple(sorted(rows.tolist())) for rows, _ in drawn)
    same(seen, {rows: chance / total for rows, chance in chances.items()}, draws)
    for i in range(6):  # the stated chance of a row is that of the sets that have it
        right = sum(c for rows, c in chances.items() if i in rows) / total
        stated = [c[list(rows).index(i)] for rows, c in drawn if i in rows]
        assert np.allclose(stated, right)


def test_a_projection_process_draws_by_squared_volume():
    vectors, _ = orthonormal(default_rng(0).normal(size=(6, 3)))
    rng, draws = default_rng(1), 4000
    seen = Counter(tuple(sorted(projection(vectors, rng).tolist())) for _ in range(draws))
    chances = {rows: np.linalg.det(vectors[list(rows)]) ** 2 for rows in combinations(range(6), 3)}
    assert sum(chances.values()) == pytest.approx(1)
    same(seen, chances, draws)


def test_elementary_symmetric_polynomials():
    values = default_rng(0).random(7)
    table = np.exp(sums(np.log(values), 4))
    for j in range(8):
        for order in range(5):
            right = sum(np.prod(some) for some in combinations(values[:j], order))
            assert table[j, order] == pytest.approx(right)


def test_nystrom_with_all_rows_is_the_kernel():
    x = default_rng(0).normal(size=(30, 3))
    features = nystrom(x, 1.5, 100, default_rng(0))
    right = np.exp(-((x[:, None] - x[None]) ** 2).sum(axis=2) / (2 * 1.5**2))
    assert np.allclose(features @ features.T, right, atol=1e-4)


def test_dpp_keeps_copies_apart_and_says_how_often_it_drew():
    x = np.repeat(default_rng(0).normal(size=(8, 8)), 5, axis=0)
    for seed in range(5):
        found = choose(load("dpp"), pool(x), Quota(rows=16), seed=seed)
        assert len(set(found.rows.tolist())) == 16
        for draw in (found.rows[:8], found.rows[8:]):
            assert sorted(draw // 5) == list(range(8))
        assert "2 draws" in found.notes[0]
    sizes = default_rng(0).integers(1, 9, 40)
    found = choose(load("dpp"), pool(x, sizes), Quota(tokens=100))
    assert 99 <= sizes[found.rows].sum() <= 100


def test_rbf_keeps_more_rows_apart_than_there_are_features():
    x = np.repeat(np.linspace(0, 1, 30)[:, None], 4, axis=0)
    found = choose(load("dpp:kernel=rbf:width=0.05"), pool(x), Quota(rows=12))
    assert len(set((found.rows // 4).tolist())) == 12


def test_weights_of_a_dpp_make_sums_unbiased():
    rng = default_rng(0)
    x = rng.normal(size=(40, 5))
    values = rng.normal(size=40) + 3
    guesses = []
    for seed in range(600):
        rows, chances = k_dpp(x, 4, default_rng(seed))
        guesses.append((values[rows] / chances).sum())
    error = np.std(guesses) / np.sqrt(len(guesses))
    assert abs(np.mean(guesses) - values.sum()) < 4.5 * error
    found = choose(load("dpp:kernel=linear"), pool(x), Quota(rows=4))
    assert np.allclose(found.weight * found.score, (found.weight * found.score)[0], rtol=1e-5)


def test_volume_weights_make_least_squares_right():
    """Weighted, it is nearer to that on the pool than without weights, where the model is wrong."""
    rng = default_rng(0)
    x = rng.standard_t(3, size=(2000, 4))
    y = x @ [1, 2, -1, 0.5] + 0.3 * x[:, 0] ** 2 + rng.normal(size=2000)
    full = np.linalg.lstsq(np.c_[x, np.ones(2000)], y, rcond=None)[0]
    missed = {"weighted": [], "plain": []}
    for seed in range(30):
        found = choose(load("volume"), pool(x), Quota(rows=60), seed=seed)
        table = np.c_[x[found.rows], np.ones(60)]
        for name, weight in (("weighted", found.weight), ("plain", np.ones(60))):
            root = np.sqrt(weight)[:, None]
            fit = np.linalg.lstsq(table * root, y[found.rows] * root[:, 0], rcond=None)[0]
            missed[name].append(fit - full)
    bias = {name: np.linalg.norm(np.mean(all_, axis=0)) for name, all_ in missed.items()}
    assert bias["weighted"] < 0.5 * bias["plain"]


def test_volume_spans_everything_and_draws_by_leverage():
    """A rare direction is always there; the score is the leverage."""
    rng = default_rng(0)
    x = np.zeros((300, 5))
    x[:, :4] = rng.normal(size=(300, 4))
    x[7, 4] = 1
    found = choose(load("volume:intercept=false"), pool(x), Quota(rows=5))
    assert 7 in found.rows
    hat = x @ np.linalg.pinv(x)
    assert np.allclose(found.scores, np.diag(hat), atol=1e-5)
    # Rows without leverage come last.
    x[100:] = 0
    found = choose(load("volume:intercept=false"), pool(x), Quota(rows=150))
    assert set(found.rows[:100].tolist()) == set(range(100))


@pytest.mark.parametrize("name", ["dpp:kernel=poly", "dpp:landmarks=0", "dpp:width=-1"])
def test_settings_are_checked(name):
    with pytest.raises(CuveeError):
        load(name)
