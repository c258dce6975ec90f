"""What a plan states, beside what then is the case."""

import json

import pytest
from tests.planning.world import spec, texts

import cuvee
from cuvee import CuveeError, driver, planning
from cuvee.core import capacity
from cuvee.engine.local import Local
from cuvee.sources.hashed import BLOCK


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    forms = ("jsonl", "parquet", "jsonl.zst")
    return {f"s{i}": spec(folder, form, texts(1_000_000, seed=i)) for i, form in enumerate(forms)}


@pytest.fixture(scope="module")
def stated(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "mixed"
    found = cuvee.plan(sources, target=texts(20_000, 9), budget="300k", out=out, workers=2)
    return found, out


def test_nothing_is_left_behind(stated):
    _, out = stated
    assert list(out.parent.iterdir()) == []


def test_tokens_lie_in_their_intervals_and_disk_near_what_is_stated(sources, stated):
    found, out = stated
    answer = cuvee.blend(sources, target=texts(20_000, 9), budget="300k", workers=2)
    for source, tokens in zip(found.sources, answer.problem.available):
        assert source.tokens.low <= tokens <= source.tokens.high
    answer.write(out)
    assert capacity.taken_disk(out) == pytest.approx(found.kept.mid, rel=0.35)
    assert found.disk.low <= found.disk.mid <= found.disk.high
    assert found.disk.mid > found.kept.mid


def test_a_whole_look_is_exact():
    small = {"a": texts(20_000, 1), "b": texts(20_000, 2)}
    found = cuvee.plan(small, target=["w1 w2 w3"], budget=1000)
    answer = cuvee.blend(small, target=["w1 w2 w3"], budget=1000)
    tokens = [source.tokens for source in found.sources]
    assert [t.mid for t in tokens] == list(answer.problem.available)
    assert all(t.low == t.high for t in tokens)
    assert found.disk is None


def test_steps_add_up_and_reads_are_counted(sources, stated):
    found, _ = stated
    assert found.seconds.mid == pytest.approx(sum(step.seconds for step in found.steps))
    on_disk = [source.disk for source in found.sources]
    small = sum(size for size in on_disk if size < BLOCK)  # whose hashes are not remembered
    assert 0 < small < sum(on_disk)
    expected = 3 * sum(on_disk) + small  # hashed, counted, drawn; some hashed again
    assert found.reads == pytest.approx(expected, rel=0.01)
    assert {"count", "search", "draw documents", "write shards"} <= {s.what for s in found.steps}


def test_more_to_write_takes_more(sources, stated):
    found, out = stated
    target, out = texts(20_000, 9), out.with_name("larger")
    larger = cuvee.plan(sources, target=target, budget="900k", out=out, workers=2)
    assert larger.disk.mid == pytest.approx(3 * found.disk.mid, rel=0.35)
    assert larger.memory.mid > found.memory.mid * 0.8


def test_it_prints_and_is_plain_json(stated):
    found, _ = stated
    text = str(found)
    assert "Memory: about" in text
    assert "Nothing was written" in text
    assert max(map(len, text.splitlines())) <= 80
    assert json.loads(json.dumps(found.to_dict()))["budget"] == 300_000


def test_rows_are_planned_as_well():
    import numpy as np

    x = np.random.default_rng(0).normal(size=(400, 3))
    table = {"a": (x[:200], x[:200, 0] > 0), "b": (x[200:], x[200:, 0] > 0)}
    found = cuvee.plan(table, target="a", budget=50, proxy="linear", method="uniform")
    assert [source.tokens.mid for source in found.sources][1] == 200
    assert found.unit == "rows"


def test_a_budget_beyond_the_data_is_refused(sources):
    with pytest.raises(CuveeError, match="beyond the data"):
        cuvee.plan(sources, target=texts(20_000, 9), budget="1B")


def test_too_little_disk_is_refused_with_the_numbers(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(capacity, "free_disk", lambda _: 1000)
    with pytest.raises(CuveeError, match=r"at least .* of disk are needed, and 1 kB are free"):
        cuvee.plan(sources, target=texts(20_000, 9), budget="300k", out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_only_a_sample_says_does_not_fit_is_said_and_not_refused(
    sources, tmp_path, monkeypatch
):
    monkeypatch.setattr(planning, "free_disk", lambda _: 100_000)
    found = cuvee.plan(sources, target=texts(20_000, 9), budget="300k", out=tmp_path / "x")
    assert any("hardly fits on the disk" in note and "--resume" in note for note in found.notes)


def test_what_no_disk_holds_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "rehearse", None)
    monkeypatch.setattr(capacity, "free_disk", lambda _: 10**12)
    with pytest.raises(CuveeError, match="of disk are needed"):
        cuvee.plan({"a": ["b"]}, budget="1000T", out=tmp_path / "x")


def test_too_little_memory_is_refused_with_the_numbers(sources, monkeypatch):
    monkeypatch.setattr(capacity, "free_memory", lambda: 1)
    monkeypatch.setattr(planning, "used_memory", lambda: (0, 0))
    with pytest.raises(CuveeError, match=r"of memory are needed, and 1 bytes are free"):
        cuvee.plan(sources, target=texts(20_000, 9), budget="300k")


def test_a_file_where_the_folder_would_be_is_named(sources, tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(CuveeError, match="x is a file"):
        cuvee.plan(sources, budget="300k", out=tmp_path / "x" / "y")


def test_an_index_reads_and_writes_no_text(sources, stated, tmp_path):
    target, written, out = spec(tmp_path, "txt", texts(20_000, 9)), stated[0], tmp_path / "x"
    found = cuvee.plan(sources, target=target, budget="300k", out=out, format="index", workers=2)
    steps = {step.what for step in found.steps}
    assert "write the index" in steps
    assert not steps & {"draw documents", "write shards"}
    assert found.reads < written.reads
    assert found.disk.mid < written.disk.mid / 2
    answer = cuvee.blend(sources, target=target, budget="300k", workers=2)
    answer.write(out, format="index")
    assert capacity.taken_disk(out) < found.disk.high + (1 << 17)


def test_what_is_in_memory_cannot_be_planned_as_an_index(tmp_path):
    with pytest.raises(CuveeError, match="'a' is in memory, where no index can find it"):
        cuvee.plan({"a": ["b"]}, target=["b"], budget=1, out=tmp_path / "x", format="index")


def test_a_folder_inside_a_source_is_refused(tmp_path):
    path = spec(tmp_path, "folder", texts(20_000))
    with pytest.raises(CuveeError, match="lies in source 'a'"):
        cuvee.plan({"a": path}, target=["w1"], budget="1k", out=f"{path}/out")


class Elsewhere:
    """An engine that is not this machine's."""

    def __call__(self, job, items, *, label, holds=0, light=False):
        return map(job, items)


def test_of_other_machines_nothing_is_claimed(monkeypatch):
    """Neither is their memory taken for that of this one."""
    monkeypatch.setattr(capacity, "free_memory", lambda: 1)
    monkeypatch.setattr(planning, "used_memory", lambda: (0, 0))
    question = driver.ask({"a": texts(20_000)}, target=["w1 w2"], budget=1000)
    several = planning.planned(question, Local(1), world=4)
    assert any("Each of the 4 needs that memory" in note for note in several.notes)
    cluster = planning.planned(question, Elsewhere())
    assert any("others of the cluster" in note for note in cluster.notes)
    with pytest.raises(CuveeError, match="of memory are needed"):
        planning.planned(question, Local(1))
