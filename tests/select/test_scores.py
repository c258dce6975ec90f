"""Scores of difficulty, draws by unequal chances, and the methods that go by them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.order import mixed
from cuvee.core.pool import Pool, Quota
from cuvee.select import ccs, difficulty, samplemix
from cuvee.select.difficulty import drawn, inclusion, learn
from cuvee.select.pruning import Pruning
from cuvee.select.weak import Weak, hardness


def made(rows=400, wrong=0.2, seed=0, classes=3):
    """Points around a center for each class, and which labels were changed."""
    rng = default_rng(seed)
    true = rng.integers(classes, size=rows)
    points = 2.5 * np.eye(classes, 6)[true] + rng.standard_normal((rows, 6)) * 0.5
    bad = rng.random(rows) < wrong
    labels = np.where(bad, (true + 1) % classes, true)
    keys = mixed(np.arange(rows, dtype=np.uint64))
    sizes = rng.integers(5, 50, rows)
    quality = rng.random(rows)
    groups = rng.integers(2, size=rows)
    pool = Pool(keys, sizes, points.astype(np.float32), None, labels, quality, groups, ("a", "b"))
    return pool, bad


def ranks_first(scores, of):
    """Part of the pairs in which one of `of` has the lower score."""
    return np.mean(scores[of][:, None] < scores[~of][None])


def test_wrong_labels_are_hard_by_every_score():
    pool, bad = made()
    found = difficulty.difficulty(pool.points, pool.labels, rng=default_rng(0))
    assert ranks_first(found.margin, bad) > 0.99
    assert ranks_first(-found.error, bad) > 0.99
    assert ranks_first(-found.forgotten, bad) > 0.9
    assert found.forgotten.max() <= 10


@pytest.mark.parametrize("hidden", [0, 5])
def test_slopes_are_those_of_the_loss(hidden):
    rng = default_rng(1)
    x, y, each = rng.standard_normal((20, 4)), rng.integers(3, size=20), rng.random(20)
    sizes = [4, hidden, 3] if hidden else [4, 3]
    flat = [rng.standard_normal(shape) for a, b in pairwise(sizes) for shape in ((a, b), (b,))]

    def loss(parts):
        z = x
        for i in range(0, len(parts), 2):
            z = (np.maximum(z, 0) if i else z) @ parts[i] + parts[i + 1]
        nll = -np.log(difficulty.softmax(z)[np.arange(20), y])
        decay = sum(np.square(w).sum() for w in parts[::2]) / 2
        return np.mean(each * nll) + difficulty.REST * decay

    slopes = difficulty._slopes(tuple(zip(flat[::2], flat[1::2])), x, y, each)
    for i, part in enumerate(flat):
        at = tuple(rng.integers(s) for s in part.shape)
        up, down = ([p.copy() for p in flat] for _ in range(2))
        up[i][at] += 1e-5
        down[i][at] -= 1e-5
        assert slopes[i][at] == pytest.approx((loss(up) - loss(down)) / 2e-5, rel=1e-4, abs=1e-7)


def test_a_hidden_layer_learns_what_a_line_cannot():
    points = default_rng(2).uniform(-1, 1, (800, 2)).astype(np.float32)
    labels = (points[:, 0] * points[:, 1] > 0).astype(int) + 7  # classes need not begin at 0
    right = {}
    for hidden in (0, 32):
        model = learn(points, labels, rng=default_rng(0), epochs=40, hidden=hidden)
        guess = model.classes[model.logits(points).argmax(axis=1)]
        right[hidden] = np.mean(guess == labels)
    assert right[0] < 0.7
    assert right[32] > 0.95


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0.01, 1), st.integers(0, 9))
def test_chances_sum_to_the_count_and_are_in_proportion(weights, part, seed):
    weights, count = np.array(weights), part * len(weights)
    chances = inclusion(weights, count)
    assert (chances > 0).all()
    assert (chances <= 1).all()
    assert chances.sum() == pytest.approx(count)
    free = chances < 1
    some = weights[free] > 1e-200
    ratio = chances[free][some] / weights[free][some]
    assert ratio.size == 0 or np.allclose(ratio, ratio[0])
    order = drawn(chances, default_rng(seed))
    assert np.array_equal(np.sort(order), np.arange(len(weights)))


def test_rows_are_drawn_as_often_as_their_chances_say():
    """20,000 draws: the bound is 5 standard errors of the least certain."""
    chances = inclusion(np.array([1.0, 2, 3, 4, 5, 6, 50]), 3)
    rng, count = default_rng(0), np.zeros(7)
    for _ in range(20_000):
        count[drawn(chances, rng)[:3]] += 1
    assert chances[6] == 1
    assert count[6] == 20_000
    assert np.allclose(count / 20_000, chances, atol=5 * 0.5 / np.sqrt(20_000))


def budgets_of_the_paper(sizes, count):
    """Smallest stratum first; each gets its part of what is left, or all it has."""
    left, given_ = count, np.zeros(len(sizes), int)
    for turn, i in enumerate(np.argsort(sizes)):
        given_[i] = min(sizes[i], left // (len(sizes) - turn))
        left -= given_[i]
    return given_


@pytest.mark.parametrize("count", [10, 60, 180])
def test_turns_are_the_budgets_of_the_paper(count):
    stratum = np.repeat(np.arange(6), (1, 3, 20, 60, 100, 16))
    taken = np.bincount(stratum[ccs.in_turns(stratum, default_rng(0))[:count]], minlength=6)
    expected = budgets_of_the_paper(np.bincount(stratum), count)
    assert taken.sum() == count
    assert (np.abs(taken - expected) <= 1).all()  # what does not divide evenly goes elsewhere


def test_ccs_leaves_the_hardest_out_unless_there_are_no_others():
    pool, bad = made(wrong=0.25)
    found = select.choose(select.load("ccs", beta=0.3), pool, Quota(rows=200))
    assert bad[found.rows].mean() < 0.02
    assert (found.group >= 0).all()
    every = select.choose(select.load("ccs", beta=0.3), pool, Quota(rows=400))
    assert (every.group[:280] >= 0).all()
    assert (every.group[280:] == -1).all()
    assert (np.diff(every.score[280:]) <= 0).all()


@pytest.mark.parametrize(("rows", "left_out"), [(200, "0%"), (100, "10%"), (40, "30%")])
def test_ccs_leaves_out_what_the_paper_found_best(rows, left_out):
    notes = select.choose(select.load("ccs"), made()[0], Quota(rows=rows)).notes
    assert (left_out == "0%" and not notes) or left_out in notes[0]


def test_strata_are_of_equal_width():
    assert ccs.strata_of(np.array([0, 0.49, 0.5, 0.99, 1]), 2).tolist() == [0, 0, 1, 1, 1]
    assert ccs.strata_of(np.ones(3), 5).tolist() == [0, 0, 0]


def test_pruning_by_score_alone_is_a_ranking():
    pool, _ = made()
    by = {"score": "quality", "random": 0.0}
    best = select.choose(select.load("pruning", **by), pool, Quota(rows=30))
    worst = select.choose(select.load("pruning", keep="hardest", **by), pool, Quota(rows=30))
    assert np.array_equal(best.rows, np.argsort(-pool.quality)[:30])
    assert np.array_equal(worst.rows, np.argsort(pool.quality)[:30])
    assert best.weight is None


def test_weights_of_random_rows_stand_for_those_left_out():
    """The mean over 2,000 choices of an estimated sum; the bound is 5 standard errors."""
    pool, _ = made(rows=60)
    value, sums = default_rng(0).random(60), []
    for seed in range(2000):
        found = select.choose(Pruning(score="quality"), pool, Quota(rows=20), seed=seed)
        assert found.weight.sum() == pytest.approx(60)
        sums.append(found.weight @ value[found.rows])
    assert abs(np.mean(sums) - value.sum()) < 5 * np.std(sums) / np.sqrt(2000)
    assert found.group.tolist() == [0] * 10 + [1] * 10


def test_scores_by_quality_need_neither_points_nor_labels():
    assert Pruning().needs == Pruning.needs == ("points", "labels")
    pool = made()[0]
    lean = Pool(pool.keys, pool.sizes, quality=pool.quality)
    for name in ("ccs", "pruning"):
        method = select.load(name, score="quality")
        assert method.needs == ("quality",)
        assert len(select.choose(method, lean, Quota(rows=20))) == 20


def test_weak_prefers_what_the_surrogate_is_unsure_of():
    pool, known = made(800, 0.0)[0], made(100, 0.0, seed=1)[0]
    quota = Quota(rows=80)
    found = {
        alpha: select.choose(Weak(alpha=alpha), pool, quota, target=known)
        for alpha in (-2.0, 0.0, 2.0)
    }
    mean = [found[alpha].score.mean() for alpha in (-2.0, 0.0, 2.0)]
    assert mean[0] < mean[1] < mean[2]
    weighted = select.choose(Weak(alpha=2.0, unbiased=True), pool, quota, target=known)
    assert np.array_equal(weighted.rows, found[2.0].rows)
    hard = weighted.scores**2
    assert np.allclose(1 / weighted.weight, inclusion(hard, 80)[weighted.rows])


def test_hardness_of_two_classes_is_twice_p_times_1_minus_p():
    chances = np.array([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    assert np.allclose(hardness(chances)[:2], [0.5, 0.18])
    assert hardness(chances)[2] > 0  # or a negative exponent would have no end


def test_weak_without_a_target_trains_on_some_of_the_pool():
    found = select.choose(Weak(pilot=0.1), made()[0], Quota(rows=20))
    assert "trained on 40 labelled rows" in found.notes[0]


def spread_pool():
    """A tight cluster, a loose one, and quality that says nothing."""
    rng = default_rng(3)
    centers = np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    kind = np.repeat([0, 1], 100)
    points = centers[kind] + rng.standard_normal((200, 4)) * np.array([0.01, 0.5])[kind][:, None]
    keys = mixed(np.arange(200, dtype=np.uint64))
    pool = Pool(keys, np.full(200, 10), points.astype(np.float32), quality=rng.random(200),
                groups=kind, names=("tight", "loose"))  # fmt: skip
    return pool, kind


def test_samplemix_prefers_loose_clusters_and_tells_the_shares():
    pool, kind = spread_pool()
    method = select.load("samplemix", alpha=1.0, clusters=2)
    found = select.choose(method, pool, Quota(rows=60))
    part = kind[found.rows].mean()
    assert part > 0.9
    assert f"loose {part:.1%}" in found.notes[0]
    assert found.of == "cluster"


def test_samplemix_draws_by_the_softmax():
    """1,000 draws: the bound is 5 standard errors."""
    pool = spread_pool()[0].take(np.arange(0, 200, 10))
    method, count = select.load("samplemix", alpha=0.0), np.zeros(20)
    for seed in range(1000):
        found = select.choose(method, pool, Quota(rows=5), seed=seed)
        count[found.rows] += 1
    weights = np.exp(samplemix.scaled(pool.quality) / 0.2)
    assert np.allclose(count / 1000, inclusion(weights, 5), atol=5 * 0.5 / np.sqrt(1000))
    expected = 5 * weights / weights.sum()
    assert np.allclose(found.weight, (expected / inclusion(weights, 5))[found.rows])


@pytest.mark.parametrize(
    "named",
    ["ccs:beta=1", "ccs:strata=0", "ccs:score=loss", "ccs:epochs=0", "pruning:keep=some",
     "pruning:random=2", "pruning:hidden=-1", "weak:pilot=0", "weak:alpha=inf",
     "samplemix:alpha=2", "samplemix:temperature=0", "samplemix:clusters=-1"],
)  # fmt: skip
def test_bad_settings_are_one_line(named):
    with pytest.raises(CuveeError) as error:
        select.load(named)
    assert "\n" not in str(error.value)
    assert named.partition(":")[0] in str(error.value)
