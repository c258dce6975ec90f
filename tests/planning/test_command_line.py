"""`--dry-run` on every command that has it."""

import json

import pytest
from tests.planning.world import spec, texts

from cuvee.cli import main


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    target = spec(folder, "txt", texts(20_000, 3))
    paths = {form: spec(folder, form, texts(200_000, i)) for i, form in enumerate(("jsonl", "csv"))}
    return [*(f"{name}={path}" for name, path in paths.items()), "--target", target,
            "--budget", "20k", "--dry-run"]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("blend", []), ("blend", ["--format", "jsonl.zst"]), ("blend", ["--method", "natural"]),
        ("trial", ["--shares", "jsonl=.5,csv=.5"]), ("compare", ["--methods", "natural,descent"]),
    ],
)  # fmt: skip
def test_it_writes_nothing_and_says_what_it_would(words, tmp_path, capsys, command, more):
    out = tmp_path / "out"
    assert main([command, *words, *more, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"cuvee {command} would take about")
    assert "fingerprints" in text
    assert ("Disk: about" in text) == (command == "blend")
    assert list(tmp_path.iterdir()) == []


def test_json(words, tmp_path, capsys):
    assert main(["blend", *words, "--json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"] == "blend"
    assert found["disk"]["low"] <= found["disk"]["mid"] <= found["disk"]["high"]
    assert [s["name"] for s in found["sources"]] == ["jsonl", "csv"]


def test_quiet(words, capsys):
    assert main(["blend", *words, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_what_cannot_work_is_refused_as_without_it(words, capsys):
    assert main(["blend", *words, "--max-epochs", "0.01"]) == 2
    assert "beyond the data" in capsys.readouterr().err


def test_real_runs_of_all_methods_are_refused_as_without_it(words, capsys):
    real = ["compare", *words, "--proxy", "transformer", "--methods"]
    assert main([*real, "all"]) == 2
    assert "name the methods that you can afford" in capsys.readouterr().err
    assert main([*real, "descent"]) == 2
    assert "descent needs gradients" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "more"),
    [("blend", []), ("trial", ["--shares", "jsonl=.5,csv=.5"]), ("compare", [])],
)
def test_an_output_inside_a_source_is_refused_as_without_it(tmp_path, capsys, command, more):
    path = spec(tmp_path, "folder", texts(20_000, 1))
    words = ["jsonl=" + path, "csv=" + path, "--target", spec(tmp_path, "txt", texts(20_000, 3))]
    words += ["--budget", "1k", "--out", path + "/out", *more]
    for flag in ([], ["--dry-run"]):
        assert main([command, *words, *flag]) == 2
        assert "lies in source 'jsonl'" in capsys.readouterr().err
