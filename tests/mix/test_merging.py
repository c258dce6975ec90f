"""Merging: what is trained, what is averaged, and what the answer means."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Study, stream
from cuvee.mix.merging import Merging
from cuvee.testing.mix import PROBLEMS, solve


def test_one_model_per_source_from_one_start():
    problem = replace(PROBLEMS["exponential"].problem(), spend=8e5)
    trainer = PROBLEMS["exponential"].trainer(0)
    study, rounds = Study(problem), []
    while trials := Merging().propose(study, rng=stream(0)):
        rounds.append(trials)
        study = study.record(trials, tuple(trainer.run(t, rng=stream(0)) for t in trials))
    start, models, *means = rounds
    assert len(start) == 1
    assert np.array_equal([m.shares for m in models], np.eye(3))
    assert all(m.after is start[0] or m.after.key() == start[0].key() for m in models)
    assert len({m.tokens for m in models}) == 1
    assert np.isclose(start[0].tokens / (start[0].tokens + models[0].tokens), 0.2)
    assert all(t.merge and t.cost() == 0 for trials in means for t in trials)
    assert study.spent <= 8e5 + 1e-6


def test_cost_is_linear_in_sources_however_many_means():
    few = solve(Merging(merges=2, rounds=1), PROBLEMS["exponential"])[0]
    many = solve(Merging(merges=20, rounds=3), PROBLEMS["exponential"])[0]
    assert len(many.trials) > 2 * len(few.trials)
    assert many.spent == few.spent


def test_weights_of_a_mean_sum_to_one_and_give_what_was_seen():
    study, _ = solve(Merging(), PROBLEMS["useless_source"])
    for trial in study.trials:
        if trial.merge:
            assert np.isclose(sum(w for w, _ in trial.merge), 1)
            seen = trial.seen()
            assert np.allclose(trial.shares, seen / seen.sum())
            assert np.isclose(trial.tokens, seen.sum())


def test_answers_differ_by_the_first_run():
    """Seen shares are the weights, pulled to the natural shares by the warm-up."""
    planted = PROBLEMS["one_good_source"]
    seen = solve(Merging(answer="seen"), planted)[1].mean
    weights = solve(Merging(answer="weights"), planted)[1].mean
    assert np.allclose(seen, 0.2 * np.full(4, 0.25) + 0.8 * weights)
    assert np.allclose(weights, [1, 0, 0, 0], atol=0.02)


def test_later_rounds_come_closer():
    planted = PROBLEMS["useless_source"]
    losses = [planted.loss(solve(Merging(rounds=r), planted)[1].mean) for r in (1, 4)]
    assert losses[1] <= losses[0]


def test_unfinished_search_says_so():
    with pytest.raises(CuveeError, match="not finished"):
        Merging().recommend(Study(PROBLEMS["exponential"].problem()), rng=stream(0))


@pytest.mark.parametrize(
    "settings", [{"warmup": 0.0}, {"warmup": 1.0}, {"merges": 0}, {"rounds": 0}, {"answer": "best"}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(CuveeError, match="merging"):
        Merging(**settings)
