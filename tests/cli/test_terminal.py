"""What a person sees in a terminal, and a program in a pipe."""

import io
import json
import re
import shutil
import subprocess

import pytest
from rich.console import Console
from rich.progress import Progress
from tests.cli.world import COMMON, run

from cuvee.cli import lines
from cuvee.cli import progress as bars
from cuvee.cli.completion import SHELLS, commands, script
from cuvee.cli.methods import ROOMS
from cuvee.cli.parser import build_parser
from cuvee.cli.tried import said
from cuvee.mix import METHODS

COMMANDS = dict(commands(build_parser()))
ONLY_PRINT = {"methods", "completion"}
"""There is nothing left of them if they are quiet."""
NO_ANSWER = {"completion", "explore"}
"""A script for the shell, and a page in the browser: no figures for another program."""
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)[;m]")


def test_commands_were_found():
    assert {"blend", "measure", "explore", "evidence", "completion"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_quiet_and_can_speak_json(name):
    flags = {flag for action in COMMANDS[name]._actions for flag in action.option_strings}
    assert ("--quiet" in flags) is (name not in ONLY_PRINT)
    assert ("--json" in flags) is (name not in NO_ANSWER)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_fits_80_columns(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = run(capsys, name, "--help")
    assert ran.status == 0
    assert max(map(len, ran.out.splitlines())) <= 80


def test_methods_fit_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("cuvee.cli.methods.width", lambda: 80)
    for words in ("mix", "trainers", "mix/regmix", "predict/chinchilla"):
        found = run(capsys, "methods", words).out.splitlines()
        assert len(found) > 10
        assert max(map(len, found)) <= 80


def test_methods_in_a_pipe_are_one_line_each(capsys):
    found = run(capsys, "methods", "mix").out.splitlines()
    assert [line.split()[0] for line in found[1:-1]] == list(METHODS)


def test_one_method_as_json(capsys):
    said = json.loads(run(capsys, "methods", "mix/regmix", "--json").out)
    assert "Args:" in said["mix/regmix"]


def test_evidence_as_json_and_quiet(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "evidence" / "mix"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(
        "from cuvee.testing.evidence import Finding\n"
        "def run():\n    return Finding('a claim', 'it came out', True, {'n': 3})\n"
    )
    monkeypatch.chdir(tmp_path)
    said = json.loads(run(capsys, "evidence", "mix/mine", "--json").out)
    assert said["mix/mine"]["numbers"] == {"n": 3}
    assert run(capsys, "evidence", "--quiet").out == ""
    assert "mix/mine: holds." in run(capsys, "evidence").out
    assert "mix/mine" in json.loads((tmp_path / "evidence" / "results.json").read_text())


def test_reflow_keeps_sections_and_lists():
    arguments = "Args:\n    n: How\n        many.\n    much: What."
    doc = f"Does it\nwell.\n\n{arguments}\n\nFails when: no\nway."
    assert lines.reflow(doc, None) == doc
    assert lines.reflow(doc, 80) == (
        "Does it well.\n\nArgs:\n    n: How many.\n    much: What.\n\nFails when: no way."
    )
    narrow = lines.reflow("Args:\n    n: " + "word " * 12, 30).splitlines()
    assert narrow[1].startswith("    n: word")
    assert narrow[2].startswith("        word")


def test_hanging_does_not_break_what_is_copied():
    said = lines.hanging("name  ", "a --flag-of-many-parts and /a/long/path/without/blanks", 30)
    assert "--flag-of-many-parts" in said.split()
    assert "/a/long/path/without/blanks" in said.split()


def test_colours_are_off_with_no_color(world, capsys, monkeypatch):
    words = ("blend", *COMMON)  # its bars of progress have colours
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm-256color"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    assert COLOUR.search("".join(run(capsys, *words)[1:]))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search("".join(run(capsys, *words)[1:]))


def test_mixtures_are_readable_in_a_terminal():
    row = {"share/web": "0.25", "share/code": "0.75", "share/books": "0", "loss/val": 3.25}
    told = said([row | {"sd/val": 0.01}, row | {"sd/val": None}], "nats per token", 80).splitlines()
    assert told[0] == "  1  75.0% code, 25.0% web"
    assert told[1].split() == ["val", "3.250", "±", "0.010"]
    assert told[3].split()[:3] == ["val", "3.250", "±"]
    assert "nats per token" in told[-1]


def test_trial_in_a_pipe_is_csv(world, capsys):
    words = ("trial", *COMMON, "--shares", "web=1", "--quiet")
    assert run(capsys, *words).out.startswith("share/web,share/code,share/books,loss/val,sd/val")


def test_progress_says_rate_and_time_left():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    now = iter(range(0, 10_000))
    columns, clock = bars.columns(), lambda: next(now)
    with Progress(*columns, console=console, auto_refresh=False, get_time=clock) as shown:
        task = shown.add_task("counting", total=600)
        for _ in range(5):
            shown.advance(task, 60)
        shown.refresh()
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    last = [line for line in said.splitlines() if "300/600" in line][-1]
    assert re.search(r"\d+/(s|min)", last)
    assert re.search(r"\d:\d\d:\d\d", last)
    assert len(last) <= 80


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_commands_flags_and_methods(shell, capsys):
    ran = run(capsys, "completion", shell)
    assert ran.status == 0
    assert set(COMMANDS) <= set(re.findall(r"[\w-]+", ran.out))
    for word in ("max-epochs", "descent", "surrogate", "megatron", *ROOMS):
        assert word in ran.out


def test_completion_in_bash(tmp_path):
    bash = shutil.which("bash")
    assert bash
    file = tmp_path / "completion.sh"
    file.write_text(script(build_parser(), "bash"))
    asked = (
        ("blend --method des", "descent"),
        ("mea", "measure"),
        ("export x --to litg", "litgpt"),
    )
    for typed, wanted in asked:
        words = ["cuvee", *typed.split()]
        source = (
            f"source {file}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1};"
            '_shtab_cuvee; echo "${COMPREPLY[@]}"'
        )
        done = subprocess.run([bash, "-c", source], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [wanted], typed


def test_completion_of_an_unknown_shell(capsys):
    ran = run(capsys, "completion", "csh")
    assert ran.status == 2
    assert "invalid choice" in ran.err
    assert ran.err.count("\n") == 1
