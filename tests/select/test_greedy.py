"""Greedy choice is what a search through all rows gives, on data with copies and empty rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.functions import Covered, Cut, Facility, Features, LogDet, Saturated
from cuvee.select.greedy import greedy, stochastic
from cuvee.select.kernels import Kernel
from cuvee.select.serving import Listed, Made, Table, Updated
from cuvee.select.submodular import FUNCTIONS

MEMORY = 1e9


@st.composite
def points(draw):
    """A few places, each taken by several rows, and rows of zeros."""
    places = draw(st.integers(1, 6))
    rng = default_rng(draw(st.integers(0, 10_000)))
    table = np.vstack([rng.normal(size=(places, 3)), np.zeros((1, 3))])
    if draw(st.booleans()):
        table = np.round(table)  # many ties
    rows = draw(st.lists(st.integers(0, places), min_size=1, max_size=24))
    return table[rows].astype(np.float32)


def naive(value, n, k):
    """The first row of the highest gain, found by trying all."""
    rows, gains = [], []
    for _ in range(k):
        now = value(rows)
        each = [value([*rows, j]) - now if j not in rows else -np.inf for j in range(n)]
        rows.append(int(np.argmax(each)))
        gains.append(max(each))
    return rows, gains


def searched(state, n, k):
    """As `naive`, by the gains that the state states."""
    rows, gains = [], []
    for _ in range(k):
        each = state.gains(np.arange(n))
        each[rows] = -np.inf
        rows.append(int(np.argmax(each)))
        gains.append(float(each.max()))
        state.add(rows[-1])
    return rows, gains


def ones(n):
    return np.ones(n, np.int64)


def nearest(table):
    return lambda rows: float(table[rows].max(axis=0, initial=0).sum(dtype=np.float64))


@settings(max_examples=60, deadline=None)
@given(points(), st.sampled_from(["cosine", "rbf"]), st.sampled_from([0.0, 0.3, 2.0]))
def test_facility_location_is_exact(x, kind, few):
    """Lazy, kept and listed alike, whenever the lists are made; gains to the bit."""
    kernel, n = Kernel.of(x, kind), len(x)
    k = min(n, 12)
    table = kernel.table()
    assert np.array_equal(table, table.T)
    rows, gains = naive(nearest(table), n, k)
    lazy = Facility(kernel)
    lazy.table = table
    for state in (lazy, Updated(Table(table), few), Listed(kernel.neighbours(n - 1))):
        found = greedy(state, ones(n), Quota(rows=k))
        assert found[0].tolist() == rows
        assert found[1].tolist() == gains


@settings(max_examples=40, deadline=None)
@given(points(), st.integers(1, 6))
def test_facility_location_of_neighbours_is_exact(x, many):
    kernel, n = Kernel.of(x), len(x)
    near = kernel.neighbours(many)
    rows, gains = naive(nearest(near.toarray()), n, min(n, 12))
    found = greedy(Listed(near), ones(n), Quota(rows=len(rows)))
    assert found[0].tolist() == rows
    assert found[1].tolist() == gains


@settings(max_examples=60, deadline=None)
@given(points(), st.sampled_from(["saturated", "covered"]))
def test_functions_of_similarity_are_exact(x, which):
    kernel, n = Kernel.of(x), len(x)
    table = kernel.table().astype(np.float64)
    if which == "saturated":
        state = Saturated(kernel, 0.25, MEMORY)
        limit = state.room.copy()
        rows, gains = naive(lambda s: np.minimum(table[s].sum(axis=0), limit).sum(), n, min(n, 12))
    else:
        state = Covered(kernel, 0.5, MEMORY)
        rows, gains = naive(lambda s: float((table[s] >= 0.5).any(axis=0).sum()), n, min(n, 12))
    found = greedy(state, ones(n), Quota(rows=len(rows)))
    assert found[0].tolist() == rows
    assert found[1].tolist() == gains


@settings(max_examples=40, deadline=None)
@given(points(), st.sampled_from([0.5, 2.0, 3.3]))
def test_graph_cut_is_the_cut(x, trade):
    """The gains of the definition, and no other row would have had more."""
    kernel, n = Kernel.of(x), len(x)
    table = kernel.table().astype(np.float64)

    def value(rows):
        return trade * table[:, rows].sum() - table[np.ix_(rows, rows)].sum()

    rows, gains = greedy(Cut(kernel, trade), ones(n), Quota(rows=min(n, 8)))
    for i, row in enumerate(rows):
        done = rows[:i].tolist()
        each = [value([*done, j]) - value(done) for j in range(n) if j not in done]
        assert gains[i] == pytest.approx(max(each), abs=1e-3)
        assert gains[i] == pytest.approx(value([*done, row]) - value(done), abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(points(), st.sampled_from(["sqrt", "log"]))
def test_feature_based_is_exact_and_right(x, concave):
    """Lazy is naive, whatever rounding does; and the gains are those of the definition."""
    amounts, n = np.abs(x), len(x)
    k = min(n, 12)
    rows, gains = searched(Features(amounts, concave), n, k)
    found = greedy(Features(amounts, concave), ones(n), Quota(rows=k))
    assert found[0].tolist() == rows
    assert found[1].tolist() == gains
    shape = np.sqrt if concave == "sqrt" else np.log1p
    value = [shape(amounts[rows[:i]].sum(axis=0, dtype=float)).sum() for i in range(k + 1)]
    assert np.allclose(np.diff(value), gains)


@settings(max_examples=40, deadline=None)
@given(points())
def test_log_det_is_the_determinant(x):
    """Of 1 + K, and no other row would have had more."""
    n = len(x)
    state = LogDet(x, 2.0)
    inner = 2.0 * (state.points @ state.points.T).astype(float)

    def value(rows):
        return np.linalg.slogdet(np.eye(len(rows)) + inner[np.ix_(rows, rows)])[1]

    rows, gains = greedy(state, ones(n), Quota(rows=min(n, 8)))
    for i, row in enumerate(rows):
        done = rows[:i].tolist()
        each = [value([*done, j]) - value(done) for j in range(n) if j not in done]
        assert gains[i] == pytest.approx(max(each), abs=1e-5)
        assert gains[i] == pytest.approx(value([*done, row]) - value(done), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(points(), st.integers(0, 10_000), st.integers(1, 120))
def test_tokens_are_kept(x, seed, tokens):
    """Lazy and kept take the same rows, none too long, until none fits or enough are there."""
    n, k = len(x), Quota(tokens=tokens)
    sizes = default_rng(seed).integers(1, 40, n)
    kernel = Kernel.of(x)
    table = kernel.table()
    lazy = Facility(kernel)
    lazy.table = table
    rows, _ = greedy(lazy, sizes, k)
    assert rows.tolist() == greedy(Updated(Table(table), 0.3), sizes, k)[0].tolist()
    used = sizes[rows].sum()
    assert used <= tokens
    rest = np.delete(sizes, rows)
    assert k.full(len(rows), int(used)) or not len(rest) or rest.min() > tokens - used


def clustered(n=600, dims=8, seed=0):
    rng = default_rng(seed)
    return (rng.normal(size=(30, dims))[rng.integers(30, size=n)]
            + 0.4 * rng.normal(size=(n, dims))).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize("kind", ["cosine", "rbf"])
@pytest.mark.parametrize("few", [0.0, 0.1, 2.0])
def test_similarities_made_again_give_the_same_value(kind, few):
    x = clustered()
    kernel = Kernel.of(x, kind)
    kept, made, lazy = (
        greedy(state, ones(len(x)), Quota(rows=80))
        for state in (Updated(Table(kernel.table())), Updated(Made(kernel), few), Facility(kernel))
    )
    value = nearest(kernel.table())
    for rows, gains in (made, lazy):
        assert value(rows) == pytest.approx(value(kept[0]), rel=1e-6)
        assert gains == pytest.approx(kept[1], rel=1e-3, abs=1e-3)


def test_random_sites_are_served_alike_by_both_ways():
    """Kept up to date or lazily: the same rows, where no gains are nearly equal."""
    x = default_rng(0).normal(size=(500, 6)).astype(np.float32)
    kernel = Kernel.of(x, "rbf", sites=np.sort(default_rng(1).permutation(500)[:150]))
    lazy = greedy(Facility(kernel), ones(500), Quota(rows=60))
    made = greedy(Updated(Made(kernel), 0.1), ones(500), Quota(rows=60))
    assert np.mean(lazy[0] == made[0]) > 0.9
    assert made[1].sum() == pytest.approx(lazy[1].sum(), rel=1e-6)


def test_stochastic_is_nearly_as_good_and_not_the_same():
    x = clustered()
    kernel, k = Kernel.of(x), Quota(rows=60)
    best = greedy(Facility(kernel), ones(len(x)), k)
    some = greedy(Facility(kernel), ones(len(x)), k, rng=default_rng(0), epsilon=0.05)
    assert 0.97 * best[1].sum() < some[1].sum() < best[1].sum()
    assert len(set(some[0].tolist())) == 60
    all_rows = stochastic(Facility(kernel), ones(len(x)), Quota(rows=len(x)), default_rng(0), 0.05)
    assert sorted(all_rows[0].tolist()) == list(range(len(x)))


class Rounded:
    """Gains that all fall with each row, but by rounding some may rise by 1e-9."""

    slack = 1e-8

    def __init__(self, seed, n):
        rng = default_rng(seed)
        fall = rng.choice([0.5, 0.9, 1.0], size=(n + 1, n))
        fall[0] = 1
        self.each = np.round(3 * rng.random(n)) * np.cumprod(fall, axis=0)
        self.each = np.where(self.each > 0, self.each + 1e-9 * rng.random((n + 1, n)), 0)
        self.step = 0

    def gains(self, rows):
        return self.each[self.step, rows]

    def add(self, row):
        self.step += 1


def test_lazy_is_the_search_where_rounding_raises_gains():
    for seed in range(60):
        rows, gains = searched(Rounded(seed, 20), 20, 20)
        found = greedy(Rounded(seed, 20), ones(20), Quota(rows=20))
        assert found[0].tolist() == rows
        assert found[1].tolist() == gains


def test_rows_that_add_nothing_are_not_asked_again():
    asked = []

    class Counted(Features):
        def gains(self, rows):
            asked.append(len(rows))
            return super().gains(rows)

    amounts = np.zeros((800, 4), np.float32)
    amounts[:5] = default_rng(0).random((5, 4))
    found = greedy(Counted(amounts, "sqrt"), ones(800), Quota(rows=200))
    assert found[0][5:].tolist() == list(range(5, 200))
    assert sum(asked) < 800 + 3 * 200


def test_lazy_asks_few_rows():
    """After the first, a step asks a small part of the rows."""
    x = clustered(2000)
    asked = []

    class Counted(Facility):
        def gains(self, rows):
            asked.append(len(rows))
            return super().gains(rows)

    greedy(Counted(Kernel.of(x), MEMORY), ones(2000), Quota(rows=200))
    assert sum(asked) < 0.15 * 2000 * 200


def pool(x):
    keys = np.arange(len(x), dtype=np.uint64)
    return Pool(keys, np.ones(len(x), np.int64), points=x)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_offered(function):
    x = clustered(200)
    found = choose(load(f"submodular:function={function}"), pool(x), Quota(rows=40))
    assert len(set(found.rows.tolist())) == 40
    assert function.replace("_", " ") in found.meaning
    assert (np.diff(found.score) <= 1e-9).all()  # what a row adds is less, the more there is


def test_facility_location_is_the_function_of_that_name():
    x = clustered(200)
    one, other = (choose(load(name), pool(x), Quota(rows=40)) for name in
                  ("facility_location", "submodular"))  # fmt: skip
    assert np.array_equal(one.rows, other.rows)


@pytest.mark.parametrize("function", FUNCTIONS[:4])
def test_a_large_pool_serves_random_rows_nearly_as_well(function):
    """300 of 1500 rows stand for all: the value, on all of them, is nearly that of the search."""
    x = clustered(1500)
    table = Kernel.of(x).table().astype(np.float64)
    limit = 0.1 * table.sum(axis=1)
    value = {
        "facility_location": lambda rows: table[rows].max(axis=0).sum(),
        "saturated_coverage": lambda rows: np.minimum(table[rows].sum(axis=0), limit).sum(),
        "max_coverage": lambda rows: (table[rows] >= 0.8).any(axis=0).sum(),
        "graph_cut": lambda rows: 2 * table[rows].sum() - table[np.ix_(rows, rows)].sum(),
    }[function]
    which = f"submodular:function={function}"
    whole = choose(load(which), pool(x), Quota(rows=30))
    some = choose(load(f"{which}:sites=300"), pool(x), Quota(rows=30))
    assert "300 random" in some.notes[0]
    assert not np.array_equal(whole.rows, some.rows)
    assert 0.93 * value(whole.rows) < value(some.rows)


@pytest.mark.parametrize(
    ("setting", "note"),
    [("neighbours=20", "20 largest"), ("epsilon=0.1", "random rows"), ("memory=0", "made again")],
)
def test_what_is_not_exact_says_so(setting, note):
    x = clustered(300)
    exact = choose(load("facility_location"), pool(x), Quota(rows=40))
    found = choose(load(f"facility_location:{setting}"), pool(x), Quota(rows=40))
    assert note in found.notes[0]
    value = nearest(Kernel.of(x).table())
    assert value(found.rows) > 0.95 * value(exact.rows)


@pytest.mark.parametrize(
    "name",
    ["facility_location:kernel=gauss", "facility_location:epsilon=1", "submodular:function=fl",
     "facility_location:neighbours=-1", "submodular:concave=exp", "submodular:trade=0",
     "submodular:memory=-1"],
)  # fmt: skip
def test_settings_are_checked(name):
    with pytest.raises(CuveeError, match=r"expected|unknown|Did you mean|no "):
        load(name)
