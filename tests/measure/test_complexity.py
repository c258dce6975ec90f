"""Compression of text and labels, programs, inductive bias, and jumps of distributions."""

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.stats import norm

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.compression import Compression, packed
from cuvee.measure.inductive_bias import InductiveBias, coded, hypotheses, log_probability
from cuvee.measure.label_compression import LabelCompression, code_lengths
from cuvee.measure.programs import bits, gamma, printed, random_program, synthesised
from cuvee.measure.regression_discontinuity import distribution_jump


def texts(documents):
    return Sample("a", texts=tuple(documents), size=len(documents))


def random_texts(rng, count=40, length=1000):
    return ["".join(map(chr, rng.integers(32, 32 + 64, length))) for _ in range(count)]


def test_random_bytes_take_what_their_alphabet_takes_and_repeats_next_to_nothing():
    rng = default_rng(1)
    found = measure(Compression(), texts(random_texts(rng)))
    assert found.bound == "upper"
    assert 6 <= found.mean < 6.3  # 64 kinds of characters
    assert measure(Compression(), texts(["a rule, " * 200] * 40)).mean < 0.1


@pytest.mark.parametrize("by", ["lzma", "bz2", "zlib", "zstd"])
def test_best_is_no_worse_than_any_but_two_bits(by):
    documents = random_texts(default_rng(2), 10, 300) * 2
    best, other = (measure(Compression(by=w), texts(documents)).mean for w in ("best", by))
    assert best - other <= 2 / 6000


def test_programs_are_found_again_and_print_what_they_should():
    shorter = []
    for seed in range(20):
        program = random_program(200, default_rng([seed, 3]))
        data = printed(program)
        found = synthesised(data)
        assert len(data) == 200
        assert printed(found) == data
        shorter.append(bits(found) < 8 * min(packed(data).values()))
    assert np.mean(shorter) > 0.9


def test_programs_print_what_they_say():
    assert printed(("repeat", 5, ("bytes", b"ab"))) == b"ababa"
    assert printed(("sums", 7, ("repeat", 3, ("bytes", b"\1")))) == bytes([7, 8, 9, 10])
    assert printed(("deal", ("bytes", b"ac"), ("bytes", b"b"))) == b"abc"
    assert printed(("mirror", 1, ("bytes", b"abc"))) == b"abcba"
    assert printed(("mirror", 0, ("bytes", b"abc"))) == b"abccba"
    assert printed(("pairs", 6, 1, 1, 1, 1)) == bytes([1, 1, 2, 3, 5, 8])
    assert printed(("linear", 3, 200, 2, 1)) == bytes([200, 145, 35])
    assert [gamma(n) for n in (0, 1, 2, 3, 6, 7)] == [1, 3, 3, 5, 5, 7]


def test_codes_of_programs_are_no_more_than_there_can_be():
    # Kraft: all programs of random bytes cannot be shorter than the bytes.
    rng = default_rng(4)
    data = rng.bytes(300)
    assert bits(synthesised(data)) >= 8 * 300
    found = measure(Compression(by="programs"), texts(["abcabcabc" * 9] * 3))
    assert found.mean < 1


def test_labels_with_a_rule_compress_and_others_do_not():
    rng = default_rng(5)
    x = rng.standard_normal((600, 3))
    rule, none = (x[:, 0] > 0).astype(int), rng.integers(2, size=600)
    one, other = (
        measure(LabelCompression(), Sample.of_points(x), Sample.of_labels(y, "b"))
        for y in (rule, none)
    )
    assert one.mean < 0.25
    assert 0.98 < other.mean < 1.03
    assert one.null.min() > 0.9


def test_labels_are_coded_by_probabilities():
    # After eight labels, 2 to the minus bits of all ways to go on adds up to 1: it is a code.
    points = default_rng(6).standard_normal((12, 1))
    total = 0.0
    for number in range(16):
        labels = np.append([0, 1, 0, 0, 1, 1, 0, 1], (number >> np.arange(4)) & 1)
        total += 2 ** -code_lengths(points, labels)[8:].sum()
    assert np.isclose(total, 1)


