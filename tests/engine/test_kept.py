"""Results that are kept: going on where work was stopped, and sharing it."""

import threading

import numpy as np
import pytest

from cuvee.core import CuveeError
from cuvee.engine import Kept
from cuvee.engine.local import Local


def squares(engine, done, label="squares"):
    def job(i):
        done.append(i)
        return {"square": i * i, "array": np.full(3, i)}

    return [r["square"] for r in engine(job, range(10), label=label)]


def test_what_is_there_is_not_done_again(tmp_path):
    first, again = [], []
    assert squares(Kept(Local(2), tmp_path), first) == [i * i for i in range(10)]
    assert squares(Kept(Local(2), tmp_path), again) == [i * i for i in range(10)]
    assert sorted(first) == list(range(10))
    assert again == []


def test_goes_on_after_a_failure(tmp_path):
    def job(i):
        if i == 6 and not (tmp_path / "mended").exists():
            raise LookupError
        done.append(i)
        return i

    done = []
    with pytest.raises(LookupError):
        list(Kept(Local(1), tmp_path / "jobs")(job, range(10), label="work"))
    (tmp_path / "mended").touch()
    before = set(done)
    done.clear()
    assert list(Kept(Local(1), tmp_path / "jobs")(job, range(10), label="work")) == list(range(10))
    assert before
    assert not before & set(done)


def test_other_stages_have_their_own_results(tmp_path):
    engine = Kept(Local(2), tmp_path)
    assert squares(engine, [], "one") == squares(engine, [], "two")
    assert list(engine(lambda i: -i, range(10), label="one")) == [-i for i in range(10)]
    assert list(Kept(Local(1), tmp_path)(lambda i: i, range(3), label="one")) == [0, 1, 2]


def test_light_work_and_work_inside_jobs_is_not_kept(tmp_path):
    engine = Kept(Local(2), tmp_path)
    assert list(engine(lambda i: i, range(4), label="light", light=True)) == [0, 1, 2, 3]
    assert not any(tmp_path.iterdir())
    inner = engine(
        lambda i: sum(engine(lambda j: i * j, range(4), label="inner")), [1, 2], label="o"
    )
    assert list(inner) == [6, 12]
    assert len(list(tmp_path.iterdir())) == 1


def test_results_of_unknown_kinds_are_made_again(tmp_path):
    done = []

    def job(i):
        done.append(i)
        return {i}

    for _ in range(2):
        assert list(Kept(Local(1), tmp_path)(job, range(3), label="sets")) == [{0}, {1}, {2}]
    assert done == [0, 1, 2, 0, 1, 2]


def test_a_damaged_result_is_said(tmp_path):
    squares(Kept(Local(1), tmp_path), [])
    next(tmp_path.glob("*/000003")).write_bytes(b"half")
    with pytest.raises(CuveeError, match="not the results of a job"):
        squares(Kept(Local(1), tmp_path), [])


def together(folder, world, job, items):
    """What each of some processes found, as threads that know nothing of each other."""
    found, errors = {}, []

    def process(rank):
        try:
            engine = Kept(Local(1), folder, rank, world, patience=20)
            first = list(engine(job, items, label="first"))
            found[rank] = [first, list(engine(lambda r: r + 1, first, label="second"))]
            engine.leave()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(world)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    return found


@pytest.mark.parametrize("world", [1, 2, 5])
def test_processes_share_the_work(tmp_path, world):
    done = []

    def job(i):
        done.append(i)
        return 2 * i

    found = together(tmp_path, world, job, range(12))
    assert sorted(done) == list(range(12))
    expected = [[2 * i for i in range(12)], [2 * i + 1 for i in range(12)]]
    assert found == dict.fromkeys(range(world), expected)


def test_whoever_never_comes_is_named(tmp_path):
    engine = Kept(Local(1), tmp_path, 0, 2, patience=0.3)
    with pytest.raises(CuveeError, match="nothing came from rank 1 for 0 s: start it again"):
        list(engine(lambda i: i, range(4), label="work"))


def test_the_failure_of_one_stops_the_others(tmp_path):
    other = Kept(Local(1), tmp_path, 1, 2)
    other.fail("the disk is full.")
    engine = Kept(Local(1), tmp_path, 0, 2, patience=20)
    with pytest.raises(CuveeError, match=r"rank 1 stopped: the disk is full\."):
        list(engine(lambda i: i, range(4), label="work"))
    Kept(Local(1), tmp_path, 1, 2)  # it comes again
    assert not list(tmp_path.glob("failed/*"))


def test_results_that_cannot_be_shared_are_refused(tmp_path):
    with pytest.raises(CuveeError, match=r"cannot be shared .* a set cannot be kept"):
        list(Kept(Local(1), tmp_path, 0, 2)(lambda i: {i}, range(4), label="work"))


@pytest.mark.parametrize(("rank", "world"), [(1, 1), (-1, 2), (3, 2), (0, 0)])
def test_ranks_that_do_not_exist_are_refused(tmp_path, rank, world):
    with pytest.raises(CuveeError, match="expected --rank from 0"):
        Kept(Local(1), tmp_path, rank, world)
