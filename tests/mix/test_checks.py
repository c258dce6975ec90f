"""Each check fails on a mixer that breaks its claim."""

from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest

from cuvee.core import Estimate, Trial
from cuvee.mix.descent import Descent
from cuvee.mix.uniform import Uniform
from cuvee.testing.mix import CHECKS, PROBLEMS

CALLS = count()


@dataclass(frozen=True)
class Fair:
    """Tries the corners and answers with equal shares; faults override one of the two."""

    def propose(self, study, *, rng):
        k = len(study.problem.sources)
        trials = tuple(Trial(row, study.problem.tokens) for row in np.eye(k))
        return tuple(t for t in trials if study.find(t) is None)

    def recommend(self, study, *, rng):
        k = len(study.problem.sources)
        return Estimate(study.problem.fit(np.ones(k))[None], "share", "exact")


@dataclass(frozen=True)
class Undocumented(Fair):
    """Has a setting that no word is said about."""

    depth: int = field(default=3)


@dataclass(frozen=True)
class OffSimplex(Fair):
    def recommend(self, study, *, rng):
        k = len(study.problem.sources)
        return Estimate(np.full((1, k), 0.4), "share", "exact")


@dataclass(frozen=True)
class Unlimited(Fair):
    def recommend(self, study, *, rng):
        return Estimate(np.eye(len(study.problem.sources))[:1], "share", "exact")


@dataclass(frozen=True)
class LooseDraws(Fair):
    def recommend(self, study, *, rng):
        center = super().recommend(study, rng=rng).mean
        loose = rng.dirichlet(np.ones(len(center)), 10)
        return Estimate(loose, "share", "bootstrap", center=center)


@dataclass(frozen=True)
class Moody(Fair):
    def recommend(self, study, *, rng):
        k = len(study.problem.sources)
        wish = 1 + np.arange(k) * 1e-6 * next(CALLS)
        return Estimate(study.problem.fit(wish)[None], "share", "exact")


@dataclass(frozen=True)
class Memory(Fair):
    def propose(self, study, *, rng):
        return super().propose(study, rng=rng)[: next(CALLS) % 3 + 1]


@dataclass(frozen=True)
class WrongUnit(Fair):
    def recommend(self, study, *, rng):
        answer = super().recommend(study, rng=rng)
        return Estimate(answer.draws, "percent", "exact")


@dataclass(frozen=True)
class Worst(Fair):
    def recommend(self, study, *, rng):
        worst = study.trials[int(np.argmax(study.scores))].shares
        return Estimate(study.problem.fit(worst)[None], "share", "exact")


@dataclass(frozen=True)
class Overconfident(Fair):
    """States a tenth of the real error."""

    def propose(self, study, *, rng):
        return Descent().propose(study, rng=rng)

    def recommend(self, study, *, rng):
        answer = Descent().recommend(study, rng=rng)
        draws = answer.mean + 0.1 * (answer.draws - answer.mean)
        return Estimate(draws, "share", answer.spread, center=answer.mean)


@dataclass(frozen=True)
class CertainAndWrong(Fair):
    def recommend(self, study, *, rng):
        k = len(study.problem.sources)
        return Estimate(np.full((5, k), 1 / k), "share", "bootstrap")


@dataclass(frozen=True)
class Spendthrift(Fair):
    def propose(self, study, *, rng):
        wanted = 100 - len(study.trials)
        k = len(study.problem.sources)
        return tuple(Trial(rng.dirichlet(np.ones(k)), study.problem.tokens) for _ in range(wanted))


@dataclass(frozen=True)
class Clueless(Fair):
    """A law that knows nothing, and needs nothing to know it."""

    def fit(self, study, *, rng):
        return self

    def mean(self, points):
        rng = np.random.default_rng(0)
        return rng.random((len(points), 6))

    def predict(self, points):
        return Estimate(self.mean(points)[None], "nats per token", "none")


FAULTS = {
    "check_is_a_frozen_value_of_settings": Undocumented(),
    "check_shares_lie_on_the_simplex": OffSimplex(),
    "check_answer_obeys_the_limits": Unlimited(),
    "check_limits_that_leave_no_choice": LooseDraws(),
    "check_obeys_the_contract": WrongUnit(),
    "check_same_seed_gives_the_same_answer": Moody(),
    "check_leaves_the_study_alone": Memory(),
    "check_beats_equal_shares_or_is_a_baseline": Worst(),
    "check_stated_error_is_the_real_error_or_not_claimed": Overconfident(),
    "check_spends_no_more_than_allowed": Spendthrift(),
    "check_law_ranks_mixtures_it_has_not_seen": Clueless(),
    "check_no_runs_teach_nothing": Clueless(),
}


def test_every_check_has_a_fault():
    assert list(FAULTS) == list(CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_check_finds_the_fault(check):
    with pytest.raises(AssertionError):
        CHECKS[check](FAULTS[check], PROBLEMS["exponential"])


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("check_answer_obeys_the_limits", LooseDraws()),
        ("check_stated_error_is_the_real_error_or_not_claimed", CertainAndWrong()),
    ],
)
def test_check_finds_another_fault(check, fault):
    with pytest.raises(AssertionError):
        CHECKS[check](fault, PROBLEMS["exponential"])


@pytest.mark.parametrize("check", CHECKS)
def test_check_passes_a_right_mixer(check):
    CHECKS[check](Uniform(), PROBLEMS["exponential"])
