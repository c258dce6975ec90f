"""An index of a mixture: what is listed is what would be written out, whoever writes it."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.writers import FORMATS
from tests.export.world import corpus, same, tree

import cuvee
from cuvee.core import CuveeError, files
from cuvee.datasets import open_dataset
from cuvee.engine import Kept
from cuvee.engine.local import Local
from cuvee.engine.roll import Roll
from cuvee.export import index


@pytest.mark.parametrize(
    ("budget", "seed"),
    [("9k", 0), ("60k", 3)],
    ids=["part of the sources", "several times through them"],
)
def test_every_format_of_sources(place, budget, seed):
    answer = cuvee.blend(**corpus(place) | {"budget": budget, "seed": seed, "max_epochs": 99})
    written, listed = answer.write("written"), answer.write("index", format="index")
    assert len(written["sources"]) == len(FORMATS)
    assert len(written["shards"]) > 3
    assert (max(s["epochs"] for s in written["sources"].values()) > 1.5) == (budget == "60k")
    assert listed["sources"] == written["sources"]
    assert listed["windows"] == [{k: s[k] for k in ("documents", "tokens")}
                                 for s in written["shards"]]  # fmt: skip
    assert not list(Path("index").rglob("part-*"))
    mixed, streamed = open_dataset("written", verify=True), open_dataset("index", verify=True)
    assert (mixed.parts, mixed.sizes) == (streamed.parts, streamed.sizes)
    assert streamed.files == ()
    same(streamed.tables(), mixed.tables())


def test_the_same_blend_in_the_other_format(place, question):
    answer = cuvee.blend(**question)
    answer.write("tables")
    answer.write("lines", format="jsonl.zst")
    same(open_dataset("lines").tables(), open_dataset("tables").tables())


def test_rows_of_numbers(place):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "val"):
        x = rng.normal(size=(400, 3))
        np.savez(f"{name}.npz", x=x, y=(x.sum(axis=1) > 0).astype(int))
    answer = cuvee.blend(
        {"a": "a.npz", "b": "b.npz"}, target="val.npz", budget=700, proxy="linear", method="uniform"
    )
    answer.write("written")
    answer.write("index", format="index")
    same(open_dataset("index").tables(), open_dataset("written").tables())


def test_data_in_memory(place):
    answer = cuvee.blend({"a": ["one two"] * 30, "b": ["three four"] * 30}, target=["one"],
                         budget=40, method="uniform")  # fmt: skip
    answer.write("written")
    assert [part.paths for part in open_dataset("written").parts] == [(), ()]
    with pytest.raises(CuveeError, match="'a' is in memory, where no index can find it again"):
        answer.write("index", format="index")
    assert not Path("index").exists()


@pytest.mark.parametrize("format", ["parquet", "jsonl.zst", "index"])
def test_in_a_store(place, question, format):
    answer, out = cuvee.blend(**question), f"memory://virtual/{place.name}"
    answer.write("here", format=format)
    answer.write(out, format=format)
    same(open_dataset(out, verify=True).tables(), open_dataset("here").tables())


def test_ranks_write_one_index(place, question):
    """Two processes that share the work leave the folder that one leaves."""
    cuvee.blend(**question).write("alone", format="index")
    inside = Path("together/.cuvee")
    engines = [
        Kept(Local(1), inside / "jobs", Roll.join(inside / "ranks", rank, 2, {}), patience=60)
        for rank in range(2)
    ]
    threads = [
        threading.Thread(target=lambda e=engine: written_by(e, question)) for engine in engines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tree(Path("together")) == tree(Path("alone"))


def written_by(engine, question):
    """Write as one of the processes; what belongs to the thread is made in it."""
    engine = replace(engine, home=threading.get_ident())
    cuvee.blend(**question, engine=engine).write("together", format="index")


@contextmanager
def failing(monkeypatch, number, when):
    """The `number`-th file fails before or after it is written; nothing fails for None."""
    real, calls = files.whole_file, []

    @contextmanager
    def whole_file(path, **settings):
        calls.append(path)
        if len(calls) == number and when == "before":
            raise OSError(28, "No space left on device")
        with real(path, **settings) as temporary:
            yield temporary
            if len(calls) == number and when == "after":
                raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(files, "whole_file", whole_file)
        patch.setattr(index, "whole_file", whole_file)
        yield calls


@pytest.mark.parametrize("when", ["before", "after"])
def test_failure_at_every_write(place, question, monkeypatch, when):
    answer = cuvee.blend(**question, workers=1)
    with failing(monkeypatch, None, when) as calls:
        answer.write("whole", format="index")
    expected = tree(Path("whole"))
    assert len(calls) >= 8
    assert not any(".cuvee" in name or name.endswith(".tmp") for name in expected)
    for number in range(1, len(calls) + 1):
        out = Path(str(number))
        with failing(monkeypatch, number, when), pytest.raises((CuveeError, RuntimeError, OSError)):
            answer.write(out, format="index")
        assert not (out / "manifest.json").exists()
        with pytest.raises(CuveeError, match=r"expected a mixed dataset with a manifest\.json"):
            open_dataset(out)
        answer.write(out, format="index", resume=True)
        assert tree(out) == expected, f"another tree after a failure at write {number}"


def test_an_index_is_not_finished_as_shards(place, question, monkeypatch):
    answer = cuvee.blend(**question, workers=1)
    with failing(monkeypatch, 3, "after"), pytest.raises(RuntimeError):
        answer.write("out", format="index")
    with pytest.raises(CuveeError, match="setting format was index, is parquet"):
        answer.write("out", resume=True)
