"""Every listed engine meets every check, with any number of workers."""

from functools import partial

import numpy as np
import pytest

from cuvee import engine
from cuvee.core import CuveeError
from cuvee.core.methods import make
from cuvee.engine import cluster
from cuvee.testing.engine import CHECKS, WORKERS

CASES = [(m, c, w) for m in engine.METHODS for c in CHECKS for w in WORKERS]


def test_no_check_was_lost():
    assert (len(CHECKS), len(WORKERS)) == (13, 3), "change this count on purpose"


@pytest.fixture(scope="module", autouse=True)
def one_cluster():
    """Of three CPUs, for all tests of this file."""
    with cluster.joined("local", 3):
        yield
    cluster.end()


@pytest.mark.parametrize(("method", "check", "workers"), CASES)
def test_contract(method, check, workers):
    CHECKS[check](lambda n: make(engine.METHODS, method, "engine", workers=n), WORKERS[workers])


def in_order(job, items, *, label, holds=0, light=False):
    for item in items:
        yield job(item)


def backwards(job, items, *, label, holds=0, light=False):
    yield from reversed([job(item) for item in items])


def twice(job, items, *, label, holds=0, light=False):
    for item in items:
        job(item)
        yield job(item)


def never_empty(job, items, *, label, holds=0, light=False):
    yield job(items[0])


def swallows(job, items, *, label, holds=0, light=False):
    for item in items:
        try:
            yield job(item)
        except LookupError:
            yield None


def all_at_once(job, items, *, label, holds=0, light=False):
    yield from [job(item) for item in items]


def carries_on(job, items, *, label, holds=0, light=False):
    """All jobs are done, whatever the first error."""
    error = None
    for item in items:
        try:
            yield job(item)
        except LookupError as caught:
            error = caught
    if error:
        raise error


def refuses_large(job, items, *, label, holds=0, light=False):
    yield from map(job, items if holds < 10**9 else [])


def rounds(job, items, *, label, holds=0, light=False):
    """Somebody packs results with fewer digits."""
    for item in items:
        result = job(item)
        yield (result[0].astype(np.float32), *result[1:]) if light else result


def loses_settings(job, items, *, label, holds=0, light=False):
    yield from (job(0) for _ in items)


def lends(job, items, *, label, holds=0, light=False):
    for item in items:
        result = job(item)
        result.setflags(write=False)
        yield result


def wraps(job, items, *, label, holds=0, light=False):
    for item in items:
        try:
            yield job(item)
        except Exception as error:
            raise RuntimeError(f"a worker failed: {error}") from error


def no_nesting():
    state = {"busy": False}

    def run(job, items, *, label, holds=0, light=False):
        assert not state["busy"]
        state["busy"] = True
        yield from map(job, items)
        state["busy"] = False

    return run


FAULTS = {
    "check_results_come_in_the_order_of_the_items": backwards,
    "check_every_item_is_worked_on_once": twice,
    "check_no_items_give_no_results": never_empty,
    "check_results_do_not_depend_on_the_engine": rounds,
    "check_settings_with_arrays_reach_the_job": loses_settings,
    "check_large_results_are_the_callers_own": lends,
    "check_the_first_error_comes_through": swallows,
    "check_errors_keep_their_kind_and_their_words": wraps,
    "check_nothing_is_at_work_after_an_error": carries_on,
    "check_memory_is_bounded": all_at_once,
    "check_jobs_may_use_the_engine": no_nesting(),
    "check_large_jobs_are_done_all_the_same": refuses_large,
    "check_can_be_left_early": all_at_once,
}


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_passes_a_right_engine_and_finds_the_fault(check):
    CHECKS[check](lambda n: in_order, 1)
    with pytest.raises((AssertionError, IndexError, ValueError)):
        CHECKS[check](lambda n: FAULTS[check], 1)


@pytest.mark.parametrize("method", engine.METHODS)
def test_partial_settings_are_checked(method):
    with pytest.raises(CuveeError, match="workers must be 0"):
        partial(make, engine.METHODS, method, "engine")(workers=-1)
