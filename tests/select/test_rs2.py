"""Repeated random subsets: what epochs have in common, and where one may take up again."""

from itertools import islice

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select.rs2 import Rs2


def first(method, rows, k, epochs, start=0):
    return list(islice(method.epochs(rows, k, default_rng(3), start=start), epochs))


@pytest.mark.parametrize(("rows", "k"), [(100, 10), (103, 10), (7, 7), (5, 3)])
def test_without_replacement_a_pass_has_every_row(rows, k):
    turns = -(-rows // k)
    parts = first(Rs2(), rows, k, 2 * turns)
    for some in (parts[:turns], parts[turns:]):
        seen = np.bincount(np.concatenate(some), minlength=rows)
        assert seen.min() == 1
        assert seen.sum() == turns * k
    assert all(len(np.unique(part)) == k for part in parts)
    if k > 4:
        assert not np.array_equal(parts[0], parts[turns])  # another order in the next pass


def test_with_replacement_epochs_know_nothing_of_each_other():
    parts = first(Rs2(replacement=True), 100, 50, 20)
    assert all(len(np.unique(part)) == 50 for part in parts)
    assert len(np.unique(np.concatenate(parts[:2]))) < 100
    assert len({part.tobytes() for part in parts}) == 20


@pytest.mark.parametrize("replacement", [False, True])
def test_epochs_can_be_taken_up_anywhere(replacement):
    method = Rs2(replacement)
    whole = first(method, 50, 8, 20)
    later = first(method, 50, 8, 7, start=13)
    assert all(np.array_equal(a, b) for a, b in zip(whole[13:], later))
    seed = int(default_rng(3).integers(2**62))
    assert np.array_equal(method.subset(17, 50, 8, seed=seed), whole[17])


def pool_of(rows):
    sizes = default_rng(0).integers(1, 30, rows)
    return Pool(np.arange(rows, dtype=np.uint64), sizes)


@pytest.mark.parametrize("quota", [Quota(rows=10), Quota(tokens=150)])
def test_choices_of_successive_epochs_are_those_of_a_pass(quota):
    pool = pool_of(100)
    turns = 10 if quota.rows else -(-int(pool.sizes.sum()) // 150)
    found = [select.choose(Rs2(epoch=e), pool, quota).rows for e in range(turns)]
    seen = np.bincount(np.concatenate(found), minlength=100)
    if quota.rows:
        assert (seen == 1).all()
    else:
        assert seen.max() <= 2  # documents that lie across a border may come twice
        assert (seen > 0).mean() > 0.9
    again = select.choose(Rs2(epoch=1, replacement=True), pool, quota).rows
    assert not np.array_equal(found[1], again)


def test_bad_epochs_are_refused():
    with pytest.raises(CuveeError, match="counted from 0"):
        Rs2(epoch=-1)
    for k in (0, 11):
        with pytest.raises(CuveeError, match="1 to 10 rows"):
            next(Rs2().epochs(10, k, default_rng(0)))
