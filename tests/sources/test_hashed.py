"""A file is hashed once, and again as soon as anything about it changed."""

import os
import time
from pathlib import Path

import pytest

from cuvee.sources import hashed
from cuvee.sources.files import fingerprint

SIZE = hashed.BLOCK + 1


@pytest.fixture
def read(monkeypatch):
    """How often a file was read."""
    calls = []
    real = hashed.hash_of
    monkeypatch.setattr(hashed, "hash_of", lambda file: calls.append(1) or real(file))
    monkeypatch.setattr(hashed, "_KNOWN", {})
    monkeypatch.setattr(hashed, "SETTLED", 20_000_000)  # two ticks of a slow clock
    return calls


def settled(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    time.sleep(0.03)
    return str(path)


def test_unchanged_files_are_read_once(tmp_path, read):
    path = settled(tmp_path / "a", b"x" * SIZE)
    first = fingerprint([path])
    assert fingerprint([path]) == first
    assert len(read) == (1 if os.name == "posix" else 2)  # others keep no time of change


def test_a_change_is_seen_even_if_size_and_time_are_as_before(tmp_path, read):
    path = tmp_path / "a"
    first = fingerprint([settled(path, b"x" * SIZE)])
    then = path.stat()
    settled(path, b"y" * SIZE)
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert path.stat().st_mtime_ns == then.st_mtime_ns
    second = fingerprint([str(path)])
    assert second != first
    assert len(read) == 2


def test_another_file_in_its_place_is_seen(tmp_path, read):
    path, other = tmp_path / "a", tmp_path / "b"
    settled(other, b"y" * SIZE)
    first = fingerprint([settled(path, b"x" * SIZE)])
    other.replace(path)
    assert fingerprint([str(path)]) != first


def test_what_was_written_just_now_is_not_trusted(tmp_path, read, monkeypatch):
    monkeypatch.setattr(hashed, "SETTLED", 10**12)
    path = settled(tmp_path / "a", b"x" * SIZE)
    fingerprint([path])
    fingerprint([path])
    assert len(read) == 2


def test_small_files_leave_no_note(tmp_path, read):
    fingerprint([settled(tmp_path / "a", b"x")])
    assert hashed._KNOWN == {}
