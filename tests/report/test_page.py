"""The page: well formed, offline, honest and safe with any name."""

import copy
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.report.examples import NASTY, answer, manifest

from cuvee.report import as_html

VOID = {"meta", "link", "br"}
TAGS = VOID | {
    *("html", "head", "body", "title", "style", "main", "section", "h1", "h2", "p", "ul", "li"),
    *("figure", "figcaption", "svg", "text", "path", "circle", "details", "summary", "div"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "bdi"),
    *("dl", "dt", "dd", "code"),
}


class Reader(HTMLParser):
    """Reads a page and fails where it is not well formed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def nasty(count: int = 30) -> list[str]:
    return [f"{NASTY[i % len(NASTY)]}{i}" for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize("sd", [None, 0.0, 0.012])
def test_page_is_well_formed_small_and_has_no_unknown_tags(count, sd):
    content = answer(nasty(count), nasty(count), sd=sd)
    page = as_html(content, manifest(content))
    read = Reader(page)
    assert set(read.tags) <= TAGS
    assert len(page.encode()) < 300_000
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert set(read.values("aria-labelledby")) <= set(ids)
    assert read.tags.count("table") == read.tags.count("caption")
    assert read.tags.count("h1") == 1


def test_page_asks_the_network_for_nothing():
    content = answer()
    page = as_html(content, manifest(content))
    read = Reader(page)
    assert not re.search(r"https?:|//|url\(|@import|<script|<img|<iframe", page)
    assert read.values("src") == []
    assert read.values("href") == ["data:,"]
    assert "default-src 'none'" in page


def test_names_stay_text():
    content = answer(nasty(), nasty())
    page = as_html(content, manifest(content))
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not [name for name, _ in Reader(page).attributes if name.startswith("on")]
    page.encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=6, unique=True))
def test_any_name_is_safe(names):
    content = answer(names, names)
    content["warnings"] = list(names)
    page = as_html(content, manifest(content))
    assert set(Reader(page).tags) <= TAGS
    page.encode()


odd = st.one_of(st.none(), st.floats(), st.integers(-(10**30), 10**30))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_odd_numbers_break_nothing(data):
    content = answer()
    for row in (
        content["shares"]["web"], content["losses"]["news"], content["objective"],
        content["curve"][0], content["rivals"]["uniform"]["losses"]["news"],
        content["rivals"]["uniform"]["gains"]["news"], content["rivals"]["natural"]["objective"],
    ):  # fmt: skip
        for key in ("mean", "sd", "low", "high"):
            row[key] = data.draw(odd)
    content["epochs"]["web"] = data.draw(odd)
    content["tokens"] = data.draw(odd)
    page = as_html(content, manifest(answer()))
    read = Reader(page)
    for name in ("d", "x", "y", "cx", "cy"):
        assert not any(re.search("nan|inf|e", v or "") for v in read.values(name))


def test_same_input_same_bytes_and_input_is_left_alone():
    content = answer()
    before = copy.deepcopy(content)
    assert as_html(content, manifest(content)) == as_html(content, manifest(content))
    assert content == before


def test_a_spread_that_was_not_measured_is_said_and_never_drawn():
    page = as_html(answer(sd=None))
    assert "spread not measured" in page
    assert 'class="whisker' not in page
    assert 'class="band"' not in page
    assert "± 0" not in page


def test_without_paired_gains_no_interval_is_made_up():
    page = as_html(answer(paired=False))
    gains = page[page.index("Predicted losses") : page.index("Budget")]
    assert 'class="whisker' not in gains
    assert "The spread of the gains was not measured." in page


def test_a_target_that_gets_worse_is_named_although_the_mean_gets_better():
    page = as_html(answer())
    assert "1 of 2 targets gets worse than under uniform: python (−0.050)." in page
    assert re.search(r'class="bad"[^>]*>worse<', page)


@pytest.mark.parametrize("rivals", [(), ("natural",), ("uniform", "natural")])
def test_rivals_may_be_missing(rivals):
    content = answer(rivals=rivals)
    assert ("own_share" in as_html(content, manifest(content))) is False


def test_every_chart_has_its_table():
    read = Reader(as_html(answer()))
    assert read.tags.count("details") == read.tags.count("figure") == 3
    assert read.tags.count("svg") == 6
    assert read.values("role").count("img") == 6


def test_written_dataset_shows_asked_and_written():
    content = answer()
    words = Reader(as_html(content, manifest(content))).words
    assert "1,666,666" in words
    assert "1,666,669" in words
    assert "Written dataset" not in as_html(content)
