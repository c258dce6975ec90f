"""BiMix: its law, its own sources, and shares of 0."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Points
from cuvee.core.runs import Runs
from cuvee.mix.bimix import Bimix, BimixForm

FLOOR = 1e-3


def law(points):
    """Two targets: `a` of its own name, and `t` that lives on source c."""
    own = points.shares[:, [0, 2]] + FLOOR
    return own ** [-0.08, -0.15] * (0.5 * (points.tokens / 1e9)[:, None] ** -0.4 + 2)


def study(tokens, sizes=(np.nan,), mixtures=12, zero=False):
    rng = np.random.default_rng(0)
    mixes = rng.dirichlet(np.ones(3), mixtures)
    if zero:
        mixes[0] = [0, 0.5, 0.5]
    rows = [(w, n, p) for w in mixes for n in tokens for p in sizes]
    points = Points(*(np.array(x) for x in zip(*rows)))
    losses = law(points) + np.where(np.isnan(points.params), 0, points.params / 1e9)[:, None]
    table = Runs(("a", "b", "c"), ("a", "t"), tuple(map(str, range(len(rows)))), points, losses,
                 np.zeros(len(rows), int))  # fmt: skip
    return table.study(table.problem())


@pytest.mark.parametrize("every", [True, False])
def test_slopes_are_differences(every):
    points = study([1e9, 2e9], mixtures=4).points
    form = BimixForm(3, np.array([0, 2]), every, FLOOR, 21.0, 0.01)
    start = form.starts(points, law(points).T)[0]
    curve = form.curve(points)
    values, slopes = curve(start)
    for i in range(start.shape[1] - (not every)):
        step = 1e-6 * np.eye(start.shape[1])[i]
        assert np.allclose((curve(start + step)[0] - values) / 1e-6, slopes[..., i], atol=1e-4)


@pytest.mark.parametrize("every", [True, False])
def test_projection_has_the_law_and_its_slopes(every):
    points = study([1e9, 2e9], mixtures=4).points
    form = BimixForm(3, np.array([2]), every, FLOOR, 21.0, 0.01)
    width = 3 if every else 1
    shapes = np.linspace(-1.5, 0.2, width + 2)[None]
    basis = form.basis(points, 2)
    columns, slopes = basis(shapes)
    whole = np.r_[np.zeros(width), shapes[0], [2.0] * (not every)]
    assert np.allclose(columns.sum(axis=2), form.curve(points)(whole[None])[0])
    for i, step in enumerate(1e-6 * np.eye(width + 2)):
        assert np.allclose((basis(shapes + step)[0] - columns) / 1e-6, slopes[..., i], atol=1e-4)


def test_projection_alone_finds_the_law_of_one_source():
    points = study([1e9, 2e9, 3e9]).points
    form = BimixForm(3, np.array([0, 2]), False, FLOOR, float(np.log(points.tokens).mean()), 1e-6)
    start = form.starts(points, law(points).T)[0]
    assert np.allclose(np.exp(start[:, 1]), [0.08, 0.15], rtol=0.02)
    assert np.allclose(form.curve(points)(start)[0], law(points).T, rtol=1e-4)


def test_a_third_budget_is_forecast():
    fitted = Bimix().fit(study([1e9, 2e9, 3e9], zero=True), rng=np.random.default_rng(0))
    assert fitted.parts[0][1].form.own.tolist() == [0, 2]
    others = Points.at(np.random.default_rng(5).dirichlet(np.ones(3), 20), 6e9)
    assert np.abs(fitted.mean(others) / law(others) - 1).max() < 0.01
    edge = fitted.predict(Points.at(np.eye(3), 6e9))
    assert np.isfinite(edge.draws).all()


def test_the_form_of_a_sum():
    runs = study([1e9], mixtures=20)
    fitted = Bimix(form="sum").fit(runs, rng=np.random.default_rng(0))
    assert np.abs(fitted.mean(runs.points) / runs.losses - 1).max() < 0.02


def test_each_size_of_model_has_its_own_law():
    fitted = Bimix().fit(study([1e9], (1e8, 4e8)), rng=np.random.default_rng(0))
    shares = np.full((1, 3), 1 / 3)
    both = Points(np.tile(shares, (2, 1)), np.full(2, 1e9), np.array([9e7, 5e8]))
    mean = fitted.mean(both)
    assert np.allclose(mean - law(both), [[0.1], [0.4]], atol=0.03)
    assert np.allclose(fitted.predict(both).mean, mean)


def test_bad_settings():
    with pytest.raises(CuveeError, match="own or sum"):
        Bimix(form="all")
    with pytest.raises(CuveeError, match="floor"):
        Bimix(floor=0)
    with pytest.raises(CuveeError, match="at least 4"):
        Bimix().fit(study([1e9], mixtures=2), rng=np.random.default_rng(0))


def test_every_size_of_model_needs_its_own_runs():
    runs = study([1e9], (1e8, 4e8))
    few = [i for i, t in enumerate(runs.trials) if t.params == 1e8] + [1, 3]
    part = replace(runs, trials=tuple(runs.trials[i] for i in few),
                   outcomes=tuple(runs.outcomes[i] for i in few))  # fmt: skip
    with pytest.raises(CuveeError, match=r"bimix at 4e.08 parameters needs at least 4 .* got 2"):
        Bimix().fit(part, rng=np.random.default_rng(0))
