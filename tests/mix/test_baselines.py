"""The mixers that need no trials, or few."""

import numpy as np
import pytest

from cuvee import mix
from cuvee.core import CuveeError, Estimate, Limits, Outcome, Problem, Study, stream

SOURCES, AVAILABLE = ("a", "b", "c"), [8e6, 1e6, 1e6]


def problem(targets=("a",), objective="mean", **limits):
    return Problem.of(SOURCES, targets, AVAILABLE, 10**6, objective, Limits(**limits))


def answer(name, question, study=None, **settings):
    return mix.load(name, **settings).recommend(study or Study(question), rng=stream(0)).mean


def test_uniform():
    assert answer("uniform", problem()) == pytest.approx([1 / 3] * 3)
    capped = answer("uniform", problem(max_epochs={"b": 0.1}))
    assert capped == pytest.approx([0.45, 0.1, 0.45])


def test_natural():
    assert answer("natural", problem()) == pytest.approx([0.8, 0.1, 0.1])
    floored = answer("natural", problem(min_share={"b": 0.28}))
    assert floored == pytest.approx([0.64, 0.28, 0.08])


def test_temperature():
    root = np.sqrt([8, 1, 1])
    assert answer("temperature", problem(), temperature=2.0) == pytest.approx(root / root.sum())
    assert answer("temperature", problem(), temperature=1.0) == pytest.approx([0.8, 0.1, 0.1])
    assert answer("temperature", problem(), temperature=1e9) == pytest.approx([1 / 3] * 3)
    for bad in (0, -1, float("nan")):
        with pytest.raises(CuveeError, match="temperature must be above 0"):
            mix.load("temperature", temperature=bad)


def test_own_share_of_targets_named_after_sources():
    assert answer("own_share", problem(("b",))) == pytest.approx([0, 1, 0])
    assert answer("own_share", problem(("a", "c"), "a=3,c=1")) == pytest.approx([0.75, 0, 0.25])
    small = answer("own_share", problem(("b",), max_epochs={"b": 0.25}))
    assert small == pytest.approx([0.375, 0.25, 0.375])


def losses_of(trial):
    """Target x likes b best, target y likes c."""
    worth = np.array([[1.0, 0.0, 0.9], [0.9, 0.8, 0.0]])
    return Outcome(Estimate((worth @ trial.shares)[None], "nats per token", "none"), 1.0)


def test_own_share_of_targets_from_elsewhere():
    question = problem(("x", "y"))
    mixer, study = mix.load("own_share"), Study(question)
    with pytest.raises(CuveeError, match="needs one trial of each source alone"):
        mixer.recommend(study, rng=stream(0))
    trials = mixer.propose(study, rng=stream(0))
    assert np.array_equal([t.shares for t in trials], np.eye(3))
    study = study.record(trials, tuple(map(losses_of, trials)))
    assert mixer.propose(study, rng=stream(0)) == ()
    assert answer("own_share", question, study) == pytest.approx([0, 0.5, 0.5])


def test_own_share_of_targets_of_both_kinds():
    question = problem(("a", "y"))
    mixer, study = mix.load("own_share"), Study(question)
    trials = mixer.propose(study, rng=stream(0))
    study = study.record(trials, tuple(map(losses_of, trials)))
    assert answer("own_share", question, study) == pytest.approx([0.5, 0, 0.5])


def test_unknown_mixer():
    with pytest.raises(CuveeError, match=r"unknown mix method 'desent'.* mean 'descent'"):
        mix.load("desent")
    with pytest.raises(CuveeError, match="has no 'None_'"):
        mix.load("cuvee.mix.uniform:None_")
    assert mix.load("cuvee.mix.uniform:Uniform") == mix.load("uniform")
