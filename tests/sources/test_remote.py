"""What is read from a store or a server is what would be read from this machine."""

import json
import pickle
import socket
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.registry import _registry
from tests.sources.remote_world import (
    copy,
    moved,
    place,
    put,
    read,
    remove,
    s3_server,
    web_server,
)

import cuvee
from cuvee.core import remote
from cuvee.core.errors import CuveeError
from cuvee.sources import METHODS, open_source
from cuvee.sources import lines as line_module
from cuvee.testing.sources import CHECKS, PLANTS, documents, save_dataset

SCHEMES = ("memory", "s3")
LINES = b"".join(orjson.dumps({"text": f"document {i} " * 20}) + b"\n" for i in range(500))


@pytest.fixture(scope="module", autouse=True)
def server():
    with s3_server() as address:
        yield address


def told(*parts):
    """The message is one line and holds these parts."""
    return pytest.raises(CuveeError, match=r"(?s)^(?!.*\n).*" + ".*".join(parts))


def far_plant(plant, scheme):
    """A plant whose files are copied to a store."""

    def bad(folder, texts):
        source, many = plant.bad(folder, texts)
        return moved(source, folder, place(scheme)), many

    return replace(
        plant, bad=bad,
        good=lambda folder, texts: moved(plant.good(folder, texts), folder, place(scheme)),
    )  # fmt: skip


FAR = [("memory", m, c) for m in METHODS for c in CHECKS if m not in ("memory", "table")]
FAR += [("s3", "jsonl", c) for c in CHECKS]


@pytest.mark.parametrize(("scheme", "method", "check"), FAR)
def test_contract(scheme, method, check, tmp_path):
    CHECKS[check](far_plant(PLANTS[method], scheme), tmp_path)


@pytest.mark.parametrize("method", ["parquet", "jsonl", "arrow", "csv", "folder", "saved", "npz"])
def test_documents_rejects_and_pieces_are_those_of_local_files(method, tmp_path):
    near, _ = PLANTS[method].bad(tmp_path, PLANTS[method].documents[:12])
    to = place("s3")
    far = moved(near, tmp_path, to)
    assert [replace(p, path=p.path.replace(str(tmp_path), to)) for p in near.pieces()] == [
        *far.pieces()
    ]
    swapped = [
        [(t, tuple(replace(r, place=r.place.replace(str(tmp_path), to)) for r in bad))
         for t, bad in batches] for batches in read(near)
    ]  # fmt: skip
    assert read(far) == swapped
    assert list(far.fingerprint()) == [p.replace(str(tmp_path), to) for p in near.fingerprint()]


@pytest.mark.parametrize("kind", ["dictionary", "string"])
def test_tiny_pieces_of_an_arrow_stream(kind, tmp_path, monkeypatch):
    """Parts of a stream are read without what lies before them, dictionaries excepted."""
    monkeypatch.setattr("cuvee.sources.arrow.PIECE", 500)
    column = pa.array([f"text {i % 7} " * 9 for i in range(200)])
    labels = pa.array([f"label {i // 50}" for i in range(200)]).dictionary_encode()
    if kind == "dictionary":
        column, labels = column.dictionary_encode(), column
    table = pa.table({"label": labels, "text": column})
    path = tmp_path / "a.arrow"
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(str(path), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=10)
    far = open_source("s", put(f"{place('s3')}/a.arrow", path.read_bytes()), "text")
    near = open_source("s", path, "text")
    assert len(far.pieces()) == len(near.pieces()) > 5
    for piece, other in reversed(list(zip(far.pieces(), near.pieces()))):
        texts = [batch.text.to_pylist() for batch in far.read(piece)]
        assert texts == [batch.text.to_pylist() for batch in near.read(other)]


@pytest.mark.parametrize("cut", [1, 9, 300, 2000])
def test_arrow_stream_cut_short(cut, tmp_path):
    PLANTS["arrow"].good(tmp_path, PLANTS["arrow"].documents * 4)
    content = (tmp_path / "a.arrow").read_bytes()
    whole = documents(open_source("s", put(f"{place('memory')}/a.arrow", content)))
    with told("a.arrow: expected an Arrow file or stream", "cut short"):
        documents(open_source("s", put(f"{place('memory')}/a.arrow", content[: -cut - 8])))
    ended = put(f"{place('memory')}/a.arrow", content[:-8])  # the mark of the end may be missing
    assert documents(open_source("s", ended)) == whole


