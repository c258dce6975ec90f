"""Descent, against searches that know nothing of gradients."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cuvee.core import CuveeError, Limits, Outcome, Problem, Study, stream
from cuvee.mix.descent import Descent
from cuvee.proxies.counts import Counts
from cuvee.testing.mix import PROBLEMS as PLANTED
from cuvee.testing.mix import solve
from cuvee.testing.proxies import PROBLEMS, prepare, run

TOKENS = 20_000
OBJECTIVES = {
    "languages": ["mean", "ta=3,tb=1", "ta", "worst"],
    "mixed_target": ["mean", "tab=1,tc=4", "tab", "worst"],
}
LIMITS = {
    "free": Limits(np.inf),
    "caps": Limits({"a": 0.3, "b": 0.2}),
    "floors": Limits(np.inf, {"c": 0.15, "b": 0.05}),
    "fixed": Limits(np.inf, 0.01, {"a": 0.123}),
}


@pytest.fixture(scope="module")
def trainers():
    return {name: prepare(Counts(), PROBLEMS[name].data()) for name in OBJECTIVES}


def descend(trainer, problem):
    study, mixer = Study(problem), Descent()
    while trials := mixer.propose(study, rng=stream(0)):
        study = study.record(trials, tuple(trainer.run(t, rng=stream(0)) for t in trials))
    return study, mixer.recommend(study, rng=stream(0))


def dense_search(score, problem):
    """The lowest score on a grid, then on ever smaller clouds around the best point."""
    k = len(problem.sources)
    steps = 20 if k == 3 else 10
    grid = [np.array(p) / steps for p in product(range(steps + 1), repeat=k) if sum(p) == steps]
    grid = [problem.fit(p) for p in grid]
    best = min(grid, key=score)
    rng = np.random.default_rng(0)
    for size in (30, 100, 1000, 1e4):
        cloud = [problem.fit(p) for p in rng.dirichlet(1 + size * best, size=60)]
        best = min([best, *cloud], key=score)
    return score(best)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize(
    ("name", "objective"), [(n, o) for n, all_ in OBJECTIVES.items() for o in all_]
)
def test_within_a_thousandth_of_a_nat_of_a_dense_search(trainers, name, objective, limits):
    trainer = trainers[name]
    problem = Problem.of(
        trainer.sources, trainer.targets, trainer.available, TOKENS, objective, LIMITS[limits]
    )

    def score(shares):
        return float(problem.objective.score(run(trainer, shares, TOKENS).losses.mean))

    study, answer = descend(trainer, problem)
    assert score(answer.mean) <= dense_search(score, problem) + 1e-3
    assert (answer.mean >= problem.low - 1e-9).all()
    assert (answer.mean <= problem.high + 1e-9).all()
    assert answer.spread == "target documents"
    assert len(study.trials) < 500


@pytest.mark.parametrize("name", PLANTED)
def test_planted_optimum_is_found(name):
    """On the sample that it saw: what the population's optimum loses there is not its fault."""
    planted = PLANTED[name]
    study, answer = solve(Descent(), planted)
    trainer, problem = planted.trainer(0), study.problem

    def score(shares):
        return float(problem.objective.score(run(trainer, shares, problem.tokens).losses.mean))

    assert score(answer.mean) <= dense_search(score, problem) + 1e-3


def test_draws_are_better_for_their_own_documents():
    """The shares that a resample prefers give it a lower loss than the answer does."""
    planted = PLANTED["experts"]
    study, answer = solve(Descent(), planted)
    trainer, score = planted.trainer(0), study.problem.objective.score
    at_answer = score(run(trainer, answer.mean, 1e6).losses.draws)
    gains = [
        at_answer[i] - score(run(trainer, shares, 1e6).losses.draws[i])
        for i, shares in enumerate(answer.draws)
    ]
    assert np.mean(np.array(gains) > -1e-4) > 0.9
    assert np.mean(gains) > 0


class Bare:
    """A trainer that knows no gradient, or whose losses have no draws."""

    def __init__(self, trainer, gradient):
        self.trainer, self.gradient = trainer, gradient

    def run(self, trial, *, rng):
        outcome = self.trainer.run(trial, rng=rng)
        gradient = outcome.gradient if self.gradient else None
        return Outcome(outcome.losses, outcome.cost, gradient)


def test_without_a_gradient_it_says_so():
    planted = PLANTED["exponential"]
    with pytest.raises(CuveeError, match="needs a proxy with a gradient"):
        descend(Bare(planted.trainer(0), gradient=False), planted.problem())


def test_without_draws_of_the_gradient_no_spread_is_claimed():
    planted = PLANTED["exponential"]
    _, answer = descend(Bare(planted.trainer(0), gradient=True), planted.problem())
    assert answer.spread == "none"
    assert np.isnan(answer.sd).all()


def test_unfinished_descent_says_so():
    with pytest.raises(CuveeError, match="not finished"):
        Descent().recommend(Study(PLANTED["exponential"].problem()), rng=stream(0))


def test_one_source():
    alone = replace(PROBLEMS["languages"], sources={"a": 1})
    trainer = prepare(Counts(), alone.data())
    problem = Problem.of(trainer.sources, trainer.targets, trainer.available, 1000)
    _, answer = descend(trainer, problem)
    assert answer.mean.tolist() == [1.0]


@pytest.mark.parametrize("setting", ["screen", "starts", "steps", "tolerance"])
def test_settings_that_are_none(setting):
    with pytest.raises(CuveeError, match="must be above 0"):
        Descent(**{setting: 0})
