"""Numbers that carry their uncertainty."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate

DRAWS = np.arange(101.0)


def test_spread():
    some = Estimate(DRAWS, "nats", "bootstrap")
    assert some.mean == 50
    assert some.sd == pytest.approx(DRAWS.std(ddof=1))
    assert some.interval(0.9) == pytest.approx((5, 95))
    assert some.interval(0.5) == pytest.approx((25, 75))
    assert some.probability(lambda x: x < 25.5) == pytest.approx(26 / 101)
    assert str(some) == "50 ± 29 nats"


def test_not_measured_is_nan_never_zero():
    one = Estimate(np.array([0.52]), "nats", "none")
    assert np.isnan(one.sd)
    assert np.isnan(one.interval()).all()
    assert np.isnan(one.probability(lambda x: True))
    assert str(one) == "0.52 (spread not measured) nats"
    single = Estimate(np.array([0.52]), "nats", "seeds")
    assert np.isnan(single.sd)


def test_exact_is_zero():
    exact = Estimate(np.array([[0.25, 0.75]]), "share", "exact")
    assert exact.sd.tolist() == [0, 0]
    assert [edge.tolist() for edge in exact.interval()] == [[0.25, 0.75]] * 2
    assert exact.probability(lambda x: x[0] < x[1]) == 1
    assert str(exact) == "[0.25 (exact), 0.75 (exact)] share"


def test_center_is_the_point_estimate():
    some = Estimate(DRAWS, "nats", "bootstrap", center=np.array(40.0))
    assert some.mean == 40
    assert some.sd == pytest.approx(DRAWS.std(ddof=1))
    doubled = some.map(lambda x: 2 * x, "half nats")
    assert (doubled.mean, doubled.unit, doubled.spread) == (80, "half nats", "bootstrap")
    assert doubled.draws.tolist() == (2 * DRAWS).tolist()


def test_map_goes_draw_by_draw():
    """The mean of the worst is not the worst of the means: combining must keep the pairing."""
    draws = np.array([[0.0, 2.0], [2.0, 0.0]])
    worst = Estimate(draws, "nats", "bootstrap").map(np.max, "nats")
    assert worst.draws.tolist() == [2, 2]
    assert worst.mean == 2
    assert worst.sd == 0


@pytest.mark.parametrize(
    ("draws", "spread", "message"),
    [
        (np.zeros(0), "bootstrap", "at least one draw"),
        (np.array(3.0), "none", "at least one draw"),
        (np.zeros(2), "none", "2 draws, but the spread is 'none'"),
        (np.zeros(2), "exact", "2 draws, but the spread is 'exact'"),
        (np.zeros(2), "guess", "spread must be one of"),
    ],
)
def test_estimates_that_are_none(draws, spread, message):
    with pytest.raises(CuveeError, match=message):
        Estimate(draws, "nats", spread)


def test_frozen():
    with pytest.raises(AttributeError):
        Estimate(DRAWS, "nats", "bootstrap").unit = "bits"  # type: ignore[misc]
