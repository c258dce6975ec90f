"""`cuvee.dedup`: what is read, written and said."""

import argparse

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cuvee.cli.dedup import dedup as command
from cuvee.cli.dedup import print_deduped
from cuvee.core import CuveeError
from cuvee.core.copies import Cuts
from cuvee.documents.deduplicating import dedup, named
from cuvee.documents.rewriting import Rewritten
from cuvee.documents.trimming import Trim, trim
from cuvee.sources.memory import Memory
from cuvee.sources.records import records
from cuvee.testing.planted_copies import made

RNG = np.random.default_rng(0)
TEXTS = [" ".join(made(RNG, 80)) for _ in range(12)]
PASSAGE = " ".join(made(RNG, 70))
AROUND = [" ".join(made(RNG, 40)) for _ in range(4)]


@pytest.fixture
def files(tmp_path):
    """`web.parquet` (one document twice), `code.jsonl` (one of web's, changed; one broken line)."""
    web = [*TEXTS[:6], TEXTS[0], f"{AROUND[0]} {PASSAGE} {AROUND[1]}"]
    table = pa.table({"id": range(8), "text": web, "url": [f"u{i}" for i in range(8)]})
    pq.write_table(table, tmp_path / "web.parquet", row_group_size=3)
    changed = TEXTS[1].split()
    changed[40] = "changed"
    code = [*TEXTS[6:], " ".join(changed), f"{AROUND[2]} {PASSAGE} {AROUND[3]}"]
    lines = [orjson.dumps({"text": text, "n": i}) for i, text in enumerate(code)]
    (tmp_path / "code.jsonl").write_bytes(b"\n".join([*lines[:4], b"{broken", *lines[4:]]) + b"\n")
    return tmp_path


def sources(files):
    return {"web": str(files / "web.parquet"), "code": str(files / "code.jsonl")}


def test_exact(files):
    found = dedup(sources(files), method="exact")
    assert (found.documents, found.kept, found.unread) == ((8, 8), (7, 8), (0, 1))
    assert found.overlap.tolist() == [[2, 0], [0, 0]]
    assert str(found) == "exact: 15 of 16 documents stay; 1 went, in 1 group."
    (example,) = found.examples
    assert (example.size, example.row, example.other_row, example.similarity) == (2, 0, 6, 1.0)
    assert TEXTS[0].startswith(example.text)


def test_near_over_sources_with_every_column(files):
    out = files / "kept.parquet"
    found = dedup(sources(files), out=out, attributes=files / "attributes")
    assert found.removed == 2
    assert found.overlap.tolist() == [[2, 1], [1, 0]]
    kept = pq.read_table(out)
    assert kept.column_names == ["id", "text", "url", "source", "n"]
    assert len(kept) == 14
    assert len(set(kept["text"].to_pylist())) == 14
    web, code = (pq.read_table(files / "attributes" / f"{n}.parquet") for n in ("web", "code"))
    assert (len(web), len(code)) == (8, 8)
    rows = [*web.to_pylist(), *code.to_pylist()]
    gone = [row for row in rows if not row["kept"]]
    assert len(gone) == 2
    by_place = {(row["source"], row["row"]): row for row in rows}
    for row in gone:
        stays = by_place[row["duplicate_of_source"], row["duplicate_of_row"]]
        assert stays["kept"]
        assert stays["group"] == row["group"]
        assert 0.8 <= row["similarity"] <= 1
    assert web["row"].to_pylist() == list(range(8))
    assert sorted(set(web["piece"].to_pylist())) == list(range(len(set(web["piece"].to_pylist()))))
    assert all(row["path"].endswith((".parquet", ".jsonl")) for row in rows)


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_passages_are_cut_from_the_text_only(files, suffix):
    out = files / f"kept{suffix}"
    found = dedup(sources(files), method="spans", out=out, attributes=files / "attributes")
    assert found.passages is not None
    assert found.passages >= 1
    if suffix == ".parquet":
        rows = pq.read_table(out).to_pylist()
    else:
        rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    whole = [row["text"] for row in rows if PASSAGE in row["text"]]
    trimmed = {" ".join(AROUND[:2]), " ".join(AROUND[2:])}
    cut = [row["text"] for row in rows if row["text"] in trimmed]
    assert (len(whole), len(cut)) == (1, 1)
    assert {row["url"] for row in rows if row["source"] == "web"} == {
        f"u{i}" for i in range(8) if i != 6
    }
    attributes = [pq.read_table(files / "attributes" / f"{n}.parquet") for n in ("web", "code")]
    cuts = [cut for table in attributes for one in table["cuts"].to_pylist() for cut in one]
    assert len(cuts) == found.passages
    assert sum(c["stop"] - c["start"] for c in cuts) == found.passage_bytes
    assert any(one.other.startswith(PASSAGE[:100]) for one in found.examples)
    assert found.overlap[0, 1] >= 1
    assert found.overlap[1, 0] >= 1


def test_the_answer_does_not_depend_on_workers_or_the_order_of_sources(files):
    texts = []
    for turn, order in enumerate((("web", "code"), ("code", "web"))):
        for workers in (1, 3):
            out = files / f"kept{turn}{workers}.parquet"
            given = {name: sources(files)[name] for name in order}
            dedup(given, out=out, workers=workers)
            texts.append(sorted(pq.read_table(out)["text"].to_pylist()))
    assert all(one == texts[0] for one in texts)


