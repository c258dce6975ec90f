"""What a person types, and what comes of it."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from tests.cli.world import COMMON, SOURCES, lines, run, start
from tests.export.world import tree

import cuvee
from cuvee import mix
from cuvee.cli.methods import ROOMS
from cuvee.testing.proxies import language


def answer_of(ran):
    assert ran.status == 0, ran
    return json.loads(ran.out)


def test_blend(world, capsys):
    ran = run(capsys, "blend", *COMMON, "--out", "mixed")
    assert ran.status == 0
    assert ran.err == ""
    for word in ("web", "code", "books", "val", "uniform", "natural", "±", "epochs"):
        assert word in ran.out.lower()
    assert "Wrote 20,000 tokens" in ran.out
    files = tree(world / "mixed")
    assert set(files) == {"README.md", "blend.json", "data/part-00000.parquet", "manifest.json",
                          "recipe.json", "report.html", "trials.parquet"}  # fmt: skip
    manifest = json.loads(files["manifest.json"])
    shares = json.loads(files["blend.json"])["shares"]
    table = pq.read_table(world / "mixed" / "data")
    assert table.column_names == ["id", "text", "source", "tokens"]
    for name, source in manifest["sources"].items():
        written = table["tokens"].to_numpy()[table["source"].to_numpy() == name].sum()
        assert written == source["tokens_written"]
        assert written / 20_000 == pytest.approx(shares[name]["mean"], abs=2e-4)


def test_blend_answers_the_question(world, capsys):
    """The target is three parts web, one part code; books are another language."""
    answer = answer_of(run(capsys, "blend", *COMMON, "--json"))
    shares = {name: share["mean"] for name, share in answer["shares"].items()}
    assert shares["web"] > shares["code"] > shares["books"]
    assert sum(shares.values()) == pytest.approx(1)
    uniform = answer["rivals"]["uniform"]
    assert answer["losses"]["val"]["mean"] < uniform["losses"]["val"]["mean"]
    assert uniform["probability_blend_is_better"] > 0.95
    assert uniform["objective_gain"]["mean"] > 0


def test_json_is_complete(world, capsys):
    answer = answer_of(run(capsys, "blend", *COMMON, "--json", "--max-epochs", "inf"))
    assert {
        "method", "tokens", "token", "unit", "spread", "objective", "shares", "epochs",
        "available", "losses", "rivals", "curve", "trials", "quarantined", "left_out_as_target",
        "warnings", "settings", "seed", "versions",
    } <= set(answer)  # fmt: skip
    assert set(answer["rivals"]) == {"uniform", "natural", "own_share"}
    assert answer["tokens"] == 20_000
    assert answer["unit"] == "nats per token"
    assert answer["spread"] == "target documents"
    for number in (*answer["shares"].values(), *answer["losses"].values()):
        assert set(number) == {"mean", "sd", "low", "high"}
    for name, epochs in answer["epochs"].items():
        share = answer["shares"][name]["mean"]
        assert epochs == pytest.approx(share * 20_000 / answer["available"][name])
    assert answer == json.loads(json.dumps(answer, allow_nan=False))


def test_python_and_the_terminal_say_the_same(world, capsys):
    typed = answer_of(run(capsys, "blend", *COMMON, "--json"))
    called = cuvee.blend(
        dict(word.split("=") for word in SOURCES), target="val.jsonl", budget="20k"
    )
    assert json.loads(orjson.dumps(called.to_dict(), option=orjson.OPT_SERIALIZE_NUMPY)) == typed
    assert "web" in str(called)


def test_quiet(world, capsys):
    ran = run(capsys, "blend", *COMMON, "--quiet", "--out", "mixed")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert (world / "mixed" / "manifest.json").exists()
    both = run(capsys, "blend", *COMMON, "--quiet", "--json")
    assert answer_of(both)["method"] == "descent"


@pytest.mark.parametrize("method", mix.METHODS)
def test_every_method_from_the_terminal(world, capsys, method):
    answer = answer_of(run(capsys, "blend", *COMMON, "--method", method, "--json"))
    assert answer["method"] == method
    assert sum(s["mean"] for s in answer["shares"].values()) == pytest.approx(1)
    if method == "uniform":
        assert answer["rivals"]["uniform"]["probability_blend_is_better"] == 0.5


def test_own_method_by_module(world, capsys):
    answer = answer_of(
        run(capsys, "blend", *COMMON, "--method", "cuvee.mix.uniform:Uniform", "--json")
    )
    assert answer["shares"]["web"]["mean"] == pytest.approx(1 / 3, abs=1e-6)


def test_limits_from_the_terminal(world, capsys):
    answer = answer_of(
        run(capsys, "blend", *COMMON, "--json", "--max-epochs", "web=0.2,code=inf",
            "--min-share", "books=0.05", "--fix", "code=0.5")
    )  # fmt: skip
    shares = {name: share["mean"] for name, share in answer["shares"].items()}
    assert shares["code"] == 0.5
    assert shares["books"] >= 0.05 - 1e-6
    assert answer["epochs"]["web"] <= 0.2 + 1e-4
    assert any("web is at its cap" in warning for warning in answer["warnings"])


def test_several_targets_and_objectives(world, capsys):
    Path("other.jsonl").write_bytes(lines(language(3, 30, 7)))
    words = ["--target", "val.jsonl", "--target", "b=other.jsonl", "--target", "code"]
    answer = answer_of(run(capsys, "blend", *SOURCES, *words, "--budget", "9k", "--json",
                           "--objective", "worst"))  # fmt: skip
    assert list(answer["losses"]) == ["val", "b", "code"]
    assert answer["objective"]["kind"] == "worst"
    weighted = answer_of(run(capsys, "blend", *SOURCES, *words, "--budget", "9k", "--json",
                             "--objective", "b=3,val=1"))  # fmt: skip
    assert weighted["objective"]["weights"] == {"val": 0.25, "b": 0.75, "code": 0}
    assert weighted["shares"]["books"]["mean"] > 0.3


def test_without_a_target_every_source_is_one(world, capsys):
    answer = answer_of(run(capsys, "blend", *SOURCES, "--budget", "5k", "--json"))
    assert list(answer["losses"]) == ["web", "code", "books"]
    assert all(n > 0 for n in answer["left_out_as_target"].values())


def test_one_source(world, capsys):
    ran = run(capsys, "blend", "web=web.jsonl", "--target", "val.jsonl", "--budget", "9k",
              "--json", "--out", "mixed")  # fmt: skip
    answer = answer_of(ran)
    assert answer["shares"]["web"]["mean"] == 1
    assert any("only one source" in warning for warning in answer["warnings"])
    assert (world / "mixed" / "manifest.json").exists()
    assert run(capsys, "blend", "web=web.jsonl", "--budget", "9k").status == 0


def test_jsonl_format_and_many_sources_formats(world, capsys):
    ran = run(capsys, "blend", *COMMON, "--format", "jsonl.zst", "--out", "mixed", "--quiet")
    assert ran.status == 0
    assert (world / "mixed" / "data" / "part-00000.jsonl.zst").exists()
    # And what was written can be blended again.
    again = run(capsys, "blend", "mixed=mixed/data", "web=web.jsonl", "--target", "val.jsonl",
                "--budget", "9k", "--json")  # fmt: skip
    assert answer_of(again)["available"]["mixed"] == 20_000


def test_resume_finishes_what_was_begun(world, capsys):
    assert run(capsys, "blend", *COMMON, "--out", "mixed", "--quiet").status == 0
    before = tree(world / "mixed")
    (world / "mixed" / "manifest.json").unlink()
    (world / "mixed" / "report.html").unlink()
    assert run(capsys, "blend", *COMMON, "--out", "mixed", "--quiet", "--resume").status == 0
    assert tree(world / "mixed") == before


def test_rerun_writes_the_same_bytes(world, capsys):
    words = ("--seed", "3", "--max-epochs", "inf", "--objective", "val=1", "--fix", "books=0.1",
             "--format", "jsonl.zst")  # fmt: skip
    assert run(capsys, "blend", *COMMON, *words, "--out", "mixed", "--quiet").status == 0
    ran = run(capsys, "rerun", "mixed/recipe.json", "--out", "again", "--workers", "1", "--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert tree(world / "again") == tree(world / "mixed")


def test_rerun_of_caps_by_name(world, capsys):
    words = ("--max-epochs", "web=inf,code=2", "--min-share", "web=0.1")
    assert run(capsys, "blend", *COMMON, *words, "--out", "mixed", "--quiet").status == 0
    assert run(capsys, "rerun", "mixed/recipe.json", "--out", "again", "--quiet").status == 0
    assert tree(world / "again") == tree(world / "mixed")


def test_workers_do_not_change_the_bytes(world, capsys):
    for n in (1, 3):
        words = ("--out", f"mixed{n}", "--workers", str(n), "--quiet")
        assert run(capsys, "blend", *COMMON, *words).status == 0
    assert tree(world / "mixed1") == tree(world / "mixed3")


MIXTURES = """note,share/code,share/web,share/books
first,0.2,0.8,0
"second, with a comma",0.5,0.25,0.25
third,0,1,0
first again,0.2,0.8,0
"""


def test_trial(world, capsys):
    Path("mixtures.csv").write_text(MIXTURES)
    ran = run(capsys, "trial", *COMMON, "--shares", "mixtures.csv", "--out", "losses.csv")
    assert (ran.status, ran.out, ran.err) == (0, "", "Wrote 4 mixture(s) to losses.csv\n")
    rows = list(csv.DictReader(io.StringIO(Path("losses.csv").read_text())))
    assert list(rows[0]) == ["note", "share/code", "share/web", "share/books",
                             "loss/val", "sd/val"]  # fmt: skip
    assert [r["note"] for r in rows] == ["first", "second, with a comma", "third", "first again"]
    assert [r["share/web"] for r in rows] == ["0.8", "0.25", "1", "0.8"]
    losses = np.array([float(r["loss/val"]) for r in rows])
    assert losses[0] == losses[3]
    assert losses[0] < losses[1]
    assert all(float(r["sd/val"]) > 0 for r in rows)
    printed = run(capsys, "trial", *COMMON, "--shares", "mixtures.csv")
    assert printed.out == Path("losses.csv").read_text()
    as_json = json.loads(run(capsys, "trial", *COMMON, "--shares", "mixtures.csv", "--json").out)
    assert as_json["unit"] == "nats per token"
    assert [m["loss/val"] for m in as_json["mixtures"]] == pytest.approx(losses)


def test_trial_of_one_mixture(world, capsys):
    Path("mixtures.csv").write_text(MIXTURES)
    ran = run(capsys, "trial", *COMMON, "--shares", "web=0.8,code=0.2")
    row = next(csv.DictReader(io.StringIO(ran.out)))
    assert float(row["share/books"]) == 0
    table = csv.DictReader(
        io.StringIO(run(capsys, "trial", *COMMON, "--shares", "mixtures.csv").out)
    )
    assert row["loss/val"] == next(table)["loss/val"]


def test_trial_agrees_with_blend(world, capsys):
    answer = answer_of(run(capsys, "blend", *COMMON, "--json"))
    shares = ",".join(f"{name}={share['mean']!r}" for name, share in answer["shares"].items())
    ran = run(capsys, "trial", *COMMON, "--shares", shares)
    row = next(csv.DictReader(io.StringIO(ran.out)))
    # A blend's own losses allow for its shares having been chosen on the same documents.
    allowed = answer["losses"]["val"]["mean"] - answer["optimism"]["val"]
    assert float(row["loss/val"]) == pytest.approx(allowed, abs=1e-9)
    assert float(row["sd/val"]) == pytest.approx(answer["losses"]["val"]["sd"], abs=1e-9)


def test_trial_beyond_the_data_is_a_forecast(world, capsys):
    ran = run(capsys, "trial", *SOURCES, "--target", "val.jsonl", "--budget", "10B",
              "--shares", "web=1")  # fmt: skip
    assert np.isfinite(float(next(csv.DictReader(io.StringIO(ran.out)))["loss/val"]))


def test_tokenizer(world, capsys):
    from tests.core.test_units import byte_level

    byte_level().save("tokenizer.json")
    ran = run(capsys, "blend", *COMMON, "--tokenizer", "tokenizer.json", "--out", "m", "--json")
    answer = answer_of(ran)
    assert "tokenizer" in answer["token"]
    manifest = json.loads((world / "m" / "manifest.json").read_bytes())
    assert manifest["tokens"] == pytest.approx(20_000, abs=10)


def test_methods(capsys):
    every = run(capsys, "methods")
    assert every.status == 0
    for room, question in ROOMS.items():
        assert f"{room}: {question}" in every.out
    found = json.loads(run(capsys, "methods", "--json").out)
    assert list(found["mix"]) == list(mix.METHODS)
    assert all(text and text[0] != "(" for room in found.values() for text in room.values())
    one = run(capsys, "methods", "mix")
    assert "descent" in one.out
    assert "parquet" not in one.out


def test_version_and_help(capsys):
    assert run(capsys, "--version").out == f"cuvee {cuvee.__version__}\n"
    assert "blend" in run(capsys, "--help").out
    for command in ("blend", "trial", "rerun", "demo", "methods", "evidence"):
        ran = run(capsys, command, "--help")
        assert ran.status == 0
        assert "usage: cuvee" in ran.out


def test_python_m_cuvee():
    command = [sys.executable, "-m", "cuvee", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"cuvee {cuvee.__version__}\n"


def test_demo(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cuvee.cli.demo.FILES", 60)
    from cuvee.cli import demo

    demo._library.cache_clear()
    ran = run(capsys, "demo", "--budget", "50k", "--out", "demo")
    demo._library.cache_clear()
    assert ran.status == 0
    assert "reference" in ran.out
    assert "Wrote 50,000 tokens" in ran.out
    assert (tmp_path / "demo" / "report.html").exists()
    shares = json.loads((tmp_path / "demo" / "blend.json").read_bytes())["shares"]
    assert shares["reference"]["mean"] > shares["names"]["mean"]


def test_ctrl_c(world, capsys):
    """Exit status 130, one line; what was begun is finished by --resume, to the same bytes."""
    for name in ("web", "code"):
        (world / name).mkdir()
        for i in range(1200):
            text = " ".join(language(1 if name == "web" else 2, 300, 0)[i % 290 : i % 290 + 9])
            (world / name / f"{i}.txt").write_text(f"{text} {i}")
    words = ["blend", "web=web", "code=code", "--target", "val.jsonl", "--budget", "400k",
             "--max-epochs", "inf"]  # fmt: skip
    process = start(*words, "--out", "mixed", cwd=world)
    deadline = time.monotonic() + 60
    while process.poll() is None and not (world / "mixed" / "recipe.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(0.02)
    os.kill(process.pid, 2)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert err == "cuvee: stopped. What is finished stays; --resume goes on.\n"
    assert out == ""
    assert not (world / "mixed" / "manifest.json").exists()
    for folder, more in (("mixed", ["--resume"]), ("whole", [])):
        ran = run(capsys, *words, "--out", folder, *more)
        assert (ran.status, ran.err) == (0, "")
    assert tree(world / "mixed") == tree(world / "whole")


def test_a_hundred_thousand_tiny_documents(world, capsys):
    tiny = [f"{a} {b}" for a in range(400) for b in range(250)]
    Path("tiny.jsonl").write_bytes(lines(tiny))
    begin = time.monotonic()
    ran = run(capsys, "blend", "tiny=tiny.jsonl", "web=web.jsonl", "--target", "val.jsonl",
              "--budget", "100k", "--fix", "tiny=0.9", "--out", "mixed", "--json")  # fmt: skip
    assert answer_of(ran)["available"]["tiny"] == 200_000
    assert time.monotonic() - begin < 20


def test_closed_pipe_is_no_error(world):
    process = start("methods", cwd=world)
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
