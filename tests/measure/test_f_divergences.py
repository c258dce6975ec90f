"""What is special to divergences of densities, and of counts."""

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.sparse import csr_array
from scipy.stats import norm

from cuvee.core.sample import Sample
from cuvee.measure import load, measure
from cuvee.measure.log_ratios import WAYS, crossed, log_density, logistic


def normal(seed, rows, dims=2):
    return default_rng(seed).standard_normal((rows, dims))


def found(name, x, y, **settings):
    return measure(load(name, **settings), Sample.of_points(x), Sample.of_points(y))


def holds(estimate, truth):
    low, high = estimate.interval(0.99)
    return low <= truth <= high


FAR = 0.8
"""Of the means, in standard deviations; closed forms of two normals."""
TRUTHS = {
    "kl": FAR**2 / 2,
    "chi_squared": np.expm1(FAR**2),
    "alpha": 4 * (1 - np.exp(-(FAR**2) / 8)),
    "jensen_shannon": 0.07418,
}


def test_jensen_shannon_of_the_table_is_right():
    at = np.linspace(-12, 12, 100_001)
    p, q = norm.pdf(at), norm.pdf(at, FAR)
    both = (p + q) / 2
    value = 0.5 * np.trapezoid(p * np.log(p / both) + q * np.log(q / both), at)
    assert TRUTHS["jensen_shannon"] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("name", TRUTHS)
def test_closed_forms_of_shifted_normals(name):
    x, y = normal(20, 600), normal(21, 600)
    x[:, 0] += FAR
    assert holds(found(name, x, y, by="gaussian", splits=8), TRUTHS[name])


@pytest.mark.parametrize("name", ["kl", "jensen_shannon"])
def test_closed_forms_by_a_classifier(name):
    x, y = normal(22, 500), normal(23, 500)
    x[:, 0] += FAR
    assert found(name, x, y, splits=4).mean == pytest.approx(TRUTHS[name], rel=0.3)


@pytest.mark.parametrize("by", WAYS)
def test_ratio_is_learned_by_all_ways(by):
    x, y = normal(0, 800) + 0.7, normal(1, 800)
    ratios = crossed(x, y, by, default_rng(0))
    for rows, ratio in zip((x, y), ratios):
        want = 0.7 * rows.sum(axis=1) - 0.7**2
        assert np.corrcoef(ratio, want)[0, 1] > 0.85


def test_alpha_goes_from_one_kl_to_the_other():
    x, y = normal(3, 400), 1.5 * normal(4, 400)
    kinds = {"by": "gaussian", "splits": 4}
    at_one, kl = found("alpha", x, y, alpha=1.0, **kinds), found("kl", x, y, **kinds)
    assert at_one.mean == pytest.approx(kl.mean, rel=0.3)
    back = found("kl", y, x, **kinds)
    assert back.mean > 1.2 * kl.mean


def test_density_of_kernels_is_exact():
    points, at = normal(0, 50), normal(1, 7)
    mean, cov = points.mean(axis=0), np.cov(points, rowvar=False)
    width = 0.4
    root = np.linalg.cholesky(cov)
    unit = np.linalg.solve(root, (at - mean).T).T
    kernels = np.linalg.solve(root, (points - mean).T).T
    far = ((unit[:, None] - kernels) ** 2).sum(axis=2) / width**2
    want = np.exp(-far / 2).mean(axis=1) / (2 * np.pi * width**2 * np.sqrt(np.linalg.det(cov)))
    got, made = log_density(at, points, width)
    assert got == pytest.approx(np.log(want))
    assert ((made >= 1) & (made <= 50)).all()


def test_density_in_many_dimensions_says_that_it_is_not_seen():
    notes = found("kl", normal(0, 100, 30), normal(1, 100, 30), by="kde", splits=4).notes
    assert any("made of" in note for note in notes)
    assert any("30 dimensions" in note for note in notes)


def test_laws_that_hardly_overlap_are_named():
    notes = found("kl", normal(0, 100) + 8, normal(1, 100), by="gaussian", splits=4).notes
    assert any("hardly overlap" in note for note in notes)


def test_logistic_is_where_its_slope_vanishes():
    rng = default_rng(0)
    table = np.column_stack([np.ones(300), rng.standard_normal((300, 3))])
    label = (table @ [0.2, 1, -1, 0] + rng.logistic(size=300) > 0).astype(float)
    weight, ridge = np.full(300, 1 / 300), np.full(4, 0.01)
    at = logistic(table, label, weight, ridge)
    slope = table.T @ (weight * (1 / (1 + np.exp(-table @ at)) - label)) + ridge * at
    assert abs(slope).max() < 1e-4


def test_classifier_finds_what_moments_do_not():
    """A ring and a cloud of the same mean and covariance."""
    rng = default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    ring = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)])
    told = found("classifier_two_sample", ring + 0.05 * normal(1, 400), normal(2, 400))
    assert told.mean > 0.4
    assert told.bound == "lower"
    assert any(note.startswith("p = ") for note in told.notes)


def counted(odds, tokens, seed):
    rows = default_rng(seed).multinomial(tokens // 32, odds, 32).astype(float)
    return Sample("counts", symbols=csr_array(rows), size=tokens)


def zipf(kinds, power):
    odds = np.arange(1, kinds + 1.0) ** -power
    return odds / odds.sum()


@pytest.mark.parametrize(("name", "tokens"), [("token_js", 3200), ("token_kl", 6400)])
def test_counts_of_two_zipf_laws(name, tokens):
    p, q = zipf(100, 1.0), zipf(100, 1.3)
    both = (p + q) / 2
    truth = {"token_js": (p @ np.log(p / both) + q @ np.log(q / both)) / 2,
             "token_kl": p @ np.log(p / q)}[name]  # fmt: skip
    assert holds(measure(load(name), counted(p, tokens, 0), counted(q, tokens, 1)), truth)


@pytest.mark.parametrize("name", ["token_js", "token_kl"])
def test_few_words_of_one_language_do_not_differ(name):
    """Plain Jensen-Shannon divergence of these is about 0.2 nats."""
    p = zipf(2000, 1.0)
    ours = measure(load(name), counted(p, 3200, 2), counted(p, 3200, 3))
    assert ours.interval()[0] == 0
    assert ours.interval()[1] < 0.05
    assert any("times on average" in note for note in ours.notes)


def test_words_that_the_other_has_not_are_named():
    p = zipf(50, 1.0)
    half = np.where(np.arange(50) < 25, p, 0)
    notes = measure(
        load("token_kl"), counted(p, 3200, 0), counted(half / half.sum(), 3200, 1)
    ).notes
    assert any("choose token_js" in note for note in notes)
