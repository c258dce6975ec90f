"""Cooldown: two temperatures, one after the other."""

from dataclasses import replace

import numpy as np
import pytest
from tests.mix.test_schedules import problem

from cuvee.core import CuveeError, Study, stream
from cuvee.mix.cooldown import Cooldown
from cuvee.mix.phases import overall

FIFTH = np.array([8.0, 1, 1]) ** 0.2


def test_phases_and_shares_by_hand():
    mixer, study = Cooldown(switch=0.25), Study(problem())
    (one, first), (two, last) = mixer.schedule(study)
    assert (one, two) == (0.25, 0.75)
    assert first == pytest.approx(FIFTH / FIFTH.sum())
    assert last == pytest.approx([0.8, 0.1, 0.1])
    answer = mixer.recommend(study, rng=stream(0))
    assert answer.mean == pytest.approx(0.25 * first + 0.75 * last)
    assert answer.mean == pytest.approx(overall(mixer.schedule(study)))


def test_limits_count_over_the_whole_schedule():
    mixer, free = Cooldown(), problem()
    wished = mixer.schedule(Study(free))
    assert wished[0][1][1] == pytest.approx(0.284, abs=1e-3)
    assert overall(wished)[1] == pytest.approx(0.192, abs=1e-3)
    # 0.2 is less than the first phase has, and more than the whole: nothing changes.
    capped = replace(free, high=np.array([1.0, 0.2, 0.2]))
    for (_, shares), (_, same) in zip(mixer.schedule(Study(capped)), wished):
        assert shares == pytest.approx(same)


@pytest.mark.parametrize("switch", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        ([0, 0, 0], [1, 0.12, 0.12]), ([0, 0.3, 0], [1, 1, 1]), ([0.3, 0.3, 0.3], [1, 1, 1]),
        ([0.5, 0.3, 0.2], [0.5, 0.3, 0.2]), ([0, 0, 0], [0.4, 0.4, 0.4]), ([0, 0, 0], [1, 0, 0.1]),
    ],
)  # fmt: skip
def test_phases_make_up_allowed_shares(low, high, switch):
    question = replace(problem(), low=np.array(low), high=np.array(high))
    schedule = Cooldown(switch=switch).schedule(Study(question))
    for _, shares in schedule:
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(1)
    whole = overall(schedule)
    assert (whole >= np.array(low) - 1e-9).all()
    assert (whole <= np.array(high) + 1e-9).all()
    early, late = schedule[0][1], schedule[1][1]
    assert early[0] <= late[0] + 1e-9, "small sources first"


def test_asks_for_nothing():
    assert Cooldown().propose(Study(problem()), rng=stream(0)) == ()


def test_bad_settings():
    for bad in ({"early": 0}, {"late": -1}, {"switch": 0}, {"switch": 1}):
        with pytest.raises(CuveeError, match="cooldown"):
            Cooldown(**bad)
