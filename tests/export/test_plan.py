"""Which document goes where."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core import CuveeError
from cuvee.export.plan import draw, whole_tokens

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=25).filter(any)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=9), st.integers(1, 10**13))
def test_whole_tokens_sum_to_the_budget(wish, tokens):
    shares = np.array(wish) / sum(wish)
    found = whole_tokens(shares, tokens)
    assert found.sum() == tokens
    assert np.abs(found - shares * tokens).max() <= 1 + 1e-9 * tokens
    assert (found >= 0).all()


@settings(deadline=None, max_examples=300)
@given(LENGTHS, st.integers(0, 400), st.integers(0, 3))
def test_draw(lengths, asked, seed):
    got = draw(np.array(lengths), asked, "web", seed)
    total = sum(lengths)
    assert got.take.sum() == got.asked == asked
    assert (np.diff(got.row) >= 0).all(), "sorted by document, as the sources are read"
    assert not np.isin(got.row, np.flatnonzero(np.array(lengths) == 0)).any()
    taken = Counter(zip(got.row.tolist(), got.epoch.tolist()))
    assert set(taken.values()) <= {1}, "a document twice within an epoch"
    # All earlier epochs are whole, the last one is what is left.
    for epoch in range(asked // total):
        assert got.take[got.epoch == epoch].sum() == total
    assert got.cut.sum() <= 1
    whole = np.array(lengths)[got.row]
    assert (got.take[~got.cut] == whole[~got.cut]).all()
    assert (got.take[got.cut] < whole[got.cut]).all()
    assert (got.take > 0).all()
    if asked:
        assert ((got.place > 0) & (got.place < 1)).all()
        # Laid end to end along the dataset: middles are where the tokens before them say.
        order = np.argsort(got.place)
        ends = np.cumsum(got.take[order])
        assert np.allclose(got.place[order] * asked, ends - got.take[order] / 2)
    again = draw(np.array(lengths), asked, "web", seed)
    for field in ("row", "epoch", "take", "cut", "place"):
        assert np.array_equal(getattr(got, field), getattr(again, field))


def test_seed_and_name_decide_about_the_order():
    lengths = np.full(200, 5)
    rows = [
        draw(lengths, 300, name, seed).row.tolist()
        for name, seed in [("web", 0), ("web", 1), ("code", 0), ("web", 0)]
    ]
    assert rows[0] == rows[3]
    assert rows[0] != rows[1]
    assert rows[0] != rows[2]


def test_epochs_are_in_different_orders():
    got = draw(np.full(50, 2), 200, "web", 0)
    by_place = [got.row[got.epoch == e][np.argsort(got.place[got.epoch == e])] for e in (0, 1)]
    assert sorted(by_place[0]) == sorted(by_place[1]) == list(range(50))
    assert by_place[0].tolist() != by_place[1].tolist()
    assert got.place[got.epoch == 0].max() < got.place[got.epoch == 1].min()


def test_more_budget_takes_the_same_documents_and_more():
    few, many = (draw(np.full(90, 7), n, "web", 0) for n in (200, 400))
    assert set(few.row.tolist()) <= set(many.row.tolist())


def test_a_source_without_tokens():
    assert draw(np.zeros(3, int), 0, "web", 0).row.size == 0
    with pytest.raises(CuveeError, match="'web' holds no tokens, but 5 are asked"):
        draw(np.zeros(3, int), 5, "web", 0)
