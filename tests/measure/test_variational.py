import sys

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.variational import Infonce, Mine, Nwj, Smile

FOUR = (Mine, Nwj, Infonce, Smile)
SMALL = {"hidden": 16, "steps": 150, "rate": 0.01, "batch": 64, "nulls": 0}
TINY = {"hidden": 8, "steps": 10, "batch": 32}


def pair(rows, tie, dims=1, seed=0):
    rng = default_rng([seed, 31])
    x = rng.standard_normal((rows, dims))
    y = tie * x + np.sqrt(1 - tie**2) * rng.standard_normal((rows, dims))
    return x, y


def found(method, x, y, seed=0):
    return measure(method, Sample.of_points(x), Sample.of_points(y, "b"), seed=seed)


@pytest.mark.parametrize("method", FOUR)
def test_gaussian_pair(method):
    number = found(method(**SMALL), *pair(1200, 0.8))
    truth = -0.5 * np.log(1 - 0.8**2)
    assert abs(number.mean - truth) < 0.1
    low, high = number.interval()
    assert low < truth + 0.02
    assert high > truth - 0.08
    assert number.bound == ("" if method is Smile else "lower")


@pytest.mark.parametrize("method", [Mine, Smile])
def test_what_is_learned_by_heart_does_not_count(method):
    x, y = pair(160, 0.0, dims=10)
    assert found(method(hidden=64, steps=150, rate=0.01, batch=32, nulls=0), x, y).mean < 0.1


def test_monotone_maps_change_nothing():
    x, y = pair(200, 0.6)
    plain, bent = (found(Mine(**TINY), *both) for both in ((x, y), (np.exp(x), y**3)))
    assert np.array_equal(plain.draws, bent.draws)
    assert np.array_equal(plain.null, bent.null)


def test_infonce_stays_below_its_ceiling_and_says_so():
    x, y = pair(600, 0.9999)
    number = found(Infonce(hidden=32, steps=200, rate=0.01, batch=8, nulls=0), x, y)
    assert 0.7 * np.log(8) < number.mean <= np.log(8)
    assert "take larger ones" in " ".join(number.notes)


def test_joint_critic_of_infonce_knows_fewer_partners():
    x, y = pair(600, 0.99)
    method = Infonce(critic="joint", negatives=3, hidden=16, steps=60, rate=0.02, nulls=0)
    assert found(method, x, y).mean <= np.log(4)


def test_mean_that_rests_on_few_rows_is_noted():
    x, y = pair(400, 0.999, dims=6)
    number = found(Mine(hidden=32, steps=150, rate=0.01, batch=64, nulls=0), x, y)
    assert "take smile" in " ".join(number.notes)


def test_constant_side_holds_nothing():
    x, _ = pair(100, 0.0)
    assert abs(found(Nwj(**TINY), x, np.ones((100, 2))).mean) < 0.1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"critic": "both"}, "joint"),
        ({"steps": 0}, "steps must be 1 or more"),
        ({"rate": 0.0}, "rate must be above 0"),
    ],
)
@pytest.mark.parametrize("method", FOUR)
def test_settings_are_checked(method, settings, words):
    with pytest.raises(CuveeError, match=words):
        method(**settings)


def test_clip_is_checked():
    with pytest.raises(CuveeError, match="clip must be above 0"):
        Smile(clip=0.0)


def test_few_rows():
    x, y = pair(20, 0.5)
    with pytest.raises(CuveeError, match="32 or more"):
        found(Mine(), x, y)
    assert "fewer than 500" in Mine().outside(Sample.of_points(x))[0]


def test_without_torch_the_extra_is_named(monkeypatch):
    for name in ("critics", "stacked"):
        monkeypatch.delitem(sys.modules, f"cuvee.measure.{name}", raising=False)
    monkeypatch.delattr(sys.modules["cuvee.measure"], "critics", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(CuveeError, match=r'pip install "cuvee\[torch\]"'):
        found(Mine(**TINY), *pair(64, 0.5))
