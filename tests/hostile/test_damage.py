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
from tests.hostile.found import FOUND

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
if sys.argv[1] != "0":
    held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (int(sys.argv[1]) << 20),) * 2)
for path in sys.argv[2:]:
    source = open_source("s", path)
    batches = [(len(b.text), b.text.nbytes, len(b.rejected))
               for p in source.pieces() for b in source.read(p)]
    print(most() - before, *map(sum, zip(*batches)))
"""


def child(*words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)


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


@pytest.mark.parametrize("name", FOUND)
def test_what_the_fuzzer_found(tmp_path, name):
    (tmp_path / name).write_bytes(FOUND[name])
    done = child("-c", READ, 0, tmp_path / name)
    assert done.returncode == 1, "it is ended by a signal"
    assert "CuveeError" in done.stderr.splitlines()[-1]


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


def test_a_good_line_is_not_rejected_for_lack_of_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(b'{"text": "' + b"a" * (32 << 20) + b'"}'))
    done = child("-c", READ, 150, path)
    assert done.returncode == 1
    assert "not enough memory to read it" in done.stderr.splitlines()[-1]


def test_bombs_and_long_lines_in_little_memory(tmp_path):
    """128 MB from some kilobytes, three times; a line of 8 MB; 400 MB of text from 50 kB."""
    expected = [_bomb(tmp_path / f"a.{name}") for name in ("txt.gz", "txt.zst", "jsonl.zst")]
    long = tmp_path / "long.jsonl"
    long.write_bytes(lines(b'{"text": "' + b"a" * (8 << 20) + b'"}'))
    table = tmp_path / "a.parquet"
    values = pa.array(["a" * (1 << 20), "b"])
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 400, pa.int32()), values)
    pq.write_table(pa.table({"text": array}), table, store_schema=False)
    paths = [path for path, _ in expected]
    assert all(path.stat().st_size < 300_000 for path in (*paths, table))
    done = child("-c", READ, 0, *paths, long, table)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    most, counts, sizes, rejects = zip(*found)
    assert counts == (*(count for _, count in expected), 31, 800)
    assert rejects == (0,) * 5
    assert all(size >= least << 20 for size, least in zip(sizes, (127, 127, 127, 8, 400)))
    assert most[2] < 96, "a bomb was held as a whole"
    assert most[3] < 160, "a line is held as bytes, while it is joined, as JSON and as text"
    assert most[4] < 250, "the values of a dictionary were all written out at once"


def _bomb(path: Path) -> tuple[Path, int]:
    """128 MB of small documents, packed; and how many there are."""
    pack = gzip.compress if path.suffix == ".gz" else zstandard.ZstdCompressor().compress
    filler = b"\0" * 1024 if "txt" in path.name else b'{"text": "' + b"a" * 9000 + b'"}\n'
    count = (128 << 20) // len(filler)
    path.write_bytes(pack(filler * count))
    return path, count // 16 if "txt" in path.name else count


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
