"""The dataset card: front matter that parses, tables that hold any name."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.examples import NASTY, answer, manifest

from cuvee.report import as_card, as_html


def rows(card: str) -> list[str]:
    return [line for line in card.splitlines() if line.startswith("| ")]


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) - 1


def test_front_matter_is_simple_yaml():
    content = answer(NASTY, NASTY)
    card = as_card(content, manifest(content))
    front = card.split("---\n")[1].splitlines()
    for line in front:
        value = line.partition(": ")[2] or (line[2:] if line.startswith("- ") else "")
        if value and not line.startswith(("- config_name", "  - split")):
            assert isinstance(json.loads(value), str)
    assert '- "cuvee"' in front
    assert '    path: "data/*.parquet"' in front


def test_tables_hold_any_name():
    content = answer(NASTY, NASTY)
    card = as_card(content, manifest(content))
    found = rows(card)
    assert {cells(row) for row in found} == {5, 6}
    assert len(found) == 2 + len(NASTY) + 2 + 1 + len(NASTY)
    assert "<script>" not in card.replace("\\<script\\>", "")
    card.encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=4, unique=True))
def test_any_name_leaves_the_table_whole(names):
    content = answer(names, names)
    card = as_card(content, manifest(content))
    assert {cells(row) for row in rows(card)} == {5, 6}
    assert card.count("\n## ") == 5


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".parquet", "parquet"), (".jsonl.zst", "json"), (".jsonl", "json")]
)
def test_snippet_matches_the_format(suffix, kind):
    content = answer()
    card = as_card(content, manifest(content, suffix))
    assert f'load_dataset("{kind}", data_files="data/*{suffix}", split="train")' in card
    assert ("pyarrow.dataset" in card) == (kind == "parquet")


def test_unmeasured_spread_is_said():
    content = answer(sd=None)
    card = as_card(content, manifest(content))
    assert "(spread not measured)" in card
    assert "± 0" not in card


def test_the_same_card_every_time():
    content = answer()
    card = as_card(content, manifest(content))
    assert card == as_card(content, manifest(content))
    assert card.endswith("\n")
    assert "http" not in card
    assert "cuvee rerun recipe.json" in card


def test_rows_are_called_rows_and_counted_once():
    content = answer() | {"token": "rows"}
    card, page = as_card(content, manifest(content)), as_html(content, manifest(content))
    assert "| source | share | rows | epochs |" in card
    assert {cells(row) for row in rows(card)} == {4, 6}
    assert "tokenizer" not in card
    assert "documents" not in card + page
    assert "token" not in card.replace("`tokens`", "").replace("nats per token", "")
    assert '<th scope="col">rows written</th>' in page
    assert '<th scope="col">rows</th><th scope="col">epochs' not in page.partition("written")[2]
