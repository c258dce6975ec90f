"""`cuvee.choose` and `cuvee choose`: from files to chosen documents, with every column."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cuvee
from cuvee.__main__ import main
from cuvee.core import CuveeError
from cuvee.core.pool import Quota
from cuvee.engine.local import Local
from cuvee.sources import files, parquet

WORDS = {kind: [f"{kind}{i}" for i in range(200)] for kind in "abc"}


def documents(kinds, seed):
    rng = random.Random(seed)
    made = []
    for i, kind in enumerate(kinds):
        length = rng.randint(20, 40)
        some = [
            rng.choice(WORDS[kind if rng.random() < 0.8 else "abc"[i % 3]]) for _ in range(length)
        ]
        made.append({"id": i, "text": " ".join(some), "kind": kind, "grade": rng.random()})
    return made


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A pool of three kinds in four files, and a target of one of them."""
    monkeypatch.chdir(tmp_path)
    rows = documents([("abc" * 200)[i] for i in range(400)], 0)
    rows[7] = dict(rows[3])
    for part in range(2):
        some = rows[part * 100 : part * 100 + 100]
        (tmp_path / f"p{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    table = pa.Table.from_pylist(rows[200:])
    pq.write_table(table, "p2.parquet", row_group_size=30)
    target = documents("a" * 30, 1)
    (tmp_path / "val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in target))
    return tmp_path


def run(capsys, *words):
    status = main(["choose", *words])
    out, err = capsys.readouterr()
    return status, out, err


def pool_rows():
    return [
        json.loads(line)
        for name in ("p0", "p1")
        for line in Path(f"{name}.jsonl").read_text().splitlines()
    ]


def test_command(world, capsys):
    words = ["p0.jsonl,p1.jsonl", "-k", "20%", "--target", "val.jsonl", "--method", "dsir"]
    status, out, err = run(capsys, *words, "--out", "a.parquet")
    assert (status, err) == (0, "")
    assert "dsir chose 40 of 200 documents" in out
    found = pq.read_table("a.parquet").to_pylist()
    pool = pool_rows()
    by_rank = sorted(found, key=lambda row: row["choice_rank"])
    assert [row["choice_rank"] for row in by_rank] == list(range(40))
    for row in found:
        assert pool[row["id"]] | {k: v for k, v in row.items() if k.startswith("choice_")} == row
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)
    assert np.mean([row["kind"] == "a" for row in found]) > 0.8
    about = json.loads((world / "a.parquet.json").read_text())
    assert about["choice"]["chosen"]["documents"] == 40
    assert about["recipe"]["settings"]["method"] == "dsir"
    assert sorted(p.name for p in world.iterdir()) == [
        "a.parquet", "a.parquet.json", "p0.jsonl", "p1.jsonl", "p2.parquet", "val.jsonl",
    ]  # fmt: skip


def test_other_files_another_order_other_workers(world, monkeypatch):
    """The same documents, whoever reads them and however they are cut."""
    whole = cuvee.choose("p*.jsonl", 50, target="val.jsonl", method="dsir")
    texts = [row["text"] for row in pool_rows()]
    wanted = [texts[i] for i in whole.rows]
    monkeypatch.setattr(files, "PIECE", 3000)
    for pool, order in ((["p1.jsonl", "p0.jsonl"], texts), (texts[::-1], texts[::-1])):
        for workers in (1, 3):
            again = cuvee.choose(pool, 50, target="val.jsonl", method="dsir", workers=workers)
            assert [order[i] for i in again.rows] == wanted


def test_several_sources_and_formats(world, capsys):
    words = ["web=p*.jsonl", "code=p2.parquet", "-k", "2k-tokens", "--out", "b.jsonl.zst", "--json"]
    status, out, _ = run(capsys, *words)
    said = json.loads(out)
    assert status == 0
    assert said["chosen"]["tokens"] <= 2000
    assert [s["documents"] for s in said["sources"]] == [200, 200]
    rows = cuvee_rows("b.jsonl.zst")
    assert {row["source"] for row in rows} == {"web", "code"}
    assert {"id", "kind", "grade", "choice_rank"} <= set(rows[0])
    assert len(rows) == said["chosen"]["documents"]


def cuvee_rows(path):
    from cuvee.sources import open_source
    from cuvee.sources.records import records

    source = open_source("s", path)
    return [row for p in source.pieces() for t in records(source, p) for row in t.to_pylist()]


def test_every_kind_of_points(world, monkeypatch):
    """Own embeddings, from a column or a file, and the words' own."""
    rows = documents("abcabc" * 10, 5)
    places = {"a": [1.0, 0, 0], "b": [0, 1.0, 0], "c": [0, 0, 1.0]}
    table = pa.Table.from_pylist([row | {"emb": places[row["kind"]]} for row in rows])
    pq.write_table(table, "e.parquet")
    target = pa.Table.from_pylist([{"text": "x", "emb": places["b"]}])
    pq.write_table(target, "t.parquet")
    found = cuvee.choose("e.parquet", 20, target="t.parquet", method="rds", embeddings="emb")
    assert {rows[i]["kind"] for i in found.rows} == {"b"}
    words = cuvee.choose("e.parquet", 10, target="val.jsonl", method="rds")
    assert np.mean([rows[i]["kind"] == "a" for i in words.rows]) > 0.7
    np.save("e.npy", np.array([places[row["kind"]] for row in rows]))
    with pytest.raises(CuveeError, match="give the target's as --target-embeddings"):
        cuvee.choose("e.parquet", 20, target="t.parquet", method="rds", embeddings="e.npy")
    np.save("t.npy", np.array([places["c"]]))
    for theirs, kind in (("t.npy", "c"), ("emb", "b")):
        found = cuvee.choose(
            "e.parquet", 20, target="t.parquet", method="rds", embeddings="e.npy",
            target_embeddings=theirs,
        )  # fmt: skip
        assert {rows[i]["kind"] for i in found.rows} == {kind}
    with pytest.raises(CuveeError, match="--target-embeddings goes with --embeddings"):
        cuvee.choose("e.parquet", 20, target="t.parquet", target_embeddings="t.npy")
    assert len(cuvee.choose("e.parquet", 5, method="random", embeddings="e.npy").rows) == 5


def test_features_are_kept(world, monkeypatch):
    from cuvee import features

    first = cuvee.choose("p0.jsonl", 10, target="val.jsonl", method="rds")
    monkeypatch.setattr("cuvee.documents.points._featured", None)  # not needed a second time
    again = cuvee.choose("p0.jsonl", 10, target="val.jsonl", method="rds")
    assert first.rows.tolist() == again.rows.tolist()
    assert set(features.METHODS) == {"lsa", "states"}


def test_documents_of_the_target_are_never_chosen(world):
    texts = [f"one {i} two" for i in range(30)]
    found = cuvee.choose(texts, 28, target=texts[:2], method="random")
    assert set(found.rows.tolist()) == set(range(2, 30))  # places in the list
    assert found.to_dict()["sources"][0]["in_target"] == 2
    assert "chose 28 of 28" in str(found)


def test_rows_of_a_table():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (50, 3)), rng.normal(9, 1, (50, 3))])
    found = cuvee.choose((x, np.arange(100) // 50), 20, target=x[60:70] + 0.01, method="rds")
    assert (found.rows >= 50).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["p0.jsonl", "-k", "101"], "-k 101: the pool has 100 rows; choose 1 to 100"),
        (["p0.jsonl", "-k", "0"], "-k 0: the pool has"),
        (["p0.jsonl", "-k", "110%"], "-k: expected rows (5000), a part of them"),
        (["p0.jsonl", "-k", "many"], "-k: expected rows (5000), a part of them"),
        (["p0.jsonl", "-k", "1-tokens"], "no row fits into 1 tokens, the shortest has"),
        (["p0.jsonl", "-k", "5", "--method", "dsr"], "Did you mean 'dsir'"),
        (["p0.jsonl", "-k", "5", "--method", "dsir"], "for a target, and there is none"),
        (["p0.jsonl", "-k", "5", "--target", "none.jsonl"], "none.jsonl"),
        (["p0.jsonl", "-k", "5", "--target", "empty.jsonl"], "empty.jsonl"),
        (["p0.jsonl", "-k", "5", "--target", "blank.jsonl"], "the target has no text"),
        (["blank.jsonl", "-k", "1"], "none of the 3 documents of the pool has any text"),
        (["p0.jsonl", "-k", "5", "--quality", "grad"], "unknown column 'grad'"),
        (["p0.jsonl", "-k", "5", "--quality", "kind"], "--quality kind: expected numbers"),
        (["p0.jsonl", "-k", "5", "--labels", "none"], "unknown column 'none'"),
        (["p0.jsonl", "-k", "5", "--out", "a.txt"], "expected a file that ends with .parquet"),
        (["p0.jsonl", "-k", "5", "--out", "p0.jsonl"], "exists: choose another name"),
        (["p0.jsonl", "-k", "5", "--target", "val.jsonl", "--method", "rds", "--embeddings",
          "nan.npy"], "is of the pool only: give the target's as --target-embeddings"),
        (["p0.jsonl", "-k", "5", "--embeddings", "short.npy", "--method", "k_center"],
         "expected 100 rows of numbers, one for each document, got shape (3, 2)"),
        (["p0.jsonl", "-k", "5", "--embeddings", "nan.npy", "--method", "k_center"],
         "--embeddings nan.npy: numbers of document 5 are not finite"),
        (["p0.jsonl", "-k", "5", "--embeddings", "kind", "--method", "k_center"],
         "expected lists of numbers"),
        (["p0.jsonl", "-k", "5", "--method", "random", "--methods", "all"], "give one of them"),
    ],
)  # fmt: skip
def test_bad_input(world, capsys, words, message):
    (world / "empty.jsonl").write_text("")
    (world / "blank.jsonl").write_text('{"text": ""}\n' * 3)
    np.save("short.npy", np.zeros((3, 2)))
    holes = np.random.default_rng(0).normal(size=(100, 2))
    holes[4, 1] = np.nan
    np.save("nan.npy", holes)
    before = sorted(world.iterdir())
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(world.iterdir()) == before


