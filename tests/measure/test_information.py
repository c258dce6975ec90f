"""Mutual information: closed forms, what it does not depend on, and what is refused."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure, neighbours
from cuvee.measure.columns import normal_scores, untied, whitened
from cuvee.measure.gaussian_information import GaussianInformation
from cuvee.measure.ksg import Ksg, local_information
from cuvee.measure.mutual_information import MutualInformation
from cuvee.measure.residual import Sides, Training, _slope

QUICK = {"steps": 80, "nulls": 2, "folds": 2}


def sample(points, name="a"):
    return Sample.of_points(points, name)


def gaussian(n, dims, rho, seed):
    """Each column of y correlates with its own of x."""
    x, y = default_rng(seed).standard_normal((2, n, dims))
    return x, rho * x + np.sqrt(1 - rho**2) * y, -dims / 2 * np.log(1 - rho**2)


def covers(found, truth, level=0.9):
    low, high = found.interval(level)
    return low <= truth <= high


def naive(x, y, k):
    """The definition, row by row."""
    far = [np.linalg.norm(z[:, None] - z, axis=2) for z in (x, y)]
    both = np.maximum(*far)
    from scipy.special import digamma

    found = []
    for i in range(len(x)):
        reach = np.sort(both[i])[k]
        near = [np.sum(f[i] < reach) - 1 for f in far]
        found.append(digamma(k) + digamma(len(x)) - digamma(near[0] + 1) - digamma(near[1] + 1))
    return np.array(found)


@pytest.mark.parametrize(("dx", "dy"), [(1, 1), (2, 1), (3, 4)])
def test_neighbours_are_counted_as_defined(dx, dy):
    rng = default_rng(1)
    x, y = rng.standard_normal((200, dx)), rng.standard_normal((200, dy))
    y[:, 0] += x[:, 0]
    assert np.allclose(local_information(x, y, 4, "euclidean"), naive(x, y, 4))


@pytest.mark.parametrize("dims", [1, 2, 4])
def test_trees_and_tables_count_alike(dims, monkeypatch):
    x, y, _ = gaussian(400, dims, 0.7, 2)
    trees = local_information(x, y, 3, "max")
    monkeypatch.setattr(neighbours, "TREE", 0)
    assert np.allclose(trees, local_information(x, y, 3, "max"))


@pytest.mark.parametrize("scale", ["whiten", "columns", "ranks"])
def test_neighbours_find_a_correlation(scale):
    x, y, truth = gaussian(2000, 1, 0.75, 4)
    found = measure(Ksg(scale=scale, nulls=4), sample(x), sample(y, "b"))
    assert found.mean == pytest.approx(truth, abs=0.06)
    assert abs(found.null).max() < 0.1


def test_neighbours_find_what_does_not_correlate():
    angle = default_rng(5).uniform(0, 2 * np.pi, 1500)
    noise = default_rng(6).normal(0, 0.1, (2, 1500))
    ring = np.cos(angle) + noise[0], np.sin(angle) + noise[1]
    found = measure(Ksg(nulls=0), sample(ring[0]), sample(ring[1], "b"))
    assert found.mean > 0.5
    assert measure(GaussianInformation(), sample(ring[0]), sample(ring[1], "b")).mean < 0.02


def test_spreading_ties_keeps_the_order_and_the_information():
    rng = default_rng(7)
    column = rng.integers(4, size=500).astype(float)
    spread = untied(column, rng)
    assert len(np.unique(spread)) == 500
    assert np.array_equal(np.floor(spread), column)
    smooth = rng.standard_normal(50)
    assert untied(smooth, rng) is smooth


def test_classes_against_numbers():
    """A class moves the mean: the truth by numbers over a grid."""
    rng = default_rng(8)
    kind = rng.integers(2, size=1000)
    x = rng.standard_normal(1000) + 3.0 * kind
    grid = np.linspace(-8, 11, 4000)
    bells = [np.exp(-0.5 * (grid - m) ** 2) / np.sqrt(2 * np.pi) for m in (0, 3)]
    mixed = np.mean(bells, axis=0)
    truth = -np.sum(mixed * np.log(mixed)) * (grid[1] - grid[0]) - 0.5 * np.log(2 * np.pi * np.e)
    for method in (Ksg(nulls=0), MutualInformation(**QUICK)):
        found = measure(method, sample(x), sample(kind.astype(float), "b"))
        assert found.mean == pytest.approx(truth, abs=0.06)


@pytest.mark.parametrize(("dims", "n"), [(1, 500), (5, 1000), (25, 1000)])
def test_correlations_without_the_bias_of_many_columns(dims, n):
    """Plug-in correlations of 25 + 25 columns and 1000 rows say .4 too much."""
    found = []
    for seed in range(6):
        x, y, truth = gaussian(n, dims, 0.5 if dims < 25 else 0.2, [9, seed])
        found.append(measure(GaussianInformation(nulls=0), sample(x), sample(y, "b")).mean)
    tolerance = 4 * np.sqrt((truth + dims**2 / n) / n / 6) + 0.01 * truth
    assert np.mean(found) == pytest.approx(truth, abs=tolerance)


def test_correlations_cover_the_truth():
    """Of 60 samples a right interval misses 12 or more once in 100 times, 0 once in 500."""
    hits = 0
    for seed in range(60):
        x, y, truth = gaussian(300, 2, 0.6, [10, seed])
        found = measure(GaussianInformation(nulls=0), sample(x), sample(y, "b"), seed=seed)
        hits += covers(found, truth)
    assert 49 <= hits <= 60


def test_stretching_columns_changes_nothing_in_ranks():
    x, y, _ = gaussian(500, 3, 0.6, 11)
    plain = measure(GaussianInformation(nulls=0), sample(x), sample(y, "b")).mean
    bent = measure(GaussianInformation(nulls=0), sample(np.exp(x)), sample(y**3, "b")).mean
    assert bent == pytest.approx(plain, abs=1e-9)


def test_correlations_say_when_tails_come_together():
    rng = default_rng(12)
    size = np.sqrt(rng.chisquare(2, (800, 1)) / 2)
    x, y = rng.standard_normal((2, 800, 2)) / size
    found = measure(GaussianInformation(nulls=0), sample(x), sample(y, "b"))
    assert any("joint kurtosis" in note for note in found.notes)
    plain = measure(GaussianInformation(nulls=0), *map(sample, gaussian(800, 2, 0.5, 13)[:2]))
    assert not any("joint kurtosis" in note for note in plain.notes)


def test_the_choice_finds_tails_that_come_together():
    """Student's law of 2 degrees of freedom in 2 + 2 columns without correlation: .1931 nats."""
    rng = default_rng(14)
    size = np.sqrt(rng.chisquare(2, (1000, 1)) / 2)
    x, y = rng.standard_normal((2, 1000, 2)) / size
    found = measure(MutualInformation(**QUICK), sample(x), sample(y, "b"))
    assert found.mean == pytest.approx(0.1931, abs=0.08)
    assert any("Student" in note for note in found.notes)


