"""What is special to the distances of two samples: closed forms, sizes, peers, errors."""

import sys

import numpy as np
import ot
import pytest
from numpy.random import default_rng
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import kernel_tables, load, measure, mmd
from cuvee.measure.cauchy_schwarz import of_mixtures
from cuvee.measure.energy import minus_distance
from cuvee.measure.frechet import between, distance
from cuvee.measure.kernel_tables import median_distance, numbers, table_of
from cuvee.measure.monge_gap import gap
from cuvee.measure.sinkhorn import divergence, entropic
from cuvee.measure.sliced_wasserstein import directions, sliced
from cuvee.measure.wasserstein import plug_in, squares


def normal(seed, rows, dims=3):
    return default_rng(seed).standard_normal((rows, dims))


def found(name, x, y, **settings):
    return measure(load(name, **settings), Sample.of_points(x), Sample.of_points(y))


def holds(estimate, truth):
    low, high = estimate.interval(0.99)
    return low - 1e-12 <= truth <= high + 1e-12


def spread(seed, dims):
    x = normal(seed, 3 * dims, dims)
    return x.T @ x / (3 * dims)


def test_frechet_of_gaussians_is_their_wasserstein_distance():
    one, two = spread(0, 5), spread(1, 5)
    means = normal(2, 2, 5)
    want = ot.gaussian.bures_wasserstein_distance(*means, one, two) ** 2
    assert between((means[0], one), (means[1], two)) == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(("rows", "dims"), [(60, 40), (400, 40), (200, 3)])
@pytest.mark.parametrize("name", ["frechet", "wasserstein"])
def test_squared_distance_of_wider_and_shifted_normals(name, rows, dims):
    x, y = normal(10, rows, dims), 1.5 * normal(11, rows, dims) + 0.4
    few = {"splits": 8} | ({"rows": 100} if name == "wasserstein" else {})
    assert holds(found(name, x, y, **few), dims * (0.5**2 + 0.4**2))


def test_plain_frechet_of_one_law_is_far_from_nothing_and_ours_is_not():
    x, y = normal(3, 100, 64), normal(4, 100, 64)
    assert distance(x, y) > 20
    ours = found("frechet", x, y, splits=8)
    assert ours.interval()[0] == 0
    assert ours.mean < 2
    assert "100 rows for 64 dimensions" in ours.notes[0]


def test_wasserstein_is_never_less_than_what_moments_ask_for():
    wide = np.linspace(0.5, 2, 40)
    x, y = normal(5, 200, 40), normal(6, 200, 40) * wide
    ours = found("wasserstein", x, y, rows=50, splits=8)
    assert holds(ours, ((wide - 1) ** 2).sum())


def test_plug_in_matches_pot_for_samples_of_other_sizes():
    x, y = normal(0, 40), normal(1, 60)
    cost = squares(x, y)
    assert plug_in(x, y) == pytest.approx(ot.emd2([], [], cost))
    assert plug_in(x, y[:40]) == pytest.approx(ot.emd2([], [], cost[:, :40]))


@pytest.mark.parametrize("others", [300, 211])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_sliced_is_pots_number(others, power):
    x, y = normal(0, 300, 5).astype(np.float32), normal(1, others, 5) + 0.3
    ways = directions(5, 12, default_rng(2))
    want = ot.sliced_wasserstein_distance(x.astype(float), y, projections=ways, p=power)
    assert sliced(x, y, ways, power).mean() ** (1 / power) == pytest.approx(want, rel=1e-6)


def test_sliced_along_one_direction_is_sorting():
    x, y = normal(0, 50, 1), normal(1, 70, 1)
    want = wasserstein_distance(x[:, 0], y[:, 0])
    assert sliced(x, y, np.ones((1, 1)), 1) == pytest.approx(want)


@pytest.mark.parametrize("rows", [200, 3000])
def test_sliced_of_wider_and_shifted_normals(rows):
    x, y = normal(12, rows, 6), 1.3 * normal(13, rows, 6) + 0.3
    assert holds(found("sliced_wasserstein", x, y, cap=100), 0.3**2 + 0.3**2)


def overlap(spread, far, width, dims):
    both = width**2 + spread
    return (width**2 / both) ** (dims / 2) * np.exp(-far / (2 * both))


@pytest.mark.parametrize("by", ["exact", "features"])
def test_mmd_of_normals_is_their_closed_form(by):
    x, y = normal(0, 800), normal(1, 600) + 0.4
    truth = np.mean([
        2 * overlap(2, 0, 2 * scale, 3) - 2 * overlap(2, 3 * 0.16, 2 * scale, 3)
        for scale in mmd.SCALES
    ])  # fmt: skip
    assert holds(found("mmd", x, y, bandwidth=2, by=by), truth)


def test_mmd_is_the_plain_double_sum():
    x, y = normal(0, 70), normal(1, 50) + 0.2
    table = table_of(x, y, lambda s: mmd.gaussians(s, 1.5), default_rng(0))
    value = numbers(table, mmd.squared, default_rng(0))[0]

    def mean(one, two):
        values = mmd.gaussians(squares(one, two), 1.5)
        if one is two:
            return (values.sum() - np.trace(values)) / (len(one) * (len(one) - 1))
        return values.mean()

    assert value == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y), rel=1e-9)


def test_tiles_do_not_change_a_table(monkeypatch):
    x, y = normal(0, 90), normal(1, 70)
    whole = table_of(x, y, minus_distance, default_rng(0))
    monkeypatch.setattr(kernel_tables, "BLOCK", 16)
    assert np.allclose(table_of(x, y, minus_distance, default_rng(0)).sums, whole.sums)


