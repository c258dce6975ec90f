"""Files that are cut short, flipped or made to fill the memory: bounded, and never a crash."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from soak.fuzz_targets import FORMATS, TARGETS
from tests.hostile.corpus import GOOD, lines, rows

from cuvee.core.errors import CuveeError
from cuvee.sources import files, open_source
from cuvee.sources import lines as line_module
from cuvee.testing.sources import documents

ROOT = Path(__file__).parents[2]
READ = """
import re, resource, sys
from cuvee.sources import open_source
import pyarrow.parquet, pyarrow.compute, orjson, zstandard
def most():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10
before = most()
if len(sys.argv) > 2:
    held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (int(sys.argv[2]) << 20),) * 2)
source = open_source("s", sys.argv[1])
batches = [(len(b.text), b.text.nbytes, len(b.rejected))
           for p in source.pieces() for b in source.read(p)]
print(most() - before, *map(sum, zip(*batches)))
"""


def child(*words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)


def read(path: Path) -> list[int]:
    """Megabytes that reading took at most; documents, their bytes, and rejects."""
    done = child("-c", READ, path)
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(word) for word in done.stdout.split()]


def test_every_reader_is_damaged_somewhere():
    assert {n.partition(".")[0] for n in TARGETS} >= FORMATS


def test_damaged_files_are_read_or_refused():
    done = child("-m", "tests.hostile.damage", *TARGETS)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert set(counts) == set(TARGETS)
    for name, (inputs, read, refused) in counts.items():
        assert inputs == read + refused >= 40, name
        assert read >= len(TARGETS[name].seeds), f"{name}: a valid file was refused"
        assert refused > 0 or name in ("folder", "text"), name


@pytest.mark.parametrize(("name", "whole"), [("a.jsonl", lines()), ("a.csv", rows())])
def test_what_stands_before_the_cut_is_read(tmp_path, name, whole):
    """Cut at any place: all documents before it, and at most one reject."""
    for place in range(100, len(whole), 37):
        (tmp_path / name).write_bytes(whole[:place])
        source = open_source("s", tmp_path / name)
        batches = [b for p in source.pieces() for b in source.read(p)]
        found = [text for b in batches for text in b.text.to_pylist()]
        ends = whole[:place].count(b"\n") - (name == "a.csv")
        assert found[:ends] == list(GOOD[:ends])
        assert all(GOOD[ends].startswith(text) for text in found[ends:])
        assert len(found) + sum(len(b.rejected) for b in batches) <= ends + 1


def test_a_long_line_in_little_memory(tmp_path):
    """A line is held several times: while it is joined, as bytes, as JSON and as text."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(b'{"text": "' + b"a" * (8 << 20) + b'"}'))
    megabytes, count, size, rejects = read(path)
    assert (count, rejects) == (31, 0)
    assert size > 8 << 20
    assert megabytes < 64


def test_a_good_line_is_not_rejected_for_lack_of_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(b'{"text": "' + b"a" * (32 << 20) + b'"}'))
    done = child("-c", READ, path, 150)
    assert done.returncode == 1
    assert "not enough memory to read it" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.jsonl.gz", "a.jsonl.zst"])
def test_bombs_in_little_memory(tmp_path, name):
    """96 MB unpacked, from some kilobytes."""
    pack = gzip.compress if name.endswith("gz") else zstandard.ZstdCompressor().compress
    filler = b"\0" * 1024 if "txt" in name else b'{"text": "' + b"a" * 1000 + b'"}\n'
    (tmp_path / name).write_bytes(pack(filler * ((96 << 20) // len(filler))))
    assert (tmp_path / name).stat().st_size < 600_000
    megabytes, count, size, rejects = read(tmp_path / name)
    assert rejects == 0
    assert count == (6144 if "txt" in name else (96 << 20) // len(filler))
    assert size > 90 << 20
    assert megabytes < 32


def test_a_parquet_bomb_in_little_memory(tmp_path):
    """A dictionary whose one long value stands in every row: 400 MB of text from 2 kB."""
    path = tmp_path / "a.parquet"
    values = pa.array(["a" * (1 << 20), "b"])
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 400, pa.int32()), values)
    pq.write_table(pa.table({"text": array}), path, store_schema=False)
    assert path.stat().st_size < 10_000
    megabytes, count, size, rejects = read(path)
    assert (count, rejects) == (800, 0)
    assert size > 400 << 20
    assert megabytes < 200


def test_more_than_any_text_unpacks_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BOMB", 1 << 24)
    path = tmp_path / "a.txt.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(bytes(1 << 25)))
    with pytest.raises(CuveeError, match="unpacks to more than 1000 times its size"):
        documents(open_source("s", path))
    path.write_bytes(zstandard.ZstdCompressor().compress(rows() * 4))
    assert documents(open_source("s", path))


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(line_module, "LONGEST", 3 << 20)
    (tmp_path / "a.jsonl").write_bytes(lines() + b"a" * (5 << 20))
    with pytest.raises(CuveeError, match="a line in it is longer than 3 MiB"):
        documents(open_source("s", tmp_path / "a.jsonl"))