@pytest.mark.parametrize(("dims", "rho"), [(1, 0.75), (3, 0.5), (10, 0.4)])
def test_the_choice_finds_correlations(dims, rho):
    x, y, truth = gaussian(600, dims, rho, 15)
    found = measure(MutualInformation(**QUICK), sample(x), sample(y, "b"))
    assert found.mean == pytest.approx(truth, abs=0.1 + 0.05 * truth)
    assert covers(found, truth, 0.98)


def test_the_choice_finds_a_square_that_neighbours_and_correlations_do_not():
    """The first of 5 columns squared, with noise: .80 nats."""
    rng = default_rng(16)
    x = rng.standard_normal((800, 5))
    y = x[:, 0] ** 2 + 0.5 * rng.standard_normal(800)
    found = measure(MutualInformation(steps=120, nulls=0, folds=2), sample(x), sample(y, "b"))
    assert found.mean > 0.2
    assert found.interval(0.98)[1] > 0.6


@pytest.mark.parametrize("law", ["normal", "cauchy", "counts"])
def test_the_choice_finds_nothing_where_there_is_nothing(law):
    rng = default_rng(17)
    draw = {
        "normal": lambda: rng.standard_normal((600, 3)),
        "cauchy": lambda: rng.standard_cauchy((600, 3)),
        "counts": lambda: rng.poisson(2, (600, 2)).astype(float),
    }[law]
    found = measure(MutualInformation(**QUICK), sample(draw()), sample(draw(), "b"))
    low, _ = found.interval()
    assert low <= 1e-9
    assert found.mean < 0.08


