"""Records that are kept come out as they went in, whatever their fields hold."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cuvee

LARGE = 2**53 + 1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(pool, out, many):
    cuvee.choose(pool, many, method="random").write(out)
    if out.endswith(".parquet"):
        rows = pq.read_table(out).to_pylist()
    else:
        rows = [json.loads(line) for line in Path(out).read_text().splitlines()]
    return [{k: v for k, v in row.items() if not k.startswith("choice_")} for row in rows]


def save(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_large_whole_numbers_beside_fractions_keep_their_last_digit(folder):
    """In one file, in two, and inside of objects: text where a fraction would lose it."""
    save("a.jsonl", [{"text": "one", "n": LARGE, "in": {"n": LARGE}}])
    save("b.jsonl", [{"text": "two", "n": 0.5, "in": {"n": 0.5}}])
    save("c.jsonl", [{"text": "one", "n": LARGE}, {"text": "two", "n": 0.5}])
    for out in ("a.parquet", "a_out.jsonl"):
        one, two = kept("a.jsonl,b.jsonl", out, 2)
        assert (one["n"], two["n"]) == (str(LARGE), "0.5")
        assert (json.loads(one["in"]), json.loads(two["in"])) == ({"n": LARGE}, {"n": 0.5})
    one, two = kept("c.jsonl", "c.parquet", 2)
    assert (one["n"], two["n"]) == (str(LARGE), "0.5")


def test_numbers_stay_numbers_where_nothing_is_lost(folder):
    save("a.jsonl", [{"text": "one", "n": 3, "big": LARGE}])
    save("b.jsonl", [{"text": "two", "n": 0.5, "big": 7}])
    for out in ("a.parquet", "a_out.jsonl"):
        rows = kept("a.jsonl,b.jsonl", out, 2)
        assert [row["n"] for row in rows] == [3, 0.5]
        assert [row["big"] for row in rows] == [LARGE, 7]


def test_objects_of_different_fields(folder):
    """Fields of objects are joined; kinds that do not go together are text."""
    rows = [
        {"text": "one", "in": {"a": 1}, "list": [1, None]},
        {"text": "two", "in": {"b": "x"}},
        {"text": "three", "odd": {"a": 1}},
        {"text": "four", "odd": "plain"},
    ]
    for i, row in enumerate(rows):
        save(f"{i}.jsonl", [row])
    found = kept([f"{i}.jsonl" for i in range(4)], "out.jsonl", 4)
    assert found[:2] == rows[:2]
    assert json.loads(found[2]["odd"]) == {"a": 1}
    assert found[3] == rows[3]
    table = kept([f"{i}.jsonl" for i in range(4)], "out.parquet", 4)
    assert table[0]["in"] == {"a": 1, "b": None}


def test_missing_fields_stay_missing_and_columns_stay(folder):
    """A record of JSON lacks what it lacked; a column of a table is there, with its null."""
    save("a.jsonl", [{"text": "one", "x": 1}, {"text": "two", "y": "z"}])
    pq.write_table(pa.table({"text": ["three", "four"], "z": [1, None]}), "b.parquet")
    assert kept("a.jsonl", "a_out.jsonl", 2) == [
        {"text": "one", "x": 1}, {"text": "two", "y": "z"}
    ]  # fmt: skip
    both = kept({"a": "a.jsonl", "b": "b.parquet"}, "both.jsonl", 4)
    assert both == [
        {"text": "one", "x": 1, "source": "a"}, {"text": "two", "y": "z", "source": "a"},
        {"text": "three", "z": 1, "source": "b"}, {"text": "four", "z": None, "source": "b"},
    ]  # fmt: skip
