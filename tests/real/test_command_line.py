"""`cuvee blend --proxy ... --runs N` and its neighbours."""

import json
from filecmp import dircmp

import pytest
from tests.cli.conftest import _made, world  # noqa: F401
from tests.cli.world import COMMON, refused, run
from tests.real.fake import RAN

FAKE = ("--proxy", "tests.real.fake:Fake")


def test_blend_rerun_and_json(world, capsys):  # noqa: F811
    done = run(capsys, "blend", *COMMON, *FAKE, "--runs", 4, "--out", "mixed")
    assert done.status == 0
    assert "4 real runs by tests.real.fake:Fake, 80k tokens; 1 more, 20k, of" in done.out
    assert "Once chosen, the blend was trained itself and reached" in " ".join(done.out.split())
    assert max(map(len, done.out.splitlines())) <= 80
    said = json.loads((world / "mixed" / "blend.json").read_text())
    assert said["settings"]["runs"] == 4
    assert [row["role"] for row in said["real_runs"]] == ["search"] * 4 + ["answer"]
    assert "Real runs" in (world / "mixed" / "report.html").read_text()
    assert run(capsys, "rerun", "mixed/recipe.json", "--out", "again", "--quiet").status == 0
    found = dircmp("mixed", "again")
    assert found.common_files
    assert not found.diff_files


def test_trial_trains_each_mixture_once(world, capsys):  # noqa: F811
    RAN.clear()
    done = run(capsys, "trial", *COMMON, *FAKE, "--shares", "web=0.5,code=0.5")
    assert done.status == 0
    assert done.out.startswith("share/web,share/code,share/books,loss/val,sd/val\n0.5,0.5,0.0,")
    assert len(RAN) == 1


def test_stopping_says_that_runs_are_kept(world, capsys, monkeypatch):  # noqa: F811
    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr("os._exit", leave)
    RAN.clear()
    stop = ("--proxy", "tests.real.fake:Fake:stop=3")
    done = run(capsys, "blend", *COMMON, *stop, "--runs", 5, "--workers", 1)
    assert done.status == 130
    assert done.err == (
        "cuvee: stopped. Finished runs are kept: the same command goes on where it stopped.\n"
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--runs", 5), "trains nothing"),
        ((*FAKE, "--runs", 5, "--runs", "t.csv"), "expected one number or tables, got 5 and t.csv"),
        ((*FAKE, "--runs", "t.csv"), "neither a whole number nor a file"),
        ((*FAKE, "--runs", 0), "expected at least 1"),
        ((*FAKE, "--method", "descent"), "take --method surrogate"),
    ],
)
def test_what_cannot_be_is_refused(world, capsys, words, part):  # noqa: F811
    refused(run(capsys, "blend", *COMMON, *words), part)
