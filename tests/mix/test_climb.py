"""CLIMB: rounds that narrow down."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Study, Trial, stream
from cuvee.mix.climb import Climb, _pool
from cuvee.mix.regmix import Regmix

BEST = np.array([0.1, 0.2, 0.6, 0.05, 0.05])


def question(**limits):
    return Problem.of([f"s{i}" for i in range(5)], ["t"], np.full(5, 1e7), 10**6, **limits)


def outcome(trial):
    loss = 2 + ((np.asarray(trial.shares) - BEST) ** 2).sum()
    return Outcome(Estimate(np.array([[loss]]), "nats per token", "none"), trial.cost())


def climbed(mixer, study=None, seed=0):
    study, sizes = study or Study(question()), []
    while trials := mixer.propose(study, rng=stream(seed, len(study.trials))):
        sizes.append(len(trials))
        study = study.record(trials, tuple(map(outcome, trials)))
    return study, sizes


def away(shares):
    return ((shares - BEST) ** 2).sum(axis=1)


def test_rounds_halve_as_in_the_paper():
    assert Climb(trials=112).sizes() == (64, 32, 16)
    assert Climb().sizes() == (32, 16, 8)
    assert Climb(trials=20, iterations=1).sizes() == (20,)
    assert climbed(Climb())[1] == [32, 16, 8]


def test_each_round_is_nearer_to_the_best():
    study, _ = climbed(Climb(trials=112))
    first, second, third = np.split(away(study.shares), [64, 96])
    assert third.mean() < second.mean() < 0.6 * first.mean()


def test_rounds_find_a_better_mixture_than_one_shot():
    ends = {}
    mixers = {"rounds": Climb(), "one": Climb(iterations=1), "regmix": Regmix(56)}
    for name, mixer in mixers.items():
        found = [
            mixer.recommend(climbed(mixer, seed=s)[0], rng=stream(s)).mean for s in range(4)
        ]  # fmt: skip
        ends[name] = away(np.array(found)).mean()
    assert ends["rounds"] < ends["one"]
    assert ends["rounds"] < ends["regmix"]


def test_runs_that_are_there_count():
    study, _ = climbed(Climb())
    part = Study(study.problem).record(study.trials[:40], study.outcomes[:40])
    assert len(Climb().propose(part, rng=stream(0))) == 8
    assert Climb().propose(study, rng=stream(7)) == ()


def test_runs_of_another_length_are_learnt_from_but_fill_no_round():
    shares = stream(3).dirichlet(np.ones(5), size=56)
    for tokens, asked in ((5e5, [32, 16, 8]), (1e6, [])):
        old = tuple(Trial(w, tokens) for w in shares)
        study = Study(question()).record(old, tuple(map(outcome, old)))
        assert climbed(Climb(), study)[1] == asked
    # More trials than the table has: they stand for the first ones.
    assert climbed(Climb(trials=112), study)[1] == [8, 32, 16]


def test_spend_is_shared_by_all_rounds():
    study, sizes = climbed(Climb(), Study(question(spend=1e6)))
    assert sizes == [32, 16, 8]
    assert study.spent == pytest.approx(1e6)


def test_pool_is_allowed_and_half_of_it_near():
    problem = question()
    pool = _pool(problem, BEST[None], 1000, 500.0, stream(0))
    assert len(pool) == 1000
    assert np.allclose(pool.sum(axis=1), 1)
    assert away(pool[500:]).mean() < 0.01 < away(pool[:500]).mean()


def test_bad_settings_and_too_few_runs():
    for bad in (
        {"iterations": 0}, {"folds": 1}, {"trials": 9}, {"trials": 15}, {"top": 0},
        {"pool": 10}, {"average": 0}, {"near": 0}, {"validation": 1},
    ):  # fmt: skip
        with pytest.raises(CuveeError, match="climb"):
            Climb(**bad)
    study, _ = climbed(Climb())
    few = Study(study.problem).record(study.trials[:9], study.outcomes[:9])
    for call in (Climb().fit, Climb().recommend):
        with pytest.raises(CuveeError, match="at least 10 runs here, got 9"):
            call(few, rng=stream(0))
