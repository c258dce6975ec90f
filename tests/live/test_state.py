"""States: whoever is killed goes on with the same batches; states of others are refused."""

import json
import os
import signal

import numpy as np
import pytest
from tests.live.world import BATCHES, exit_codes, live, train, train_on

from cuvee.core import CuveeError


def test_killed_at_random_it_gives_the_same_batches(tmp_path):
    mixed = live()
    whole = train(mixed, mixed.loader())
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    stops = [int(rng.integers(1, BATCHES)), BATCHES + 1]
    for workers, stop in enumerate(stops):
        code = 0 if stop > BATCHES else -signal.SIGKILL
        assert exit_codes(train_on, (tmp_path, workers, stop)) == [code], stops
    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line) for line in lines] == whole, stops


def test_a_state_is_plain_and_exact_at_every_step():
    mixed = live()
    whole = train(mixed, mixed.loader())
    for stop in range(1, BATCHES, 11):
        mixed, other = live(), live()
        train(mixed, mixed.loader(), stop=stop)
        state = json.loads(json.dumps(mixed.state_dict()))
        other.load_state_dict(state)
        assert other.state_dict() == state
        assert train(other, other.loader()) == whole[stop:]


def test_loading_ends_a_loop_under_way():
    mixed = live()
    state, loop = mixed.state_dict(), iter(mixed.loader())
    next(loop)
    mixed.load_state_dict(state)
    with pytest.raises(CuveeError, match="or a state was loaded"):
        next(loop)


OTHERS = {
    "seed": ({"seed": 4}, "its seed is 3, here it is 4"),
    "batch": ({"batch": 6}, "its batch is 12, here it is 6"),
    "lag": ({"lag": 5}, "its lag is 7, here it is 5"),
    "mixer": ({"mixer": "dump:steps=9"}, r"its mixer is Odm.*here it is Dump"),
    "objective": ({"objective": "worst"}, "its objective is mean, here it is worst"),
    "repeat": ({"repeat": False}, "its repeat is True, here it is False"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_state_of_another_live_names_what_differs(what):
    settings, message = OTHERS[what]
    state, other = live().state_dict(), live(**settings)
    before = other.state_dict()
    with pytest.raises(CuveeError, match=message):
        other.load_state_dict(state)
    assert other.state_dict() == before


def test_other_sources_are_named():
    state = live().state_dict()
    state["sources"][1] = ["b", 38]
    with pytest.raises(CuveeError, match=r"its sources is .*'b', 38.*'b', 37"):
        live().load_state_dict(state)


@pytest.mark.parametrize("key", ["order", "taken", "tally", "drive", "last"])
def test_a_damaged_state_changes_nothing(key):
    mixed = live()
    train(mixed, mixed.loader(), stop=20)
    state, before = mixed.state_dict(), mixed.state_dict()
    state[key] = "x"
    with pytest.raises(CuveeError, match="damaged"):
        mixed.load_state_dict(state)
    assert mixed.state_dict() == before
    with pytest.raises(CuveeError, match="no state of Live"):
        mixed.load_state_dict({"model": {}})
