"""What is special to methods that choose for a target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment

from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, nearest
from cuvee.select.csi import Csi, frechet
from cuvee.select.dsdm import Dsdm, Task, datamodel, parts
from cuvee.select.gio import Gio, Search
from cuvee.select.nearest import Turns, unit
from cuvee.select.rds import Rds
from cuvee.select.tarot import Tarot, transport, whitening
from cuvee.testing.planted_pools import POOLS


def pool_of(points, **more):
    n = len(points)
    given = {"sizes": np.ones(n, np.int64), "points": np.asarray(points, np.float32), **more}
    return Pool(np.arange(n, dtype=np.uint64), **given)


def naive_turns(near):
    """Rows in the order in which targets, in turn, take their next nearest; rows x targets."""
    queues = [sorted(range(len(near)), key=lambda row: (-row_of[row], row)) for row_of in near.T]
    found = []
    for turn in range(len(near)):
        for target, queue in enumerate(queues):
            if queue[turn] not in [row for row, _ in found]:
                found.append((queue[turn], target))
    return found


@given(
    st.integers(1, 40), st.integers(1, 5), st.integers(1, 40), st.integers(1, 9),
    st.integers(0, 10**6), st.sampled_from([1, 7, 1 << 16]),
)  # fmt: skip
@settings(deadline=None, max_examples=80)
def test_turns_are_those_of_a_plain_loop(rows, targets, k, depth, seed, block):
    rng = np.random.default_rng(seed)
    # Axes and few values: many ties, zeros and copies, and products without rounding.
    points = np.eye(4, dtype=np.float32)[rng.integers(4, size=rows)]
    points *= rng.integers(-1, 2, size=(rows, 1))
    wanted = np.eye(4, dtype=np.float32)[rng.integers(4, size=targets)]
    quota, sizes = Quota(rows=min(k, rows)), np.ones(rows, np.int64)
    kept, nearest.BLOCK = nearest.BLOCK, block
    try:
        found = Turns.of(points, wanted, sizes, quota, depth)
    finally:
        nearest.BLOCK = kept
    expected = naive_turns(points @ wanted.T)[: quota.rows]
    assert list(zip(found.rows.tolist(), found.target.tolist()))[: quota.rows] == expected
    assert np.array_equal(found.near, (points @ wanted.T)[found.rows, found.target])
    assert np.array_equal(found.best, (points @ wanted.T).max(axis=1))


def test_turns_end_with_the_best_of_the_rest_when_lists_may_not_grow(monkeypatch):
    monkeypatch.setattr(nearest, "MOST", 100)
    rng = np.random.default_rng(0)
    pool, target = pool_of(rng.normal(size=(300, 5))), pool_of(np.ones((4, 5)))
    found = choose(Rds(), pool, Quota(rows=300), target=target)
    assert sorted(found.rows) == list(range(300))
    assert (np.diff(found.score[-200:]) <= 0).all()
    assert "Lists of nearest rows ran out" in found.notes[-1]


def test_rds_serves_every_target_alike():
    rng = np.random.default_rng(1)
    axes = np.eye(6)
    points = np.concatenate([axes[i] * 3 + 0.2 * rng.normal(size=(50, 6)) for i in range(6)])
    target = np.concatenate([axes[[0]], axes[[3]]])
    found = choose(Rds(), pool_of(points), Quota(rows=20), target=pool_of(target))
    assert np.array_equal(np.bincount(found.rows // 50, minlength=6), [10, 0, 0, 10, 0, 0])
    assert sorted(np.bincount(found.group)) == [10, 10]


def test_rds_centred_sees_past_a_common_direction():
    rng = np.random.default_rng(2)
    kinds = rng.integers(2, size=200)
    points = np.array([[100, 1], [100, -1]])[kinds] + 0.3 * rng.normal(size=(200, 2))
    found = choose(Rds(centred=True), pool_of(points), Quota(rows=50), target=pool_of([[100, 1.0]]))
    assert kinds[found.rows].mean() < 0.1


def test_transport_is_near_that_of_an_exact_solver():
    rng = np.random.default_rng(3)
    a, b = (unit(rng.normal(size=(40, 6))) for _ in range(2))
    cost = np.sqrt(np.maximum(2 - 2 * (a @ b.T), 0))
    exact = cost[linear_sum_assignment(cost)].mean()
    assert transport(a, b, 0.01) == pytest.approx(exact, rel=0.02)
    assert transport(a, a, 0.01) < 0.1 * exact
    assert transport(a, np.repeat(a, 3, axis=0), 0.01) < 0.1 * exact


def test_whitening_takes_correlation_out():
    rng = np.random.default_rng(4)
    mix = rng.normal(size=(5, 5)) * np.array([100, 1, 1, 1, 0.01])
    pool, target = (rng.normal(size=(n, 5)) @ mix + 7 for n in (4000, 50))
    view = whitening(pool.astype(np.float32), target.astype(np.float32), 1e-9)
    found = view(pool.astype(np.float32))
    # Of length 1, so that each of 5 directions has a fifth of the variance.
    assert np.allclose(np.cov(found.T), np.eye(5) / 5, atol=0.02)


def test_tarot_covers_two_modes_and_proposes_a_size():
    rng = np.random.default_rng(5)
    centers = 6 * np.eye(8)[:4]
    kinds = np.repeat(np.arange(4), 100)
    pool = pool_of(centers[kinds] + rng.normal(size=(400, 8)))
    wanted = np.repeat([0, 1], [24, 6])
    target = pool_of(centers[wanted] + rng.normal(size=(30, 8)))
    found = choose(Tarot(), pool, Quota(rows=60), target=target)
    taken = np.bincount(kinds[found.rows], minlength=4)
    assert taken[2:].sum() <= 3
    assert taken[1] >= 8
    said = int(found.notes[0].split("take ")[1].split(" rows")[0])
    assert 10 <= said <= 300
    few = choose(Tarot(most=10), pool, Quota(rows=5), target=target)
    assert "10 of 30 target rows were looked at" in few.notes[1]
    one = choose(Tarot(), pool, Quota(rows=5), target=target.take(np.array([0])))
    assert "no size is proposed" in one.notes[0]


def divergence(x, y, k):
    """As in the docstring of `Search`."""
    n, d = x.shape
    own = np.sort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)[:, k]
    far = np.linalg.norm(x[:, None] - y, axis=2)
    j = np.arange(1, len(y) + 1)
    return (
        d * np.log(far).mean() - d * np.log(own).mean() + np.log(k * len(y) / (j * (n - 1))).mean()
    )


def test_divergence_and_gradient_are_right():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(9, 4))
    search = Search.of(x, y[:5], 5)
    falls = [search.add(point) for point in y[5:]]
    assert search.value == pytest.approx(divergence(x, y, 5), rel=1e-6)
    assert falls[-1] == pytest.approx(divergence(x, y[:8], 5) - divergence(x, y, 5), rel=1e-5)
    v, step = rng.normal(size=4), 1e-5
    slope = [
        (divergence(x, np.vstack([y, v + step * e]), 5)
         - divergence(x, np.vstack([y, v - step * e]), 5)) / (2 * step)
        for e in np.eye(4)
    ]  # fmt: skip
    assert np.allclose(search.gradient(v), slope, rtol=1e-4)


def test_gio_stops_by_itself_and_goes_on():
    rng = np.random.default_rng(7)
    near, far = (rng.normal(size=(100, 3)) + np.array([x, 0, 0]) for x in (0, 12))
    target = pool_of(rng.normal(size=(60, 3)))
    pool = pool_of(np.vstack([near, far]))
    found = choose(Gio(), pool, Quota(rows=120), target=target)
    assert (found.rows[:90] < 100).all()
    stop = int(found.notes[0].split("after ")[1].split(" cells")[0])
    assert (found.score[:stop] > 0).all()
    assert found.score[stop] < 0
    for begin in ("last", "jump"):
        other = choose(Gio(begin=begin), pool, Quota(rows=50), target=target)
        assert (other.rows < 100).mean() > 0.9


def test_gio_takes_cells_of_a_large_pool_whole():
    rng = np.random.default_rng(8)
    centers = 20 * rng.normal(size=(12, 4))
    kinds = rng.integers(12, size=2000)
    pool = pool_of(centers[kinds] + rng.normal(size=(2000, 4)))
    target = pool_of(centers[3] + rng.normal(size=(50, 4)))
    found = choose(Gio(cells=40), pool, Quota(rows=100), target=target)
    assert (kinds[found.rows] == 3).mean() > 0.95
    assert found.group.max() < 40
    assert (np.diff(found.group) != 0).sum() + 1 == len(np.unique(found.group))
    rest = choose(Gio(cells=40), pool, Quota(rows=2000), target=target)
    assert sorted(rest.rows) == list(range(2000))


def test_frechet_is_the_distance_of_normal_distributions():
    rng = np.random.default_rng(9)
    a, b = (rng.normal(size=(5, 5)) for _ in range(2))
    a, b = a @ a.T, b @ b.T
    m, n = rng.normal(size=(2, 5))
    expected = np.sum((m - n) ** 2) + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet((m, a), (n, b)) == pytest.approx(expected, rel=1e-9)
    assert frechet((m, a), (m, a)) == pytest.approx(0, abs=1e-9)


def test_csi_takes_whole_sources_the_nearest_first():
    rng = np.random.default_rng(10)
    groups = rng.permutation(np.repeat([0, 1, 2], 50))
    points = np.array([[3.0, 0], [0.5, 0], [9, 0]])[groups] + rng.normal(size=(150, 2))
    pool = pool_of(points, groups=groups, names=("b", "a", "c"))
    target = pool_of(rng.normal(size=(40, 2)))
    found = choose(Csi(), pool, Quota(rows=120), target=target)
    assert np.array_equal(groups[found.rows], np.repeat([1, 0, 2], [50, 50, 20]))
    assert found.notes[0].index("a ") < found.notes[0].index("b ") < found.notes[0].index("c ")
    other = choose(Csi(), pool, Quota(rows=20), target=target, seed=1)
    assert (groups[other.rows] == 1).all()
    assert set(other.rows) != set(found.rows[:20])


def test_datamodel_finds_planted_slopes_and_states_its_fit():
    rng = np.random.default_rng(11)
    masks = parts(300, 60, 0.5, rng)
    assert (masks.sum(axis=1) == 30).all()
    true = rng.normal(size=60)
    outcomes = masks @ true + rng.normal(size=300)
    slopes, fit = datamodel(masks, outcomes)
    assert np.corrcoef(slopes, true)[0, 1] > 0.95
    assert fit == pytest.approx(15 / 16, abs=0.06)
    assert datamodel(masks, rng.normal(size=300))[1] < 0.1
    assert datamodel(masks, np.ones(300))[0] == pytest.approx(0)


def test_stated_fit_is_that_of_leaving_one_out():
    rng = np.random.default_rng(12)
    masks = parts(40, 10, 0.5, rng)
    outcomes = masks @ rng.normal(size=10) + rng.normal(size=40)
    signs = masks - masks.mean(axis=0)
    slopes, fit = datamodel(masks, outcomes)
    rest = outcomes - outcomes.mean()
    # The penalty that was chosen, from the normal equations of its own slopes.
    ridge = np.median((signs.T @ (rest - signs @ slopes)) / slopes)
    wrong = []
    for i in range(40):
        kept = np.arange(40) != i
        middle, mean = masks[kept].mean(axis=0), outcomes[kept].mean()
        x = masks[kept] - middle
        w = np.linalg.solve(x.T @ x + ridge * np.eye(10), x.T @ (outcomes[kept] - mean))
        wrong.append(outcomes[i] - mean - (masks[i] - middle) @ w)
    assert fit == pytest.approx(1 - np.mean(np.square(wrong)) / np.var(outcomes), abs=2e-3)


def test_models_of_dsdm_are_trained():
    made = POOLS["labels"].pool()
    task = Task.of(made.pool, made.pool, 400, 0.01)
    every = np.ones((1, len(made.pool)), bool)
    weights = task.trained(every).astype(float)
    logits = task.x @ weights
    part = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    part[np.arange(len(part)), task.y] -= 1
    slope = task.x.T @ part / len(part) + 0.01 * weights
    assert np.abs(slope).max() < 1e-3
    margin, loss = (task.outcomes(every, outcome)[0] for outcome in ("margin", "loss"))
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = logs[np.arange(len(part)), task.y]
    assert loss == pytest.approx(right.mean(), rel=1e-4)
    assert margin == pytest.approx((right - np.log1p(-np.exp(right))).mean(), rel=1e-4)


def test_groups_of_models_change_nothing(monkeypatch):
    planted = POOLS["labels"]
    pool, target = planted.pool().pool, planted.target()
    task = Task.of(pool, target, 30, 0.01)
    masks = parts(7, len(pool), 0.5, np.random.default_rng(0))
    whole = task.outcomes(masks)
    monkeypatch.setattr("cuvee.select.dsdm.HELD", 3 * 2 * len(pool))
    assert task.outcomes(masks) == pytest.approx(whole, rel=1e-4)


def test_dsdm_finds_wrong_labels_by_either_outcome():
    planted = POOLS["labels"]
    made, target = planted.pool(), planted.pool(1)
    clean = target.pool.take(np.flatnonzero(target.right))
    for outcome in ("margin", "loss"):
        found = choose(Dsdm(outcome=outcome), made.pool, Quota(rows=60), target=clean)
        assert made.right[found.rows].mean() > 0.95
        assert "The slopes explain" in found.notes[0]


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        (Tarot, {"folds": 1}), (Tarot, {"blur": 0}), (Gio, {"cells": 0}), (Gio, {"begin": "x"}),
        (Gio, {"rate": 0}), (Csi, {"ridge": -1}), (Dsdm, {"alpha": 1}), (Dsdm, {"outcome": "f1"}),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(method, wrong):
    with pytest.raises(CuveeError, match=f"{method.__name__.lower()}: "):
        method(**wrong)