def test_a_single_source_gets_no_column(files):
    dedup(str(files / "web.parquet"), method="exact", out=files / "kept.parquet")
    assert pq.read_table(files / "kept.parquet").column_names == ["id", "text", "url"]


def test_names_of_paths():
    assert named(["a/web.parquet", "b/web.jsonl", "code=x.jsonl"]) == {
        "web": "a/web.parquet", "web-2": "b/web.jsonl", "code": "x.jsonl",
    }  # fmt: skip
    assert list(named(["a/web/*.parquet", "b/web/", "*.jsonl", "a,b", "/x/**/*.txt"])) == [
        "web", "web-2", "text", "a-b", "x",
    ]  # fmt: skip
    with pytest.raises(CuveeError, match="two sources are called 'web'"):
        named(["web.parquet", "web=other.parquet"])


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ({"a": ["x"]}, {"method": "minhsh"}, "unknown clean method 'minhsh'.*'minhash'"),
        ({"a": ["x"]}, {"method": "minhash:threshold=2"}, "above 0 to 1, got 2.0"),
        ({"a": ["x"]}, {"out": "kept.csv"}, "expected a file that ends with .parquet"),
        ({"a": [None]}, {}, "no document was found in any source"),
        ({"a": [None]}, {"strict": True}, "null instead of text"),
        ({}, {}, "at least one source is needed"),
        (3, {}, "expected a path or .* got a int"),
        ([1, 2], {}, "expected paths, or sources by name"),
        ({"a": ["x"]}, {"text": {"b": "text"}}, "unknown source in text 'b'"),
        ({"a": (np.ones((3, 2)), np.ones(3))}, {}, "only text is compared"),
    ],
)
def test_bad_input(given, settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CuveeError, match=message) as error:
        dedup(given, **settings)
    assert "\n" not in str(error.value)


def test_outputs_are_not_written_over(files):
    (files / "attributes").mkdir()
    (files / "attributes" / "mine").write_text("")
    with pytest.raises(CuveeError, match="a folder that is new or empty"):
        dedup(sources(files), attributes=files / "attributes")
    with pytest.raises(CuveeError, match="exists: choose another name"):
        dedup(sources(files), out=files / "web.parquet")
    with pytest.raises(CuveeError, match="lies in source 'all'"):
        dedup({"all": f"{files}/*.parquet"}, out=files / "kept.parquet")


def test_a_source_that_changes_is_noticed():
    turns = []

    def items():
        turns.append(1)
        return iter(["one text", "two", "three"][: 3 if len(turns) < 5 else 2])

    with pytest.raises(CuveeError, match="was changed while cuvee was at work"):
        for _ in range(6):
            dedup({"a": Memory("a", items, "text")}, method="spans")


def options(files, **more):
    given = {
        "sources": [f"web={files / 'web.parquet'}", str(files / "code.jsonl")],
        "method": "minhash", "out": None, "attributes": None, "report": None, "json": False,
        "quiet": False, "text_column": None, "strict": False, "engine": "local", "workers": 1,
        "address": "",
    }  # fmt: skip
    return argparse.Namespace(**(given | more))


@pytest.mark.parametrize("method", ["exact", "minhash", "spans"])
def test_command(files, capsys, method):
    command(options(files, method=method, report=str(files / "report.json")))
    said = capsys.readouterr().out
    assert f"{method}: " in said
    assert "unreadable" in said
    assert "Documents of the row that have a copy in the column" in said
    report = orjson.loads((files / "report.json").read_bytes())
    assert report["documents"] == 16
    assert report["removed"] == report["documents"] - report["kept"] > 0
    assert report["sources"]["code"]["unread"] == 1
    command(options(files, method=method, json=True))
    assert orjson.loads(capsys.readouterr().out) == report
    command(options(files, quiet=True))
    assert capsys.readouterr().out == ""


def test_a_rewritten_source_reads_as_its_records_do():
    source = Memory("a", tuple({"text": f"é{i}abcdef", "n": i} for i in range(5)))
    numbers = np.array([11, 11, 13])
    cuts = Cuts(numbers, np.array([0, 4, 2]), np.array([2, 6, 9]), np.array([10, 10, 10]))
    (piece,) = source.pieces()
    trimmed = Rewritten.of(source, [piece], [5], Trim(cuts), 10)
    assert trimmed.pieces() == (piece,)
    assert trimmed.touched() == [piece]
    read = [text for batch in trimmed.read(piece) for text in batch.text.to_pylist()]
    assert read == ["é0abcdef", "1adef", "é2abcdef", "é", "é4abcdef"]
    tables = pa.concat_tables(records(trimmed, piece))
    assert tables.to_pylist() == [{"text": text, "n": i} for i, text in enumerate(read)]
    assert trimmed.name == "a"
    assert trimmed.fingerprint() != source.fingerprint()
    whole = pa.array(["x"], pa.large_string())
    assert trim(whole, cuts, 0) is whole


def test_overlap_of_sources_with_long_names_fits_a_terminal(files, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    web, code = sources(files).values()
    names = [f"a source with a name of more than forty letters {i}" for i in (1, 2)]
    print_deduped(dedup(dict(zip(names, (web, code)))))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for row in ("1 2", f"1 {names[0]} 2 1", f"2 {names[1]} 1 0"):
        assert row in lines
