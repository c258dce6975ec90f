"""Networks of sets, embeddings of laws, and codes of few digits."""

import numpy as np
import pytest
import torch
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.deep_sets import DeepSets
from cuvee.measure.distribution_embedding import DistributionEmbedding
from cuvee.measure.embedded_sets import gaussian, w2
from cuvee.measure.hash_codes import HashCodes, information
from cuvee.measure.set_networks import RandomLaw, SetShape, random_law


def test_order_of_rows_cannot_matter():
    generator = torch.Generator().manual_seed(1)
    shape = SetShape(3, 16, 4)
    sets = torch.randn(5, 40, 3, generator=generator)
    weights = shape.start(generator, sets)
    turned = sets[:, torch.randperm(40, generator=generator)]
    assert torch.allclose(shape(weights, sets), shape(weights, turned), atol=1e-6)
    twice = torch.cat([sets, sets], dim=1)
    assert torch.allclose(shape(weights, sets), shape(weights, twice), atol=1e-6)


def law(tail, wide=1.0, place=0.0):
    return RandomLaw(np.ones(1), np.full((1, 2), place), wide * np.eye(2)[None], tail)


@pytest.mark.parametrize(
    ("tail", "truth"),
    [
        ("normal", 0.5 * np.log(2 * np.pi * np.e)),
        ("uniform", np.log(2 * np.sqrt(3))),
        ("laplace", 1 + np.log(np.sqrt(2))),
        ("exponential", 1.0),
    ],
)
def test_entropies_of_random_laws_are_right(tail, truth):
    found = law(tail).entropy(default_rng(2))
    assert abs(found - 2 * truth) < 0.1
    assert abs(law(tail, 3.0).entropy(default_rng(2)) - found - 2 * np.log(3)) < 1e-9
    rows = law(tail).draw(4000, default_rng(3))
    assert abs(rows.mean()) < 0.06
    assert abs(rows.var() - 1) < 0.1


def test_gaussian_entropy_is_within_the_interval():
    x = 5 * default_rng(4).standard_normal((400, 1))
    found = measure(DeepSets(laws=150, rows=100, hidden=24, steps=150), Sample.of_points(x))
    low, high = found.interval()
    assert low < 0.5 * np.log(2 * np.pi * np.e) + np.log(5) < high
    assert high - low < 2
    with pytest.raises(CuveeError, match="constant or follow"):
        measure(DeepSets(), Sample.of_points(np.column_stack([x, x])))


def test_distance_of_gaussians_is_closed():
    assert np.isclose(w2(law("normal"), law("normal", 3.0)), np.sqrt(2) * 2)
    assert np.isclose(w2(law("normal"), law("normal", 1.0, 2.0)), np.sqrt(2) * 2)
    made = random_law(2, default_rng(5), pieces=1, tails=False)
    assert w2(made, made) < 1e-5
    assert gaussian(2, default_rng(6)).odds.tolist() == [1.0]


def test_far_laws_are_farther_and_equal_ones_near_nothing():
    method = DistributionEmbedding(codes=4, rows=32, hidden=16, steps=80, splits=6)
    rng = default_rng(7)
    x = rng.standard_normal((300, 2))
    same, near, far = (
        measure(method, Sample.of_points(x), Sample.of_points(y, "b"))
        for y in (rng.standard_normal((300, 2)) + shift for shift in (0.0, 1.0, 2.0))
    )
    assert same.interval()[0] <= 1e-9
    assert same.mean < near.mean < far.mean
    assert far.interval()[0] > far.null.max() / 4


def test_a_code_and_its_generator_have_the_right_shapes():
    method = DistributionEmbedding(codes=3, rows=20, hidden=8, steps=5)
    learned = method.learned(2, default_rng(8))
    code = learned.code(default_rng(9).standard_normal((50, 2)))
    assert code.shape == (3,)
    assert learned.draw(code, 7, default_rng(1)).shape == (7, 2)


def test_information_of_perfect_and_of_empty_codes():
    labels = np.tile(np.arange(4), 200)
    perfect = np.column_stack([labels // 2, labels % 2])
    empty = np.zeros_like(perfect)
    rest = slice(400, None)
    one, other = (
        information(c[:400], labels[:400], c[rest], labels[rest], 2).mean()
        for c in (perfect, empty)
    )
    assert abs(one - np.log(4)) < 0.03
    assert abs(other) < 0.01
    doubled = np.tile(perfect, 5)  # digits that repeat each other tell nothing new
    again = information(doubled[:400], labels[:400], doubled[rest], labels[rest], 2).mean()
    assert abs(again - np.log(4)) < 0.01


def test_codes_of_clusters_tell_their_class():
    rng = default_rng(10)
    labels = rng.integers(4, size=600)
    x = 4 * np.eye(4)[labels] + rng.standard_normal((600, 4))
    method = HashCodes(hidden=16, steps=120, digits=4)
    found = measure(method, Sample.of_points(x), Sample.of_labels(labels, "b"))
    assert 0.8 * np.log(4) < found.mean < np.log(4)
    assert found.null.max() < 0.1
    assert "nats of each of 4 digits" in found.notes[-1]
    with pytest.raises(CuveeError, match="ways 2 or more"):
        HashCodes(ways=1)
