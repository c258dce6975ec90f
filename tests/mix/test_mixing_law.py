"""Data mixing laws: each form, and the nested laws of steps and sizes."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Points, Problem, Study
from cuvee.core.runs import Runs
from cuvee.mix.mixing_law import MixForm, MixingLaw
from cuvee.mix.nested import size_law, step_law

T = np.array([[-1.0, 0.3, 0.1], [0.2, -1.2, 0.4]])


def law(points):
    """M4 of two targets, with tokens and parameters in the height."""
    fall = 0.3 * np.log(points.tokens / 1e9) + 0.1 * np.log(
        np.nan_to_num(points.params, nan=1e8) / 1e8
    )
    return 1.5 + np.exp(points.shares @ T.T - fall[:, None])


def study(tokens, params=(np.nan,), mixtures=16, at=None, size=np.nan):
    rng = np.random.default_rng(0)
    rows = [(w, n, p) for w in rng.dirichlet(np.ones(3), mixtures) for n in tokens for p in params]
    points = Points(*(np.array(x) for x in zip(*rows)))
    table = Runs(("a", "b", "c"), ("t", "u"), tuple(map(str, range(len(rows)))), points,
                 law(points), np.zeros(len(rows), int))  # fmt: skip
    return table.study(table.problem(tokens=at, params=size))


@pytest.mark.parametrize("form", ["M1", "M2", "M3", "M4", "implicit"])
def test_slopes_are_differences(form):
    points = study([1e9], mixtures=6).points
    shape = MixForm.of(form, points, 2, 0.01)
    start = shape.starts(points, law(points).T)[2]
    curve = shape.curve(points)
    values, slopes = curve(start)
    for i, step in enumerate(1e-6 * np.eye(start.shape[1])):
        assert np.allclose((curve(start + step)[0] - values) / 1e-6, slopes[..., i], atol=1e-4)


@pytest.mark.parametrize("form", ["M1", "M2", "M3", "M4", "implicit"])
def test_projected_starts_are_differentiated_and_the_best(form):
    points = study([1e9], mixtures=20).points
    rows = law(points).T
    shape = MixForm.of(form, points, 2, 0.01)
    basis, starts = shape.basis(points), shape.starts(points, rows)
    shapes = np.linspace(-0.6, 0.8, {"M1": 3, "M2": 3, "M3": 1, "M4": 3}.get(form, 6))[None]
    columns, slopes = basis(shapes)
    for i, step in enumerate(1e-6 * np.eye(shapes.shape[1])):
        assert np.allclose((basis(shapes + step)[0] - columns) / 1e-6, slopes[..., i], atol=1e-4)
    left = [((shape.curve(points)(s)[0] - rows) ** 2).sum() for s in starts]
    assert np.argmin(left) == 0


def test_columns_say_what_each_form_is():
    shares = np.array([[0.5, 0.3, 0.2]])
    points, theta = Points.at(shares, 1e9), np.array([0.4, -0.7, 0.2, 0.3, -0.5, 0.6])

    def heights(kind, size):
        columns = MixForm.of(kind, points, 1, 0.01).columns(points)
        return np.exp(columns[:, 0] @ theta[:size]).sum()

    r, t = shares[0], theta[3:]
    assert np.isclose(heights("M1", 6), (np.exp(theta[:3]) * np.exp(t * r)).sum())
    assert np.isclose(heights("M2", 4), np.exp(theta[0]) * np.exp(theta[1:4] * r).sum())
    assert np.isclose(heights("M3", 2), np.exp(theta[0] + theta[1] * 27 * r.prod()))
    assert np.isclose(heights("M4", 3), np.exp(theta[:3] @ r))


def test_its_own_law_is_found_and_minimised():
    runs = study([1e9])
    fitted = MixingLaw().fit(runs, rng=np.random.default_rng(0))
    others = Points.at(np.random.default_rng(5).dirichlet(np.ones(3), 20), 1e9)
    assert np.abs(fitted.mean(others) - law(others)).max() < 2e-3
    answer = MixingLaw().recommend(runs, rng=np.random.default_rng(0)).mean
    grid = np.random.default_rng(6).dirichlet(np.ones(3), 3000)
    best = law(Points.at(grid, 1e9)).mean(axis=1).min()
    assert law(Points.at(answer, 1e9)).mean() < best + 2e-3


def test_step_law_carries_losses_to_four_times_the_tokens():
    tokens = np.array([[1e9, 2e9, 3e9, 4e9]])
    losses = 2.0 + np.array([1.0, 0.6]) * (tokens[0, :, None] / 1e9) ** -0.4
    found, fit = step_law(tokens, losses[None], 16e9)
    assert np.allclose(found[0], 2.0 + np.array([1.0, 0.6]) * 16**-0.4, rtol=0.02)
    assert fit.converged.all()


def test_size_law_ties_one_exponent_over_mixtures():
    sizes = np.tile([7e7, 1.6e8, 3e8, 4.1e8], (5, 1))
    height = np.linspace(0.5, 1.5, 5)
    losses = 2.0 + height[:, None, None] * (sizes[:, :, None] / 1e8) ** -0.3
    found, _ = size_law(sizes, losses, 1e9)
    assert np.allclose(found[:, 0], 2.0 + height * 10**-0.3, rtol=0.02)


def test_nested_laws_answer_at_a_scale_that_was_not_run():
    runs = study([1e9, 2e9, 4e9, 8e9], (1e8, 2e8, 4e8), at=1.6e10, size=8e8)
    fitted = MixingLaw(draws=5).fit(runs, rng=np.random.default_rng(0))
    others = Points.at(np.random.default_rng(5).dirichlet(np.ones(3), 20), 1.6e10, 8e8)
    assert np.abs(fitted.mean(others) / law(others) - 1).max() < 0.02
    seen = Points.at(others.shares, 2e9, 1e8)
    both = Points(*(np.concatenate(x) for x in (
        (others.shares, seen.shares), (others.tokens, seen.tokens), (others.params, seen.params)
    )))  # fmt: skip
    predicted = fitted.predict(both)
    assert predicted.draws.shape == (5, 40, 2)
    assert np.abs(predicted.mean[20:] / law(seen) - 1).max() < 0.01


def test_runs_that_cannot_be_carried_are_refused():
    runs = study([1e9, 2e9], at=1.6e10)
    with pytest.raises(CuveeError, match="3 token counts"):
        MixingLaw().recommend(runs, rng=np.random.default_rng(0))


def test_as_many_runs_as_the_law_needs():
    names = [f"s{i}" for i in range(24)]
    problem = Problem.of(names, ["t"], [1e9] * 24, 10**7, spend=1e7)
    trials = MixingLaw(trials=5).propose(Study(problem), rng=np.random.default_rng(0))
    assert len(trials) == 25
    assert len({t.key() for t in trials}) == 25
    assert sum(t.tokens for t in trials) <= 1e7 * (1 + 1e-9)


def test_bad_settings():
    with pytest.raises(CuveeError, match="M4"):
        MixingLaw(form="M5")
    with pytest.raises(CuveeError, match="domains"):
        MixingLaw(domains=0)