def test_a_constant_column_tells_nothing():
    x = default_rng(18).standard_normal((200, 2))
    for method in (Ksg(), GaussianInformation(), MutualInformation(**QUICK)):
        found = measure(method, sample(x), sample(np.ones((200, 2)), "b"))
        assert (found.mean, found.spread) == (0.0, "exact")


def test_more_rows_than_are_looked_at_are_named():
    x, y, _ = gaussian(400, 1, 0.5, 19)
    method = MutualInformation(rows=200, **QUICK)
    assert any("200 of 400" in note for note in measure(method, sample(x), sample(y, "b")).notes)


def test_the_slope_of_the_networks_is_that_of_the_bound():
    """Against differences of the loss itself."""
    rng = default_rng(20)
    x, y = rng.standard_normal((2, 12, 3)).astype(np.float32)
    base = rng.standard_normal((12, 12)).astype(np.float32)
    sides = Sides(3, 3, Training(hidden=5, width=2), rng)
    sides.weights = rng.standard_normal(len(sides.weights)).astype(np.float32) / 2
    slope = _slope(sides, x, y, base)

    def loss(weights):
        table = (base + sides.scores(weights, x, y)).astype(np.float64)
        lines = [np.log(np.exp(table).sum(axis=axis)) for axis in (0, 1)]
        return np.mean(0.5 * (lines[0] + lines[1]) - np.diag(table))

    way = rng.standard_normal(len(slope)).astype(np.float32)
    here, step = sides.weights.astype(np.float64), 1e-5
    rise = (loss(here + step * way) - loss(here - step * way)) / (2 * step)
    assert slope @ way == pytest.approx(rise, rel=1e-3)


def test_scores_and_whitening():
    x = default_rng(21).standard_normal((300, 2)) @ np.array([[2.0, 1.0], [0.0, 0.1]])
    assert np.allclose(np.cov(whitened(x), rowvar=False, bias=True), np.eye(2))
    assert np.allclose(normal_scores(np.exp(x)), normal_scores(x))
    copied = whitened(np.column_stack([x, x[:, 0]]))
    assert np.linalg.matrix_rank(copied, tol=1e-6) == 2


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (Ksg, {"neighbours": 0}), (Ksg, {"scale": "log"}), (Ksg, {"norm": "l1"}),
        (Ksg, {"rows": 3}), (GaussianInformation, {"rows": 1}), (MutualInformation, {"folds": 1}),
        (MutualInformation, {"steps": -1}), (MutualInformation, {"rows": 10}),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(method, settings):
    with pytest.raises(CuveeError, match=r"must be|expected"):
        method(**settings)


def test_too_few_rows():
    x, y, _ = gaussian(20, 1, 0.5, 22)
    for method in (Ksg(), MutualInformation(**QUICK)):
        with pytest.raises(CuveeError, match="20 rows"):
            measure(method, sample(x), sample(y, "b"))
    wide = default_rng(23).standard_normal((2, 20, 15))
    with pytest.raises(CuveeError, match="20 rows for 30 columns"):
        measure(GaussianInformation(), sample(wide[0]), sample(wide[1], "b"))
