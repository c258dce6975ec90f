"""Spread, radius, E2MC: what they must see, and must not mind."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure, reasons
from cuvee.measure.e2mc import E2mc
from cuvee.measure.fillings import eee, kl_gaussian, pc_ratio
from cuvee.measure.moments import Moments
from cuvee.measure.radius import Radius
from cuvee.measure.spacings import spacing_entropy
from cuvee.measure.spread import BY, Spread

points = Sample.of_points
RELIABLE = tuple(by for by in BY if by not in ("cosine", "partition"))


def cloud(seed, scale, rows=400):
    scale = np.asarray(scale, float)
    return points(default_rng(seed).standard_normal((rows, len(scale))) * scale)


def inside(found, truth):
    low, high = found.interval()
    return low <= truth <= high


def test_closed_forms_of_variances():
    assert eee(np.ones(9)) == pytest.approx(1)
    assert eee(np.eye(50)[0]) < 0.05
    assert pc_ratio(np.array([4.0, 2, 1])) == 0.25
    assert kl_gaussian(np.array([4.0, 1, 0.25])) == pytest.approx(np.sqrt(1 / 1.75))


@pytest.mark.parametrize("by", ["eee", "vrm", "kl_gaussian", "kl_binned", "pc_ratio"])
def test_flat_clouds_are_less_spread_than_round_ones(by):
    even, flat = (measure(Spread(by=by), cloud(1, s)) for s in ([1] * 5, [1, 1, 0.3, 0.1, 0.1]))
    assert flat.interval()[1] < even.interval()[0]


@pytest.mark.parametrize("by", RELIABLE)
def test_a_shift_is_no_matter_except_to_those_that_fail(by):
    rows = cloud(2, [1, 0.7, 0.5], 300)
    moved = points(rows.rows + 5)
    before, after = (measure(Spread(by=by), x) for x in (rows, moved))
    assert abs(before.mean - after.mean) < 0.05 + before.interval()[1] - before.interval()[0]


def test_cosine_and_partition_take_a_shift_for_no_spread_and_say_so():
    rows = cloud(3, [1, 1, 1, 1], 300)
    for by, most in (("cosine", 0.15), ("partition", 0.05)):
        method = Spread(by=by)
        assert measure(method, rows).mean > 0.6
        assert measure(method, points(rows.rows + 5)).mean < most
        assert "mistakes a shift" in reasons(method, rows)[0]


def test_a_round_cloud_may_be_round():
    found = measure(Spread(), cloud(4, [1] * 8, 200))
    assert inside(found, 1.0)
    assert np.quantile(found.null, 0.9) < 1


def test_even_shares_of_a_known_law_lie_in_the_interval():
    scale = 0.8 ** np.arange(8)
    truth = eee(np.sort(scale**2)[::-1])
    kept = [inside(measure(Spread(), cloud(100 + s, scale, 500)), truth) for s in range(40)]
    assert np.mean(kept) >= 0.75  # nominal 0.9; below by chance once in 300


def test_radius_is_the_root_of_the_total_variance():
    found = measure(Radius(), cloud(5, [3, 2, 1]))
    assert inside(found, np.sqrt(14))
    assert measure(Radius(), points(np.ones((50, 2)))).mean == 0


def test_moments_of_groups_are_those_of_their_rows():
    x = default_rng(6).standard_normal((100, 3)) + 1e6
    some = np.array([0, 3, 8])
    rows = np.concatenate([x[g::16] for g in some])
    assert np.allclose(Moments.of(x).covariance(some), np.cov(rows, rowvar=False), rtol=1e-6)


def test_spacing_entropy_of_known_laws():
    rng = default_rng(7)
    x = np.column_stack([rng.random(20_000) * 3, rng.standard_normal(20_000)])
    found = spacing_entropy(x)
    assert found == pytest.approx([np.log(3), 0.5 * np.log(2 * np.pi * np.e)], abs=0.02)
    one = np.array([spacing_entropy(rng.random((100, 1)))[0] for _ in range(200)])
    assert abs(one.mean()) < 0.02, "an even law has no bias"


def test_e2mc_is_0_for_what_it_asks_for_and_less_for_ties_and_narrow_columns():
    rng = default_rng(8)
    x = rng.standard_normal((1000, 2))
    assert inside(measure(E2mc(scaled=False), points(x)), 0.0)
    tied = np.column_stack([x[:, 0], 0.8 * x[:, 0] + 0.6 * x[:, 1]])
    rank = 6 / np.pi * np.arcsin(0.4)
    assert measure(E2mc(scaled=False), points(tied)).mean == pytest.approx(-(rank**2), abs=0.08)
    narrow = measure(E2mc(scaled=False), points(x * 0.5))
    assert inside(narrow, 0.5 * (1 + np.log(0.25) - 0.25))
    assert narrow.mean == pytest.approx(-0.318, abs=0.03)
    assert measure(E2mc(), points(x * 0.5 + 3)).mean == pytest.approx(0, abs=0.03)


def test_what_has_no_spread_is_refused():
    with pytest.raises(CuveeError, match="all rows are equal"):
        measure(Spread(by="vrm"), points(np.ones((64, 3))))
    with pytest.raises(CuveeError, match="constant"):
        measure(E2mc(), points(np.column_stack([np.ones(64), np.arange(64.0)])))
    for bad in (lambda: Spread(by="ee"), lambda: Spread(rows=5), lambda: E2mc(ties=-1)):
        with pytest.raises(CuveeError):
            bad()
