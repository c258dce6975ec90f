"""What lies around an answer, on the page: well formed, honest, and every number one click away."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.around_examples import surrounded
from tests.report.examples import answer, manifest
from tests.report.test_page import TAGS, Reader, nasty, odd

from cuvee.report import as_html

TWELVE = tuple(f"source {i}" for i in range(12))


@pytest.mark.parametrize("count", [1, 2, 12, 30])
@pytest.mark.parametrize("sd", [None, 0.012])
def test_page_is_well_formed_and_has_a_table_for_each_chart(count, sd):
    content = surrounded(nasty(count), nasty(4), sd=sd)
    read = Reader(page := as_html(content, manifest(content)))
    assert set(read.tags) <= TAGS | {"rect", "g"}
    assert len(page.encode()) < 3_000_000
    assert read.tags.count("figure") == read.tags.count("details")
    assert 2 * read.tags.count("figure") == read.tags.count("svg")
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert set(read.values("aria-labelledby")) <= set(ids)
    assert "<script" not in page
    assert "http:" not in page


def test_sections_say_what_they_show():
    words = " ".join(Reader(as_html(surrounded(TWELVE))).words)
    for part in (
        "What each source buys", "buys most: without it the loss is", "Where sources saturate",
        "Pairs of sources", "How sources differ", "Most alike: source 0 and source 1 (0.10).",
        "What stands in several sources", "Most: 5.7% of source 1 stands in source 0.",
        "30% of source 0 has a copy there", "With 20M tokens and the same shares the loss",
        "shares chosen again give another 0.020 ± 0.012; no source would go beyond max_epochs",
        "source 0 and source 1 would go beyond max_epochs", "of source 0 only a part",
        "the true parts are larger", "Numbers: where sources saturate",
    ):  # fmt: skip
        assert part in words, part


def test_a_source_without_a_share_is_said_to_be_unused():
    assert "not used" in as_html(surrounded(TWELVE))


def test_an_answer_from_real_runs_says_why_nothing_was_computed():
    content = answer() | {"landscape": {"not_computed": "losses come from real runs."}}
    content |= {"likeness": {"not_computed": "rows of numbers."}}
    page = as_html(content)
    assert "Not computed: losses come from real runs." in page
    assert "Not computed: rows of numbers." in page
    assert page.count("<figure>") == 3


def test_without_a_spread_none_is_drawn():
    page = as_html(surrounded(TWELVE, sd=None))
    part = page[page.index("What each source buys") : page.index("How sources differ")]
    assert 'class="whisker' not in part
    assert 'class="band"' not in part
    assert "± 0" not in page


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_odd_numbers_break_nothing(data):
    content = surrounded(TWELVE[:3])
    land = content["landscape"]
    first = land["sources"]["source 1"]
    for row in (
        first["line"][0], first["line"][-1], first["one_step_more"], first["best_share"],
        land["more_tokens"][0]["gain"], land["surfaces"][0]["points"][0],
        content["likeness"]["difference"]["pairs"][0],
    ):  # fmt: skip
        for key in ("mean", "sd", "low", "high"):
            row[key] = data.draw(odd)
    first["share"], first["cap"] = data.draw(odd), data.draw(odd)
    first["line"][0]["share"] = data.draw(odd)
    first["flat"] = {"low": data.draw(odd), "high": data.draw(odd)}
    land["more_tokens"][0]["tokens"] = data.draw(odd)
    content["likeness"]["sample"]["source 1"]["bytes"] = data.draw(odd)
    read = Reader(as_html(content))
    for name in ("d", "x", "y", "cx", "cy", "width", "fill-opacity", "transform"):
        assert not any(re.search("nan|inf|e[+-]", v or "") for v in read.values(name))