@pytest.mark.parametrize("scheme", SCHEMES)
def test_globs_folders_and_lists(scheme, tmp_path, monkeypatch):
    for name in ("a.jsonl", "b.jsonl", "deep/er/c.jsonl", ".hidden.jsonl", ".git/d.jsonl",
                 "odd [1], é?.jsonl"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(LINES[:1000] + orjson.dumps({"text": name}) + b"\n")
    to = copy(tmp_path, place(scheme))

    def found(*specs):
        return [p.removeprefix(f"{to}/") for p in open_source("s", [*specs]).paths]

    deep, every = "deep/er/c.jsonl", ["a.jsonl", "b.jsonl", "odd [1], é?.jsonl"]
    assert found(f"{to}/*.jsonl") == every
    assert found(f"{to}/**/*.jsonl") == sorted([*every, deep])
    assert found(to) == found(f"{to}/") == sorted([*every, deep])
    assert found(f"{to}/deep") == [deep]
    assert found(f"{to}/d*/**") == [deep]
    assert found(f"{to}/b.jsonl", f"{to}/a.jsonl", f"{to}/b.jsonl") == ["a.jsonl", "b.jsonl"]
    assert found(f"{to}/a.jsonl, {to}/deep/*/c.jsonl") == ["a.jsonl", deep]
    assert found(f"{to}/odd [1], é?.jsonl") == every[2:]
    assert found(f"{to}/[ab].jsonl") == every[:2]
    monkeypatch.chdir(tmp_path)
    mixed = open_source("s", f"b.jsonl,{to}/a.jsonl")
    assert mixed.paths == ("b.jsonl", f"{to}/a.jsonl")
    assert documents(mixed) == documents(open_source("s", ["b.jsonl", "a.jsonl"]))
    assert open_source("s", f"file://{tmp_path}/a.jsonl").paths == (f"{tmp_path}/a.jsonl",)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_folder_of_small_files(scheme, tmp_path):
    for i in range(70 if scheme == "memory" else 20):
        (tmp_path / f"{i}.py").write_text(f"print({i})\n" * (i % 5))
    (tmp_path / "long.py").write_text("word\n" * 300_000)
    source = open_source("s", copy(tmp_path, place(scheme)))
    assert documents(source) == documents(open_source("s", tmp_path))
    assert len(source.fingerprint()) == len(list(tmp_path.iterdir()))


def test_saved_dataset_with_splits(tmp_path):
    save_dataset(tmp_path / "train", ["one", "two", "three"], pa.string())
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    source = open_source("s", copy(tmp_path, place("s3")))
    assert documents(source) == ["one", "two", "three"]


def test_places_of_rejects_far_into_a_file(tmp_path, monkeypatch):
    for module in ("files", "lines"):
        monkeypatch.setattr(f"cuvee.sources.{module}.PIECE", 3000)
    broken = [LINES[i : i + 999] for i in range(0, 50_000, 999)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(broken))
    to = copy(tmp_path, place("s3"))
    near, far = (open_source("s", f"{p}/a.jsonl", "text") for p in (tmp_path, to))
    line_module._counted_once.cache_clear()
    places = [
        [r.place.rpartition("/")[2] for batches in read(source) for _, bad in batches for r in bad]
        for source in (near, far)
    ]
    assert places[0] == places[1]
    assert len(places[0]) > 50
    assert line_module._counted_once.cache_info().misses == len(far.pieces()) - 1


def test_blend_and_what_it_writes_are_those_of_local_files(tmp_path):
    rng = np.random.default_rng(0)
    words = {"web": "shop news page offer photo", "code": "def return self import class"}
    for name, own in words.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        texts = [" ".join(rng.choice([*own.split(), "the", "and"], 60)) for _ in range(120)]
        pq.write_table(pa.table({"text": texts}), tmp_path / "data" / name / "0.parquet")
    target = [{"text": " ".join(rng.choice(words["code"].split(), 60))} for _ in range(30)]
    (tmp_path / "data" / "val.jsonl").write_bytes(b"\n".join(map(orjson.dumps, target)))
    to = copy(tmp_path / "data", place("s3"))
    found = []
    for i, start in enumerate((tmp_path / "data", to)):
        specs = {"web": f"{start}/web/*.parquet", "code": f"{start}/code"}
        answer = cuvee.blend(specs, target=f"{start}/val.jsonl", budget="5k", workers=2)
        out = tmp_path / f"out{i}"
        answer.write(out)
        shards = {p.name: p.read_bytes() for p in sorted((out / "data").iterdir())}
        found.append((answer.shares.mean, answer.losses.draws, shards))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]
    assert found[0][2]


