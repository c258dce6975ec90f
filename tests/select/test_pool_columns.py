"""What a user has beside the text: places in a list, side-car files, points, several targets."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.select.test_choose import documents

import cuvee
from cuvee.__main__ import main
from cuvee.core import CuveeError
from cuvee.core.pool import Choice
from cuvee.documents import points, selecting
from cuvee.documents.describing import attributes
from cuvee.documents.judging import judge
from cuvee.documents.trying import weight_classes
from cuvee.engine.kept import Kept
from cuvee.engine.local import Local


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A pool of three kinds with points and labels, and a target of the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))
    place = {kind: np.eye(3)[i].tolist() for i, kind in enumerate("abc")}
    for name, kinds, seed in (("pool", "abc" * 40, 0), ("val", "a" * 12, 1), ("b", "b" * 12, 2)):
        rows = [{**row, "emb": place[row["kind"]]} for row in documents(kinds, seed)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def rows_in(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_rows_are_places_in_what_was_given(world):
    """Set apart, empty, or no text at all: whoever counts from 0 finds each document."""
    texts = [f"red green {i}" for i in range(20)]
    given = ["the target", None, *texts[:5], "", 7, "the target", *texts[5:]]
    found = cuvee.choose(given, 20, target=["the target"])
    assert sorted(given[i] for i in found.rows) == sorted(texts)
    both = cuvee.choose({"a": given, "b": texts}, 40, target=["the target"])
    one = [*given, *texts]
    assert sorted(one[i] for i in both.rows) == sorted([*texts, *texts])
    assert sorted(both.rows_of("b").tolist()) == list(range(20))
    assert sorted(given[i] for i in both.rows_of("a")) == sorted(texts)
    with pytest.raises(CuveeError, match="unknown source 'c'"):
        both.rows_of("c")


def test_rows_of_files_and_in_records(world):
    pool = rows_in("pool.jsonl")
    (world / "mixed.jsonl").write_text(
        "".join(json.dumps(r) + "\n" for r in [rows_in("val.jsonl")[0], *pool[:40]])
    )
    found = cuvee.choose("mixed.jsonl", 10, target="val.jsonl")
    assert 0 not in found.rows
    found.write("out.parquet")
    for row in pq.read_table("out.parquet").to_pylist():
        assert pool[row["choice_row"] - 1]["id"] == row["id"]
        assert found.rows[row["choice_rank"]] == row["choice_row"]


def test_rows_of_a_target_that_documents_were_taken_for(world):
    """Numbers of the target count what is no document there, too."""
    target = [None, 7, *rows_in("val.jsonl"), *rows_in("b.jsonl")]
    found = cuvee.choose("pool.jsonl", 40, target=target, method="rds", embeddings="emb")
    assert found.choice.of == "target row"
    assert found.choice.group.min() >= 2
    pool = rows_in("pool.jsonl")
    for row, group in zip(found.rows, found.choice.group):
        assert pool[row]["kind"] == target[group]["kind"]


def test_quality_and_labels_from_beside_the_data(world):
    pool = rows_in("pool.jsonl")
    attributes("pool.jsonl", "gopher", "known")
    ratio = [len(row["text"]) for row in pool]
    best = cuvee.choose(
        "pool.jsonl", 20, target="val.jsonl", method="pruning:score=quality:keep=hardest:random=0",
        quality="gopher_words", attributes="known",
    )  # fmt: skip
    worst = cuvee.choose(
        "pool.jsonl", 20, method="pruning:score=quality:keep=hardest:random=0",
        quality="-gopher_words", attributes="known",
    )  # fmt: skip
    short, long = np.mean([ratio[i] for i in best.rows]), np.mean([ratio[i] for i in worst.rows])
    assert short < np.mean(ratio) < long
    named = cuvee.choose(
        {"pool": "pool.jsonl"}, 20, target="val.jsonl", quality="gopher_words", attributes="known",
        method="pruning:score=quality:keep=hardest:random=0",
    )  # fmt: skip
    assert named.rows.tolist() == best.rows.tolist()
    labelled = cuvee.choose(
        "pool.jsonl", 9, method="ccs", labels="gopher_keep", attributes="known", embeddings="emb"
    )
    assert len(labelled.rows) == 9
    for wrong, message in (
        ({"quality": "gopher_wrds"}, "Did you mean 'gopher_words'"),
        ({"quality": "perplexity_nats"}, "unknown column 'perplexity_nats'"),
        ({"quality": "gopher_words", "attributes": "nowhere"}, "no attributes lie there"),
    ):
        with pytest.raises(CuveeError, match=message):
            cuvee.choose("pool.jsonl", 5, **{"attributes": "known", **wrong})
    with (world / "pool.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(CuveeError, match="has changed since its attributes were written"):
        cuvee.choose("pool.jsonl", 5, quality="gopher_words", attributes="known")


def test_a_file_of_points_counts_documents_as_they_were_given(world):
    """Of a pool in which the target stands, too, points stay with their documents."""
    pool = [*rows_in("val.jsonl"), *rows_in("pool.jsonl")]
    np.save("p.npy", np.array([row["emb"] for row in pool]))
    np.save("t.npy", np.array([[0, 1.0, 0]] * 12))
    texts = [row["text"] for row in pool]
    found = cuvee.choose(
        texts, 20, target="val.jsonl", method="rds", embeddings="p.npy", target_embeddings="t.npy"
    )
    assert {pool[i]["kind"] for i in found.rows} == {"b"}


def test_several_targets(world, capsys):
    words = ["choose", "pool.jsonl", "-k", "30", "--method", "dsir:separate=true:top_k=true"]
    assert main([*words, "--target", "val.jsonl", "--target", "b.jsonl", "--out", "c.jsonl"]) == 0
    assert "Taken for 2 targets (val: 16, b: 14)." in capsys.readouterr().out
    for row in rows_in("c.jsonl"):
        assert row["kind"] == "ab"[row["choice_group"]]
    prints = json.loads((world / "c.jsonl.json").read_text())["recipe"]["fingerprints"]
    assert {"target val", "target b"} <= set(prints)


def test_active_learning_in_one_round_needs_no_labels_of_the_pool(world):
    from cuvee import select

    assert select.load("active:rounds=1").needs == ("points",)
    assert select.load("active").needs == ("points", "labels")
    target = [
        {**row, "class": row["kind"]} for name in ("val", "b") for row in rows_in(f"{name}.jsonl")
    ]
    found = cuvee.choose(
        "pool.jsonl", 10, target=target, method="active:rounds=1", labels="class", embeddings="emb"
    )
    pool = rows_in("pool.jsonl")
    assert {pool[i]["kind"] for i in found.rows} == {"c"}
    with pytest.raises(CuveeError, match="unknown column 'class'"):
        cuvee.choose("pool.jsonl", 10, target=target, method="active", labels="class")


def compared(methods, **more):
    asked = selecting.selection("pool.jsonl", "800 tokens", target="val.jsonl", **more)
    return judge(asked, methods, seeds=1)


def test_comparison_keeps_the_columns_of_the_target(world):
    board = compared("random,rds", embeddings="emb")
    assert board.judged[0].name == "rds"
    assert any("embeddings is not in the time" in note for note in board.notes)
    pool, target = rows_in("pool.jsonl"), rows_in("val.jsonl")
    np.save("p.npy", np.array([row["emb"] for row in pool]))
    np.save("t.npy", np.array([row["emb"] for row in target]))
    filed = compared("random,rds", embeddings="p.npy", target_embeddings="t.npy")
    assert filed.judged[0].loss.draws.tolist() == board.judged[0].loss.draws.tolist()
    labelled = compared("random,dsdm", labels="kind", embeddings="emb")
    assert {one.name for one in labelled.judged} == {"random", "dsdm"}


def test_comparison_counts_weights(world):
    """A document of a large weight is trained on more often."""
    sizes = np.array([10, 10, 10, 10, 5])
    rows, score = np.array([3, 0, 2]), np.zeros(3)
    parts, means = weight_classes(Choice(rows, score, "", weight=np.array([1.0, 3.0, 1.0])), sizes)
    assert [part.tolist() for part in parts] == [[2, 3], [0]]
    assert means.tolist() == [1, 3]
    parts, means = weight_classes(Choice(rows, score, "", weight=np.ones(3)), sizes)
    assert ([part.tolist() for part in parts], means.tolist()) == ([[0, 2, 3]], [1])
    many = Choice(np.arange(5), np.zeros(5), "", weight=np.arange(1.0, 6.0))
    parts, means = weight_classes(many, sizes)
    assert len(parts) == 4
    assert sorted(np.concatenate(parts).tolist()) == list(range(5))
    assert (np.diff(means) > 0).all()
    board = compared("random,dpp", embeddings="emb")
    assert any("as often as its weight says" in note for note in board.notes)


def test_comparison_knows_what_features_took(world, monkeypatch):
    first = {one.name: one.seconds for one in compared("random,rds").judged}
    noted = json.loads(next(world.glob("cache/features/*.json")).read_text())["seconds"]
    monkeypatch.setattr(points, "_featured", None)  # not needed a second time
    again = {one.name: one.seconds for one in compared("random,rds").judged}
    for found in (first, again):
        assert found["rds"] > noted > 0
        assert found["random"] < noted


def test_comparison_goes_on_where_it_was(world, monkeypatch):
    from cuvee.documents import judging

    asked = selecting.selection("pool.jsonl", "800 tokens", target="val.jsonl")
    whole = judge(asked, "random,dsir", seeds=2)
    real, calls = judging._try, []

    def stops(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(judging, "_try", stops)
    with pytest.raises(KeyboardInterrupt):
        judge(asked, "random,dsir", seeds=2, engine=Kept(Local(1), world / "kept"))
    assert len(calls) == 3
    again = judge(asked, "random,dsir", seeds=2, engine=Kept(Local(1), world / "kept"))
    assert len(calls) == 5  # the first two were kept
    for one, other in zip(whole.judged, again.judged):
        assert one.loss.draws.tolist() == other.loss.draws.tolist()


def test_comparison_of_rows(world, capsys):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = rng.normal(size=(200, 3)) + 3 * y[:, None]
    np.savez("rows.npz", x=x, y=y)
    words = ["choose", "rows.npz", "-k", "40", "--methods", "random,k_center", "--seeds", "1"]
    assert main(words) == 2
    assert "take --proxy linear, boosting or neighbours" in capsys.readouterr().err
    assert main([*words, "--proxy", "neighbours"]) == 0


def test_a_choice_once_more(world, capsys):
    words = ["choose", "pool.jsonl", "-k", "10", "--target", "val.jsonl", "--quality", "grade"]
    assert main([*words, "--out", "one.parquet"]) == 0
    assert main(["rerun", "one.parquet.json", "--out", "two.parquet"]) == 0
    assert Path("one.parquet").read_bytes() == Path("two.parquet").read_bytes()
    capsys.readouterr()
    with Path("pool.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    assert main(["rerun", "one.parquet.json", "--out", "three.parquet"]) == 2
    assert "the choice was made from other data: content of source pool" in capsys.readouterr().err
    assert main(["dedup", "pool.jsonl", "--out", "kept.parquet"]) == 0
    capsys.readouterr()
    assert main(["rerun", "kept.parquet.json", "--out", "three.parquet"]) == 2
    assert "is the record of dedup: give that command again" in capsys.readouterr().err
    assert not Path("three.parquet").exists()
