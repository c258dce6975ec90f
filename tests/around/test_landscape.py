"""What lies around an answer, where the truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cuvee
from cuvee import engine as engines
from cuvee import landscape
from cuvee.core import Estimate, Limits, Outcome, Problem
from cuvee.core.recipe import to_json
from cuvee.landscape import LEVELS, STEP, Landscape, best, flat

SOURCES = ("a", "b", "c", "d")
TRUE = np.array([0.5, 0.3, 0.2, 0.0])
AVAILABLE = np.array([100.0, 400.0, 400.0, 4000.0])


@dataclass(frozen=True)
class Bowl:
    """Loss that is lowest at known shares, and falls with the tokens."""

    draws: int = 30
    sources: tuple[str, ...] = SOURCES
    targets: tuple[str, ...] = ("t", "u")

    @property
    def available(self):
        return AVAILABLE

    def run(self, trial, *, rng):
        off = np.random.default_rng(0).normal(0, 0.02, (self.draws, 1, 4))
        best = np.array([TRUE, TRUE]) + (off if self.draws > 1 else 0)
        losses = 3 + ((trial.shares - best) ** 2).sum(axis=-1) - 0.1 * np.log(trial.tokens)
        spread = "target documents" if self.draws > 1 else "none"
        center = 3 + ((trial.shares - TRUE) ** 2).sum() - 0.1 * np.log(trial.tokens)
        return Outcome(
            Estimate(losses.reshape(self.draws, 2), "nats", spread, np.full(2, center)), 0
        )


def looked(shares=TRUE, draws=30, tokens=600, method="natural", limits=None):
    problem = Problem.of(SOURCES, ("t", "u"), AVAILABLE, tokens, "mean", limits)
    found = Landscape(
        Bowl(draws), problem, np.asarray(shares, float), method, 1, 0, engines.load("local", 1)
    )
    return found.to_dict()


def test_what_a_source_buys_is_the_rise_without_it():
    said = looked()
    row = said["sources"]["a"]
    others = np.array([0.0, 0.6, 0.4, 0.0])
    assert row["without_it"]["mean"] == pytest.approx(((others - TRUE) ** 2).sum())
    assert row["without_it"]["low"] < row["without_it"]["mean"] < row["without_it"]["high"]
    assert said["sources"]["d"]["without_it"] is None
    assert said["step"] == STEP
    for name in SOURCES:  # at the best blend nothing gains
        assert -1e-3 < said["sources"][name]["one_step_more"]["mean"] < 0


def test_too_little_of_a_source_gains_with_more_and_its_best_share_is_found():
    shares = np.array([0.2, 0.48, 0.32, 0.0])  # b and c in their true proportions
    row = looked(shares)["sources"]["a"]
    assert row["one_step_more"]["low"] > 0
    assert row["best_share"]["mean"] == pytest.approx(0.5, abs=1e-6)
    assert row["best_share"]["low"] < 0.5 < row["best_share"]["high"]
    assert row["flat"]["low"] < 0.5 < row["flat"]["high"] < 0.7
    assert row["line"][0]["share"] == 0
    assert row["line"][-1]["share"] == 1
    assert [x["within_limits"] for x in row["line"]] == [x["share"] <= 4 / 6 for x in row["line"]]


def test_of_no_draws_no_spread_is_made_up():
    row = looked(draws=1)["sources"]["a"]
    assert row["without_it"]["sd"] is None
    assert row["best_share"]["low"] is None
    assert row["flat"]["low"] < 0.5 < row["flat"]["high"]


def test_pairs_are_of_the_largest_and_hold_the_blend_lowest():
    surfaces = looked()["surfaces"]
    assert [s["sources"] for s in surfaces] == [["a", "b"], ["a", "c"], ["b", "c"]]
    for one in surfaces:
        assert len(one["points"]) <= LEVELS**2
        assert all(sum(p["shares"]) <= 1 + 1e-9 for p in one["points"])
        assert min(p["mean"] for p in one["points"]) > -1e-9


def test_of_very_many_sources_the_largest_are_looked_at(monkeypatch):
    monkeypatch.setattr(landscape, "MOST", 2)
    found = looked()
    assert set(found["sources"]) == {"a", "b"}
    assert found["left_out"] == ["c", "d"]


def test_more_tokens_and_what_runs_out():
    two, four = looked()["more_tokens"]
    assert (two["tokens"], four["tokens"]) == (1200, 2400)
    assert two["gain"]["mean"] == pytest.approx(0.1 * np.log(2))
    assert two["epochs"]["a"] == pytest.approx(6)
    assert two["run_out"] == ["a"]
    again = two["chosen_again"]["shares"]
    assert sum(again.values()) == pytest.approx(1)
    assert two["chosen_again"]["gain_over_same_shares"]["mean"] < 0  # natural shares are worse
    assert "chosen_again" not in four


def test_a_budget_beyond_the_data_is_said():
    found = looked(tokens=15_000, limits=Limits())["more_tokens"][0]
    assert "beyond the data" in found["chosen_again"]["not_computed"]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda x: sum(x) > 1e-6))
def test_any_blend_has_a_landscape_of_real_mixtures(weights):
    shares = np.array(weights) / sum(weights)
    said = looked(shares, draws=2)
    for name, share in zip(SOURCES, shares):
        row = said["sources"][name]
        stops = [x["share"] for x in row["line"]]
        assert stops == sorted(set(stops))
        assert any(abs(x["share"] - share) < 1e-9 and abs(x["mean"]) < 1e-9 for x in row["line"])
        assert row["flat"]["low"] <= row["flat"]["high"]
    to_json(said)


def test_the_lowest_point_of_a_parabola_is_exact_on_uneven_stops():
    stops = np.array([0.0, 0.1, 0.35, 1.0])
    at = [Estimate(np.array([(x - 0.27) ** 2, (x - 0.3) ** 2]), "", "seeds") for x in stops]
    np.testing.assert_allclose(best(stops, at).draws, [0.27, 0.3])
    low, high = flat(stops, [Estimate(np.array([(x - 0.35) ** 2]), "", "none") for x in stops])
    assert 0.1 < low < 0.35 < high < 1


def test_a_blend_is_json_alike_every_time_and_brief_without_its_surroundings():
    texts = {
        "code": [f"def f{i}(x): return x + {i}" for i in range(80)],
        "prose": [f"The {i}th guest came late and left early." for i in range(80)],
    }
    first, second = (cuvee.blend(texts, target="code", budget="1k", workers=w) for w in (1, 2))
    assert to_json(first.to_dict()) == to_json(second.to_dict())
    assert first.to_dict() == first.to_dict()
    assert set(first.to_dict()) - set(first.brief()) == {"landscape", "likeness"}
    assert set(first.to_dict()["landscape"]["sources"]) == {"code", "prose"}


def test_one_source_has_only_a_budget():
    found = cuvee.blend({"a": ["red green blue"] * 50}, target=["red blue"], budget=100)
    said = found.to_dict()
    assert set(said["landscape"]) == {"step", "more_tokens"}
    assert said["likeness"] == {"not_computed": "there is only one source."}
