"""What is special to k-center, herding, prototypes, MIG, NovelSum and the sparse autoencoder."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.sparse import csr_array

from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.greedy import greedy
from cuvee.select.kernels import unit
from cuvee.select.mig import Information
from cuvee.select.novelsum import densities, novelsum
from cuvee.select.sae import Autoencoder, Cover, _slopes, _values


def pool(x, **more):
    keys = np.arange(len(x), dtype=np.uint64)
    return Pool(keys, np.ones(len(x), np.int64), points=np.asarray(x, np.float32), **more)


def clustered(sizes, dims=6, seed=0, wide=0.2):
    rng = default_rng(seed)
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    places = 3 * rng.normal(size=(len(sizes), dims))
    return places[kinds] + wide * rng.normal(size=(len(kinds), dims)), kinds


def radius(x, rows):
    return np.linalg.norm(x[:, None] - x[rows][None], axis=2).min(axis=1).max()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_k_center_is_at_most_twice_the_best_radius(seed, k):
    x = default_rng(seed).normal(size=(11, 2))
    found = choose(load("k_center"), pool(x), Quota(rows=k))
    best = min(radius(x, list(rows)) for rows in combinations(range(11), k))
    assert radius(x, found.rows) <= 2 * best + 1e-5
    assert float(found.notes[0].split()[5]) == pytest.approx(radius(x, found.rows), rel=1e-3)


def test_k_center_takes_the_farthest_and_copies_last():
    x = default_rng(0).normal(size=(30, 3))
    x = np.vstack([x, x])
    found = choose(load("k_center"), pool(x), Quota(rows=60))
    assert len(set((found.rows[:30] % 30).tolist())) == 30
    for i in range(1, 30):
        away = np.linalg.norm(x[:, None] - x[found.rows[:i]][None], axis=2).min(axis=1)
        assert found.score[i] == pytest.approx(away.max(), rel=1e-4)
    assert (found.score[30:] == 0).all()


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_herding_has_the_mean_of_the_pool(kernel):
    """Nearer than 9 of 10 random choices, by far."""
    x, _ = clustered([300, 200, 100], wide=1.0)
    found = choose(load(f"herding:kernel={kernel}"), pool(x), Quota(rows=30))
    rng = default_rng(0)

    def missed(rows):
        return np.linalg.norm(x[rows].mean(axis=0) - x.mean(axis=0))

    random = [missed(rng.choice(600, 30, replace=False)) for _ in range(50)]
    assert missed(found.rows) < 0.5 * np.quantile(random, 0.1)


def test_herding_averages_over_some_rows_where_there_are_many():
    x, kinds = clustered([300, 200, 100], wide=1.0)
    found = choose(load("herding:sites=150"), pool(x), Quota(rows=60))
    assert np.abs(np.bincount(kinds[found.rows]) / 60 - [0.5, 1 / 3, 1 / 6]).max() < 0.12


def test_prototypes_by_their_end_and_share():
    x, kinds = clustered([80, 40, 20], wide=0.5)
    settings = "prototypes:metric=euclidean:clusters=3"
    easy, hard = (choose(load(f"{settings}:end={end}"), pool(x), Quota(rows=28)) for end in
                  ("easy", "hard"))  # fmt: skip
    away = np.linalg.norm(
        x - np.array([x[kinds == i].mean(axis=0) for i in range(3)])[kinds], axis=1
    )
    assert away[easy.rows].max() < away[hard.rows].min()
    assert np.bincount(kinds[hard.rows]).tolist() == [16, 8, 4]
    equal = choose(load(f"{settings}:share=equal"), pool(x), Quota(rows=30))
    assert np.bincount(kinds[equal.rows]).tolist() == [10, 10, 10]
    none = choose(load(f"{settings}:share=none"), pool(x), Quota(rows=20))
    assert set(none.rows.tolist()) == set(np.argsort(-away)[:20].tolist())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_mig_is_the_slope_of_the_information(seed, many):
    """Lazy choice is the search through all rows, by the formula of the paper in full."""
    rng = default_rng(seed)
    n, labels = 20, 5
    tags = np.array([rng.permutation(labels)[:many] for _ in range(n)])[rng.integers(n, size=n)]
    quality = rng.integers(0, 4, n).astype(float)
    quality[0] = 3
    passing = rng.random((labels, labels))
    passing /= passing.sum(axis=0)
    vectors = np.zeros((n, labels))
    np.put_along_axis(vectors, tags, quality[:, None] / many, axis=1)
    state = Information(tags, quality, passing, 0.8)
    rows, gains = greedy(state, np.ones(n, np.int64), Quota(rows=10))
    got = np.zeros(labels)
    for i, row in enumerate(rows):
        each = vectors @ passing @ (0.8 * (got + 3e-6) ** -0.2)
        each[rows[:i]] = -np.inf
        assert each[row] == pytest.approx(each.max(), rel=1e-9)
        assert gains[i] == pytest.approx(each.max(), rel=1e-9)
        got += vectors[row] @ passing


def test_mig_takes_the_best_of_every_cluster():
    x, kinds = clustered([80, 40, 20, 10])
    quality = default_rng(0).random(150)
    for labels in ("clusters:clusters=4", "given"):
        found = choose(
            load(f"mig:labels={labels}:threshold=1"), pool(x, labels=kinds, quality=quality),
            Quota(rows=12),
        )  # fmt: skip
        counts = np.bincount(kinds[found.rows], minlength=4)
        assert counts.min() >= 2
        for kind in range(4):
            mine = quality[found.rows[kinds[found.rows] == kind]]
            assert mine.min() >= np.sort(quality[kinds == kind])[-len(mine)]


def test_mig_says_what_it_makes_of_quality_below_0():
    x, _ = clustered([30, 10])
    found = choose(load("mig"), pool(x, quality=default_rng(0).normal(size=40)), Quota(rows=40))
    assert "below 0" in found.notes[0]
    assert len(found) == 40


@pytest.mark.parametrize("kind", ["chosen", "both"])
def test_novelsum_takes_the_row_of_the_highest_novelty(kind):
    x = default_rng(0).normal(size=(60, 5))
    found = choose(load(f"novelsum:densities={kind}"), pool(x), Quota(rows=20), seed=1)
    ways = unit(x)
    away = np.linalg.norm(ways[:, None] - ways[None], axis=2)
    near = np.sort(away, axis=1)[:, 1:11].mean(axis=1)
    dense = near**-0.5
    assert np.allclose(densities(ways, 10, 0.5), dense, rtol=1e-3)
    for i in range(1, 20):
        done = found.rows[:i]
        factor = dense[done] + (dense[:, None] if kind == "both" else 0)
        each = np.sort((1 - ways @ ways[done].T) * factor, axis=1) @ (1 / np.arange(1, i + 1))
        each[done] = -np.inf
        assert found.score[i] == pytest.approx(each.max(), rel=1e-3)
        assert each[found.rows[i]] == pytest.approx(each.max(), rel=1e-3)


def test_density_among_some_rows_tells_the_same_rows_apart():
    x = unit(clustered([300, 100], wide=0.5)[0])
    whole = densities(x, 10, 0.5)
    some = densities(x, 3, 0.5, np.arange(0, 400, 3))
    assert np.corrcoef(whole, some)[0, 1] > 0.8
    assert (densities(x, 3, 0, None) == 1).all()


def test_novelsum_of_sets_whose_order_is_known():
    """More kinds are more diverse than fewer, and copies are none."""
    few, _ = clustered([30, 30])
    many, _ = clustered([10] * 6)
    assert novelsum(many) > 1.5 * novelsum(few)
    assert novelsum(np.ones((5, 3))) == pytest.approx(0, abs=1e-6)
    three = np.eye(3)
    assert novelsum(three) == pytest.approx(1)
    assert novelsum(three, np.array([2.0, 2.0, 2.0])) == pytest.approx(2)


def test_sae_slopes_are_those_of_the_error():
    rng = default_rng(0)
    x = rng.normal(size=(20, 4))
    weights = [rng.normal(size=(9, 4)), rng.normal(size=9), rng.normal(size=(9, 4)),
               rng.normal(size=4)]  # fmt: skip

    def error():
        into, bias, out, shift = weights
        missed = _values(x, into, bias, shift, 3) @ out + shift - x
        return np.sum(missed**2) / len(x)

    into, bias, out, shift = weights
    slopes = _slopes(x, into, bias, out, shift, 3)
    for weight, slope in zip(weights, slopes, strict=True):
        for i in rng.integers(weight.size, size=6):
            at = np.unravel_index(i, weight.shape)
            kept = weight[at]
            weight[at] = kept + 1e-6
            up = error()
            weight[at] = kept - 1e-6
            down = error()
            weight[at] = kept
            assert (up - down) / 2e-6 == pytest.approx(slope[at], rel=1e-4, abs=1e-5)


def test_sae_finds_planted_features():
    """Points are sums of 2 of 16 directions: its features leave a tenth of the variance."""
    rng = default_rng(0)
    ways = rng.normal(size=(16, 12))
    has = np.zeros((3000, 16))
    for row in has:
        row[rng.choice(16, 2, replace=False)] = 1 + rng.random(2)
    x = (has @ ways).astype(np.float32)
    fitted = Autoencoder.fit(x, 48, 4, 800, 3e-3, default_rng(1))
    axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[1] ** 2
    assert fitted.left(x) < 0.1 < 1 - axes[:4].sum() / axes.sum()  # as few linear axes leave more
    found = fitted.features(x, 0.1)
    assert np.diff(found.indptr).max() <= 4
    assert set(np.unique(found.data)) == {1}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_sae_covers_anew_when_all_is_covered(seed):
    rng = default_rng(seed)
    has = rng.random((15, 6)) < 0.25
    rows, gains = greedy(Cover(csr_array(has.astype(np.int8)), 6), np.ones(15, np.int64),
                         Quota(rows=12))  # fmt: skip
    covered = np.zeros(6, bool)
    for i, row in enumerate(rows):
        each = (has & ~covered).sum(axis=1).astype(float)
        each[rows[:i]] = -1
        assert gains[i] == each.max()
        assert row == np.argmax(each)
        covered |= has[row]
        rest = np.delete((has & ~covered).sum(axis=1), rows[: i + 1])
        if not rest.any():
            covered[:] = False


@pytest.mark.parametrize(
    "name",
    ["k_center:metric=l1", "k_center:start=end", "herding:sites=0", "herding:kernel=cosine",
     "prototypes:end=odd", "prototypes:clusters=-1", "prototypes:share=fair", "mig:power=1",
     "mig:tags=0", "mig:labels=own", "mig:threshold=2", "novelsum:ranks=0",
     "novelsum:densities=all", "sae:active=0", "sae:rate=0", "sae:threshold=1"],
)  # fmt: skip
def test_settings_are_checked(name):
    with pytest.raises(CuveeError):
        load(name)
