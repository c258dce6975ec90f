"""Limits on shares, and the nearest shares that obey them."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cuvee.core import CuveeError, Limits, Problem, check_shares, nearest

NAMES = ("web", "code", "books")
POSITIVE = st.floats(1e-6, 1.0)


@st.composite
def boxes(draw):
    """Low, high and wished-for shares; some mixture is within the limits."""
    k = draw(st.integers(1, 6))
    inside = np.array(draw(st.lists(POSITIVE, min_size=k, max_size=k)))
    inside /= inside.sum()
    unit = st.lists(st.floats(0, 1), min_size=k, max_size=k)
    low = inside * np.array(draw(unit))
    high = np.minimum(inside + np.array(draw(unit)) * (1 - inside), 1)
    wish = np.array(draw(st.lists(st.sampled_from([0.0, 1e-9, 0.3, 1.0, 1e6]) | st.floats(0, 1e3),
                                  min_size=k, max_size=k)))  # fmt: skip
    return low, high, wish


@settings(max_examples=500)
@given(boxes())
@example((np.zeros(2), np.ones(2), np.array([1.0, 0.0])))
@example((np.array([0.2, 0.8]), np.array([0.2, 0.8]), np.zeros(2)))
@example((np.zeros(3), np.array([0.3, 0.3, 1.0]), np.array([1.0, 1.0, 0.0])))
@example((np.zeros(3), np.ones(3), np.zeros(3)))
def test_nearest_obeys_the_limits_and_keeps_proportions(box):
    low, high, wish = box
    found = nearest(wish, low, high)
    assert found.sum() == pytest.approx(1)
    assert (found >= low - 1e-9).all()
    assert (found <= high + 1e-9).all()
    # Condition of the optimum: one scale for all that is free, above it at floors, below at caps.
    assume(np.where(wish > 0, high, low).sum() >= 1)
    wish = wish / max(wish.max(), 1e-300)
    filled = wish > 1e-9
    scale = found[filled] / wish[filled]
    at_low, at_high = found[filled] <= low[filled] + 1e-7, found[filled] >= high[filled] - 1e-7
    free = ~at_low & ~at_high
    if free.any():
        one = scale[free].mean()
        assert np.allclose(scale[free], one, rtol=1e-5)
        assert (scale[at_low & ~at_high] >= one * (1 - 1e-5)).all()
        assert (scale[at_high & ~at_low] <= one * (1 + 1e-5)).all()


@given(boxes())
def test_nearest_leaves_allowed_shares_alone(box):
    low, high, wish = box
    inside = nearest(wish, low, high)
    assert np.allclose(nearest(inside, low, high), inside, atol=1e-7)


def test_a_wish_for_one_small_source_spreads_the_rest():
    found = nearest(np.array([1.0, 0, 0]), np.zeros(3), np.array([0.1, 1.0, 0.5]))
    assert found[0] == pytest.approx(0.1)
    assert found[1:] == pytest.approx([0.6, 0.3])


def test_box():
    limits = Limits({"web": 2, "code": np.inf, "books": np.inf}, {"books": 0.1}, {"code": 0.25})
    low, high = limits.box(NAMES, np.array([10.0, 1.0, 5.0]), 100)
    assert low.tolist() == [0, 0.25, 0.1]
    assert high.tolist() == [0.2, 0.25, 1]


REFUSED = {
    "unknown cap": (Limits({"wob": 2}), "unknown source in max_epochs 'wob'. Did you mean 'web'"),
    "unknown floor": (Limits(4, {"cod": 0.1}), "source in min_share 'cod'. Did you mean 'code'"),
    "unknown fixed": (Limits(fixed={"bok": 0.1}), "fixed share 'bok'. Did you mean 'books'"),
    "no epochs": (Limits(0), "max_epochs must be above 0"),
    "negative epochs": (Limits({"web": -1}), "max_epochs must be above 0"),
    "nan epochs": (Limits(float("nan")), "max_epochs must be a number"),
    "negative floor": (Limits(4, -0.1), "min_share must lie between 0 and 1"),
    "nan floor": (Limits(4, float("nan")), "min_share must be a number"),
    "floors over 1": (Limits(np.inf, 0.4), "least shares sum to 1.2"),
    "fixed over 1": (Limits(fixed={"web": 1.1}), "must lie between 0 and 1: 1.1"),
    "fixed nan": (Limits(fixed={"web": float("nan")}), "must lie between 0 and 1: nan"),
    "fixed over cap": (Limits(1, fixed={"code": 0.5}), "more than max_epochs allow"),
    "fixed sum": (Limits(np.inf, 0, {"web": 0.7, "code": 0.7}), "sum to 1.4, which is more than 1"),
    "floor over cap": (Limits(1, {"code": 0.5}), "needs 50 epochs of its 1 tokens"),
    "fixed too little": (Limits(np.inf, 0, dict.fromkeys(NAMES, 0.1)), "sum|allow"),
    "beyond data": (Limits(1), "a budget of 100 tokens is beyond the data"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_limits_that_cannot_be_met(case):
    limits, message = REFUSED[case]
    with pytest.raises(CuveeError) as caught:
        limits.box(NAMES, np.array([10.0, 1.0, 5.0]), 100)
    assert "\n" not in str(caught.value)
    if "|" not in message:
        assert message in str(caught.value)


def test_fixed_shares_that_leave_a_rest_are_not_blamed_on_the_data():
    with pytest.raises(CuveeError, match="fixed"):
        Limits(np.inf, 0, dict.fromkeys(NAMES, 0.1)).box(NAMES, np.full(3, 1e9), 100)


@pytest.mark.parametrize("shares", [[0.3, 0.3, 0.4], {"web": 1.0}, (1, 0, 0), [0.3333] * 3])
def test_shares(shares):
    found = check_shares(shares, NAMES)
    assert found.shape == (3,)
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"wbe": 1.0}, "m: ?|unknown source in m 'wbe'. Did you mean 'web'"),
        ([0.5, 0.5], "m: expected 3 shares, got 2"),
        ([[0.5, 0.5, 0]], "m: expected 3 shares"),
        ([0.5, 0.6, -0.1], "m: the share of 'books' is -0.1"),
        ([0.5, float("nan"), 0.5], "m: the share of 'code' is nan"),
        ([float("inf"), 0, 0], "m: the share of 'web' is inf"),
        ([0.5, 0.4, 0.2], "m: shares sum to 1.1, expected 1"),
        ([0, 0, 0], "m: shares sum to 0, expected 1"),
        (["a", 0, 0], "m: expected numbers"),
        (None, "m: expected"),
    ],
)
def test_shares_that_are_none(shares, message):
    with pytest.raises(CuveeError, match=message):
        check_shares(shares, NAMES, "m")


def test_problem():
    problem = Problem.of(NAMES, ["t"], [10, 20, 30], 30, limits=Limits(1))
    assert problem.fit(np.ones(3)) == pytest.approx([1 / 3] * 3)
    assert problem.epochs(np.array([1 / 3, 1 / 3, 1 / 3])) == pytest.approx([1, 0.5, 1 / 3])
    assert problem.fit(np.array([1.0, 0, 0]))[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("sources", "available", "message"),
    [
        (["a", "a"], [1, 1], "two sources are called 'a'"),
        ([], [], "at least one source"),
        ([""], [1], "empty name"),
        (["a", "b"], [1, 0], "'b' holds no tokens"),
        (["a", "b"], [1, float("nan")], "'b' holds no tokens"),
    ],
)
def test_problems_that_are_none(sources, available, message):
    with pytest.raises(CuveeError, match=message):
        Problem.of(sources, ["t"], available, 1)
    with pytest.raises(CuveeError, match="two targets are called 't'"):
        Problem.of(["a"], ["t", "t"], [1], 1)


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_many_mixtures_are_moved_like_each_alone(k):
    rng = np.random.default_rng(k)
    low = rng.dirichlet(np.ones(k)) * 0.3
    high = np.minimum(low + rng.exponential(1.0, k), 1)
    wished = rng.dirichlet(np.full(k, 0.2), size=50)
    wished[rng.random(wished.shape) < 0.2] = 0
    wished[0] = 0
    high = high if high.sum() >= 1 else np.ones(k)
    found = nearest(wished, low, high)
    assert np.array_equal(found, [nearest(w, low, high) for w in wished])
    assert np.allclose(found.sum(axis=1), 1)
    assert nearest(wished[:0], low, high).shape == (0, k)
