"""AutoScale: its law, and how the best shares are carried on."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Limits, Outcome, Points, Problem, Study
from cuvee.mix.autoscale import AmountForm, Autoscale, at_budget, carried, two_budgets

POWER = np.array([0.2, 0.5, 0.35])
PROBLEM = Problem.of(["a", "b", "c"], ["t"], [1e9] * 3, 10**7)


def losses(points):
    """The law itself, without help between sources."""
    return 1 + ((points.shares * points.tokens[:, None] + 1e-9) ** -POWER).sum(axis=1)


def best(tokens):
    """Amounts where every source gains the same: by bisection on the common gain."""
    low, high = 1e-30, 1e3
    for _ in range(300):
        gain = np.sqrt(low * high)
        amounts = (POWER / gain) ** (1 / (POWER + 1))
        low, high = (gain, high) if amounts.sum() > tokens else (low, gain)
    return amounts


def test_two_budgets_tell_a_third():
    onward = carried(best(1e4), best(1e5), 1e7)
    assert np.allclose(onward, best(1e7) / 1e7, atol=1e-6)
    assert np.abs(onward - best(1e5) / 1e5).max() > 0.01
    assert np.allclose(carried(best(1e4), best(1e5), 1e5), best(1e5) / 1e5, atol=1e-6)


def test_the_next_budget_is_the_square_of_the_second_over_the_first():
    first, second = best(1e4), best(1e5)
    third = second**2 / first
    assert np.allclose(carried(first, second, third.sum()), third / third.sum())


def test_a_source_of_no_use_stays_so():
    onward = carried(np.array([1.0, 2.0, 0.0]), np.array([2.0, 8.0, 0.0]), 100.0)
    assert onward[2] == 0
    assert np.isclose(onward.sum(), 1)


def test_a_source_of_use_at_the_second_budget_alone_keeps_its_share():
    assert np.allclose(carried(np.array([1000.0, 0]), np.array([2000.0, 2000]), 16000), 0.5)
    first, second = np.array([1.0, 2, 0]), np.array([2.0, 8, 10])
    onward = carried(first, second, 200.0)
    assert np.isclose(onward[2], 0.5)
    assert np.allclose(onward[:2], 0.5 * carried(first[:2], second[:2], 100.0))


def test_limits_follow_the_budget_unless_they_are_somebodys_own():
    problem = Problem.of(["a", "b"], ["t"], [1e5, 1e7], 10**6, limits=Limits(max_epochs=2))
    assert np.allclose(problem.high, [0.2, 1])
    assert np.allclose(at_budget(problem, 250_000.4).high, [0.8, 1])
    own = replace(problem, high=np.array([0.3, 1]))
    assert np.allclose(at_budget(own, 250_000).high, [0.3, 1])
    assert np.allclose(at_budget(problem, 1e9).high, problem.high)  # nothing could be allowed


def test_as_many_runs_as_the_law_needs():
    names = [f"s{i}" for i in range(24)]
    problem = Problem.of(names, ["t"], [1e9] * 24, 10**7, spend=1e7)
    trials = Autoscale().propose(Study(problem), rng=np.random.default_rng(0))
    assert len(trials) == 2 * 26
    assert len({t.key() for t in trials}) == len(trials)
    assert sum(t.tokens for t in trials) <= 1e7 * (1 + 1e-9)


def test_slopes_are_differences():
    points = Points.at(np.random.default_rng(0).dirichlet(np.ones(3), 5), 1e5)
    form = AmountForm(3, 1e5, 0.01)
    start = form.starts(points, losses(points)[None])[1]
    curve = form.curve(points)
    values, slopes = curve(start)
    for i, step in enumerate(1e-6 * np.eye(7)):
        assert np.allclose((curve(start + step)[0] - values) / 1e-6, slopes[..., i], atol=1e-5)


def test_the_perturbed_design_changes_one_amount_at_a_time():
    trials = Autoscale(design="perturbed").propose(Study(PROBLEM), rng=np.random.default_rng(0))
    assert len(trials) == 2 * (2 * 3 + 1)
    amounts = np.array([t.shares * t.tokens for t in trials[:7]]) / trials[0].tokens * 3
    assert np.allclose(amounts[0], 1)
    assert np.allclose(amounts[1:4], 1 + 2 * np.eye(3))
    assert np.allclose(amounts[4:], 1 - 2 / 3 * np.eye(3))
    assert np.isclose(trials[7].tokens / trials[0].tokens, 4)


def test_spend_is_kept():
    problem = replace(PROBLEM, spend=1e6)
    for design in ("perturbed", "spread"):
        trials = Autoscale(design=design).propose(Study(problem), rng=np.random.default_rng(0))
        assert sum(t.tokens for t in trials) <= 1e6 * (1 + 1e-9)


def test_runs_at_two_budgets_answer_at_a_third():
    method = Autoscale(smallest=1e-3, second=1e-2)
    trials = method.propose(Study(PROBLEM), rng=np.random.default_rng(0))
    points = Points(np.array([t.shares for t in trials]), np.array([t.tokens for t in trials]),
                    np.full(len(trials), np.nan))  # fmt: skip
    outcomes = tuple(Outcome(Estimate(np.array([[x]]), "nats per token", "none"), 1.0)
                     for x in losses(points))  # fmt: skip
    study = Study(PROBLEM).record(trials, outcomes)
    answer = method.recommend(study, rng=np.random.default_rng(0)).mean
    assert np.abs(answer - best(1e7) / 1e7).max() < 0.1
    assert losses(PROBLEM.points(answer))[0] <= losses(PROBLEM.points(np.full(3, 1 / 3)))[0]


def test_budgets_are_told_apart_by_the_widest_gap():
    parts = two_budgets(np.array([1.0, 10.0, 1.2, 11.0]))
    assert parts is not None
    assert sorted(parts[0]) == [0, 2]
    assert two_budgets(np.array([1.0, 1.1])) is None


def test_bad_settings():
    for wrong, word in (({"design": "x"}, "perturbed"), ({"factor": 1.0}, "factor"),
                        ({"smallest": 0.5, "second": 0.6}, "smallest")):  # fmt: skip
        with pytest.raises(CuveeError, match=word):
            Autoscale(**wrong)
