"""A mixture streamed by its index is the mixture written out, document for document."""

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from benchmarks.writers import write as write_texts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.export.world import SHARES, data, same

import cuvee
from cuvee import export
from cuvee.core import CuveeError
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.datasets import open_dataset
from cuvee.engine.local import Local
from cuvee.export import virtual, write_dataset
from cuvee.export.reading import shards
from cuvee.export.virtual import open_index
from cuvee.testing.planted_texts import Texts, serial

PARQUET, INDEX = export.load("parquet"), export.load("index")


def both(out, question, tokens, *, shares=SHARES, seed=0, shard_bytes=9000):
    """The manifest and the tables written out; the manifest and the reader of the index."""
    survey, _ = question.survey()
    asked = {"seed": seed, "shard_bytes": shard_bytes}
    written = write_dataset(out / "w", question, survey, shares, tokens, format=PARQUET, **asked)
    listed = write_dataset(out / "i", question, survey, shares, tokens, format=INDEX, **asked)
    tables = list(shards([out / "w" / shard["file"] for shard in written["shards"]])())
    return written, tables, listed, open_index(out / "i", question, listed, 2**30)


def test_part_of_the_windows(tmp_path):
    _, tables, _, stream = both(tmp_path, data(), 30_000)
    assert len(tables) > 10
    same(stream.read(), tables)
    same(stream.read(len(tables)), [])
    same(stream.read(4), tables[4:])
    for rank in range(3):
        same(stream.read(rank, 3), tables[rank::3])


@pytest.mark.parametrize("memory", [1, 40_000, 70_000, 10**9])
def test_as_many_windows_as_fit(tmp_path, monkeypatch, memory):
    monkeypatch.setattr(virtual, "RESERVED", 0)
    _, tables, _, stream = both(tmp_path, data(), 30_000)
    stream = replace(stream, memory=memory)
    passages = {1: len(tables), 10**9: 1}.get(memory)
    assert passages is None or stream.passages == passages
    assert memory != 70_000 or 1 < stream.at_once < len(tables)
    same(stream.read(), tables)


@pytest.mark.parametrize("piece", [13, 60, 10**9])
def test_windows_that_were_thought_smaller(tmp_path, piece):
    """They are given up, and read in a passage of their own."""
    _, tables, _, stream = both(tmp_path, data(piece=piece), 30_000)
    read = []
    monitored = replace(stream, size=1, memory=virtual.RESERVED + 20_000)
    engine = monitored.data.engine

    def counting(job, items, **words):
        read.append(len(items))
        return engine(job, items, **words)

    monitored = replace(monitored, data=replace(monitored.data, engine=counting))
    assert monitored.at_once == len(tables)
    same(monitored.read(), tables)
    assert 1 < len(read) <= len(tables)


def test_whoever_reads(tmp_path):
    _, tables, _, stream = both(tmp_path, data(), 30_000)
    for engine in (Local(1), Local(3)):
        same(replace(stream, data=replace(stream.data, engine=engine)).read(), tables)
    same(pickle.loads(pickle.dumps(stream)).read(), tables)


def test_a_piece_is_read_to_its_last_document_drawn(tmp_path):
    """And one of which nothing is wanted is not read at all."""
    _, tables, _, stream = both(tmp_path, data(), 1500, shard_bytes=1000)
    read: list[int] = []

    class Counting(Texts):
        def read(self, piece):
            for batch in super().read(piece):
                read.append(len(batch.text))
                yield batch

    counting = tuple(
        Counting(source.name, source.texts, piece=source.piece, batch=source.batch)
        for source in stream.data.sources
    )
    stream = replace(stream, data=replace(stream.data, sources=counting))
    same([next(stream.read())], tables[:1])
    whole = sum(read)
    read.clear()
    one = replace(stream, memory=1)
    same([next(one.read())], tables[:1])
    assert sum(read) < whole < sum(len(source.texts) for source in counting)


