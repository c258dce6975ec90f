"""The mixed dataset: what was asked is what is written."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.export.world import NAMES, SHARES, data, read_jsonl, sources, tree, write

from cuvee import export
from cuvee.core import CuveeError
from cuvee.core.data import Data
from cuvee.core.files import explained
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.testing.export import table
from cuvee.testing.proxies import Texts, language, serial

JSONL, PARQUET = export.load("jsonl.zst"), export.load("parquet")
TOKENS = 30_000


def tokens_of(text):
    import pyarrow as pa

    return sum(len(c.ids) for c in Words().cut(pa.array([text], pa.large_string())))


def test_documents_are_the_sources_own(tmp_path):
    manifest = write(tmp_path, data(), TOKENS, JSONL, shard_bytes=9000)
    assert len(manifest["shards"]) > 3
    rows = read_jsonl(tmp_path)
    texts = {source.name: source.texts for source in sources()}
    seen = Counter()
    cut = Counter()
    for row in rows:
        assert list(row) == ["id", "text", "source", "tokens"]
        name, _, number = row["id"].rpartition("/")
        document = number.partition("#")[0]
        assert name == row["source"]
        whole = texts[name][int(document)]
        assert whole.startswith(row["text"])
        cut[name] += whole != row["text"]
        assert row["tokens"] == tokens_of(row["text"])
        seen[row["id"]] += 1
    assert max(seen.values()) == 1
    assert max(cut.values()) == 1, "only the last document of a source is cut"
    assert any(row["id"].startswith("books/") and row["id"].endswith("#2") for row in rows)


def test_manifest_adds_up(tmp_path):
    manifest = write(tmp_path, data(), TOKENS, JSONL, shard_bytes=9000)
    rows = read_jsonl(tmp_path)
    assert manifest["unit"] == "words"
    assert list(manifest["sources"]) == list(NAMES)
    by_source = Counter()
    for row in rows:
        by_source[row["source"]] += row["tokens"]
    available = data().survey()[0].available
    for i, (name, source) in enumerate(manifest["sources"].items()):
        assert source["tokens_asked"] == pytest.approx(SHARES[i] * TOKENS, abs=1)
        assert source["tokens_written"] == by_source[name]
        assert source["tokens_asked"] - 1 <= by_source[name] <= source["tokens_asked"]
        assert source["share_written"] == pytest.approx(by_source[name] / sum(by_source.values()))
        assert source["documents"] == sum(row["source"] == name for row in rows)
        assert source["tokens_available"] == available[i]
        assert source["epochs"] == pytest.approx(by_source[name] / available[i])
        assert (source["quarantined"], source["left_out_as_target"]) == (0, 0)
    assert manifest["tokens"] == sum(by_source.values())
    assert sum(s["documents"] for s in manifest["shards"]) == len(rows)
    assert sum(s["tokens"] for s in manifest["shards"]) == manifest["tokens"]
    for shard in manifest["shards"]:
        content = (tmp_path / shard["file"]).read_bytes()
        assert shard["sha256"] == hashlib.sha256(content).hexdigest()
        assert shard["bytes"] == len(content)
    files = {s["file"] for s in manifest["shards"]}
    assert files == {f"data/{p.name}" for p in (tmp_path / "data").iterdir()}


def test_shares_are_met_to_a_thousandth(tmp_path):
    """At a million tokens, with a source gone through three times."""
    parts = tuple(
        Texts(name, language(i, n, 5) * times)
        for i, (name, n, times) in enumerate(
            [("web", 1500, 12), ("code", 1500, 6), ("books", 700, 1)]
        )
    )
    question = Data(parts, (), Words(), Local())
    manifest = write(tmp_path, question, 1_000_000, PARQUET, shard_bytes=2**20)
    for share, source in zip(SHARES, manifest["sources"].values()):
        assert abs(source["share_written"] - share) < 1e-3 * share
    assert manifest["tokens"] == pytest.approx(1_000_000, abs=3)
    assert manifest["sources"]["books"]["epochs"] > 3
    table = pq.read_table(tmp_path / "data")
    assert table["tokens"].to_numpy().sum() == manifest["tokens"]


def test_any_stretch_has_the_shares(tmp_path):
    """To about one document of each source, wherever a trainer stops."""
    write(tmp_path, data(), TOKENS, JSONL, shard_bytes=9000)
    rows = read_jsonl(tmp_path)
    longest = max(row["tokens"] for row in rows)
    given = dict.fromkeys(NAMES, 0)
    for row in rows:
        given[row["source"]] += row["tokens"]
        total = sum(given.values())
        for name, share in zip(NAMES, SHARES):
            assert abs(given[name] - share * total) <= 2 * longest


@pytest.mark.parametrize("format", export.METHODS)
def test_same_bytes_whoever_writes_and_however_often(tmp_path, format):
    trees = []
    engines = [(serial, 60), (serial, 60), (Local(1), 60), (Local(3), 60), (Local(3), 13)]
    for i, (engine, piece) in enumerate([*engines, (serial, 10**9)]):
        out = tmp_path / str(i)
        write(out, data(engine, piece=piece), TOKENS, export.load(format), shard_bytes=9000)
        trees.append({k: v for k, v in tree(out).items() if k.startswith("data/")})
    assert all(one == trees[0] for one in trees)
    assert len(trees[0]) > 3


def test_spill_files_may_be_many(tmp_path, monkeypatch):
    write(tmp_path / "one", data(), TOKENS, JSONL)
    monkeypatch.setattr("cuvee.export.write.SPILL_BYTES", 500)
    write(tmp_path / "many", data(), TOKENS, JSONL)
    assert len(list((tmp_path / "many" / ".cuvee" / "spill").glob("*.arrow"))) > 30
    assert read_jsonl(tmp_path / "one") == read_jsonl(tmp_path / "many")


def test_source_of_no_share_is_not_read_again(tmp_path):
    manifest = write(tmp_path, data(), 1000, JSONL, shares=np.array([0.5, 0.5, 0]))
    assert manifest["sources"]["books"]["documents"] == 0
    assert manifest["tokens"] == 1000


def test_one_token(tmp_path):
    manifest = write(tmp_path, data(), 1, JSONL)
    assert manifest["tokens"] == 1
    assert len(read_jsonl(tmp_path)) == 1


def test_documents_longer_than_a_shard(tmp_path):
    long = (Texts("web", tuple(" ".join(language(i, 60, 5)) for i in range(4))),)
    question = Data(long, (), Words(), serial)
    manifest = write(tmp_path, question, 9000, PARQUET, np.array([1.0]), shard_bytes=2000)
    assert manifest["tokens"] == 9000
    assert pq.read_table(tmp_path / "data")["tokens"].to_numpy().sum() == 9000


@pytest.mark.parametrize("change", ["fewer", "more"])
def test_source_that_changes_in_between_is_refused(tmp_path, change):
    question = data()
    survey, _ = question.survey()
    part = question.sources[0]
    texts = part.texts[:-3] if change == "fewer" else (*part.texts, "new words " * 9)
    changed = Texts(part.name, texts, piece=10**9)
    # The same pieces are asked for, but the file behind them has changed.
    object.__setattr__(changed, "piece", part.piece)
    if change == "more":
        object.__setattr__(changed, "texts", (*part.texts[:30], *part.texts))
    with pytest.raises(CuveeError, match=r"changed|at work"):
        export.write_dataset(
            tmp_path, Data((changed, *question.sources[1:]), (), Words(), serial), survey, SHARES,
            TOKENS, format=JSONL, seed=0,
        )  # fmt: skip


@pytest.mark.parametrize("format", export.METHODS)
def test_full_disk_is_told_as_such_by_every_library(format, tmp_path):
    """Arrow and zstandard raise errors of their own; the number in them must survive."""
    # Through a link, never by its own path: Arrow removes the file that it could not write.
    place = tmp_path / "part"
    place.symlink_to("/dev/full")
    with pytest.raises(CuveeError, match="no space is left"), explained(place):
        export.load(format).write(table(["text " * 9] * 30_000), place)
