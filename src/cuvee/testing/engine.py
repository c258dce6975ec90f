"""What every engine must do. Run it on your own: `check_engine(YourEngine)`.

A check takes a function that makes an engine with a number of workers, and that number. Jobs may
run in other processes, so they leave traces in a folder and not in a variable.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cuvee.contracts import Engine
from cuvee.core import CuveeError, stream

Make = Callable[[int], Engine]

WORKERS = {"one worker": 1, "three workers": 3, "all cores": 0}
QUIET = 0.15
"""Seconds without a new trace after which nothing is at work."""


class Traces:
    """What jobs leave behind, wherever they run.

    Args:
        folder: That all workers reach.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def leave(self, kind: str) -> None:
        """One more of a kind."""
        Path(self.folder, f"{kind}-{secrets.token_hex(8)}").touch()

    def count(self, kind: str = "") -> int:
        """How many there are."""
        return sum(path.name.startswith(kind) for path in Path(self.folder).iterdir())

    def settled(self) -> int:
        """How many there are once no more come."""
        before = -1
        while before != (now := self.count()):
            before = now
            time.sleep(QUIET)
        return now


@contextmanager
def traces() -> Iterator[Traces]:
    """A folder for them."""
    with TemporaryDirectory() as folder:
        yield Traces(folder)


@dataclass(frozen=True, slots=True)
class Shifted:
    """A job's settings, as those of cuvee: frozen, with arrays.

    Args:
        base: To which the item is added.
    """

    base: np.ndarray

    def add(self, item: int) -> np.ndarray:
        """The job."""
        return self.base + item


class Odd(Exception):
    """An error that cannot be made from what it says."""

    def __init__(self, place: str, line: int) -> None:
        super().__init__(f"{place} in line {line}")


def raised(make: Make, workers: int, error: Callable[[], Exception]) -> BaseException:
    """What comes out where a job raises an error."""

    def job(i: int) -> int:
        if i == 2:
            raise error()
        return i

    try:
        list(make(workers)(job, range(5), label="until it breaks"))
    except Exception as found:
        return found
    raise AssertionError("the error of a job was lost")


def check_results_come_in_the_order_of_the_items(make: Make, workers: int) -> None:
    """Even where later jobs end first."""

    def job(i: int) -> int:
        time.sleep(0.002 * (i % 3 == 0))
        return i * i

    assert list(make(workers)(job, range(40), label="squares")) == [i * i for i in range(40)]


def check_every_item_is_worked_on_once(make: Make, workers: int) -> None:
    """Equal items included."""
    with traces() as seen:

        def job(i: int) -> int:
            seen.leave("done")
            return i

        assert list(make(workers)(job, [7] * 30, label="sevens")) == [7] * 30
        assert seen.settled() == 30


def check_no_items_give_no_results(make: Make, workers: int) -> None:
    """And no error."""
    assert list(make(workers)(lambda i: i, [], label="nothing")) == []


def check_results_do_not_depend_on_the_engine(make: Make, workers: int) -> None:
    """To the last bit, random numbers included, and as for jobs that are light."""

    def job(i: int) -> tuple[np.ndarray, float, str, None]:
        draws = stream(3, "check", i).normal(size=1000)
        return draws, draws.sum(), f"é {i}", None

    for light in (False, True):
        found = list(make(workers)(job, range(12), label="random", light=light))
        for i, (draws, *others) in enumerate(found):
            alone, *rest = job(i)
            assert draws.tobytes() == alone.tobytes()
            assert others == rest


def check_settings_with_arrays_reach_the_job(make: Make, workers: int) -> None:
    """As bound methods and partial functions, which is how cuvee asks."""
    base = np.arange(200_000.0)
    for job in (Shifted(base).add, partial(Shifted.add, Shifted(base))):
        found = list(make(workers)(job, range(5), label="shifted"))
        assert all((found[i] == base + i).all() for i in range(5))


def check_large_results_are_the_callers_own(make: Make, workers: int) -> None:
    """Complete, and free to be changed."""
    total = np.zeros(500_000)
    for i, result in enumerate(
        make(workers)(lambda i: np.full(500_000, float(i)), range(8), label="large results")
    ):
        assert result.shape == (500_000,)
        assert (result == i).all()
        result += 1
        total += result
    assert (total == 36).all()


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
        assert type(error) is LookupError
    else:
        raise AssertionError("the error of a job was lost")
    assert found == list(range(len(found)))
    assert len(found) <= 11


def check_errors_keep_their_kind_and_their_words(make: Make, workers: int) -> None:
    """What a user is told is the same wherever it went wrong."""
    said = "a.jsonl:3: expected text, got 7. Mend it, or leave out --strict."
    found = raised(make, workers, partial(CuveeError, said))
    assert type(found) is CuveeError
    assert str(found) == said
    assert "page 3 in line 12" in str(raised(make, workers, partial(Odd, "page 3", 12)))
    missing = partial(FileNotFoundError, 2, "No such file", "a.jsonl")
    found = raised(make, workers, missing)
    assert isinstance(found, FileNotFoundError)
    assert (found.errno, found.filename) == (2, "a.jsonl")


def check_nothing_is_at_work_after_an_error(make: Make, workers: int) -> None:
    """Or a second attempt would meet the first one's jobs, at the same files."""
    with traces() as seen:

        def job(i: int) -> None:
            seen.leave("begun")
            if i == 1:
                raise LookupError
            time.sleep(0.02)
            seen.leave("ended")

        try:
            list(make(workers)(job, range(120), label="until it breaks"))
        except LookupError:
            count = seen.count()
        else:
            raise AssertionError("the error of a job was lost")
        assert seen.settled() == count, "jobs were still at work, or begun after the error"
        assert seen.count("begun") < 100, "the rest was not called off"


def check_memory_is_bounded(make: Make, workers: int) -> None:
    """A slow consumer is not buried under results."""
    with traces() as seen:

        def job(i: int) -> int:
            seen.leave("done")
            return i

        for i, _ in enumerate(make(workers)(job, range(250), label="many results")):
            if i in (0, 50):
                waiting = seen.settled() - i
                assert waiting < 200, f"{waiting} results waited at once"


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
    with traces() as seen:

        def job(i: int) -> int:
            seen.leave("done")
            return i

        results = make(workers)(job, range(600), label="a few")
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        assert seen.settled() < 400


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_engine(make: Make) -> None:
    """Every check with every number of workers; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for workers in WORKERS.values():
            check(make, workers)