MADE = """
import json
import numpy as np
from pathlib import Path
from cuvee import export
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.engine import Kept
from cuvee.engine.local import Local
from cuvee.sources import open_source
data = Data(tuple(open_source(n, f"{n}.parquet") for n in "ab"), (), Words(), Local(2))
"""
WRITTEN = """
survey, _ = data.survey()
tokens = int(20 * survey.available.sum())
manifest = export.write_dataset(
    Path("."), data, survey, np.array([0.5, 0.5]), tokens, format=export.load("index"), seed=0,
    shard_bytes=4 << 20)
Path("manifest.json").write_text(json.dumps(manifest))
"""
STREAMED = """
import psutil, threading
from cuvee.export.virtual import open_index
manifest = json.loads(Path("manifest.json").read_bytes())
stream = open_index(Path("."), data, manifest, 288 << 20)
process, peak, done = psutil.Process(), 0, threading.Event()
def watch():
    global peak
    while not done.wait(0.01):
        peak = max(peak, process.memory_info().rss)
threading.Thread(target=watch, daemon=True).start()
text = sum(table["text"].nbytes for table in stream.read())
done.set()
print(json.dumps({"peak": peak, "text": text, "passages": stream.passages}))
"""


def test_memory_is_bounded(tmp_path):
    """About 300 MB, in passages that may hold 18 MB each."""
    rng = np.random.default_rng(0)
    for name in "ab":
        letters = rng.integers(97, 123, (1500, 5000), np.uint8)
        letters[:, ::8] = 32
        write_texts(tmp_path, name, [row.tobytes().decode() for row in letters], "parquet")
    for program in (WRITTEN, STREAMED):
        command = [sys.executable, "-c", MADE + program]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = orjson.loads(done.stdout)
    assert found["text"] > 290e6
    assert found["passages"] > 10
    assert found["peak"] < 288 * 2**20, found


WORLDS = st.lists(
    st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any), min_size=1, max_size=3
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    lengths=WORLDS, shares=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    tokens=st.integers(1, 400), seed=st.integers(0, 99), piece=st.integers(1, 5),
    shard_bytes=st.integers(20, 500), memory=st.integers(0, 1000),
)  # fmt: skip
def test_any_lengths_and_shares(
    tmp_path_factory, lengths, shares, tokens, seed, piece, shard_bytes, memory
):
    weights = np.array(shares[: len(lengths)], float) + (not any(shares[: len(lengths)]))
    parts = tuple(
        Texts(f"s{i}", tuple("ab " * n for n in some), piece=piece, batch=2)
        for i, some in enumerate(lengths)
    )
    written, tables, listed, stream = both(
        tmp_path_factory.mktemp("any"), Data(parts, (), Words(), serial), tokens,
        shares=weights / weights.sum(), seed=seed, shard_bytes=shard_bytes,
    )  # fmt: skip
    assert listed["sources"] == written["sources"]
    assert [w["tokens"] for w in listed["windows"]] == [s["tokens"] for s in written["shards"]]
    same(replace(stream, memory=virtual.RESERVED + memory).read(), tables)


def test_stream_goes_on_where_it_stopped(place, question):
    answer = cuvee.blend(**question)
    answer.write("index", format="index")
    dataset = open_dataset("index")
    every = list(dataset.stream())
    assert len(every) == dataset.documents > 60
    assert list(every[0]) == ["id", "text", "source", "tokens"]
    before = np.cumsum([0, *(document["tokens"] for document in every)])
    for start in (0, 1, 17, len(every) - 1, len(every)):
        assert list(dataset.stream(start)) == every[start:]
    for tokens in (0, 1, 500, 501, int(before[20]), 9000):
        assert list(dataset.stream(tokens=tokens)) == every[np.searchsorted(before, tokens) :]
    for beyond in ({"start": len(every) + 5}, {"start": -1}, {"tokens": 10**6}):
        with pytest.raises(CuveeError, match="expected a start from 0 to"):
            next(dataset.stream(**beyond))
    unknown = replace(dataset, sizes=())
    assert list(unknown.stream(17)) == list(dataset.stream(17))


def test_parts_of_an_opened_dataset(place, question):
    answer = cuvee.blend(**question | {"seed": 5})
    manifest = answer.write("written")
    dataset = open_dataset("written")
    assert (dataset.unit, dataset.seed, dataset.tokens) == ("words", 5, manifest["tokens"])
    assert dataset.files == tuple(f"written/{s['file']}" for s in manifest["shards"])
    for part, (name, spec) in zip(dataset.parts, question["sources"].items()):
        row = manifest["sources"][name]
        assert (part.name, part.paths, part.share) == (name, (spec,), 0.5)
        assert (part.tokens, part.documents) == (row["tokens_written"], row["documents"])
        assert part.available == row["tokens_available"]
        # 60 were written, of which some are held out as the target.
        assert part.available_documents == 60 - row["left_out_as_target"]


