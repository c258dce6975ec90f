"""Choosing what to label: unsureness, diverse gradients, rounds, and a trained policy."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.order import mixed
from cuvee.core.pool import Pool, Quota
from cuvee.select.active import BY, Active, spread_out, unsureness, upto
from cuvee.select.actively import (
    FEATURES,
    UNCERTAINTY,
    Actively,
    Game,
    features,
    linear_answers,
    one_hot,
    worst_part,
)


def made(rows=300, seed=0):
    rng = default_rng(seed)
    points = rng.standard_normal((rows, 3)).astype(np.float32)
    labels = (points[:, 0] > 0).astype(np.int64)
    keys = mixed(np.arange(rows, dtype=np.uint64))
    return Pool(keys, rng.integers(5, 30, rows), points, labels=labels)


def test_unsureness_by_hand():
    chances = np.array([[0.6, 0.3, 0.1], [1.0, 0.0, 0.0]])
    assert np.allclose(unsureness(chances, "least_confident"), [0.4, 0])
    assert np.allclose(unsureness(chances, "margin"), [0.7, 0])
    entropy = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1))
    assert np.allclose(unsureness(chances, "entropy"), [entropy, 0])
    assert np.allclose(unsureness(np.ones((2, 1)), "margin"), 0)


@pytest.mark.parametrize("by", [b for b in BY if b != "badge"])
def test_unsure_rows_lie_close_to_the_boundary(by):
    pool, start = made(), made(60, seed=1)
    found = select.choose(Active(by=by), pool, Quota(rows=30), target=start)
    near = np.abs(pool.points[:, 0])
    assert near[found.rows].mean() < 0.4 * near.mean()
    assert np.bincount(found.group).tolist() == [8, 7, 7, 8]


def test_one_round_does_not_look_at_labels_of_the_pool():
    pool, start = made(), made(60, seed=1)
    other = Pool(pool.keys, pool.sizes, pool.points, labels=1 - pool.labels)
    bare = Pool(pool.keys, pool.sizes, pool.points)
    by_rounds = {}
    for rounds in (1, 4):
        rows = [
            select.choose(Active(rounds=rounds), p, Quota(rows=40), target=start).rows
            for p in (pool, other)
        ]
        by_rounds[rounds] = np.array_equal(*rows)
    assert by_rounds == {1: True, 4: False}
    assert len(select.choose(Active(rounds=1), bare, Quota(rows=40), target=start)) == 40


def test_badge_draws_as_if_the_gradients_were_made():
    rng = default_rng(0)
    inner, off = rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    whole = np.einsum("nd,nc->ndc", inner, off).reshape(40, -1)
    found = spread_out(inner, off, 8, default_rng(7))
    assert len(np.unique(found)) == 8
    again, draws = [int(np.square(whole).sum(axis=1).argmax())], default_rng(7)
    while len(again) < 8:
        away = np.square(whole[:, None] - whole[again][None]).sum(axis=2).min(axis=1)
        sums = np.cumsum(away)
        again.append(int(np.searchsorted(sums, draws.random() * sums[-1], side="right")))
    assert found.tolist() == again


def test_badge_stops_when_all_gradients_are_taken():
    inner, off = np.ones((9, 2)), np.ones((9, 3))
    assert len(spread_out(inner, off, 5, default_rng(0))) == 1


def test_rounds_share_a_quota():
    pool = made()
    none = np.zeros(0, np.int64)
    assert upto(Quota(rows=10), 0.5, pool, none) == Quota(rows=5)
    assert upto(Quota(rows=10), 0.5, pool, np.arange(5)) is None
    spent = int(pool.sizes[:3].sum())
    assert upto(Quota(tokens=400), 0.5, pool, np.arange(3)) == Quota(tokens=200 - spent)


def test_complexity_by_hand():
    answers = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]])
    game = Game(answers, 2, 0.1)
    flips = np.zeros((2, 4))
    flips[1, 0] = 0.4  # the only question that tells the first two apart is noisy
    found = game.complexity(np.array([0, 0]), flips)
    assert np.allclose(found, [4 * 1 / 1, 4 * 1 / 0.2**2])


def test_features_by_hand():
    answers = np.array([[0, 0], [0, 1], [1, 1]])
    belief = np.log(np.array([[0.6, 0.3, 0.1]]))
    none = np.zeros((1, 2), np.float32)
    found = features(answers, one_hot(answers, 2), belief, np.array([[1, 0]]), none)[0]

    def entropy(p):
        return -(p * np.log(p) + (1 - p) * np.log(1 - p)) / np.log(2)

    assert np.allclose(found[:, FEATURES.index("unsure")], [entropy(0.1), entropy(0.4)], atol=1e-5)
    assert np.allclose(found[:, FEATURES.index("against")], [0.1, 0.4], atol=1e-6)
    assert found[:, FEATURES.index("split")].tolist() == [0, 1]
    assert np.allclose(found[:, FEATURES.index("asked")], [np.log(2), 0])


def games(flip, seed=0):
    rng = default_rng(seed)
    game = Game(rng.integers(2, size=(16, 30)), 2, 0.1)
    return game, np.arange(16), np.full((16, 30), flip)


def test_answers_without_noise_find_the_truth():
    game, truth, flips = games(0.0)
    policies = np.stack([UNCERTAINTY, np.zeros(5)])
    error = game.errors(policies, truth, flips, 12, 5, default_rng(0))
    assert error.shape == (2, 16)
    assert error[0].max() == 0
    few = game.errors(policies, truth, flips, 4, 20, default_rng(0))
    assert few[0].mean() < few[1].mean()  # uncertainty sampling halves what is left


def test_answers_of_nothing_but_noise_leave_a_guess():
    game, truth, flips = games(0.5)
    error = game.errors(np.zeros((1, 5)), truth, flips, 10, 20, default_rng(0))
    assert error.mean() > 0.8


def test_worst_part_is_the_mean_of_the_worst_quarter():
    assert worst_part(np.array([[0.1, 0.9, 0.2, 0.3, 0.7, 0, 0, 0]])).tolist() == [0.8]


def test_training_is_repeatable_and_gives_a_policy():
    game = games(0.1)[0]
    one, two = (Actively().train(game, rng=default_rng(4)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.shape == (len(FEATURES),)
    assert np.isfinite(one).all()


def test_actively_asks_in_rounds_and_tells_its_policy():
    pool = made()
    found = select.choose(Actively(rounds=5), pool, Quota(rows=25))
    assert np.bincount(found.group).tolist() == [5] * 5
    assert "unsure" in found.notes[0]
    answers = linear_answers(pool.points, 30, 2, default_rng(0))
    right = (answers == pool.labels).mean(axis=1)
    assert max(right.max(), 1 - right.min()) > 0.75  # one of the hypotheses is of use


@pytest.mark.parametrize(
    "named", ["active:by=luck", "active:rounds=0", "actively:noise=0.5", "actively:hypotheses=1"]
)
def test_bad_settings_are_refused(named):
    with pytest.raises(CuveeError, match="active"):
        select.load(named)


def test_a_start_without_labels_is_refused():
    start = Pool(made().keys, made().sizes, made().points)
    with pytest.raises(CuveeError, match="labels"):
        select.choose(Active(), made(), Quota(rows=5), target=start)