def test_tail_of_errors_is_that_of_brute_force():
    rng = default_rng(7)
    x = rng.standard_normal((45, 2))
    codes = coded((x[:, 0] > 0).astype(int))
    middle, spread = hypotheses(x, codes[:30], 0.5, 0.05)
    off = middle - codes[30:]
    root = np.linalg.cholesky(spread + 1e-12 * np.eye(15))
    errors = ((off[:, 0] + rng.standard_normal((40_000, 15)) @ root.T) ** 2).sum(axis=1)
    for share in (0.01, 0.3, 0.95):
        size = float(np.quantile(errors, share))
        assert abs(np.exp(log_probability(off, spread, size)) - share) < 0.1 * share


def test_tail_of_one_square_is_closed():
    for size in (1e-3, 0.5, 1.0, 3.0):
        found = np.exp(log_probability(np.zeros((1, 1)), np.ones((1, 1)), size))
        truth = 2 * norm.cdf(np.sqrt(size)) - 1
        assert abs(found - truth) < 0.13 * truth
    assert log_probability(np.full((50, 1), 3.0), np.eye(50), 1.0) < -200


def test_labels_without_rule_need_more_bits():
    rng = default_rng(8)
    x = rng.standard_normal((320, 2))
    method = InductiveBias(train=200, held=60)
    easy, hard = (
        measure(method, Sample.of_points(x), Sample.of_labels(y, "b")).mean
        for y in ((x[:, 0] > 0).astype(int), rng.integers(2, size=320))
    )
    assert hard > easy + 50
    one_class = Sample.of_labels(np.zeros(320), "b")
    assert measure(method, Sample.of_points(x), one_class).mean == 0


def firms(seed, units=300, jump=0.5):
    rng = default_rng([seed, 9])
    running = rng.uniform(-1, 1, units)
    middle = np.sin(2 * running) + 0.3 * rng.standard_normal(units) + jump * (running >= 0)
    return running, middle[:, None] + rng.standard_normal((units, 40))


def test_jump_is_met_and_bands_hold_the_curve():
    hits, means = 0, []
    for seed in range(20):
        running, outcomes = firms(seed)
        found = distribution_jump(running, outcomes, rng=default_rng(seed), draws=300)
        low, high = found.band(0.9)
        hits += bool((low <= 0.5).all() and (high >= 0.5).all())
        means.append(found.estimate.mean.mean())
    assert hits >= 14
    assert abs(np.mean(means) - 0.5) < 3.5 * np.std(means) / np.sqrt(20)
    assert (np.diff(found.sides, axis=1) >= 0).all()
    assert found.distance > 0


def test_jump_moves_with_units_of_both_axes():
    running, outcomes = firms(3)
    one = distribution_jump(running, outcomes, rng=default_rng(0), draws=60)
    other = distribution_jump(
        1000 * running + 5, 3 * outcomes - 1, rng=default_rng(0), at=5.0, draws=60
    )
    assert np.allclose(other.estimate.draws, 3 * one.estimate.draws)
    assert np.isclose(other.bandwidth, 1000 * one.bandwidth)


def test_what_is_refused():
    running, outcomes = firms(4)
    rng = default_rng(0)
    with pytest.raises(CuveeError, match="units below the line"):
        distribution_jump(np.abs(running), outcomes, rng=rng)
    with pytest.raises(CuveeError, match="number of the running variable for each unit"):
        distribution_jump(running[:5], outcomes, rng=rng)
    with pytest.raises(CuveeError, match="larger bandwidth"):
        distribution_jump(running, outcomes, rng=rng, bandwidth=0.01)
    with pytest.raises(CuveeError, match="levels between 0 and 1"):
        distribution_jump(running, outcomes, rng=rng, levels=(0.0, 0.5))
    with pytest.raises(CuveeError, match="gzip2"):
        Compression(by="gzip2")
    with pytest.raises(CuveeError, match="expected 2 or more documents"):
        measure(Compression(), texts(["", ""]))
    with pytest.raises(CuveeError, match="orders must be 2"):
        LabelCompression(orders=1)
    with pytest.raises(CuveeError, match="train and held"):
        InductiveBias(train=2)
    assert Compression().outside(texts(["short"] * 3))
