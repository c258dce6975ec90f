"""What losses can tell: intervals against known ones, and sentences where they cannot."""

import time

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import Points
from cuvee.core.fitting import Noise, fit
from cuvee.core.profiles import curvature, intervals, opened, profiled
from cuvee.predict.chinchilla import Chinchilla
from cuvee.predict.law import additive

ROBUST = Noise(1e-3, log=True)
NAMES = ("alpha", "beta", "E", "A", "B")


def line(x):
    def curve(params):
        slopes = np.stack([np.ones_like(x), x], axis=1)
        return params @ slopes.T, np.broadcast_to(slopes, (len(params), *slopes.shape))

    return curve


def notes(form, points, losses, noise=ROBUST):
    found = form.search(points, losses[None], noise)
    curve = form.curve(points)
    return opened(curve, found, losses[None], noise, form.names, form.natural).sentences


def power(e, noise, n=12, seed=0):
    """A power law seen over a factor of ten."""
    x = np.geomspace(1e8, 1e9, n)
    points = Points.of(tokens=x)
    losses = (e + 410.7 * x**-0.28) * np.exp(noise * default_rng(seed).standard_normal(n))
    return notes(additive(points, ("tokens",), ("alpha", "E", "A")), points, losses)


def surface(params, tokens, noise=0.004, seed=0):
    points = Points.of(params=params, tokens=tokens)
    losses = Chinchilla.value(points, **Chinchilla.published)
    losses = losses * np.exp(noise * default_rng(seed).standard_t(4, len(losses)))
    return additive(points, ("params", "tokens"), NAMES), points, losses


def test_a_straight_line_has_the_interval_of_student():
    from scipy.special import stdtrit

    x = np.linspace(0, 1, 15)
    y = 1 + 2 * x + 0.1 * default_rng(0).standard_normal(15)
    curve = line(x)
    found = fit(curve, np.zeros((1, 2)), y[None])
    (ends,) = intervals(curve, found, y[None], Noise(), [1])
    design = np.column_stack([np.ones(15), x])
    left = y - design @ found.params[0]
    error = np.sqrt(np.linalg.inv(design.T @ design)[1, 1] * (left**2).sum() / 13)
    half = stdtrit(13, 0.95) * error
    assert ends.high[1] - ends.low[1] == pytest.approx(2 * half, rel=0.08)  # HC2 residuals
    assert not (ends.open_low or ends.open_high)


def test_others_are_refitted():
    x = np.linspace(0, 1, 15)
    y = 1 + 2 * x
    curve = line(x)
    found = fit(curve, np.zeros((1, 2)), y[None])
    held = profiled(curve, found, y[None], Noise(), np.array([1]), np.array([[0.0, 2.5]]))
    assert held.params[0] == pytest.approx([1 - 0.5 * x.mean(), 2.5])


def test_robust_profiles_cover_nine_in_ten():
    """A median-like fit of a mean, where nothing is known of the density at the middle."""
    hits = []
    for seed in range(150):
        y = 1 + 0.01 * default_rng(seed).standard_t(3, 60)
        curve, noise = line(np.linspace(-1, 1, 60)), Noise(1e-3)
        found = fit(curve, np.array([[1.0, 0.0]]), y[None], noise)
        (ends,) = intervals(curve, found, y[None], noise, [0])
        hits.append(ends.low[0] < 1 < ends.high[0])
    assert 0.82 < np.mean(hits) < 0.98


def test_what_is_known_is_not_talked_about():
    rng = default_rng(0)
    assert power(1.69, 1e-4) == () or all("go together" in note for note in power(1.69, 1e-4))
    form, points, losses = surface(np.exp(rng.uniform(17, 23, 60)), np.exp(rng.uniform(20, 26, 60)))
    assert notes(form, points, losses) == ()


def test_an_irreducible_loss_that_may_be_zero():
    said = power(1.69, 0.02)
    assert any(note.startswith("E is not identified: any value from 0 to ") for note in said)
    assert any("go together (correlation" in note and "E" in note for note in said)
    low_e = [note for note in power(0.0, 0.005) if note.startswith("E ")]
    assert low_e
    assert "from 0 to" in low_e[0]


def test_size_and_tokens_in_one_ratio_go_together():
    n = np.geomspace(1e7, 1e9, 30)
    said = notes(*surface(n, 20 * n))
    assert any("go together" in note for note in said)


def test_a_parameter_that_no_loss_shows():
    rng = default_rng(1)
    form, points, losses = surface(np.exp(rng.uniform(17, 23, 40)), np.exp(rng.uniform(20, 26, 40)))
    found = form.search(points, losses[None], ROBUST)
    found.params[0, 3] = -40.0  # A at its floor: alpha moves nothing, either
    at = curvature(form.curve(points), found, losses[None], ROBUST)
    assert np.isinf(at.errors[[0, 3]]).all()
    assert np.isfinite(at.errors[[1, 2, 4]]).all()


def test_sentences_are_cheap():
    n = np.geomspace(1e7, 1e9, 240)
    form, points, losses = surface(n, 20 * n)
    found, curve = form.search(points, losses[None], ROBUST), form.curve(points)
    begin = time.process_time()
    said = opened(curve, found, losses[None], ROBUST, form.names, form.natural).sentences
    assert said
    assert time.process_time() - begin < 1.0  # 0.1 s on a quiet machine


def test_ranges_are_those_of_the_sentences():
    x = np.geomspace(1e8, 1e9, 12)
    losses = 410.7 * x**-0.28 * np.exp(0.005 * default_rng(0).standard_normal(12))
    points = Points.of(tokens=x)
    form = additive(points, ("tokens",), ("alpha", "E", "A"))
    found, curve = form.search(points, losses[None], ROBUST), form.curve(points)
    left = opened(curve, found, losses[None], ROBUST, form.names, form.natural)
    low, high = left.ranges["E"]
    assert low == 0
    assert f"E is not identified: any value from 0 to {high:.3g} fits as well." in left.sentences
    alpha = left.ranges["alpha"]  # as E rises, so does the exponent
    assert alpha[0] <= float(found.params[0, 0]) < alpha[1] - 0.01


def test_a_part_of_the_rows_stands_for_all():
    rng = default_rng(0)
    form, points, losses = surface(
        np.exp(rng.uniform(17, 23, 400)), np.exp(rng.uniform(20, 26, 400)), noise=0.02
    )

    def widths(some, of):
        mine, y = points[some], losses[None, some]
        found, curve = form.search(mine, y, ROBUST), form.curve(mine)
        left = opened(curve, found, y, ROBUST, form.names, form.natural, of=of, every=True)
        return [high - low for low, high in (left.ranges[n] for n in ("alpha", "beta"))]

    parts = [np.arange(i, 400, 4) for i in range(4)]
    whole = widths(np.arange(400), None)
    assert np.mean([widths(p, 400) for p in parts], axis=0) == pytest.approx(whole, rel=0.4)
    assert (np.mean([widths(p, None) for p in parts], axis=0) > 1.4 * np.array(whole)).all()
