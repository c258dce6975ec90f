"""Real runs in a terminal and on the page."""

import pytest
from tests.report.examples import answer, number
from tests.report.test_page import TAGS, Reader, nasty

from cuvee.report import as_html, as_text


def trained(count, names, law=True, sd=0.01):
    """An answer with so many real runs."""
    content = answer(names, sd=sd)
    shares = {n: row["mean"] for n, row in content["shares"].items()}
    content["trained"] = {
        "proxy": "<b>proxy", "prior": "counts", "runs": count, "tokens": count * 1e6,
        "judging_runs": 1 if law else 2, "judging_tokens": 1e6 if law else 2e6,
        "losses_from": "law" if law else "runs",
    }  # fmt: skip
    rows = []
    for i in range(count):
        known = law and i > 2
        rows.append({
            "run": i + 1, "role": "search" if i < count - (1 if law else 2) else "answer",
            "shares": shares, "tokens": 1e6, "tokens_seen": 1e6 * (1 + i % 2), "losses": {},
            "objective": number(3.0 + 0.3 * i, sd),
            "forecast_before": number(3.0, sd) if known else None,
            "forecast_after": number(2.98, sd) if known else None,
            "moved": 0.123 if known else None,
        })  # fmt: skip
    content["real_runs"] = rows
    one, excess = number(0.91, sd), number(0.03, sd) if law else None
    content["disagreement"] = {
        "runs": count, "fewest": 4, "rmse": number(0.021, sd),
        "spearman": {"objective": one, "mean": one, "per_target": {"a": one, "b": one}},
        "free_choice": {"shares": shares, "moved": 0.2, "excess": excess},
    }  # fmt: skip
    return content


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("law", [True, False])
def test_text_fits_the_terminal(width, law):
    text = as_text(trained(30, ("web", "code", "中文网页" * 9), law), width)
    assert max(map(len, text.splitlines())) <= width
    joined = " ".join(text.split())
    assert "The last 24 of 30 runs; --json has all." in joined
    assert ("best after" in joined) is law
    assert "rank correlation 0.91 ± 0.01 of the objective, 0.91 ± 0.01 in the mean" in joined
    assert ("the loss of that blend is 0.030 ± 0.010 higher" in joined) is law
    assert ("the blend was trained itself and reached 11.700; this run gives" in joined) is law


@pytest.mark.parametrize("law", [True, False])
@pytest.mark.parametrize("sd", [None, 0.01])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_page_is_well_formed(count, sd, law):
    page = as_html(trained(count, nasty(8), law, sd))
    read = Reader(page)
    assert set(read.tags) <= TAGS
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert set(read.values("aria-labelledby")) <= set(ids)
    assert "real-runs" in ids
    assert "<b>proxy" not in page
    assert read.tags.count("table") == read.tags.count("caption")


def test_an_answer_without_training_has_no_such_part():
    assert "real runs" not in as_text(answer()).lower()
    assert "real-runs" not in as_html(answer())


def test_runs_of_one_length_leave_all_losses_to_the_law():
    content = trained(5, ("web", "code"))
    for row in content["real_runs"]:
        row["tokens_seen"] = 1e6
    said = "reached 4.200; the predicted losses are those of the law of all runs, this one included"
    assert said in " ".join(as_text(content).split())
    assert said in as_html(content)


def test_too_few_runs_and_missing_parts_are_said():
    content = trained(3, ("web", "code"))
    content["disagreement"] |= {"spearman": None, "rmse": None, "free_choice": None}
    text = " ".join(as_text(content).split())
    assert "Too few runs of one length to say how far counts and training disagree: 3" in text
    assert "alone would have put" not in text
    content["disagreement"] = None
    assert "disagree" not in as_text(content)
