"""Results that are kept: going on where work was stopped, and sharing it."""

import shutil
import threading

import numpy as np
import pytest

from cuvee.core import CuveeError
from cuvee.core.errors import Broken
from cuvee.engine import Kept
from cuvee.engine.local import Local
from cuvee.engine.roll import Roll


def shared(folder, rank, world, patience=20.0, asked=None):
    roll = Roll.join(folder / "ranks", rank, world, asked or {})
    return Kept(Local(1), folder / "jobs", roll, patience)


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
    with pytest.raises(CuveeError, match=r"000003 cannot be read .* remove it"):
        squares(Kept(Local(1), tmp_path), [])


def together(folder, world, job, items):
    """What each of some processes found, as threads that know nothing of each other."""
    found, errors = {}, []

    def process(rank):
        try:
            engine = shared(folder, rank, world)
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
    engine = shared(tmp_path, 0, 2, patience=0.3)
    with pytest.raises(CuveeError, match="nothing came from rank 1 for 0 s: start it again"):
        list(engine(lambda i: i, range(4), label="work"))


def test_the_failure_of_one_stops_the_others(tmp_path):
    engine = shared(tmp_path, 0, 2)
    shared(tmp_path, 1, 2).roll.fail("the disk is full.")
    with pytest.raises(Broken, match=r"rank 1 stopped: the disk is full\."):
        list(engine(lambda i: i, range(4), label="work"))


def test_failures_of_earlier_attempts_stop_nobody(tmp_path):
    for rank in (0, 1, 2):
        shared(tmp_path, rank, 3).roll.fail("Terminated")
    found = together(tmp_path, 3, lambda i: i, range(6))
    assert found == {rank: [list(range(6)), list(range(1, 7))] for rank in range(3)}


def test_whoever_has_left_before_is_waited_for_when_it_comes_again(tmp_path):
    shared(tmp_path, 1, 2).roll.leave()
    again = shared(tmp_path, 1, 2)
    assert not again.roll.left(1)
    zero = shared(tmp_path, 0, 2, patience=0.3)
    with pytest.raises(Broken, match="the end: nothing came from rank 1"):
        zero.leave()


def test_whoever_comes_when_all_is_done_makes_no_folder(tmp_path):
    late = shared(tmp_path, 1, 2)
    shutil.rmtree(tmp_path / "ranks")
    with pytest.raises(Broken, match="the other processes have finished"):
        list(late(lambda i: i, [0], label="work"))
    assert not (tmp_path / "ranks").exists()


def test_others_must_be_asked_for_the_same(tmp_path):
    engine = shared(tmp_path, 0, 2, asked={"settings": {"seed": 0}})
    shared(tmp_path, 1, 2, asked={"settings": {"seed": 1}})
    with pytest.raises(Broken, match="rank 1 was asked for something else, its settings differs"):
        list(engine(lambda i: i, range(4), label="work"))


def test_other_items_are_other_work(tmp_path):
    double = [2 * i for i in range(4)]
    assert list(Kept(Local(1), tmp_path)(lambda i: 2 * i, range(4), label="work")) == double
    found = list(Kept(Local(1), tmp_path)(lambda i: 2 * i, range(1, 5), label="work"))
    assert found == [2, 4, 6, 8]


def test_results_that_cannot_be_shared_are_refused(tmp_path):
    with pytest.raises(CuveeError, match=r"cannot be shared .* a set cannot be kept"):
        list(shared(tmp_path, 0, 2)(lambda i: {i}, range(4), label="work"))
