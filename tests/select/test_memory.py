"""Methods that need more memory than there is say so before they begin."""

import numpy as np
import pytest

from cuvee import select
from cuvee.core import CuveeError
from cuvee.core.pool import Pool, Quota
from cuvee.select import memory


def planted(rows, features):
    points = np.random.default_rng(0).normal(size=(rows, features)).astype(np.float32)
    return Pool(np.arange(rows, dtype=np.uint64), np.ones(rows, np.int64), points)


@pytest.mark.parametrize(
    ("name", "least", "message"),
    [
        ("rds", 4 * 300 * 8, "a copy of the points, 300 x 8, takes 9.6 kB of memory"),
        ("dpp", 16 * 300 * 16, "dpp on 300 rows of 8 features takes 76.8 kB of memory"),
        ("dpp:kernel=rbf:landmarks=100", 16 * 300 * 120, "300 rows of 100 features takes 576 kB"),
        ("volume", 24 * 300 * 9, "volume on 300 rows of 8 features takes 64.8 kB of memory"),
    ],
)
def test_refused_early(monkeypatch, name, least, message):
    pool, target = planted(300, 8), planted(5, 8)
    method = select.load(name)
    monkeypatch.setattr(memory, "free_memory", lambda: least)
    assert len(select.choose(method, pool, Quota(rows=20), target=target)) == 20
    monkeypatch.setattr(memory, "free_memory", lambda: least - 1)
    with pytest.raises(CuveeError) as error:
        select.choose(method, pool, Quota(rows=20), target=target)
    assert message in str(error.value)
    assert "free: choose from fewer rows" in str(error.value)


def test_what_cannot_be_known_is_not_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert len(select.choose(select.load("volume"), planted(50, 3), Quota(rows=5))) == 5


def test_stated_memory_is_the_real_one():
    """Of dpp and volume, by the allocations of NumPy: no more than half as much again."""
    import tracemalloc

    rows, features = 20_000, 16
    pool = planted(rows, features)
    for name, stated in (
        ("dpp", 16 * rows * 2 * features), ("volume", 24 * rows * (features + 1)),
    ):  # fmt: skip
        method = select.load(name)
        tracemalloc.start()
        method.choose(pool, Quota(rows=features), rng=np.random.default_rng(0))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stated < most < 1.5 * stated, name
