"""`cuvee infer`, called with its options."""

from argparse import Namespace

import orjson
import pytest
from tests.mix.test_merges import mixed, texts, train

from cuvee.cli.infer import infer
from cuvee.core import CuveeError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("infer")
    train(mixed({"a": 0.75, "b": 0.25})).save(str(place / "tokenizer.json"))
    for name in "ab":
        rows = [orjson.dumps({"text": t, "other": "x"}) for t in texts(name, 1)]
        (place / f"{name}.jsonl").write_bytes(b"\n".join(rows))
    return place


def options(folder, **changed):
    usual = {
        "tokenizer": str(folder / "tokenizer.json"),
        "sources": [f"long name of {n}={folder / n}.jsonl" for n in "ab"],
        "text_column": "text", "seed": 0, "workers": 1, "engine": "local",
        "address": "", "merges": 80, "json": False,
        "quiet": False,
    }  # fmt: skip
    return Namespace(**(usual | changed))


def test_table(folder, capsys):
    infer(options(folder))
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines() if line.startswith("long name")]
    assert [line[3] for line in lines] == ["a", "b"], "the largest share first"
    assert 72 < float(lines[0][4].rstrip("%")) < 78
    assert "Shares of the bytes it was trained on" in out
    assert "From 80 merges" in out


def test_json(folder, capsysbinary):
    infer(options(folder, json=True))
    found = orjson.loads(capsysbinary.readouterr().out)
    assert abs(found["shares"]["long name of a"]["mean"] - 0.75) < 0.03
    assert found["shares"]["long name of a"]["sd"] > 0
    assert sum(v["mean"] for v in found["shares_of_tokens"].values()) == pytest.approx(1)
    assert found["merges"] == 80


def test_quiet_prints_nothing(folder, capsys):
    infer(options(folder, quiet=True))
    assert capsys.readouterr().out == ""


def test_bad_words(folder):
    with pytest.raises(CuveeError, match="NAME=PATH"):
        infer(options(folder, sources=["a.jsonl", "b.jsonl"]))
    with pytest.raises(CuveeError, match="merges"):
        infer(options(folder, merges=0))
    with pytest.raises(CuveeError, match="other"):
        infer(options(folder, text_column="nothing"))
