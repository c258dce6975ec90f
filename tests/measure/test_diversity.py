"""Vendi, von Neumann entropy, NovelSum, coverage, magnitude: closed forms and invariances."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.magnitude import Magnitude, distances, weighting
from cuvee.measure.near import nearest
from cuvee.measure.novelsum import NovelSum
from cuvee.measure.prdc import Prdc
from cuvee.measure.vendi import Vendi, renyi, spectrum
from cuvee.measure.von_neumann_entropy import VonNeumannEntropy

points = Sample.of_points


def inside(found, truth):
    low, high = found.interval()
    return low - 1e-9 <= truth <= high + 1e-9


def cloud(seed, rows=400, dims=6, scale=1.0):
    return default_rng(seed).standard_normal((rows, dims)) * scale


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, np.inf])
def test_orthogonal_kinds_are_counted(order):
    kinds = points(np.repeat(np.eye(5), 40, axis=0))
    assert measure(Vendi(order=order), kinds).mean == pytest.approx(5, rel=1e-6)


def test_isotropic_rows_reach_the_log_of_the_dimensions_and_a_line_gives_0():
    found = measure(VonNeumannEntropy(), points(cloud(0)))
    assert inside(found, np.log(6))
    assert found.mean == pytest.approx(np.log(6), abs=0.01)
    line = np.outer(default_rng(1).uniform(1, 2, 100), [1.0, 2, 3])
    assert measure(VonNeumannEntropy(), points(line)).mean == pytest.approx(0, abs=1e-5)


def test_vendi_is_the_exponential_of_the_entropy():
    rows = points(cloud(2, scale=np.array([3, 2, 1, 1, 0.5, 0.1])))
    vendi = measure(Vendi(order=2.0), rows).mean
    entropy = measure(VonNeumannEntropy(order=2.0), rows).mean
    assert np.log(vendi) == pytest.approx(entropy, abs=0.02)


def test_rows_and_features_have_the_same_eigenvalues():
    x = cloud(3, rows=64, dims=64)
    every = np.arange(16)
    by_features = spectrum(x, "cosine", 0, 64, default_rng(0))(every)
    by_rows = spectrum(np.column_stack([x, np.zeros(64)]), "cosine", 0, 64, default_rng(0))(every)
    assert np.allclose(np.sort(by_features)[-30:], np.sort(by_rows)[-30:], atol=1e-7)


def test_entropy_of_known_eigenvalues_lies_in_its_interval():
    spread = np.array([2, 1.5, 1, 0.5])
    big = cloud(4, rows=200_000, dims=4, scale=spread)
    ways = big / np.linalg.norm(big, axis=1)[:, None]
    truth = renyi(np.linalg.eigvalsh(ways.T @ ways / len(ways)), 1)
    kept = [
        inside(measure(VonNeumannEntropy(), points(cloud(50 + s, 300, 4, spread))), truth)
        for s in range(40)
    ]
    assert np.mean(kept) >= 0.75  # nominal 0.9; below by chance once in 300


def test_gaussian_kernel_counts_far_places():
    places = np.repeat(np.eye(3) * 100, 40, axis=0) + 0.001 * cloud(5, 120, 3)
    found = measure(Vendi(kernel="gaussian", width=1.0), points(places))
    assert found.mean == pytest.approx(3, rel=0.01)


def test_magnitude_of_far_rows_is_their_number_and_of_one_place_1():
    far = points(np.arange(64.0)[:, None] * 50)
    assert measure(Magnitude(), far).mean == pytest.approx(64, rel=1e-6)
    assert measure(Magnitude(), points(cloud(6, 64) * 1e-4)).mean == pytest.approx(1, abs=0.01)


def test_magnitude_of_two_places_has_a_closed_form():
    pair = np.array([[0.0], [0.7]])
    assert weighting(pair, 2.0).sum() == pytest.approx(2 / (1 + np.exp(-1.4)), rel=1e-6)
    assert weighting(np.repeat(pair, 3, axis=0), 2.0).sum() == pytest.approx(
        2 / (1 + np.exp(-1.4)), rel=1e-6
    )


def test_outliers_get_the_largest_weights():
    rows = np.vstack([cloud(7, 200, 3), [[9.0, 0, 0], [0, -9, 0], [0, 0, 9]]])
    assert set(np.argsort(weighting(rows))[-3:]) == {200, 201, 202}


def test_copies_of_near_rows_have_exact_distances():
    rows = 1e4 + np.array([[0.0, 0], [1e-6, 0], [0, 0]])
    away = distances(rows)
    assert away[0, 2] == 0
    assert away[0, 1] == pytest.approx(1e-6, rel=1e-4)


def test_novelsum_falls_where_rows_are_copied_and_needs_a_reference():
    pool = cloud(8, 600)
    some = pool[:200]
    copied = np.vstack([some[:100], some[:100]])
    whole, half = (measure(NovelSum(), points(x), points(pool)) for x in (some, copied))
    assert half.interval()[1] < whole.interval()[0]
    with pytest.raises(CuveeError, match="there is one"):
        measure(NovelSum(), points(some))


def test_novelsum_without_density_is_a_mean_distance():
    rows = cloud(9, 100)
    ways = rows / np.linalg.norm(rows, axis=1)[:, None]
    plain = (1 - ways @ ways.T)[~np.eye(100, dtype=bool)].mean()
    found = measure(NovelSum(density=0, proximity=0), points(rows), points(rows))
    assert found.mean == pytest.approx(plain, rel=1e-4)


def test_sets_of_a_larger_sample_have_the_number_of_a_set():
    pool = cloud(10, 1200)
    one = measure(NovelSum(rows=200), points(cloud(11, 200)), points(pool))
    many = measure(NovelSum(rows=200), points(cloud(12, 800)), points(pool))
    assert many.mean == pytest.approx(one.mean, rel=0.1)
    assert many.sd < one.sd


def test_coverage_of_the_same_law_is_nearly_all_and_of_half_the_space_half():
    reference = points(cloud(13))
    assert measure(Prdc(), points(cloud(14)), reference).mean > 0.9
    half = cloud(15, 800)
    found = measure(Prdc(), points(half[half[:, 0] > 0][:400]), reference)
    assert 0.6 < found.mean < 0.9
    apart = points(cloud(16) + 50)
    assert measure(Prdc(by="precision"), apart, reference).mean == 0
    assert measure(Prdc(by="density"), points(cloud(17)), reference).mean == pytest.approx(
        1, abs=0.2
    )


@pytest.mark.parametrize("dims", [3, 20])
def test_neighbours_are_those_of_all_distances(dims):
    rows = cloud(18, 120, dims)
    rows[5] = rows[6]
    away = distances(rows)
    np.fill_diagonal(away, np.inf)
    found, which = nearest(rows, None, 4)
    assert np.allclose(found, np.sort(away, axis=1)[:, :4], atol=1e-9)
    assert not (which == np.arange(120)[:, None]).any()
    assert np.allclose(nearest(rows[:9], rows[9:], 2)[0], np.sort(away[:9, 9:], axis=1)[:, :2])


@pytest.mark.parametrize(
    "bad",
    [lambda: Vendi(kernel="linear"), lambda: Vendi(order=-1), lambda: Magnitude(scale=0),
     lambda: Magnitude(rows=10_000), lambda: NovelSum(rows=3), lambda: Prdc(by="cover"),
     lambda: Prdc(neighbours=0), lambda: VonNeumannEntropy(width=-1)],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(CuveeError):
        bad()


def test_too_few_or_empty_rows_are_refused():
    with pytest.raises(CuveeError, match="32 or more"):
        measure(Vendi(), points(cloud(19, 20)))
    with pytest.raises(CuveeError, match="every row is 0"):
        measure(Vendi(), points(np.zeros((50, 3))))
