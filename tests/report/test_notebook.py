"""What a notebook shows: tables, everything escaped, never the whole of a huge value."""

from importlib import import_module

import numpy as np
import pytest
from tests.report.examples import NASTY, answer
from tests.report.test_page import Reader

import cuvee
from cuvee.core import Estimate, Outcome, Problem, Study, Trial
from cuvee.report import fragment, print_answer, print_comparison

HURT = ("<script", "\x1b", "\u202e")


def read(html):
    assert not any(bad in html for bad in HURT)
    return Reader(html)


def test_an_answer_is_two_tables_and_its_sentences():
    html = fragment(print_answer, answer(NASTY, NASTY))
    found = read(html)
    assert found.tags.count("table") == found.tags.count("caption") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert any("Probability that the blend beats" in word for word in found.words)


def test_long_tables_end_and_say_so():
    html = fragment(print_answer, answer([f"s{i}" for i in range(300)]))
    assert read(html).tags.count("tr") < 80
    assert "240 more rows are not shown." in html


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Estimate(np.array([1.0, 2.0, 3.0]), "nats", "seeds"), "2 ± 1 nats (spread: seeds"),
        (Estimate(np.array([0.5]), "<b>", "none"), "0.5 (spread not measured) &lt;b&gt;"),
        (Estimate(np.array([0.5]), "share", "exact"), "0.5 (exact) share"),
    ],
)
def test_one_number_is_a_line(value, expected):
    html = value._repr_html_()
    assert expected in html
    assert "table" not in read(html).tags


def test_many_numbers_are_a_table_that_ends():
    draws = np.random.default_rng(0).normal(size=(9, 20, 5))
    html = Estimate(draws, "<i>", "seeds")._repr_html_()
    assert read(html).tags.count("tr") == 41
    assert "60 more are not shown." in html
    one = Estimate(draws[:1, 0], "nats", "none")._repr_html_()
    assert "<td></td>" in one  # what was not measured is no 0
    assert "nan" not in one


def test_a_study_shows_its_best_trials():
    problem = Problem.of(("<script>", "b"), ("t",), [1e3, 1e3], 100)
    study = Study(problem)
    assert "0 trials" in read(study._repr_html_()).words[0]
    for i in range(15):
        shares = np.array([i / 15, 1 - i / 15])
        loss = Estimate(np.array([[3.0 - i]]), "nats", "none")
        study = study.record((Trial(shares, 100),), (Outcome(loss, 0),))
    found = read(study._repr_html_())
    assert found.tags.count("tr") == 11
    assert found.words[found.words.index("14") + 1] == "-11.0000"


def compared(name):
    gains = {"news": {"mean": 0.1, "sd": 0.01, "low": 0.08, "high": 0.12}}
    row = {
        "method": name, "objective": {"mean": 3.0}, "objective_gain": gains["news"],
        "gains": gains, "losses": gains, "worse": [], "spent": 10, "seconds": 1.0,
    }  # fmt: skip
    return {
        "methods": [row, {"method": "b", "trouble": "<i>why</i>"}], "seeds": 2, "spend": 100,
        "tokens": 10, "unit": "nats", "verdict": f"{name} is best.", "winners": [name],
        "targets": ["news"],
    }  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_a_comparison_is_a_table(name):
    found = read(html := fragment(print_comparison, compared(name)))
    assert found.tags.count("table") == 1
    assert "+0.100" in found.words
    assert "&lt;i&gt;why&lt;/i&gt;" in html


def test_chosen_documents_show_their_sources():
    pool = [f"page {i} of the river and the <b>night</b>" for i in range(30)]
    html = cuvee.choose({"<script>": pool}, k=5, method="random")._repr_html_()
    assert "5 of 30 documents" in " ".join(read(html).words)
    assert "table" in read(html).tags


@pytest.mark.parametrize(
    "place",
    ["answer:Blend", "from_runs:Chosen", "comparison:Comparison", "forecasting:Prediction",
     "procedures:Contrast", "scoring:Scores", "law_scores:LawScores", "planning:Plan",
     "documents.judging:Board", "documents.choosing:Chosen"],
)  # fmt: skip
def test_what_prints_itself_shows_the_same_in_a_notebook(place, monkeypatch):
    module, _, name = place.partition(":")
    kind = getattr(import_module(f"cuvee.{module}"), name)
    shown = []
    monkeypatch.setattr("cuvee.report.fragment", lambda show, said: shown.append((show, said)))
    monkeypatch.setattr(kind, "brief" if name == "Blend" else "to_dict", lambda _: {"a": 1})
    kind._repr_html_(object.__new__(kind))
    ((show, said),) = shown
    assert show.__name__.startswith("print_")
    assert said == {"a": 1}


def test_a_blend_shows_itself_without_looking_around(monkeypatch):
    texts = {"<b>a": ["red green blue"] * 50 + ["blue"], "b": ["one two three"] * 50}
    found = cuvee.blend(texts, target=["red blue"], budget=100)
    monkeypatch.setattr("cuvee.likeness.Likeness.to_dict", lambda _: 1 / 0)
    html = found._repr_html_()
    assert read(html).tags.count("table") == 2
    assert "&lt;b&gt;a" in html
    assert str(found)
