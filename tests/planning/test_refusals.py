"""What does not fit is refused before it is written."""

import itertools
import os
import threading

import pytest
from tests.planning.world import spec, texts

import cuvee
from cuvee import CuveeError
from cuvee.cli import main
from cuvee.core import capacity
from cuvee.export import space, write


@pytest.fixture(scope="module")
def answer():
    return cuvee.blend({"a": texts(400_000)}, target=["w1 w2"], budget="100k", workers=1)


def test_a_dataset_that_does_not_fit_is_refused_before_its_first_shard(
    answer, tmp_path, monkeypatch
):
    monkeypatch.setattr(capacity, "free_disk", lambda _: 300)
    monkeypatch.setattr(capacity, "taken_disk", lambda _: 0)
    with pytest.raises(CuveeError, match=r"of disk are needed, and 300 bytes are free"):
        answer.write(tmp_path / "out")
    assert not (tmp_path / "out" / "data").exists()


def test_what_is_there_already_counts_when_it_goes_on(answer, tmp_path, monkeypatch):
    answer.write(tmp_path / "out")
    size = capacity.taken_disk(tmp_path / "out")
    monkeypatch.setattr(capacity, "free_disk", lambda _: 0)
    capacity.check_disk(tmp_path / "out", size)
    with pytest.raises(CuveeError, match="0 bytes are free"):
        capacity.check_disk(tmp_path / "out", size + 1)


@pytest.mark.parametrize("text", ["a " * 500_000, "xyz " * 250_000 + "end"])
def test_nothing_is_refused_that_fits(text, tmp_path, monkeypatch):
    """Not even what packs hundreds of times smaller."""
    asked, spilled = [], []
    gather = write._gather

    def look(job, *rest):
        spilled.append(capacity.taken_disk(job.spill))
        return gather(job, *rest)

    monkeypatch.setattr(space, "check_disk", lambda _, least: asked.append(least))
    monkeypatch.setattr(write, "_gather", look)
    texts = {"a": [text] * 4, "b": ["w1 w2 w3"] * 100}
    answer = cuvee.blend(texts, target=["a xyz w1"], budget="1M", workers=1, max_epochs=10)
    answer.write(tmp_path / "out")
    assert 1000 < asked[0] <= spilled[0] < 100_000


def test_sizes_are_told_while_others_rename_and_remove_files(tmp_path):
    done = threading.Event()

    def others():
        for i in itertools.count():
            (tmp_path / f"{i % 7}.tmp").write_bytes(b"x")
            (tmp_path / f"{i % 7}.tmp").replace(tmp_path / f"{i % 5}")
            if done.is_set():
                return

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(300):
            assert 0 <= capacity.taken_disk(tmp_path) <= 12
    finally:
        done.set()
        thread.join()


def test_nothing_is_walked_through_where_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(capacity, "taken_disk", None)
    monkeypatch.setattr(capacity, "free_disk", lambda _: 10)
    capacity.check_disk(tmp_path, 10)


def test_the_command_refuses_before_it_reads(tmp_path, capsys):
    """The target is damaged, and that is not even noticed."""
    path = spec(tmp_path, "jsonl", texts(20_000))
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    status = main([
        "blend", f"a={path}", "--target", str(tmp_path / "bad.jsonl.gz"), "--budget", "1000T",
        "--out", str(tmp_path / "out"),
    ])  # fmt: skip
    assert status == 2
    assert "of disk are needed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_memory_and_disk_are_known_here():
    assert capacity.free_memory() > 1 << 20
    now, most = capacity.used_memory()
    assert 1 << 20 < now <= most


def test_a_container_with_a_limit(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 100000\n")
    monkeypatch.setattr(capacity, "CGROUPS", (str(tmp_path),))
    assert capacity.free_memory() == 700_000
    (tmp_path / "memory.max").write_text("max\n")
    assert capacity.free_memory() > 1 << 20


def test_no_permission_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(CuveeError, match="no permission"):
        capacity.check_writable(tmp_path / "a" / "b")
