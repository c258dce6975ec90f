import json
import subprocess
import sys

import numpy as np
import pytest
from tests.runs.tables import made, write

from cuvee.cli import main
from cuvee.core.run_files import read_runs, write_runs


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """train.csv and test.csv in the current folder."""
    write_runs(made(40), tmp_path / "train.csv")
    write_runs(made(20, seed=1), tmp_path / "test.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_score_as_text_and_json(tables, capsys):
    assert main(["score", "--runs", "train.csv", "--test", "test.csv"]) == 0
    text = capsys.readouterr().out
    assert "surrogate" in text
    assert "uniform" in text
    assert "of the mean" in text
    assert main(["score", "--runs", "train.csv", "--test", "test.csv", "--target", "web",
                 "--methods", "mixing_law", "--json"]) == 0  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert [m["method"] for m in said["methods"]] == [
        "mixing_law", "uniform", "natural", "own_share"
    ]  # fmt: skip
    assert set(said["methods"][0]) >= {"spearman", "rmse", "regret", "coverage", "seconds"}
    assert said["methods"][0]["spearman"]["mean"] > 0.95


def test_blend_from_runs(tables, capsys):
    command = ["blend", "--runs", "train.csv", "--target", "web"]
    assert main([*command, "--propose", "2"]) == 0
    text = capsys.readouterr().out
    assert "To lower the loss on web" in text
    assert "Runs to make next" in text
    assert main([*command, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["shares"]["web"]["mean"] > 0.8
    assert said["losses"]["web"]["sd"] > 0
    assert said["best_run"]["run"].startswith("r")
    assert said["rivals"]["uniform"]["probability_blend_is_better"] > 0.9


def test_blend_from_runs_with_limits(tables, capsys):
    assert main(["blend", "--runs", "train.csv", "--fix", "web=0.5", "--json", "--available",
                 "web=1M,code=1M,books=200k", "--max-epochs", "2"]) == 0  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert said["shares"]["web"]["mean"] == pytest.approx(0.5)
    assert said["shares"]["books"]["mean"] <= 0.4 + 1e-9


def test_convert_and_show(tables, capsys):
    assert main(["runs", "train.csv"]) == 0
    assert "1M params x 1M tokens" in capsys.readouterr().out
    assert main(["runs", "train.csv", "--to", "olmix", "--out", "swarm"]) == 0
    assert main(["runs", "swarm", "--out", "back.parquet", "--quiet"]) == 0
    assert np.allclose(read_runs("back.parquet").losses, read_runs("train.csv").losses)


def test_split_sources(tables, capsys):
    assert main(["blend", "--runs", "train.csv", "--split", "web=clean:3,dirty:1", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["shares"]) == {
        "clean", "dirty", "code", "books"
    }  # fmt: skip


BAD = {
    "no runs, no sources": (["blend", "--target", "web"], "expected sources as NAME=PATH, or"),
    "unknown target": (["blend", "--runs", "train.csv", "--target", "wbe"], "Did you mean 'web'"),
    "unknown method": (["blend", "--runs", "train.csv", "--method", "surogate"], "surrogate"),
    "bad setting": (
        ["score", "--runs", "train.csv", "--test", "test.csv", "--methods", "temperature:t=2"],
        "setting of mix/temperature",
    ),
    "setting of another kind": (
        ["blend", "--runs", "train.csv", "--method", "temperature:temperature=hot"],
        "expected a number, got 'hot'",
    ),
    "no such file": (["blend", "--runs", "no.csv"], "cannot read no.csv"),
    "out without text": (["blend", "--runs", "train.csv", "--out", "x"], "--out writes text"),
    "epochs without amounts": (
        ["blend", "--runs", "train.csv", "--max-epochs", "2"], "give available, too"),
    "too few runs": (["blend", "--runs", "one.csv"], "needs|at least"),
    "one mixture": (["blend", "--runs", "same.csv", "--method", "regmix"], "are of one mixture"),
    "twice": (["blend", "--runs", "twice.csv"], "stands there twice"),
    "wrong rows": (["blend", "--runs", "rows.csv"], r"row 1 .* sum to 0.7.* Rows 3 are wrong, too"),
    "negative params": (["blend", "--runs", "train.csv", "--params", "-1"], "params must be"),
    "no proposals": (["blend", "--runs", "train.csv", "--propose", "-1"], "propose must be"),
    "folder without tables": (["blend", "--runs", "."], "holds no table of runs"),
    "tokenizer without text": (["blend", "--runs", "train.csv", "--tokenizer", "t"], "is for text"),
    "gaps": (["blend", "--runs", "gaps.csv", "--incomplete", "refuse"], "1 of 4 runs lack a loss"),
    "nan": (["blend", "--runs", "nan.csv"], r"row 2 \(run 2\): loss/web is 'nan'"),
    "sum": (["blend", "--runs", "sum.csv"], r"row 2 \(run 2\): shares sum to 0.7"),
    "unknown source": (
        ["blend", "--runs", "train.csv", "--fix", "cod=0.5"], "Did you mean 'code'"),
    "own runs": (
        ["score", "--runs", "train.csv", "--test", "test.csv", "--methods", "odm"],
        "runs of its own choice"),
    "test with other sources": (
        ["score", "--runs", "train.csv", "--test", "other.csv"], "source with a share in the runs"),
    "bad split": (["blend", "--runs", "train.csv", "--split", "web"], "--split: expected"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, tables, capsys):
    header = "run,share/web,share/code,loss/web"
    write(tables / "one.csv", header, "1,0.5,0.5,3")
    write(tables / "gaps.csv", header, "1,0.5,0.5,3", "2,1,0,", "3,0,1,2", "4,0.2,0.8,2.5")
    write(tables / "same.csv", header, *(f"{i},0.5,0.5,{3 + i / 9}" for i in range(9)))
    write(tables / "twice.csv", header, "1,0.5,0.5,3", "1,0.5,0.5,3")
    write(tables / "rows.csv", header, "1,0.5,0.2,3", "2,0.5,0.5,3", "3,0.1,0.1,3")
    write(tables / "nan.csv", header, "1,0.5,0.5,3", "2,1,0,nan")
    write(tables / "sum.csv", header, "1,0.5,0.5,3", "2,0.5,0.2,3")
    write(tables / "other.csv", "run,share/web,share/tickets,loss/web,loss/books",
          "1,0.5,0.5,3,3", "2,.1,.9,3,3", "3,1,0,3,3")  # fmt: skip
    arguments, message = BAD[case]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("cuvee: ")
    assert error.count("\n") == 1
    assert len(error) < 400
    import re

    assert re.search(message, error), error


def test_gaps_are_dropped_and_said(tables, capsys):
    rows = [f"{i},{i / 19},{1 - i / 19},{3 - i / 40}" for i in range(20)]
    rows[3] = "3,0.5,0.5,"
    write(tables / "gaps.csv", "run,share/web,share/code,loss/web", *rows)
    assert main(["blend", "--runs", "gaps.csv", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["trials"] == 19
    assert "1 of 20 runs lack a loss on a target and were left out." in said["warnings"]


def test_no_traceback_in_a_process_of_its_own(tables):
    done = subprocess.run(
        [sys.executable, "-m", "cuvee", "score", "--runs", "train.csv", "--test", "no.csv"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