def test_changed_input_is_named_by_the_recipe(tmp_path):
    to = put(f"{place('s3')}/a.jsonl", LINES)
    first = open_source("s", to).fingerprint()
    assert first[to].startswith("etag:")
    put(to, LINES + b'{"text": "more"}\n')
    assert open_source("s", to).fingerprint() != first


@pytest.mark.parametrize("scheme", SCHEMES)
def test_changed_and_vanished_while_in_use(scheme):
    to = put(f"{place(scheme)}/a.jsonl", LINES)
    source = open_source("s", to)
    put(to, LINES[:-100])
    with told("a.jsonl: it changed, or vanished, while it was in use"):
        documents(source)
    source = open_source("s", to)
    remove(to)
    with told("a.jsonl: there is no such file"):
        documents(source)
    with told("a.jsonl"):
        source.fingerprint()


def test_replaced_between_two_requests():
    to = put(f"{place('s3')}/a.txt", b"a" * 300_000)
    with remote.opened(to) as file:
        assert file.read(10) == b"a" * 10
        put(to, b"b" * 300_000)
        file.seek(250_000)
        with told("a.txt: it changed, or vanished, while it was in use"):
            file.read(10)


def test_nothing_there():
    to = place("s3")
    put(f"{to}/web/corpus.parquet", b"x")
    with told("no file matches", "Did you mean .*/web/corpus.parquet", "holds corpus.parquet"):
        open_source("s", f"{to}/web/corpsu.parquet")
    with told("no file matches", "/web holds corpus.parquet"):
        open_source("s", f"{to}/web/deep/**/*.jsonl")
    with told("no file matches", "s3://no-such-bucket is empty, or does not exist"):
        open_source("s", "s3://no-such-bucket/web/*.parquet")
    with told("write an address as text, s3://"):
        open_source("s", Path(f"{to}/web/corpus.parquet"))
    with told("fsspec knows no 'cellar'"):
        open_source("s", "cellar://bucket/a.txt")
    with told("sftp://...@host: an address with a password"):
        open_source("s", "sftp://me:secret@host/a.txt")
    with told("got several chained"):
        open_source("s", "zip://a.txt::s3://bucket/a.zip")
    with told("nothing to read"):
        open_source("s", put(f"{to}/void.txt", b""))


def test_bad_files_are_told_as_local_ones_are():
    to = place("memory")
    for name, content in (("a.parquet", b"plain " * 99), ("a.jsonl.gz", LINES), ("a.npz", LINES)):
        with told(name, "expected", "fetch or write it again"):
            documents(open_source("s", put(f"{to}/{name}", content)))


def test_keys_that_are_refused(monkeypatch):
    to = put(f"{place('s3')}/a.jsonl", LINES)
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
    with told("it may not be read", "check the credentials"):
        open_source("s", to)


def test_no_keys_at_all(monkeypatch, tmp_path):
    to = put(f"{place('s3')}/a.jsonl", LINES)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with told("no credentials were found", "FSSPEC_S3"):
        open_source("s", to)


