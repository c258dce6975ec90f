"""Annealing: a special end, in several orders, merged."""

import numpy as np
import pytest
from tests.mix.test_schedules import explored, problem, unfinished

from cuvee.core import CuveeError, stream
from cuvee.mix.annealing import Annealing


def test_stages_and_merge():
    mixer = Annealing()
    study = explored(mixer, problem(objective="t"))
    long, *short = study.trials[:4]
    assert long.tokens == pytest.approx(9e5)
    assert long.shares == pytest.approx([0.8, 0.1, 0.1])
    assert np.allclose([t.shares for t in short], 0.5 * np.eye(3) + 0.5 * long.shares)
    merged = study.trials[-1]
    assert [weight for weight, _ in merged.merge] == pytest.approx([1 / 3] * 3)
    assert [trial.seed for _, trial in merged.merge] == [0, 1, 2]
    assert merged.cost() == 0
    (one, before), (two, after) = mixer.schedule(study)
    assert (one, two) == pytest.approx((0.9, 0.1))
    assert before == pytest.approx(long.shares)
    assert after == pytest.approx([0, 1, 0])
    answer = mixer.recommend(study, rng=stream(0)).mean
    assert answer == pytest.approx([0.72, 0.19, 0.09])
    assert answer == pytest.approx(merged.seen() / 1e6)


def test_spend_covers_all_ends():
    study = explored(Annealing(), problem(spend=1e6))
    assert 0.5e6 < study.spent <= 1e6


def test_one_order_needs_no_other_runs():
    study = explored(Annealing(orders=1), problem())
    assert {t.seed for t in study.trials} == {0}


def test_unfinished_and_bad_settings():
    unfinished(Annealing())
    for bad in ({"end": 0}, {"end": 1}, {"part": 0}, {"part": 1.1}, {"orders": 0}):
        with pytest.raises(CuveeError, match="annealing"):
            Annealing(**bad)
