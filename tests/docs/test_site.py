"""The site: made pages say what the source and the results say, and links stay links."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from docs.site import figures, hooks, rooms
from docs.site.marks import plain
from docs.site.methods import described, table_of
from docs.site.picture import picture

ROOT = Path(__file__).parents[2]
RESULTS = json.loads((ROOT / "evidence" / "results.json").read_text("utf-8"))
PAGES = hooks.generated(ROOT)


@pytest.mark.parametrize("room", rooms.ROOMS)
def test_a_room_has_every_method_with_its_settings(room):
    page = PAGES[f"rooms/{room}.md"]
    assert re.findall(r"^## `([\w.]+)` ", page, re.MULTILINE) == list(table_of(room))
    for name, entry in table_of(room).items():
        told = described(ROOT, name, entry)
        assert plain(told.summary) in page
        assert all(f"| `{setting}` |" in page for setting, _, _ in told.settings)
        if row := RESULTS.get(f"{room}/{name}"):
            assert plain(row["measured"]) in page


def test_what_did_not_hold_is_there_and_nothing_else():
    found = re.findall(r"^## \[([^]]+)\]", PAGES["did-not-hold.md"], re.MULTILINE)
    assert found == [name for name, row in RESULTS.items() if not row["holds"]]
    assert len(found) > 10


def test_every_page_has_its_place():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = set(re.findall(r"[\w/-]+\.md", json.dumps(nav)))
    pages = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}
    there = {p for p in pages if not p.startswith("decisions/") and p != "README.md"}
    assert there <= listed, "a page of docs/ is not in the nav of mkdocs.yml"
    assert listed - there <= {*hooks.TAKEN.values(), *PAGES}


def test_nothing_is_loaded_from_elsewhere():
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "font: false" in config
    assert "http" not in config + (ROOT / "docs" / "images" / "site.css").read_text("utf-8")


@pytest.mark.parametrize(
    ("here", "link", "wanted"),
    [
        ("index.md", "docs/runs.md", "runs.md"),
        ("index.md", "evidence/results.json", "results/evidence.json"),
        ("documentation.md", "decisions/0005-laws.md#a", "decisions/0005-laws.md#a"),
        ("mixing.md", "../README.md", "index.md"),
        ("mixing.md", "../evidence/results.json", "results/evidence.json"),
        ("tutorials/live.md", "../live.md", "../live.md"),
        ("decisions/0005-laws.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("mixing.md", "https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ("mixing.md", "#limits", "#limits"),
    ],
)
def test_links_are_rewritten(here, link, wanted):
    assert hooks.site_links(f"see [it]({link}).", here) == f"see [it]({wanted})."


def test_cases_of_one_name_are_drawn_together():
    drawn = figures.figure({"gain": {"a": 0.1, "b": -0.2, "c": 0.3}, "seeds": 5})
    svg = ElementTree.fromstring(drawn)[1]
    assert len(svg.findall(".//circle")) == 3
    assert svg.get("aria-label") == "a 0.1, b −0.2, c 0.3"


def test_repetitions_are_dots_with_a_mean():
    drawn = figures.figure({"random": [1.0, 2, 3, 4], "ours": [2.0, 3, 4, 5]})
    assert drawn.count("<circle") == 8
    assert drawn.count('class="mean"') == 2


@pytest.mark.parametrize(
    "numbers",
    [
        {"loss": 2.1, "documents": 40_000},  # two things, one number each
        {"found": {"documents": 40_000, "recall": 0.9}},  # of no common size
        {"interval": {"low": [0.1, 0.2], "high": [0.3, 0.4]}},  # pairs are no repetitions
        {"temperatures": [1, 2, 3, 4]},  # where it was measured
        {"models": {"a": 960, "b": 961}},  # how many, not what came out
        {"what": "words", "cases": [[1, 2], [3, 4]]},
    ],
)
def test_what_has_no_common_axis_is_not_drawn(numbers):
    assert figures.figure(numbers) == ""


def test_all_figures_of_the_results_are_well_formed():
    drawn = [f for row in RESULTS.values() if (f := figures.figure(row["numbers"]))]
    assert len(drawn) > len(RESULTS) / 2
    for figure in drawn:
        assert ElementTree.fromstring(figure)[1].findall(".//circle")


def test_picture_is_small_and_says_what_the_blend_says():
    number = {"mean": 0.6, "sd": 0.1, "low": 0.5, "high": 0.7}
    rest = {"mean": 0.4, "sd": 0.1, "low": 0.3, "high": 0.5}
    gain = {"mean": 0.05, "sd": 0.01, "low": 0.03, "high": 0.07}
    blend = {
        "shares": {"web": number, "<code>": rest}, "epochs": {"web": 2.0, "<code>": 1.0},
        "rivals": {"uniform": {"objective_gain": gain}}, "losses": {"val": number},
        "tokens": 2_000_000, "unit": "nats per token", "method": "descent",
    }  # fmt: skip
    drawn = picture(blend)
    words = " ".join(ElementTree.fromstring(drawn).itertext())
    for part in ("60.0%", "40.0%", "<code>", "0.050", "2M tokens"):
        assert part in words
    committed = (ROOT / "docs" / "images" / "demo.svg").read_text("utf-8")
    assert len(committed) < 20_000
    assert ElementTree.fromstring(committed).tag.endswith("svg")
