"""What does not fit is refused before it is written."""

import os

import pytest
from tests.planning.world import spec, texts

import cuvee
from cuvee import CuveeError
from cuvee.cli import main
from cuvee.core import capacity
from cuvee.export import space


@pytest.fixture(scope="module")
def answer():
    return cuvee.blend({"a": texts(400_000)}, target=["w1 w2"], budget="100k", workers=1)


def test_a_dataset_that_does_not_fit_is_refused_before_its_first_shard(
    answer, tmp_path, monkeypatch
):
    monkeypatch.setattr(space, "free_disk", lambda _: 50_000)
    monkeypatch.setattr(capacity, "free_disk", lambda _: 50_000)
    with pytest.raises(CuveeError, match=r"of disk are needed, and 50 kB are free"):
        answer.write(tmp_path / "out")
    assert not (tmp_path / "out" / "data").exists()


def test_what_is_there_already_counts_when_it_goes_on(answer, tmp_path, monkeypatch):
    answer.write(tmp_path / "out")
    size = capacity.taken_disk(tmp_path / "out")
    monkeypatch.setattr(capacity, "free_disk", lambda _: 0)
    capacity.check_disk(tmp_path / "out", size)
    with pytest.raises(CuveeError, match="0 bytes are free"):
        capacity.check_disk(tmp_path / "out", size + 1)


def test_what_is_needed_at_least_is_less_than_what_is_written(answer, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(space, "free_disk", lambda _: 1)
    monkeypatch.setattr(space, "check_disk", lambda _, least: asked.append(least))
    answer.write(tmp_path / "out")
    written = capacity.taken_disk(tmp_path / "out" / "data")
    assert written < asked[0] < 8 * written  # spill files, too, which are gone by now


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
