"""Two-phase: candidates are chains, and the best chain wins."""

import numpy as np
import pytest
from tests.mix.test_schedules import explored, late_matters, problem, unfinished

from cuvee.core import CuveeError, stream
from cuvee.mix.phases import overall, schedule_of
from cuvee.mix.two_phase import TwoPhase


def test_chooses_the_chain_with_the_lowest_end():
    mixer = TwoPhase()
    study = explored(mixer, problem(objective="t"))
    (one, first), (two, second) = mixer.schedule(study)
    assert (one, two) == pytest.approx((0.6, 0.4))
    assert first == pytest.approx([1 / 3] * 3), "more of b than natural shares"
    assert second == pytest.approx([0, 1, 0])
    chains = [t for t in study.trials if t.after is not None]
    best = min(chains, key=lambda t: late_matters(t).losses.mean[0])
    assert overall(schedule_of(best)) == pytest.approx(mixer.recommend(study, rng=stream(0)).mean)


def test_trials_are_two_starts_each_source_alone_and_the_candidates():
    study = explored(TwoPhase(), problem())
    starts, alone = study.trials[:2], study.trials[2:5]
    assert starts[1].shares == pytest.approx([0.8, 0.1, 0.1])
    assert np.array_equal([t.shares for t in alone], np.eye(3))
    assert all(t.after is starts[0] for t in alone)
    assert len(study.trials) <= 2 + 3 + 8
    assert all(sum(leg.tokens for leg in t.chain()) == pytest.approx(1e6) for t in alone)


def test_spend_covers_every_chain():
    study = explored(TwoPhase(), problem(spend=1e6))
    assert 0.5e6 < study.spent <= 1e6


def test_unfinished_and_bad_settings():
    unfinished(TwoPhase())
    for bad in (0, 1, -1):
        with pytest.raises(CuveeError, match="second must lie between 0 and 1"):
            TwoPhase(second=bad)
