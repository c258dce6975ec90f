"""Mixture of data experts, against sums done by hand."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Outcome, Points, Problem, Study, Trial, stream
from cuvee.mix.mde import Mde, experts_of
from cuvee.mix.ridge import line, process
from cuvee.testing.mix import PROBLEMS, solve

LOGS = [[np.log([0.5, 0.1, 0.2]), np.log([0.3])], [np.log([0.1, 0.4, 0.2]), np.log([0.6])]]
"""Of two experts, for a target of three tokens and one of one."""


def test_forecast_is_the_mean_log_of_mixed_probabilities():
    experts = experts_of(LOGS, 100)
    first = -np.log([0.25 * 0.5 + 0.75 * 0.1, 0.25 * 0.1 + 0.75 * 0.4, 0.2]).mean()
    second = -np.log(0.25 * 0.3 + 0.75 * 0.6)
    assert np.allclose(experts.losses(np.array([[0.25, 0.75]])), [[first, second]])


def test_gradient_is_that_of_the_losses():
    experts, at, step = experts_of(LOGS, 100), np.array([0.3, 0.7]), 1e-6
    values, slopes = experts.slopes(at)
    moved = experts.losses(at + step * np.eye(2))
    assert np.allclose((moved - values).T / step, slopes, atol=1e-5)


def test_probabilities_beyond_floats_still_mix():
    experts = experts_of([[np.array([-2000.0])], [np.array([-2001.0])]], 100)
    expected = 2000 - np.log(0.5 * (1 + np.exp(-1)))
    assert np.isclose(experts.losses(np.array([[0.5, 0.5]]))[0, 0], expected)


def test_a_sample_of_tokens_is_the_same_for_all_experts():
    logs = np.log(np.random.default_rng(0).uniform(0.1, 1, 5000))
    few = experts_of([[logs], [logs]], 50)
    assert few.likely[0].shape == (2, 50)
    assert np.array_equal(few.likely[0][0], few.likely[0][1])


def test_exact_where_losses_are_those_of_mixed_experts():
    """The planted law of that name is the method's own: it finds the sample's optimum."""
    planted = PROBLEMS["experts"]
    study, answer = solve(Mde(), planted)
    law, trainer = Mde().fit(study, rng=stream(0)), planted.trainer(0)
    for shares in ([0.2, 0.5, 0.3], [0.6, 0.4, 0.0]):
        true = trainer.run(Trial(np.array(shares), 1e6), rng=stream(0)).losses.mean
        # The planted law is linear in probabilities, so mixing experts is no approximation.
        assert np.allclose(law.mean(Points.at(shares, 1e6))[0], true)
    assert abs(planted.loss(answer.mean) - planted.loss(planted.optimum())) < 2e-3


@pytest.mark.parametrize("regress", ["linear", "gp", "gbm"])
def test_runs_correct_the_experts(regress):
    """Where experts are wrong, some mixed runs make the forecast better."""
    planted = PROBLEMS["exponential"]
    mixer = Mde(regress=regress, runs=16)
    study, _ = solve(mixer, planted)
    assert len(study.trials) == 3 + 16
    rng, trainer = np.random.default_rng(5), planted.trainer(0)
    points = Points.at(rng.dirichlet(np.ones(3), size=20), 1e6)
    true = np.array([trainer.run(Trial(w, 1e6), rng=rng).losses.mean for w in points.shares])

    def miss(law) -> float:
        return float(np.mean((law.mean(points) - true) ** 2))

    corrected = mixer.fit(study, rng=stream(0))
    assert miss(corrected) < 0.7 * miss(Mde().fit(study, rng=stream(0)))
    assert corrected.predict(points).spread == "bootstrap"
    assert Mde().fit(study, rng=stream(0)).predict(points).spread == "none"


def test_prior_stands_in_for_experts():
    planted = PROBLEMS["experts"]
    trainer = planted.trainer(0)
    study = Study(planted.problem(), prior=lambda trial: trainer.run(trial, rng=stream(0)))
    assert Mde().propose(study, rng=stream(0)) == ()
    alone = solve(Mde(), planted)[1].mean
    assert np.allclose(Mde().recommend(study, rng=stream(0)).mean, alone, atol=1e-6)


def test_trainer_without_log_probabilities_is_named():
    problem = Problem.of(("a", "b"), ("t",), (100, 100), 100)
    outcome = Outcome(Estimate(np.ones((1, 1)), "nats per token", "none"), 100.0)
    study = Study(problem)
    trials = Mde().propose(study, rng=stream(0))
    study = study.record(trials, (outcome,) * len(trials))
    with pytest.raises(CuveeError, match="expected log-probabilities"):
        Mde().recommend(study, rng=stream(0))


def test_experts_of_different_tokens_are_refused():
    with pytest.raises(CuveeError, match="same tokens"):
        experts_of([[np.zeros(3)], [np.zeros(4)]], 10)


def test_too_few_runs_to_correct():
    study, _ = solve(Mde(), PROBLEMS["experts"])
    with pytest.raises(CuveeError, match="got 0"):
        Mde(regress="linear").fit(study, rng=stream(0))


def test_spends_what_may_be_spent():
    problem = replace(PROBLEMS["experts"].problem(), spend=1e5)
    trials = Mde(regress="gp", runs=5).propose(Study(problem), rng=stream(0))
    assert len(trials) == 8
    assert sum(t.tokens for t in trials) <= 1e5 + 1e-6


@pytest.mark.parametrize(
    "settings", [{"regress": "forest"}, {"runs": 8}, {"regress": "gp", "runs": 2}, {"tokens": 0},
                 {"strength": 0.0}, {"runs": -1}],
)  # fmt: skip
def test_settings_that_make_no_sense(settings):
    with pytest.raises(CuveeError, match="mde"):
        Mde(**settings)


@pytest.mark.parametrize("regression", [line, process])
def test_left_out_misses_are_those_of_refits(regression):
    """Settings chosen anew each time: noise that a penalty was chosen for would look too small."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2))
    y = x @ [1.0, -2.0] + 0.3 * rng.standard_normal(50)
    free = np.array([True, True])
    for n, left in ((30, [4]), (50, [4, 14, 24, 34, 44])):
        misses = regression(x[:n], y[:n], free).misses
        rest = np.setdiff1d(np.arange(n), left)
        refit = y[left] - regression(x[rest], y[rest], free).predict(x[left])
        assert np.allclose(misses[left], refit, rtol=0, atol=1e-12)
        assert np.isclose(np.std(misses), 0.3, rtol=0.4)


def test_penalty_of_the_line_is_chosen_by_left_out_runs():
    """By hand: features of pure noise get the strongest penalty, a steep one the weakest."""
    rng = np.random.default_rng(1)
    x, free = rng.standard_normal((30, 1)), np.array([False])
    steep, noise = 10 * x[:, 0], rng.standard_normal(30)
    assert line(x, steep, free, (1e-6, 1e3)).predict(np.ones((1, 1)))[0] == pytest.approx(
        10, abs=1e-3
    )
    assert abs(line(x, noise, free, (1e-6, 1e3)).predict(np.full((1, 1), 9))[0]) < 0.5