def changed(path):
    with path.open("ab") as file:
        file.write(b'{"text": "one more"}\n')


SPOILED = {
    "a document more": (lambda q: changed(Path(q["sources"]["jsonl"])),
                        r"index was made from other data: content of source jsonl.* was .*, is "),
    "a source is gone": (lambda q: Path(q["sources"]["jsonl"]).unlink(), r"source1\.jsonl"),
    "half an index": (lambda q: Path("index/index/1.parquet").write_bytes(b"PAR1"),
                      r"1\.parquet has 4 bytes instead of"),
    "no index": (lambda q: Path("index/index/pieces.parquet").unlink(), r"pieces\.parquet is miss"),
    "no manifest": (lambda q: Path("index/manifest.json").unlink(), "interrupted, finish it with"),
    "no dataset": (lambda q: Path("index").rename("elsewhere"), "expected a mixed dataset with"),
    "no JSON": (lambda q: Path("index/manifest.json").write_bytes(b"{"), "is not a manifest"),
    "a list": (lambda q: Path("index/manifest.json").write_bytes(b"[]"), "is not a manifest"),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILED)
def test_what_changed_is_refused(place, question, what):
    cuvee.blend(**question).write("index", format="index")
    spoil, reason = SPOILED[what]
    spoil(question)
    with pytest.raises(CuveeError, match=reason) as error:
        open_dataset("index")
    assert "\n" not in str(error.value)


def with_manifest(folder, change):
    path = Path(folder, "manifest.json")
    manifest = orjson.loads(path.read_bytes())
    change(manifest)
    path.write_bytes(orjson.dumps(manifest))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "data/../../secret", "recipe.json"])
def test_a_manifest_opens_no_other_file(place, question, name):
    cuvee.blend(**question).write("written")
    Path("secret").write_bytes(b"secret")
    with_manifest("written", lambda m: m["shards"][0].update(file=name))
    with pytest.raises(CuveeError, match="no file that cuvee writes"):
        open_dataset("written")


@pytest.mark.parametrize("format", ["parquet", "index"])
def test_a_flipped_bit_is_found(place, question, format):
    manifest = cuvee.blend(**question).write("out", format=format)
    path = Path("out", manifest["shards" if format == "parquet" else "index"][0]["file"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CuveeError, match="is not what was written: its hash differs"):
        open_dataset("out", verify=True)


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst", "index"])
def test_damage_of_the_same_size_is_one_line(place, question, format):
    manifest = cuvee.blend(**question).write("out", format=format)
    for file in manifest["index" if format == "index" else "shards"]:
        path = Path("out", file["file"])
        whole = path.read_bytes()
        for damage in (bytes(len(whole)), whole[:40] + bytes(len(whole) - 40), whole[::-1]):
            path.write_bytes(damage)
            with pytest.raises(CuveeError, match=r"cannot read out/.*Write the dataset again") as e:
                list(open_dataset("out").tables())
            assert "\n" not in str(e.value)
        path.write_bytes(whole)


@pytest.mark.parametrize("key", ["sources", "unit", "windows", "text_bytes"])
def test_an_older_manifest_is_refused(place, question, key):
    cuvee.blend(**question).write("index", format="index")
    with_manifest("index", lambda m: m.pop(key))
    with pytest.raises(CuveeError, match="not of one dataset that this version of cuvee wrote"):
        open_dataset("index")


def test_other_refusals(place, question, monkeypatch):
    answer = cuvee.blend(**question)
    manifest = answer.write("index", format="index")
    with pytest.raises(CuveeError, match="memory: expected at least 671088640 bytes"):
        open_dataset("index", memory=1000)
    with pytest.raises(CuveeError, match="expected shards in"):
        shards([Path("part.bin")])
    with pytest.raises(CuveeError, match="an index has no shards"):
        INDEX.write(None, Path("x"))
    monkeypatch.setattr("cuvee.sources.files.PIECE", 3000)
    with pytest.raises(CuveeError, match="'jsonl' is read in other pieces by this version"):
        open_index(Path("index"), answer.data, manifest, 2**30)


def test_a_source_that_shrinks_while_it_is_read(place, question):
    cuvee.blend(**question).write("index", format="index")
    dataset = open_dataset("index")
    path = Path(question["sources"]["jsonl"])
    path.write_bytes(b"\n" * path.stat().st_size)
    with pytest.raises(CuveeError, match="source 'jsonl' changed while cuvee was at work"):
        list(dataset.tables())
