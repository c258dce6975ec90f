"""Entropy and divergence by neighbours: closed forms, and what is refused."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.knn_entropy import KnnEntropy
from cuvee.measure.knn_kl import KnnKl


def normal_entropy(dims, sd=1.0):
    return dims * (0.5 * np.log(2 * np.pi * np.e) + np.log(sd))


@pytest.mark.parametrize("dims", [1, 2, 5])
def test_entropy_of_a_gaussian(dims):
    x = 3 * default_rng(1).standard_normal((2000, dims))
    found = measure(KnnEntropy(), Sample.of_points(x))
    low, high = found.interval(0.98)
    assert low <= normal_entropy(dims, 3) <= high
    assert found.mean == pytest.approx(normal_entropy(dims, 3), abs=0.1)


def test_entropy_of_a_uniform_law_is_the_log_of_its_size():
    found = measure(KnnEntropy(), Sample.of_points(default_rng(2).uniform(0, 5, (3000, 1))))
    assert found.mean == pytest.approx(np.log(5), abs=0.05)


def test_twice_the_scale_adds_log_2_for_each_column():
    x = default_rng(3).standard_normal((400, 3))
    one, two = (measure(KnnEntropy(), Sample.of_points(z)).mean for z in (x, 2 * x))
    assert two - one == pytest.approx(3 * np.log(2), abs=0.02)


def test_entropy_covers_the_truth():
    """Of 40 samples a right interval misses 10 or more once in 200 times."""
    hits = 0
    for seed in range(40):
        x = default_rng([4, seed]).standard_normal((300, 2))
        low, high = measure(KnnEntropy(), Sample.of_points(x), seed=seed).interval()
        hits += low <= normal_entropy(2) <= high
    assert hits >= 31


def test_entropy_refuses_what_has_no_density():
    x = default_rng(5).standard_normal((300, 2))
    with pytest.raises(CuveeError, match="copies"):
        measure(KnnEntropy(), Sample.of_points(np.repeat(x[:20], 15, axis=0)))
    with pytest.raises(CuveeError, match="always the same"):
        measure(KnnEntropy(), Sample.of_points(np.column_stack([x, np.ones(300)])))
    with pytest.raises(CuveeError, match="20 rows"):
        measure(KnnEntropy(), Sample.of_points(x[:20]))
    with pytest.raises(CuveeError, match="neighbours"):
        KnnEntropy(neighbours=0)


def shifted(seed, n, dims, by, wide=1.0):
    x, y = default_rng(seed).standard_normal((2, n, dims))
    truth = dims * (np.log(wide) + (1 + by**2) / (2 * wide**2) - 0.5)
    return Sample.of_points(x), Sample.of_points(wide * y + by, "b"), truth


@pytest.mark.parametrize(("dims", "by", "wide"), [(1, 1.0, 1.0), (1, 0.0, 2.0), (2, 0.5, 1.5)])
def test_divergence_of_gaussians(dims, by, wide):
    a, b, truth = shifted(6, 2000, dims, by, wide)
    found = measure(KnnKl(nulls=3), a, b)
    low, high = found.interval(0.98)
    assert low <= truth <= high
    assert found.mean == pytest.approx(truth, abs=0.1)


def test_divergence_does_not_depend_on_a_linear_map():
    a, b, _ = shifted(7, 400, 2, 1.0)
    turn = np.array([[3.0, 1.0], [0.0, 0.2]])
    there = (Sample.of_points(s.rows @ turn + 5, s.name) for s in (a, b))
    plain = measure(KnnKl(nulls=0), a, b).mean
    assert measure(KnnKl(nulls=0), *there).mean == pytest.approx(plain, abs=0.02)


def test_divergence_covers_the_truth():
    """Of 40 samples a right interval misses 10 or more once in 200 times."""
    hits = 0
    for seed in range(40):
        a, b, truth = shifted([8, seed], 250, 2, 0.6)
        low, high = measure(KnnKl(nulls=0), a, b, seed=seed).interval()
        hits += low <= truth <= high
    assert hits >= 31


def test_divergence_refuses_copies_and_few_rows():
    a, b, _ = shifted(9, 200, 2, 0.5)
    copies = Sample.of_points(np.repeat(a.rows[:20], 10, axis=0))
    with pytest.raises(CuveeError, match="copies"):
        measure(KnnKl(), copies, b)
    with pytest.raises(CuveeError, match="10 rows"):
        measure(KnnKl(), Sample.of_points(a.rows[:10]), b)
    with pytest.raises(CuveeError, match="constant"):
        measure(KnnKl(), *(Sample.of_points(np.ones((50, 2)), n) for n in "ab"))
    with pytest.raises(CuveeError, match="neighbours"):
        KnnKl(nulls=-1)
