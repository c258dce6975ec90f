"""What cooldown, two-phase and annealing share."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Limits, Outcome, Problem, Study, Trial, stream
from cuvee.mix.phases import helpful, overall, schedule_of, within

SOURCES = ("a", "b", "c")


def problem(**settings):
    limits = Limits(max_epochs=settings.pop("max_epochs", float("inf")))
    objective = settings.pop("objective", "mean")
    return Problem.of(SOURCES, ("t", "u"), [8e6, 1e6, 1e6], 10**6, objective, limits, **settings)


def outcome(losses):
    return Outcome(Estimate(np.array([losses]), "nats per token", "none"), 1.0)


def test_schedule_of_chains_and_of_merged_runs():
    first = Trial(np.array([1.0, 0, 0]), 90)
    ends = [Trial(np.array([0, 0.5, 0.5]), 10, seed=s, after=first) for s in range(2)]
    whole = Trial(np.array([0.9, 0.05, 0.05]), 100, merge=((0.5, ends[0]), (0.5, ends[1])))
    for trial in (ends[0], whole):
        (one, before), (two, after) = schedule_of(trial)
        assert (one, two) == pytest.approx((0.9, 0.1))
        assert np.array_equal(before, [1, 0, 0])
        assert np.array_equal(after, [0, 0.5, 0.5])
        assert overall(schedule_of(trial)) == pytest.approx([0.9, 0.05, 0.05])


def test_helpful_sources_by_hand():
    found = [outcome([1.0, 4.0]), outcome([3.0, 2.0]), outcome([2.0, 4.0])]
    assert helpful(problem(), found, 0.0) == pytest.approx([0.5, 0.5, 0])
    assert helpful(problem(objective="t"), found, 0.0) == pytest.approx([1, 0, 0])
    soft = np.exp(-np.array([0, 1, 0.5]) / 0.3)
    assert helpful(problem(objective="t"), found, 0.3) == pytest.approx(soft / soft.sum())
    alike = [outcome([2.0, 2.0])] * 3
    assert helpful(problem(), alike, 0.1) == pytest.approx([1 / 3] * 3)


def test_last_phase_stays_within_what_the_whole_may_hold():
    question = problem(max_epochs={"b": 0.2})
    before = np.array([0.8, 0.1, 0.1])
    phase = within(question, np.array([0, 1.0, 0]), before, 0.4)
    whole = 0.6 * before + 0.4 * phase
    assert phase.sum() == pytest.approx(1)
    assert whole[1] == pytest.approx(0.2)
    assert within(problem(), np.array([0, 1.0, 0]), before, 0.4) == pytest.approx([0, 1, 0])


def late_matters(trial):
    """Tokens of the last leg count three times: target t likes b, target u a little of all."""
    weights = np.array([1.0] * (len(trial.chain()) - 1) + [3.0])
    seen = sum(w * leg.tokens * np.asarray(leg.shares) for w, leg in zip(weights, trial.chain()))
    shares = seen / seen.sum()
    return outcome([3 - 2 * shares[1], 2 - np.sqrt(shares + 1e-3).sum()])


def explored(mixer, question):
    study = Study(question)
    while trials := mixer.propose(study, rng=stream(0)):
        results = []
        for trial in trials:
            if trial.merge:
                losses = np.mean([late_matters(t).losses.mean for _, t in trial.merge], axis=0)
                results.append(outcome(losses))
            else:
                results.append(late_matters(trial))
        study = study.record(trials, tuple(results))
    return study


def unfinished(mixer):
    with pytest.raises(CuveeError, match="run those first"):
        mixer.recommend(Study(problem()), rng=stream(0))