def test_what_is_taken_by_default_is_not_the_shortest(world):
    """Of a small target, too, and beside the method as published."""
    texts = [row["text"] for row in pool_rows()]
    mean = np.mean([len(text) for text in texts])
    target = [json.loads(line)["text"] for line in Path("val.jsonl").read_text().splitlines()][:8]
    found = cuvee.choose(texts, 20, target=target)
    assert np.mean([len(texts[i]) for i in found.rows]) > 0.9 * mean
    assert np.mean([pool_rows()[i]["kind"] == "a" for i in found.rows]) > 0.6
    assert found.to_dict()["method"] == "dsir:prior=10000"
    plain = cuvee.choose(texts, 20, target=target, method="dsir")
    assert np.mean([len(texts[i]) for i in plain.rows]) < 0.9 * mean
    assert "short ones come first" in str(plain).replace("\n", " ")


def test_a_pool_of_copies(world):
    found = cuvee.choose(["the same text"] * 50 + ["another one"], 20, target=["another"])
    assert len(found.rows) == 20


def test_stopped_and_begun_again(world, monkeypatch):
    """What was written of the parts stays; the file is the same in the end."""
    from cuvee.documents import choosing, keeping

    asked = choosing.selection("p2.parquet", 60)
    monkeypatch.setattr(parquet, "PIECE", 1000)
    whole = choosing.decide(asked, Local(1))
    whole.write("whole.parquet")
    real, calls = keeping._part, []

    def stops(folder, names, job):
        calls.append(job[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(folder, names, job)

    monkeypatch.setattr(keeping, "_part", stops)
    with pytest.raises(KeyboardInterrupt):
        choosing.decide(asked, Local(1)).write("again.parquet")
    assert not (world / "again.parquet").exists()
    monkeypatch.setattr(keeping, "_part", real)
    choosing.decide(asked, Local(1)).write("again.parquet")
    assert (world / "again.parquet").read_bytes() == (world / "whole.parquet").read_bytes()
    assert not list(world.glob(".*"))


def test_methods_side_by_side(world, capsys):
    words = ["p*.jsonl", "-k", "1k-tokens", "--target", "val.jsonl", "--seeds", "2"]
    status, out, err = run(capsys, *words, "--methods", "random,dsir", "--out", "board.json")
    assert (status, err) == (0, "")
    assert out.startswith("dsir is best; 1 of 1 beat random choice.")
    board = json.loads((world / "board.json").read_text())
    assert [row["name"] for row in board["methods"]] == ["dsir", "random"]
    assert board["methods"][0]["gain"] > 0
    assert board["methods"][0]["seconds"] > 0
    assert run(capsys, *words, "--methods", "random,dsr")[0] == 2
    assert run(capsys, *words[:2], "100%", "--methods", "random")[0] == 2


def test_quota():
    sizes = np.array([5, 3, 9, 1, 4])
    order = np.array([2, 0, 4, 3, 1])
    assert Quota(rows=2).fill(order, sizes).tolist() == [2, 0]
    assert Quota(tokens=13).fill(order, sizes).tolist() == [2, 4]  # 5 does not fit any more
    assert Quota(tokens=8).fill(order, sizes).tolist() == [0, 3]
    assert Quota(tokens=8).most(sizes) == 3
    assert Quota.parse("1.5k tokens", 10) == Quota(tokens=1500)
    for wrong in ({}, {"rows": 0}, {"rows": 1, "tokens": 1}):
        with pytest.raises(CuveeError):
            Quota(**wrong)
