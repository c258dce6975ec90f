"""What every engine must do. Run it on your own: `check_engine(YourEngine)`.

A check takes a function that makes an engine with a number of workers, and that number.
"""

import threading
import time
from collections.abc import Callable

from cuvee.contracts import Engine

Make = Callable[[int], Engine]

WORKERS = {"one worker": 1, "three workers": 3, "all cores": 0}


def check_results_come_in_the_order_of_the_items(make: Make, workers: int) -> None:
    """Even where later jobs end first."""

    def job(i: int) -> int:
        time.sleep(0.002 * (i % 3 == 0))
        return i * i

    assert list(make(workers)(job, range(40), label="squares")) == [i * i for i in range(40)]


def check_every_item_is_worked_on_once(make: Make, workers: int) -> None:
    """Equal items included."""
    done: list[int] = []
    results = list(make(workers)(lambda i: done.append(i) or i, [7] * 30, label="sevens"))
    assert results == done == [7] * 30


def check_no_items_give_no_results(make: Make, workers: int) -> None:
    """And no error."""
    assert list(make(workers)(lambda i: i, [], label="nothing")) == []


def check_the_first_error_comes_through(make: Make, workers: int) -> None:
    """As it was raised, after the results before it."""

    def job(i: int) -> int:
        if i == 11:
            raise LookupError("the eleventh")
        return i

    found: list[int] = []
    try:
        for result in make(workers)(job, range(500), label="until it breaks"):
            found.append(result)  # noqa: PERF402
    except LookupError as error:
        assert str(error) == "the eleventh"
    else:
        raise AssertionError("the error of a job was lost")
    assert found == list(range(len(found)))
    assert len(found) <= 11


def check_nothing_is_at_work_after_an_error(make: Make, workers: int) -> None:
    """Or a second attempt would meet the first one's jobs, at the same files."""
    begun, ended = [], []

    def job(i: int) -> None:
        begun.append(i)
        if i == 1:
            raise LookupError
        time.sleep(0.02)
        ended.append(i)

    try:
        list(make(workers)(job, range(50), label="until it breaks"))
    except LookupError:
        count = len(begun)
    else:
        raise AssertionError("the error of a job was lost")
    assert len(ended) == count - 1, "jobs were still at work"
    time.sleep(0.05)
    assert len(begun) == count, "jobs were begun after the error"
    assert count < 40, "the rest was not called off"


def check_memory_is_bounded(make: Make, workers: int) -> None:
    """A slow consumer is not buried under results."""
    held, most, lock = 0, 0, threading.Lock()

    def job(i: int) -> int:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        return i

    for i, _ in enumerate(make(workers)(job, range(1000), label="many results")):
        with lock:
            held -= 1
        if i % 100 == 0:
            time.sleep(0.01)
    assert most < 200, f"{most} results waited at once"


def check_jobs_may_use_the_engine(make: Make, workers: int) -> None:
    """A job that runs jobs of its own ends."""
    engine = make(workers)

    def job(i: int) -> list[int]:
        return list(engine(lambda j: i * j, range(3), label="inner"))

    found = list(engine(job, range(5), label="outer"))
    assert found == [[0, i, 2 * i] for i in range(5)]


def check_large_jobs_are_done_all_the_same(make: Make, workers: int) -> None:
    """A job that holds more memory than there is runs alone, not never."""
    found = list(make(workers)(lambda i: i, range(20), label="large", holds=10**15))
    assert found == list(range(20))


def check_can_be_left_early(make: Make, workers: int) -> None:
    """Whoever needs no more results closes the iterator, and the rest is called off."""
    done: list[int] = []
    results = make(workers)(lambda i: done.append(i) or i, range(5000), label="a few")
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    time.sleep(0.05)
    assert len(done) < 1000


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_engine(make: Make) -> None:
    """Every check with every number of workers; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for workers in WORKERS.values():
            check(make, workers)
