"""Several processes that share the work, as a batch scheduler starts them."""

import json
import random
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    rng = random.Random(3)
    for name in ("web", "code"):
        words = [f"{name}{i}" for i in range(80)] + [f"word{i}" for i in range(80)]
        lines = [json.dumps({"text": " ".join(rng.choices(words, k=40))}) for _ in range(400)]
        for part in range(3):
            some = "\n".join(lines[part::3])
            (folder / f"{name}{part}.jsonl").write_text(some)
    return folder


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


def test_processes_write_one_dataset(sources):
    alone = said(start(sources, *BLEND, "--out", "alone"))
    flags = [(*BLEND, "--out", "together", "--world", "3", "--rank", str(r)) for r in (2, 0, 1)]
    found = [said(process) for process in [start(sources, *f) for f in flags]]
    assert [code for code, _, _ in found] == [0, 0, 0], found
    assert tree(sources / "together") == tree(sources / "alone")
    assert found[1][1] == alone[1].replace("alone", "together")
    assert [out for _, out, _ in found[::2]] == ["", ""]
    # Whoever comes late finds all done.
    assert said(start(sources, *flags[0])) == (0, "", "")


def test_trials_are_shared(sources):
    (sources / "mixtures.csv").write_text("share/web,share/code\n" + "0.5,0.5\n0.2,0.8\n1,0\n" * 2)
    trial = ("trial", *ASKED, "--shares", "mixtures.csv", "--out")
    assert said(start(sources, *trial, "alone.csv"))[0] == 0
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
def test_ranks_that_cannot_be_are_refused(sources, flags, message):
    code, out, err = said(start(sources, *BLEND, *flags))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (sources / "x").exists()
