"""Several processes that share the work, as a batch scheduler starts them."""

import json
import random
import subprocess
import sys

import pytest
from tests.cli.world import run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    rng = random.Random(3)
    for name in ("web", "code"):
        words = [f"{name}{i}" for i in range(80)] + [f"word{i}" for i in range(80)]
        lines = [json.dumps({"text": " ".join(rng.choices(words, k=40))}) for _ in range(400)]
        for part in range(3):
            some = "\n".join(lines[part::3])
            (folder / f"{name}{part}.jsonl").write_text(some)
    return folder


@pytest.fixture
def sources(made, monkeypatch):
    """Where commands run, here or in processes of their own, which write lines of one width."""
    monkeypatch.chdir(made)
    monkeypatch.setenv("COLUMNS", "80")
    return made


@pytest.fixture
def alone(sources, capsys):
    """What one process writes and says: here, as it is the ranks that are tested."""
    if not (sources / "alone").exists():
        ran = run(capsys, *BLEND, "--out", "alone")
        (sources / "said").write_text(ran.out)
        assert (ran.status, ran.err) == (0, "")
    return tree(sources / "alone"), (sources / "said").read_text()


def start(folder, *flags):
    command = [sys.executable, "-m", "cuvee", *flags]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def said(process):
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


ASKED = ("web=web*.jsonl", "code=code*.jsonl", "--target", "code", "--budget", "6k")
BLEND = ("blend", *ASKED)


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_processes_write_one_dataset(sources, alone, capsys):
    flags = [(*BLEND, "--out", "together", "--world", "3", "--rank", str(r)) for r in (2, 0, 1)]
    found = [said(process) for process in [start(sources, *f) for f in flags]]
    assert [code for code, _, _ in found] == [0, 0, 0], found
    assert tree(sources / "together") == alone[0]
    assert found[1][1] == alone[1].replace("alone", "together")
    assert [out for _, out, _ in found[::2]] == ["", ""]
    # Whoever comes late finds all done.
    assert run(capsys, *flags[0]) == (0, "", "")
    assert run(capsys, *flags[1])[:2] == (0, found[1][1])
    assert tree(sources / "together") == alone[0]


def test_a_process_that_was_killed_comes_again(sources, alone):
    flags = [(*BLEND, "--out", "two", "--world", "2", "--rank", str(r)) for r in (0, 1)]
    zero, one = (start(sources, *f) for f in flags)
    while not list((sources / "two").glob(".cuvee/jobs/*/*/000001")):  # made by rank 1
        assert one.poll() is None
    one.kill()
    one.communicate()
    again = start(sources, *flags[1])
    assert [said(zero)[0], said(again)[0]] == [0, 0]
    assert tree(sources / "two") == alone[0]


def test_ranks_that_were_asked_for_other_things_say_so(sources):
    flags = (*BLEND, "--out", "other", "--world", "2")
    zero = start(sources, *flags, "--rank", "0")
    one = start(sources, *flags, "--rank", "1", "--seed", "5")
    errors = [said(zero), said(one)]
    assert [code for code, _, _ in errors] == [2, 2]
    assert any("was asked for something else, its settings differs" in e for _, _, e in errors)


def test_trials_are_shared(sources, capsys):
    (sources / "mixtures.csv").write_text("share/web,share/code\n" + "0.5,0.5\n0.2,0.8\n1,0\n" * 2)
    proxy = "transformer:size=40k:vocabulary=300:context=32:tokens=2k:draws=4"
    trial = ("trial", *ASKED, "--proxy", proxy, "--shares", "mixtures.csv", "--out")
    assert run(capsys, *trial, "alone.csv").status == 0
    flags = [(*trial, "shared.csv", "--world", "2", "--rank", str(r)) for r in (0, 1)]
    found = [said(process) for process in [start(sources, *f) for f in flags]]
    assert [code for code, _, _ in found] == [0, 0], found
    assert (sources / "shared.csv").read_bytes() == (sources / "alone.csv").read_bytes()
    assert not list(sources.glob(".shared*"))


def test_bad_input_of_one_stops_all(sources):
    flags = (*BLEND[:-1], "99M", "--out", "failed", "--world", "2")
    found = [said(p) for p in [start(sources, *flags, "--rank", str(r)) for r in (0, 1)]]
    for code, out, err in found:
        assert (code, out) == (2, "")
        assert "max_epochs" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--world", "2", "--rank", "2", "--out", "x"), "expected --rank from 0 to --world less 1"),
        (("--world", "2"), "--rank and --world need --out"),
        (("--address", "auto"), "is of a cluster: add --engine ray"),
        (("--engine", "spark"), "unknown engine"),
    ],
)
def test_ranks_that_cannot_be_are_refused(sources, capsys, flags, message):
    code, out, err = run(capsys, *BLEND, *flags)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (sources / "x").exists()
