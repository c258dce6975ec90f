"""The joint law: its slopes, its terms, and what it extrapolates."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Points, Problem, Study
from cuvee.core.runs import Runs
from cuvee.mix.joint_law import JointForm, JointLaw


def runs(sizes=(1e8, 2e8, 4e8), lengths=(2e9, 4e9, 8e9, 1.6e10), mixtures=15):
    """Losses that follow the additive law exactly."""
    rng = np.random.default_rng(0)
    rows = [(w, n, d) for w in rng.dirichlet(np.ones(3), mixtures) for n in sizes for d in lengths]
    points = Points(*(np.array(x) for x in zip(*rows)))
    return Runs(("a", "b", "c"), ("t",), tuple(map(str, range(len(rows)))), points,
                law(points)[:, None], np.zeros(len(rows), int))  # fmt: skip


def law(points):
    mixed = 1 / (np.array([1.0, 0.5, 0.2]) * points.shares ** [0.3, 0.5, 0.4]).sum(axis=1)
    return 1.0 + mixed + 0.4 * (points.params / 2e8) ** -0.34 + 0.5 * (points.tokens / 5e9) ** -0.4


@pytest.mark.parametrize("joint", [True, False])
def test_slopes_are_differences(joint):
    points = runs(mixtures=3).points
    form = JointForm.of(points, joint, True, 0.01)
    start = form.starts(points, np.array([law(points)]))[1]
    start[:, -1] = 0.2
    curve = form.curve(points)
    values, slopes = curve(start)
    for i, step in enumerate(1e-6 * np.eye(start.shape[1])):
        assert np.allclose((curve(start + step)[0] - values) / 1e-6, slopes[..., i], atol=1e-5)


@pytest.mark.parametrize("joint", [True, False])
def test_projected_starts_are_differentiated_and_the_best(joint):
    points = runs().points
    form = JointForm.of(points, joint, True, 0.01)
    basis, shapes = form.basis(points), np.linspace(-1, 0.4, 9)[None]
    columns, slopes = basis(shapes)
    for i, step in enumerate(1e-6 * np.eye(9)):
        assert np.allclose((basis(shapes + step)[0] - columns) / 1e-6, slopes[..., i], atol=1e-5)
    rows = np.array([law(points)])
    left = [((form.curve(points)(s)[0] - rows) ** 2).sum() for s in form.starts(points, rows)]
    assert np.argmin(left) == 0
    assert left[0] < 0.01 * left[1]


@pytest.mark.parametrize("form", ["joint", "additive"])
def test_a_larger_model_trained_for_longer(form):
    table = runs()
    study = table.study(table.problem())
    fitted = JointLaw(form=form).fit(study, rng=np.random.default_rng(0))
    shares = np.random.default_rng(1).dirichlet(np.ones(3), 10)
    far = Points.at(shares, 3.2e10, 8e8)
    assert np.abs(fitted.mean(far)[:, 0] / law(far) - 1).max() < 0.01
    low, high = fitted.predict(far).interval()
    assert (low <= high).all()


def test_terms_without_variation_are_left_out():
    one = runs(sizes=(1e8,), lengths=(2e9,))
    form = JointForm.of(one.points, True, True, 0.01)
    assert np.isnan([form.size, form.length]).all()
    assert not form.crossed
    fitted = JointLaw().fit(one.study(one.problem()), rng=np.random.default_rng(0))
    assert np.abs(fitted.mean(one.points)[:, 0] - law(one.points)).max() < 0.02
    unknown = Points.at(one.points.shares, 2e9)
    assert np.isnan(JointForm.of(unknown, True, True, 0.01).size)


def test_as_many_runs_as_the_law_needs():
    names = [f"s{i}" for i in range(24)]
    problem = Problem.of(names, ["t"], [1e9] * 24, 10**7, spend=1e7)
    trials = JointLaw(trials=5).propose(Study(problem), rng=np.random.default_rng(0))
    assert len(trials) == 26
    assert len({t.key() for t in trials}) == 26
    assert sum(t.tokens for t in trials) <= 1e7 * (1 + 1e-9)


def test_bad_settings():
    with pytest.raises(CuveeError, match="joint or additive"):
        JointLaw(form="both")
    with pytest.raises(CuveeError, match="trials"):
        JointLaw(trials=0)
