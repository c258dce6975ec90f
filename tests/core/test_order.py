import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core import CuveeError
from cuvee.core.order import Order, shuffled

weights = st.lists(st.floats(0, 1), min_size=1, max_size=9).filter(lambda w: sum(w) > 1e-3)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.data())
def test_any_part_of_the_order_is_the_same_whoever_asks(seed, data):
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, 9))
    order, at = Order.of(rng.dirichlet(np.full(k, 0.3))), 0
    for _ in range(data.draw(st.integers(0, 5))):
        at += int(rng.integers(0, 60))
        order = order.change(at, rng.dirichlet(np.full(k, 0.3)) * (rng.random(k) > 0.3) + 1e-9)
    end = at + 80
    source, number = order.between(0, end)
    assert len(source) == end
    # Each source gives its samples one after another, none left out and none twice.
    for i in range(k):
        assert number[source == i].tolist() == list(range(int((source == i).sum())))
    for first, last in rng.integers(0, end, (8, 2)):
        part = order.between(first, last)
        assert part[0].tolist() == source[first:last].tolist()
        assert part[1].tolist() == number[first:last].tolist()
        assert order.counts(first).tolist() == np.bincount(source[:first], minlength=k).tolist()
    middle = int(rng.integers(0, end))
    again = Order.from_dict(json.loads(json.dumps(order.since(middle).to_dict())))
    assert again.between(middle, end)[1].tolist() == number[middle:].tolist()


@settings(deadline=None, max_examples=60)
@given(weights, st.integers(1, 3000))
def test_shares_hold_all_along(shares, many):
    source, _ = Order.of(shares).between(0, many)
    k = len(shares)
    counts = (source[:, None] == np.arange(k)).cumsum(axis=0)
    wished = np.outer(np.arange(1, many + 1), np.array(shares) / sum(shares))
    assert np.abs(counts - wished).max() < k / 2 + 1


def test_far_ahead_is_as_quick_as_near():
    order = Order.of([0.5, 0.3, 0.2])
    source, number = order.between(10**12, 10**12 + 10)
    assert len(source) == 10
    assert abs(number[source == 0][0] - 5e11) < 3


def test_a_source_of_share_zero_has_no_turn_until_it_has_a_share():
    order = Order.of([1, 0]).change(10, [0, 1]).change(20, [1, 1])
    source, number = order.between(0, 40)
    assert source[:10].tolist() == [0] * 10
    assert source[10:20].tolist() == [1] * 10
    assert np.bincount(source[20:]).tolist() == [10, 10]
    assert number[-1] in (19, 20)


@pytest.mark.parametrize("shares", [[], [0, 0], [-0.1, 1.1], [float("nan"), 1]])
def test_what_are_no_shares_is_refused(shares):
    with pytest.raises(CuveeError, match="share"):
        Order.of(shares)


def test_the_past_cannot_change():
    with pytest.raises(CuveeError, match="already"):
        Order.of([1, 1]).change(10, [1, 0]).change(9, [0, 1])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 65, 1000])
def test_every_passage_is_another_permutation(size):
    places = shuffled(np.arange(3 * size), size, 5, 1).reshape(3, size)
    for row in places:
        assert sorted(row.tolist()) == list(range(size))
    if size > 64:
        assert (places[0] == places[1]).mean() < 0.05
        assert np.abs(np.corrcoef(np.arange(size), places[0])[0, 1]) < 0.2
        other = shuffled(np.arange(size), size, 6, 1)
        assert (other == places[0]).mean() < 0.05
