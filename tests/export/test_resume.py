"""Interrupted at any moment, a dataset is finished to the same bytes, or refused with a reason."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.export.world import many_small_parts, tree

import cuvee
from cuvee.core import CuveeError, files
from cuvee.export import write as write_module
from cuvee.testing.proxies import language

SIZES = {"web": 70, "code": 70, "books": 10}
TEXTS = {name: list(language(i, n, 0)) for i, (name, n) in enumerate(SIZES.items())}
SETTINGS = {"target": list(language(0, 30, 9)), "budget": "6k", "method": "uniform"}


@pytest.fixture
def answer(monkeypatch):
    many_small_parts(monkeypatch)
    return cuvee.blend(TEXTS, workers=1, **SETTINGS)


@contextmanager
def failing(monkeypatch, number, when):
    """The `number`-th file fails before or after it is written; nothing fails for None."""
    real, calls = files.whole_file, []

    @contextmanager
    def whole_file(path):
        calls.append(path)
        if len(calls) == number and when == "before":
            raise OSError(28, "No space left on device")
        with real(path) as temporary:
            yield temporary
            if len(calls) == number and when == "after":
                raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(files, "whole_file", whole_file)
        patch.setattr(write_module, "whole_file", whole_file)
        yield calls


@pytest.mark.parametrize(("format", "when"), [("parquet", "before"), ("jsonl.zst", "after")])
def test_failure_at_every_write(answer, tmp_path, monkeypatch, format, when):
    with failing(monkeypatch, None, when) as calls:
        answer.write(tmp_path / "whole", format=format)
    expected = tree(tmp_path / "whole")
    assert len(calls) > 15
    assert len([name for name in expected if name.startswith("data/")]) == 3
    assert not any(".cuvee" in name or name.endswith(".tmp") for name in expected)
    for number in range(1, len(calls) + 1):
        out = tmp_path / str(number)
        with failing(monkeypatch, number, when), pytest.raises((CuveeError, RuntimeError, OSError)):
            answer.write(out, format=format)
        assert not (out / "manifest.json").exists()
        assert not list(out.rglob("*.tmp"))
        manifest = answer.write(out, format=format, resume=True)
        assert manifest["tokens"] == 6_000
        assert tree(out) == expected, f"another tree after a failure at write {number}"


def test_several_failures_one_after_another(answer, tmp_path, monkeypatch):
    answer.write(tmp_path / "whole")
    for number in (5, 4, 3, 3, 2):
        with failing(monkeypatch, number, "after"), pytest.raises(RuntimeError):
            answer.write(tmp_path / "out", resume=True)
    answer.write(tmp_path / "out", resume=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_finished_parts_are_not_written_again(answer, tmp_path, monkeypatch):
    with failing(monkeypatch, None, "after") as calls:
        answer.write(tmp_path / "whole")
    whole = len(calls)
    with failing(monkeypatch, whole - 6, "after") as calls, pytest.raises(RuntimeError):
        answer.write(tmp_path / "out")
    with failing(monkeypatch, None, "after") as calls:
        answer.write(tmp_path / "out", resume=True)
    assert len(calls) < whole / 2


def test_resuming_a_finished_dataset_changes_nothing(answer, tmp_path):
    first = answer.write(tmp_path)
    before = tree(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert answer.write(tmp_path, resume=True) == first
    assert tree(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_killed_after_the_manifest(answer, tmp_path, monkeypatch):
    """The last moment of all: everything is there, and so are the temporary files."""
    answer.write(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *a, **s: None)
        answer.write(tmp_path / "out")
    assert (tmp_path / "out" / ".cuvee").exists()
    answer.write(tmp_path / "out", resume=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_killed_before_the_recipe(answer, tmp_path):
    """The first moment of all: only a temporary file is there."""
    answer.write(tmp_path / "whole")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".recipe.json.tmp").write_bytes(b"{")
    answer.write(tmp_path / "out", resume=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_temporary_files_of_a_killed_run_do_no_harm(answer, tmp_path, monkeypatch):
    answer.write(tmp_path / "whole")
    with failing(monkeypatch, 6, "after"), pytest.raises(RuntimeError):
        answer.write(tmp_path / "out")
    for name in ("data/.part-00000.parquet.tmp", ".manifest.json.tmp", ".blend.json.tmp",
                 ".cuvee/spill/.0-0-0.last.arrow.tmp"):  # fmt: skip
        (tmp_path / "out" / name).write_bytes(b"half")
    answer.write(tmp_path / "out", resume=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def begun(answer, monkeypatch, out):
    with failing(monkeypatch, 9, "after"), pytest.raises(RuntimeError):
        answer.write(out)
    return tree(out)


@pytest.mark.parametrize(
    ("sources", "settings", "format", "reason"),
    [
        ({"web": [*TEXTS["web"], "more"]}, {}, "parquet", "content of source web.* was .*, is"),
        ({}, {"budget": "7k"}, "parquet", "setting budget was 6000, is 7000"),
        ({}, {"seed": 1}, "parquet", "setting seed was 0, is 1"),
        ({}, {"target": ["other words"]}, "parquet", "content of target"),
        ({}, {}, "jsonl.zst", "setting format was parquet, is jsonl.zst"),
    ],
)
def test_another_job_is_refused(answer, tmp_path, monkeypatch, sources, settings, format, reason):
    before = begun(answer, monkeypatch, tmp_path)
    other = cuvee.blend({**TEXTS, **sources}, **{**SETTINGS, **settings})
    with pytest.raises(CuveeError, match=f"cannot be resumed, it was begun otherwise: .*{reason}"):
        other.write(tmp_path, format=format, resume=True)
    assert tree(tmp_path) == before


def test_folders_that_are_taken(answer, tmp_path, monkeypatch):
    begun(answer, monkeypatch, tmp_path / "begun")
    with pytest.raises(CuveeError, match=r"was interrupted: choose another .*--resume"):
        answer.write(tmp_path / "begun")
    answer.write(tmp_path / "done")
    with pytest.raises(CuveeError, match="holds a finished dataset: choose another folder"):
        answer.write(tmp_path / "done")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    for resume in (False, True):
        with pytest.raises(CuveeError, match=r"not empty \(letter\.txt"):
            answer.write(tmp_path / "other", resume=resume)
    assert list(tree(tmp_path / "other")) == ["letter.txt"]
    with pytest.raises(CuveeError, match="cannot write"):
        answer.write(tmp_path / "other" / "letter.txt")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "recipe.json").write_text("[]")
    with pytest.raises(CuveeError, match=r"not a recipe\.json that cuvee wrote"):
        answer.write(tmp_path / "foreign", resume=True)


def test_an_empty_folder_and_missing_parents_are_fine(answer, tmp_path):
    (tmp_path / "empty").mkdir()
    answer.write(tmp_path / "empty")
    answer.write(tmp_path / "a" / "b" / "c")
    assert tree(tmp_path / "empty") == tree(tmp_path / "a" / "b" / "c")


@pytest.mark.parametrize("kind", ["no permission", "read-only"])
def test_folders_that_cannot_be_written(answer, tmp_path, monkeypatch, kind):
    """Refused by hand, as the tests may run as root, who may write everywhere."""
    if kind == "no permission":
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    else:

        def refuse(self, *args, **settings):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CuveeError, match=f"cannot write .*{kind}"):
        answer.write(tmp_path / "out")
    monkeypatch.undo()
    assert tree(tmp_path) == {}