@pytest.fixture
def nobody():
    """A port at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def test_nobody_listens(nobody, monkeypatch):
    start = time.monotonic()
    monkeypatch.setattr(remote, "PAUSES", ())
    with told("it cannot be reached", "check the address and the network"):
        open_source("s", f"http://127.0.0.1:{nobody}/a.jsonl")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody}")
    with told("it cannot be reached", "check the address and the network"):
        open_source("s", "s3://bucket/a.jsonl")
    assert time.monotonic() - start < 20


def test_library_that_is_missing(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "new")  # so that no store is at hand
    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with told("s3://new/a.txt: a library is missing", r'pip install "cuvee\[s3\]"'):
        open_source("s", "s3://new/a.txt")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with told("needs the library 'fsspec'", r'pip install "cuvee\[remote\]"'):
        open_source("s", "memory://new/a.txt")


def test_web_server(monkeypatch):
    monkeypatch.setattr(remote, "PAUSES", (0.01, 0.01))
    with web_server({"/data/a.jsonl": LINES, "/b.tsv": b"id\ttext\n1\tone\n"}) as site:
        source = open_source("s", f"{site.address}/data/a.jsonl?token=1")
        assert documents(source) == [f"document {i} " * 20 for i in range(500)]
        assert documents(open_source("s", f"{site.address}/b.tsv?x=.csv")) == ["one"]
        with told("no file matches"):
            open_source("s", f"{site.address}/data/c.jsonl")
        site.failures = 2
        assert len(documents(source)) == 500
        site.status = 403
        with told("it may not be read"):
            open_source("s", f"{site.address}/data/a.jsonl")
        site.status = 500
        with told("a.jsonl: it cannot be read", "500"):
            open_source("s", f"{site.address}/data/a.jsonl")


def test_web_server_without_ranges():
    big = b"".join(b"%d\n" % i for i in range(1_500_000))
    with web_server({"/small.txt": b"a few words", "/big.txt": big}, ranges=False) as site:
        assert documents(open_source("s", f"{site.address}/small.txt")) == ["a few words"]
        with told("big.txt: the server hands out files from their start only", "fetch it"):
            documents(open_source("s", f"{site.address}/big.txt"))


def test_only_the_text_column_is_fetched():
    noise = np.random.default_rng(0).bytes(100_000)
    table = pa.table({"text": ["some words"] * 100, "other": [noise[i:] for i in range(100)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=25, use_dictionary=False, compression="none")
    content = sink.getvalue().to_pybytes()
    with web_server({"/a.parquet": content}) as site:
        assert len(documents(open_source("s", f"{site.address}/a.parquet", "text"))) == 100
        assert sum(size for _, size in site.sent) < len(content) // 20


def test_large_file_is_streamed():
    content = LINES * 200
    with web_server({"/a.jsonl": content}) as site:
        source = open_source("s", f"{site.address}/a.jsonl")
        tracemalloc.start()
        many = sum(len(batch.text) for piece in source.pieces() for batch in source.read(piece))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert many == 500 * 200
        assert len(content) > 25 << 20
        assert peak < len(content)
        assert len(site.sent) < 30


def test_sources_are_sent_without_their_stores():
    to = put(f"{place('s3')}/a.jsonl", LINES)
    source = open_source("s", to)
    assert len(pickle.dumps(source)) < 1000


def test_tokenizer_and_tables_of_runs(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["red", "green", "blue", "[UNK]"])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    texts = {"a": ["red green blue"] * 50 + ["blue"], "b": ["green blue"] * 60}
    rows = "".join(f"{i / 10},{1 - i / 10},{3 - i / 20}\n" for i in range(11))
    (tmp_path / "runs.csv").write_text("share/a,share/b,loss/t\n" + rows)
    to = copy(tmp_path, place("s3"))
    rows = [
        cuvee.trial(texts, {"a": 0.5, "b": 0.5}, target=["red blue"], budget=100,
                    tokenizer=f"{start}/tokenizer.json").mean
        for start in (tmp_path, to)
    ]  # fmt: skip
    assert np.array_equal(*rows)
    near, far = (cuvee.core.run_files.read_runs(f"{start}/runs.csv") for start in (tmp_path, to))
    assert np.array_equal(near.losses, far.losses)
    with told("runs2.csv: there is no such file"):
        cuvee.core.run_files.read_runs(f"{to}/runs2.csv")
    with told("is not a tokenizer.json"):
        cuvee.trial(texts, {"a": 0.5, "b": 0.5}, target=["red"], tokenizer=f"{to}/runs.csv")
