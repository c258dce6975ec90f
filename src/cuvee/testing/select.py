"""What every method of choice must do. Run it on your own: `check_selector(YourMethod())`."""

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from inspect import signature

import numpy as np
from numpy.random import default_rng

from cuvee.contracts import Selector
from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select import choose
from cuvee.testing.planted_pools import POOLS, PlantedPool

PROBLEMS: Mapping[str, PlantedPool] = POOLS
FIELDS = {"points", "counts", "labels", "quality", "groups"}
QUOTA = Quota(rows=40)


def chosen(
    method: Selector,
    planted: PlantedPool,
    k: Quota = QUOTA,
    seed: int = 0,
    pool: Pool | None = None,
) -> Choice:
    """The method's choice, with a target of what is wanted."""
    given = planted.pool().pool if pool is None else pool
    return choose(method, given, k, target=planted.target(), seed=seed)


def check_is_a_frozen_value_of_settings(method: Selector, planted: PlantedPool) -> None:
    """Frozen, picklable, every setting documented and with a default; calls as the contract."""
    assert is_dataclass(method)
    assert method.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(method)) == method == type(method)()
    for setting in fields(method):
        assert f"{setting.name}:" in (type(method).__doc__ or ""), f"{setting.name}: no docstring"
    assert list(signature(method.choose).parameters) == ["pool", "k", "target", "rng"]
    assert set(method.needs) <= FIELDS
    assert method.seeks in {"", *(p.seeks for p in PROBLEMS.values())}


def check_rows_are_distinct_and_as_many_as_asked(method: Selector, planted: PlantedPool) -> None:
    """Any number, from one to all; scores and groups beside each."""
    pool = planted.pool().pool
    for k in (1, 2, 40, len(pool) - 1, len(pool)):
        found = chosen(method, planted, Quota(rows=k))
        assert len(found) == k
        assert found.rows.dtype.kind == "i"
        assert len(np.unique(found.rows)) == k
        assert 0 <= found.rows.min() <= found.rows.max() < len(pool)
        assert found.score.shape == found.rows.shape
        assert np.isfinite(found.score).all()
        assert found.meaning
        if found.group is not None:
            assert found.of
            assert found.group.shape == found.rows.shape
        if found.weight is not None:
            assert found.weight.shape == found.rows.shape
            assert (found.weight > 0).all()
        if found.scores is not None:
            assert found.scores.shape == (len(pool),)


def check_tokens_are_kept_and_used(method: Selector, planted: PlantedPool) -> None:
    """Never more than asked for, and no more left than a long document has."""
    pool = planted.pool().pool
    for part in (0.05, 0.3, 0.9):
        tokens = int(part * pool.sizes.sum())
        found = chosen(method, planted, Quota(tokens=tokens))
        used = int(pool.sizes[found.rows].sum())
        assert used <= tokens
        assert used >= tokens - 2 * pool.sizes.max() - 0.02 * tokens
        assert len(np.unique(found.rows)) == len(found)


def check_order_of_the_pool_does_not_matter(method: Selector, planted: PlantedPool) -> None:
    """The same content is chosen, in the same order, with the same scores."""
    pool = planted.pool().pool
    first = chosen(method, planted)
    order = default_rng(3).permutation(len(pool))
    second = chosen(method, planted, pool=pool.take(order))
    assert np.array_equal(pool.keys[first.rows], pool.keys[order[second.rows]])
    assert np.array_equal(first.score, second.score)


def check_same_seed_gives_the_same_choice(method: Selector, planted: PlantedPool) -> None:
    """To the bit; the method and the pool stay as they were."""
    first, second = (chosen(method, planted, seed=5) for _ in range(2))
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.score, second.score)


def check_reads_what_it_says(method: Selector, planted: PlantedPool) -> None:
    """Without the fields that it does not need, the choice is the same; without one, an error."""
    pool, target = planted.pool().pool, planted.target()
    spare = dict.fromkeys(FIELDS - set(method.needs))
    lean = choose(method, replace(pool, **spare), QUOTA, target=replace(target, **spare))
    assert np.array_equal(lean.rows, chosen(method, planted).rows)
    for field in method.needs:
        try:
            choose(method, replace(pool, **{field: None}), QUOTA, target=target)
        except CuveeError as error:
            assert "\n" not in str(error)
        else:
            raise AssertionError(f"it says that it needs {field}, and does without")


def check_target_is_missed(method: Selector, planted: PlantedPool) -> None:
    """A method that needs a target says so; another does without."""
    pool = planted.pool().pool
    try:
        found = choose(method, pool, QUOTA)
    except CuveeError as error:
        assert method.targeted
        assert "target" in str(error)
    else:
        assert not method.targeted
        assert len(found) == QUOTA.rows


def check_copies_are_no_trouble(method: Selector, planted: PlantedPool) -> None:
    """A pool of one row many times, and rows of which nothing is known (empty documents)."""
    pool = planted.pool().pool
    same = pool.take(np.zeros(60, np.int64))
    assert len(chosen(method, planted, Quota(rows=20), pool=same)) == 20
    points = (
        None if pool.points is None else np.where(np.arange(len(pool))[:, None] % 2, 0, pool.points)
    )
    blank = replace(pool, points=points)
    assert len(chosen(method, planted, pool=blank)) == QUOTA.rows


def check_does_not_lose_to_random(method: Selector, planted: PlantedPool) -> None:
    """On the problem of its kind, over 5 pools; random choice fails about once in 10^3."""
    if method.seeks != planted.seeks:
        return
    theirs, ours = [], []
    for seed in range(5):
        made = planted.pool(seed)
        found = choose(method, made.pool, QUOTA, target=planted.target(seed), seed=seed)
        rng = default_rng(seed)
        for rows, into in [
            (found.rows, ours),
            *((rng.permutation(len(made.pool))[: len(found)], theirs) for _ in range(20)),
        ]:
            quality = made.pool.need("quality")[rows]
            into.append(planted.value(made.kinds[rows], made.right[rows], quality))
    error = np.std(theirs) / np.sqrt(len(ours))
    assert np.mean(ours) >= np.mean(theirs) - 3 * error, (np.mean(ours), np.mean(theirs))


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_selector(method: Selector) -> None:
    """Every check on every problem; raises AssertionError at the first failure."""
    for check in list(CHECKS.values()):
        for planted in PROBLEMS.values():
            check(method, planted)


__all__ = ["CHECKS", "PROBLEMS", "check_selector", "chosen"]
