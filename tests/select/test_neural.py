"""The set encoder: its slopes, its symmetry, and what the superset's statistic is good for."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import neural
from cuvee.select.neural import Neural, jaccard


def drawn(rng, sets=16, members=20, wanted=5):
    """Wanted are the members that lie furthest in the direction of the superset's mean."""
    points = rng.standard_normal((sets, 1, 3)) + rng.standard_normal((sets, members, 3))
    along = np.einsum("smf,sf->sm", points, points.mean(axis=1))
    rank = np.argsort(np.argsort(-along, axis=1), axis=1)
    return points.astype(np.float32), rank < wanted


@pytest.mark.parametrize("superset", [True, False])
def test_slopes_are_those_of_the_loss(superset):
    rng = default_rng(0)
    x, member = drawn(rng, sets=3, members=6, wanted=2)
    x = x.astype(np.float64)
    weights = [w + 0.1 * rng.standard_normal(w.shape) for w in neural._start(3, 4, rng)]

    def loss(parts):
        w1, b1, w2, b2, w3, w4, b3, w5, b5 = parts
        counted = np.ones(member.shape) if superset else member.astype(float)
        counted /= counted.sum(axis=1, keepdims=True)
        statistic = (counted[:, :, None] * np.maximum(x @ w2 + b2, 0)).sum(axis=1)
        own = np.maximum(x @ w1 + b1, 0)
        odds = np.maximum(own @ w3 + (statistic @ w4)[:, None] + b3, 0) @ w5 + b5
        return np.mean(np.logaddexp(0, odds) - member * odds)

    slopes = neural._slopes(weights, x, member, superset)
    for i, part in enumerate(weights):
        at = tuple(rng.integers(s) for s in part.shape)
        up, down = ([np.array(p) for p in weights] for _ in range(2))
        up[i][at] += 1e-5
        down[i][at] -= 1e-5
        slope = (loss(up) - loss(down)) / 2e-5
        assert np.asarray(slopes[i])[at] == pytest.approx(slope, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("superset", [True, False])
def test_order_of_the_members_does_not_matter(superset):
    method = Neural(superset=superset, steps=20)
    encoder = method.fit(drawn, 3, rng=default_rng(0))
    points = drawn(default_rng(1))[0][0]
    order = default_rng(2).permutation(len(points))
    assert np.allclose(
        encoder.scores(points[order], 5), encoder.scores(points, 5)[order], atol=1e-9
    )


def test_the_superset_tells_what_is_wanted():
    found = {}
    for superset in (True, False):
        encoder = Neural(superset, 16, steps=600, rate=0.01).fit(drawn, 3, rng=default_rng(0))
        sets, member = drawn(default_rng(9), sets=60)
        found[superset] = np.mean([
            jaccard(np.argsort(-encoder.scores(points, 5))[:5], np.flatnonzero(wanted))
            for points, wanted in zip(sets, member)
        ])  # fmt: skip
    assert found[True] > found[False] + 0.05
    assert found[True] > 0.65


def test_blocks_change_nothing(monkeypatch):
    encoder = Neural(steps=5).fit(drawn, 3, rng=default_rng(0))
    points = default_rng(1).standard_normal((50, 3)).astype(np.float32)
    whole = encoder.scores(points, 10)
    monkeypatch.setattr(neural, "BLOCK", 7)
    assert np.allclose(encoder.scores(points, 10), whole, atol=1e-12)


def test_rows_like_the_target_come_first():
    rng = default_rng(4)
    kind = rng.integers(4, size=300)
    centers = 3 * np.eye(4)
    points = (centers[kind] + rng.standard_normal((300, 4))).astype(np.float32)
    pool = Pool(np.arange(300, dtype=np.uint64), np.ones(300, np.int64), points)
    wanted = (centers[2] + rng.standard_normal((15, 4))).astype(np.float32)
    target = Pool(np.arange(15, dtype=np.uint64), np.ones(15, np.int64), wanted)
    found = select.choose(Neural(), pool, Quota(rows=50), target=target)
    assert (kind[found.rows] == 2).mean() > 0.9


def test_jaccard_index():
    assert jaccard(np.array([1, 2, 3]), np.array([2, 3, 4])) == 0.5
    assert jaccard(np.array([], int), np.array([], int)) == 0


@pytest.mark.parametrize("setting", ["hidden=0", "members=1", "rate=0", "rounds=0"])
def test_bad_settings_are_refused(setting):
    with pytest.raises(CuveeError, match="neural"):
        select.load(f"neural:{setting}")
