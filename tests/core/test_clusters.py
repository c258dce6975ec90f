"""Clusters that are there are found, whatever rows count and wherever they lie."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core.clusters import kmeans, nearest, unit


def planted(sizes, wide=0.2, shift=0.0, dtype=np.float32):
    """Points around the corners of a simplex, and the corner of each."""
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    noise = wide * default_rng(1).standard_normal((len(kinds), len(sizes)))
    return (10 * np.eye(len(sizes))[kinds] + noise + shift).astype(dtype), kinds


def found(kinds, labels):
    """Whether each cluster is one of those planted."""
    return len(set(zip(kinds.tolist(), labels.tolist()))) == len(set(kinds)) == labels.max() + 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shift", [0, 1000])
@pytest.mark.parametrize("most", [None, 60])
def test_planted_clusters_are_found(shift, most, dtype):
    """Also where all points are far from the origin, and where centers are fitted to a sample."""
    points, kinds = planted([60, 50, 40, 30], shift=shift, dtype=dtype)
    for seed in range(5):
        centers, labels = kmeans(points, 4, default_rng(seed), most=most)
        assert found(kinds, labels)
        assert centers.dtype == dtype
        means = np.array([points[labels == i].mean(axis=0) for i in range(4)])
        assert np.abs(centers - means).max() < (1e-3 if most is None else 0.3)
        assert np.array_equal(nearest(points, centers), labels)


def test_more_clusters_than_planted_split_them():
    points, kinds = planted([50, 40, 30, 20])
    centers, labels = kmeans(points, 8, default_rng(0))
    assert 4 < len(centers) <= 8
    assert all(len(np.unique(kinds[labels == i])) == 1 for i in range(len(centers)))


def test_angles():
    """Rows of any length; centers of length 1."""
    points, kinds = planted([70, 80, 90], wide=0.3)
    points *= np.geomspace(1e-6, 1e20, len(points), dtype=np.float32)[:, None]
    for most in (None, 90):
        centers, labels = kmeans(points, 3, default_rng(0), sphere=True, most=most)
        assert found(kinds, labels)
        assert np.allclose(np.linalg.norm(centers, axis=1), 1, atol=1e-5)


def test_rows_count_as_much_as_they_weigh():
    """A row of weight n is as n rows; one of weight 0 moves nothing."""
    points = np.array([[0.0], [1], [2], [10], [11], [500]])
    weights = np.array([3.0, 1, 1, 2, 1, 0])
    for seed in range(5):
        centers, labels = kmeans(points, 2, default_rng(seed), weights=weights)
        assert sorted(centers[:, 0].tolist()) == pytest.approx([3 / 5, 31 / 3])
        assert labels[-1] == labels[-2]


@pytest.mark.parametrize("sphere", [False, True])
def test_no_more_centers_than_rows_that_differ(sphere):
    points = np.repeat(np.array([[1.0, 0], [0, 1], [-1, 0.5]], np.float32), 30, axis=0)
    centers, labels = kmeans(points, 20, default_rng(0), sphere=sphere)
    assert len(centers) == 3
    assert np.allclose(centers[labels], unit(points) if sphere else points, atol=1e-6)
    centers, labels = kmeans(points[:1], 20, default_rng(0), sphere=sphere)
    assert (len(centers), labels.tolist()) == (1, [0])


def test_same_seed_same_clusters():
    points, _ = planted([50, 40, 30], wide=4.0)
    first, again, other = (kmeans(points, 5, default_rng(s), most=70) for s in (1, 1, 2))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
