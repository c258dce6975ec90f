"""What every mixer must do. Run it on your own: `check_mixer(YourMixer())`."""

import pickle
from dataclasses import fields, is_dataclass, replace
from inspect import signature

import numpy as np
from numpy.random import default_rng

from cuvee.contracts import Mixer
from cuvee.core import Estimate, Problem, Study
from cuvee.testing.problems import MIXING, Planted

PROBLEMS = MIXING


def solve(mixer: Mixer, planted: Planted, seed: int = 0) -> tuple[Study, Estimate]:
    """Run a mixer on a planted problem until it asks for no more trials."""
    rng, trainer, study = default_rng(seed), planted.trainer(seed), Study(planted.problem())
    while trials := mixer.propose(study, rng=rng):
        study = study.record(trials, tuple(trainer.run(t, rng=rng) for t in trials))
        assert len(study.trials) < 2000, "a mixer must come to an end"
    return study, mixer.recommend(study, rng=rng)


def check_is_a_frozen_value_of_settings(mixer: Mixer, planted: Planted) -> None:
    """Frozen, picklable, every setting documented and with a default."""
    assert is_dataclass(mixer)
    assert mixer.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(mixer)) == mixer == type(mixer)()
    for setting in fields(mixer):
        assert f"{setting.name}:" in (type(mixer).__doc__ or ""), f"{setting.name}: no docstring"


def check_shares_lie_on_the_simplex(mixer: Mixer, planted: Planted) -> None:
    """Of every trial and of every draw of the answer."""
    study, answer = solve(mixer, planted)
    for shares in [*(t.shares for t in study.trials), *answer.draws, answer.mean]:
        assert shares.shape == (len(study.problem.sources),)
        assert shares.min() >= 0
        assert np.isclose(shares.sum(), 1)


def check_answer_obeys_the_limits(mixer: Mixer, planted: Planted) -> None:
    """Floors, caps and fixed shares hold for the answer and each of its draws."""
    problem = planted.problem()
    k = len(problem.sources)
    tight = _within(problem, np.full(k, 0.1), np.r_[0.25, np.full(k - 1, 0.7)])
    rng, trainer, study = default_rng(0), planted.trainer(0), Study(tight)
    while trials := mixer.propose(study, rng=rng):
        study = study.record(trials, tuple(trainer.run(t, rng=rng) for t in trials))
    answer = mixer.recommend(study, rng=rng)
    for shares in (answer.mean, *answer.draws):
        assert (shares >= tight.low - 1e-9).all()
        assert (shares <= tight.high + 1e-9).all()


def check_limits_that_leave_no_choice(mixer: Mixer, planted: Planted) -> None:
    """Where every share is fixed, those are the answer, and of every draw."""
    problem = planted.problem()
    k = len(problem.sources)
    fixed = np.arange(1.0, k + 1) / np.arange(1.0, k + 1).sum()
    rng, trainer, study = default_rng(0), planted.trainer(0), Study(_within(problem, fixed, fixed))
    while trials := mixer.propose(study, rng=rng):
        study = study.record(trials, tuple(trainer.run(t, rng=rng) for t in trials))
    answer = mixer.recommend(study, rng=rng)
    assert np.allclose(answer.mean, fixed)
    assert np.allclose(answer.draws, fixed)


def check_obeys_the_contract(mixer: Mixer, planted: Planted) -> None:
    """Calls take and return what `Mixer` says; shares are an `Estimate` in the unit "share"."""
    for call in ("propose", "recommend"):
        assert list(signature(getattr(mixer, call)).parameters) == ["study", "rng"]
    study, answer = solve(mixer, planted)
    assert isinstance(answer, Estimate)
    assert answer.unit == "share"
    assert all(trial.tokens > 0 for trial in study.trials)
    assert mixer.propose(study, rng=default_rng(9)) == ()


def check_same_seed_gives_the_same_answer(mixer: Mixer, planted: Planted) -> None:
    """Bit for bit."""
    first, second = solve(mixer, planted, seed=3)[1], solve(mixer, planted, seed=3)[1]
    assert np.array_equal(first.draws, second.draws)


def check_leaves_the_study_alone(mixer: Mixer, planted: Planted) -> None:
    """Asking twice gives the same trials."""
    study = Study(planted.problem())
    one, two = (mixer.propose(study, rng=default_rng(0)) for _ in range(2))
    assert study.trials == ()
    assert len(one) == len(two)
    assert all(a.key() == b.key() for a, b in zip(one, two))


def check_beats_equal_shares_or_is_a_baseline(mixer: Mixer, planted: Planted) -> None:
    """A mixer that asks for trials must not lose to equal shares on a problem with a better mix.

    The margin, a tenth of what can be gained at most, is wider than the noise of the sample:
    a right method fails less than once in 10^4.
    """
    study, answer = solve(mixer, planted)
    if not study.trials:
        return
    k = len(study.problem.sources)
    uniform, best = planted.loss(np.full(k, 1 / k)), planted.loss(planted.optimum())
    assert planted.loss(answer.mean) <= uniform + 0.1 * (uniform - best)


def check_stated_error_is_the_real_error_or_not_claimed(mixer: Mixer, planted: Planted) -> None:
    """Root mean square of (error / stated error) within a factor of 2, over 20 seeds.

    Shares that the answer pins to a limit claim no error there and are left out. A right method
    fails about once in 10^5.
    """
    answers = [solve(mixer, planted, seed)[1] for seed in range(20)]
    if answers[0].spread in ("exact", "none"):
        return
    error = np.array([a.mean - planted.optimum() for a in answers])
    stated = np.array([a.sd for a in answers])
    claimed = stated > 1e-4
    if not claimed.any():
        assert np.abs(error).max() < 1e-3, "an error, but every draw is the same"
        return
    assert 0.5 < np.sqrt(np.mean((error[claimed] / stated[claimed]) ** 2)) < 2


def _within(problem: Problem, low: np.ndarray, high: np.ndarray) -> Problem:
    return replace(problem, low=low, high=high)


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_mixer(mixer: Mixer) -> None:
    """Every check on every problem; raises AssertionError at the first that fails."""
    for check in list(CHECKS.values()):
        for planted in PROBLEMS.values():
            check(mixer, planted)