@pytest.mark.parametrize("name", ["mmd", "kid", "energy"])
def test_permutation_test_keeps_its_level(name):
    """Of 60 pairs of one law 10 or more have p below 0.05 less than once in 1,000 runs."""
    below = 0
    for seed in range(60):
        x, y = normal(2 * seed, 40), normal(2 * seed + 1, 60)
        note = next(n for n in found(name, x, y).notes if n.startswith("p = "))
        below += float(note.split()[2]) < 0.05
    assert below < 10
    far = found(name, normal(0, 60), normal(1, 60) + 1)
    assert any(n.startswith("p = 0.005") for n in far.notes)


def test_energy_in_one_dimension_is_twice_the_squared_area_between_the_laws():
    x, y = normal(0, 2000, 1), normal(1, 2000, 1) + 1
    both = np.sort(np.concatenate([x, y]), axis=0)[:, 0]
    rank = [np.searchsorted(np.sort(z[:, 0]), both, side="right") / len(z) for z in (x, y)]
    area = 2 * ((rank[0] - rank[1])[:-1] ** 2 @ np.diff(both))
    assert found("energy", x, y).mean == pytest.approx(area, rel=0.01)


def test_cauchy_schwarz_of_mixtures_matches_quadrature():
    one = np.array([0.3, 0.7]), np.array([[-1.0], [2.0]]), np.array([[[0.5]], [[1.5]]])
    two = np.array([1.0]), np.array([[0.5]]), np.array([[[2.0]]])
    grid = np.linspace(-25, 25, 200_001)

    def density(mixture):
        return sum(
            w * np.exp(-((grid - m[0]) ** 2) / (2 * s[0, 0])) / np.sqrt(2 * np.pi * s[0, 0])
            for w, m, s in zip(*mixture)
        )

    p, q = density(one), density(two)
    step = grid[1] - grid[0]
    want = -np.log((p @ q * step) ** 2 / ((p @ p) * (q @ q) * step**2))
    assert of_mixtures(one, two) == pytest.approx(want, abs=1e-10)
    assert of_mixtures(one, one) == pytest.approx(0, abs=1e-12)


def test_cauchy_schwarz_of_samples_is_that_of_the_blurred_laws():
    x, y = normal(0, 1500, 2), normal(1, 1500, 2) * 1.4 + 0.5
    spread = [np.eye(2)[None] * s for s in (1 + 0.3**2, 1.96 + 0.3**2)]
    truth = of_mixtures((np.ones(1), np.zeros((1, 2)), spread[0]),
                        (np.ones(1), np.full((1, 2), 0.5), spread[1]))  # fmt: skip
    ours = found("cauchy_schwarz", x, y, bandwidth=0.3)
    assert holds(ours, truth)
    assert "bandwidth of 0.3" in ours.notes[-1]


def test_sinkhorn_between_normals_is_its_closed_form():
    """The entropic cost of normals: Janati, Muzellec, Peyré and Cuturi, NeurIPS 2020."""
    x, y = normal(0, 240, 1), 2 * normal(1, 240, 1) + 1
    half = 0.1 * median_distance(x, y, default_rng(0)) ** 2 / 2

    def cost(one, two):
        root = np.sqrt(4 * one * two + half**2)
        return one + two - root + half * np.log(root + half)

    def closed(far, one, two):
        return far + cost(one, two) - (cost(one, one) + cost(two, two)) / 2

    plain = closed((x.mean() - y.mean()) ** 2, x.var(), y.var())
    assert divergence(x, y, 2 * half) == pytest.approx(plain, rel=0.03)
    assert holds(found("sinkhorn", x, y, splits=8), closed(1, 1, 4))


@pytest.mark.parametrize("blur", [2.0, 0.1])
def test_entropic_cost_is_that_of_the_plan(blur):
    cost = squares(normal(0, 12, 2), normal(1, 9, 2))
    plan = ot.sinkhorn([1 / 12] * 12, [1 / 9] * 9, cost, blur, method="sinkhorn_log",
                       numItermax=5000, warn=False)  # fmt: skip
    want = (plan * cost).sum() + blur * rel_entr(plan, 1 / 108).sum()
    assert entropic(cost, blur) == pytest.approx(want, rel=0.02)


def test_missing_pot_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(CuveeError, match=r'pip install "cuvee\[ot\]"'):
        plug_in(normal(0, 20), normal(1, 25))


def test_monge_gap_is_nothing_for_gradients_and_more_for_a_turn():
    x = normal(0, 200, 2)
    assert gap(x, x * [0.5, 3.0] + 1) == pytest.approx(0, abs=1e-12)
    assert gap(x, x**3) == pytest.approx(0, abs=1e-12)
    turned = found("monge_gap", x, x[:, ::-1] * [1, -1])
    # A quarter turn costs 2 x 2, and the law is its own: nothing need be carried.
    assert turned.bound == "lower"
    assert 3 < turned.mean < 4.6


@pytest.mark.parametrize(("name", "settings"), [
    ("frechet", {"splits": 2}), ("wasserstein", {"rows": 2}), ("sliced_wasserstein", {"cap": 1}),
    ("sinkhorn", {"blur": 0.0}), ("mmd", {"by": "magic"}), ("mmd", {"bandwidth": -1.0}),
    ("kid", {"degree": 0}), ("energy", {"rows": 1}), ("cauchy_schwarz", {"bandwidth": -1.0}),
    ("monge_gap", {"draws": 2}), ("kl", {"by": "magic"}), ("alpha", {"alpha": float("nan")}),
    ("classifier_two_sample", {"rows": 1}), ("token_js", {"splits": 1}),
])  # fmt: skip
def test_wrong_settings_are_refused(name, settings):
    with pytest.raises(CuveeError) as caught:
        load(name, **settings)
    assert "\n" not in str(caught.value)
