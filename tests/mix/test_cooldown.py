"""Cooldown: two temperatures, one after the other."""

import numpy as np
import pytest
from tests.mix.test_schedules import explored, problem

from cuvee.core import CuveeError, Study, stream
from cuvee.mix.cooldown import Cooldown
from cuvee.mix.phases import overall

FIFTH = np.array([8.0, 1, 1]) ** 0.2


def test_chain_and_shares_by_hand():
    mixer, question = Cooldown(switch=0.25), problem()
    study = explored(mixer, question)
    first, last = study.trials
    assert last.after is first
    assert (first.tokens, last.tokens) == (250_000, 750_000)
    assert first.shares == pytest.approx(FIFTH / FIFTH.sum())
    assert last.shares == pytest.approx([0.8, 0.1, 0.1])
    answer = mixer.recommend(study, rng=stream(0))
    assert answer.mean == pytest.approx(last.seen() / 1e6)
    assert answer.mean == pytest.approx(overall(mixer.schedule(study)))


def test_answers_without_runs_and_within_the_spend():
    mixer = Cooldown()
    assert mixer.recommend(Study(problem()), rng=stream(0)).mean.sum() == pytest.approx(1)
    study = explored(mixer, problem(spend=1e5))
    assert study.spent == pytest.approx(1e5)


def test_bad_settings():
    for bad in ({"early": 0}, {"late": -1}, {"switch": 0}, {"switch": 1}):
        with pytest.raises(CuveeError, match="cooldown"):
            Cooldown(**bad)
