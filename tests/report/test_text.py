"""The text: plain when piped, never wider than asked, honest."""

import io
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tests.report.examples import NASTY, answer

from cuvee.report import as_text, print_answer
from cuvee.report.numbers import middle, width


@pytest.mark.parametrize("count", [1, 3, 30])
@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("sd", [None, 0.012])
def test_no_line_is_wider_than_asked(count, columns, sd):
    names = [f"{NASTY[i % len(NASTY)]}{i}" for i in range(count)]
    text = as_text(answer(names, names, sd=sd), columns)
    assert max(map(cell_len, text.splitlines())) <= columns
    assert not any(c in text for c in "\x1b\x00│─┃━┏\u202e")


def test_tables_have_one_line_a_row():
    names = [f"{'long name ' * 20}{i}" for i in range(30)]
    lines = as_text(answer(names, names)).splitlines()
    assert len([x for x in lines if x.startswith("long") and "…" in x and "  " in x]) == 60


def test_what_matters_is_there():
    text = as_text(answer())
    for part in (
        "To lower the mean loss over 2 targets with 10M tokens", "books", "50.0%", "epochs",
        "own_share", "+0.310", "−0.050", "worse", "beats uniform >99%", "Warning: web:",
        "resampling the target", "proxy's own bias",
    ):  # fmt: skip
        assert part in text, part


def test_unmeasured_spread_is_said_and_no_zero_is_shown():
    text = as_text(answer(sd=None))
    assert "(spread not measured)" in text
    assert "±" not in text
    assert "not measured" in as_text(answer(sd=None, rivals=("uniform",)))


def test_a_spread_known_for_some_only():
    content = answer()
    content["shares"]["web"] |= {"sd": None, "low": None, "high": None}
    assert "not measured" in as_text(content)


def test_color_only_if_asked_and_not_forbidden(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in as_text(answer())
    assert "\x1b[" in as_text(answer(), color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in as_text(answer(), color=True)


def test_a_pipe_that_knows_only_ascii_gets_ascii():
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80)
    print_answer(answer(["é" * 90, "b"], ["n\u4e2d", "m"]), console)
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "+-" in text
    assert max(map(len, text.splitlines())) <= 80


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.integers(1, 40))
def test_names_are_cut_in_the_middle_to_the_room(name, room):
    short = middle(name, room)
    assert width(short) <= max(room, 1)
    assert short == name or "…" in short


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=4, unique=True))
def test_any_name_can_be_printed(names):
    text = as_text(answer(names, names))
    assert not any(ord(c) < 32 and c != "\n" for c in text)


def test_names_written_from_right_to_left_keep_their_numbers():
    text = as_text(answer(["مصدر", "web"]))
    assert "\u2068مصدر\u2069" in text


def test_importing_the_room_loads_no_rich():
    code = "import sys, cuvee.report; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
