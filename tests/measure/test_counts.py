"""Entropies of counts: definitions, coverage, what is without bias, and what is refused."""

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.sparse import csr_array

import cuvee
from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import load, measure, reasons
from cuvee.measure.counted import ENTROPIES, Tally, entropy_of_order, plugin, power_sum
from cuvee.measure.divergence_entropy import (
    DivergenceEntropy,
    distance_from_determinism,
    divergence,
    shared,
)
from cuvee.measure.entropy import Entropy
from cuvee.measure.label_information import LabelInformation


def zipf(kinds, power):
    p = 1 / np.arange(1, kinds + 1.0) ** power
    return p / p.sum()


def shannon(p):
    p = p[p > 0]
    return float(-p @ np.log(p))


def drawn(p, n, seed, by_document=0.0):
    """Blocks of symbols; with a concentration, documents have laws of their own."""
    rng = default_rng([seed, 17])
    laws = rng.dirichlet(by_document * p, size=32) if by_document else np.tile(p, (32, 1))
    table = np.stack([rng.multinomial(n // 32, law) for law in laws])
    return Sample("a", symbols=csr_array(table.astype(float)), size=n)


def covers(found, truth):
    low, high = found.interval()
    return low <= truth <= high


def test_chao_wang_jost_is_the_published_sum():
    counts = default_rng(0).multinomial(300, zipf(1000, 1.0)).astype(float)
    n, once, twice = 300, (counts == 1).sum(), (counts == 2).sum()
    share = 2 * twice / ((n - 1) * once + 2 * twice)
    r = np.arange(1, n)
    rest = -np.log(share) - np.sum((1 - share) ** r / r)
    seen = sum(c / n * np.sum(1 / np.arange(c, n)) for c in counts[counts > 0])
    expected = seen + once / n * (1 - share) ** (1 - n) * rest
    assert np.isclose(ENTROPIES["chao_wang_jost"](Tally.of(counts)), expected, rtol=1e-7)


def test_the_jackknife_leaves_out_each_occurrence():
    counts = default_rng(1).multinomial(60, zipf(30, 1.0)).astype(float)
    n = 60
    less = [plugin(Tally.of(counts - np.eye(30)[i])) if c else 0 for i, c in enumerate(counts)]
    expected = n * plugin(Tally.of(counts)) - (n - 1) * (counts / n) @ np.array(less)
    assert np.isclose(ENTROPIES["jackknife"](Tally.of(counts)), expected)


@pytest.mark.parametrize("by", ENTROPIES)
def test_every_correction_ends_at_the_truth(by):
    p = zipf(50, 0.5)
    counts = default_rng(2).multinomial(2_000_000, p).astype(float)
    assert np.isclose(ENTROPIES[by](Tally.of(counts)), shannon(p), atol=0.002)
    few = [default_rng([2, s]).multinomial(60, p).astype(float) for s in range(100)]
    off = np.mean([ENTROPIES[by](Tally.of(c)) for c in few]) - shannon(p)
    assert abs(off) < {"plugin": 0.5, "miller_madow": 0.25}.get(by, 0.12)


def test_power_sums_of_known_orders():
    counts = default_rng(3).multinomial(200, zipf(80, 1.0)).astype(float)
    tally, n = Tally.of(counts), 200
    pairs = (counts * (counts - 1)).sum() / n / (n - 1)
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    chao1 = (counts > 0).sum() + (n - 1) / n * once**2 / (2 * twice)
    assert np.isclose(power_sum(tally, 2.0), pairs)
    assert np.isclose(power_sum(tally, 0.0), chao1)
    assert np.isclose(power_sum(tally, 1.0), 1)
    near = entropy_of_order(tally, 1 + 1e-6)
    assert np.isclose(near, entropy_of_order(tally, 1.0), atol=1e-4)


@pytest.mark.parametrize(("kinds", "power", "n"), [(6, 0.5, 640), (300, 0.0, 3200), (900, 1, 9600)])
def test_entropy_is_in_its_interval(kinds, power, n):
    """Nominal 90% of 40; a right method falls under 31 about once in 100 runs of fixed seeds."""
    p = zipf(kinds, power)
    found = [Entropy().measure(drawn(p, n, s), rng=default_rng(s)) for s in range(40)]
    assert sum(covers(f, shannon(p)) for f in found) >= 31


def test_documents_with_laws_of_their_own_widen_the_interval():
    p = zipf(40, 1.0)
    found = [Entropy().measure(drawn(p, 6400, s, 60.0), rng=default_rng(s)) for s in range(30)]
    alone = Entropy().measure(drawn(p, 6400, 0), rng=default_rng(0))
    assert sum(covers(f, shannon(p)) for f in found) >= 22
    assert np.mean([np.ptp(f.interval()) for f in found]) > 1.5 * np.ptp(alone.interval())


def test_what_was_not_seen_is_said():
    sample = drawn(zipf(50_000, 1.0), 640, 0)
    assert any("seen before" in why for why in reasons(Entropy(), sample))
    assert not reasons(Entropy(), drawn(zipf(10, 0.0), 640, 0))
    assert not reasons(DivergenceEntropy(), sample)
    two = Sample("two", symbols=csr_array(np.eye(32, 6) * 50), size=300)
    assert any("groups of documents" in note for note in measure(Entropy(), two).notes)
    with pytest.raises(CuveeError, match="expected 32 or more"):
        measure(Entropy(), Sample.of_labels(np.arange(20) % 3))
    with pytest.raises(CuveeError, match="unknown by"):
        Entropy(by="guess")


def test_order_of_classes_of_rows_does_not_matter():
    """Even if they come in turn, as leaving out one row in so many would find them."""
    sample = Sample.of_labels(np.arange(640) % 4)
    found = measure(Entropy(), sample)
    assert covers(found, np.log(4))
    assert np.ptp(found.interval()) < 0.1
    assert not found.notes


def test_text_and_classes_are_measured_by_their_words():
    texts = [" ".join(f"w{i}" for i in default_rng(s).integers(9, size=30)) for s in range(60)]
    assert cuvee.measure(texts).method == "entropy"
    assert cuvee.measure(np.array(["up", "down"] * 40)).method == "entropy"
    assert cuvee.measure(texts, texts[:30]).method == "token_js"


@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_a_copy_and_two_draws_define_the_entropies(order):
    p = default_rng(4).dirichlet(np.ones(7))
    channel = np.stack([p, np.eye(7)[2]])
    renyi = distance_from_determinism(channel, "renyi", order)
    power = 2 - order
    expected = shannon(p) if power == 1 else np.log((p**power).sum()) / (1 - power)
    assert np.allclose(renyi, [expected, 0], atol=1e-12)
    assert np.allclose(distance_from_determinism(channel, "kl"), [shannon(p), 0])
    assert np.allclose(distance_from_determinism(channel, "tv"), [1 - p @ p, 0])


def test_divergences_that_do_not_exist_are_infinite():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    assert divergence(p, q) == np.inf
    assert divergence(p, q, "renyi", 1.5) == np.inf
    assert np.isclose(divergence(p, q, "renyi", 0.5), np.log(2))
    assert divergence(q, 1 - q, "renyi", 0.5) == np.inf
    assert divergence(q, 1 - q, "tv") == 1
    assert shared(np.outer(p, q), "tv") == 0


@pytest.mark.parametrize(
    ("by", "order"), [("tv", 0.5), ("kl", 0.5), ("renyi", 0.5), ("renyi", 1.5)]
)
def test_entropies_of_counts_cover_their_truth(by, order):
    p = zipf(200, 0.8)
    truth = float(distance_from_determinism(p[None], by, order)[0])
    method = DivergenceEntropy(by=by, order=order)
    found = [method.measure(drawn(p, 6400, s), rng=default_rng(s)) for s in range(30)]
    assert sum(covers(f, truth) for f in found) >= 23
    assert found[0].unit == method.unit


def test_the_number_of_symbols_is_said_to_be_no_estimate():
    method, sample = DivergenceEntropy(by="renyi", order=2.0), drawn(zipf(200, 0.8), 6400, 0)
    assert "however rare" in reasons(method, sample)[0]
    assert not reasons(DivergenceEntropy(by="renyi"), sample)


def test_settings_out_of_range_are_refused():
    with pytest.raises(CuveeError, match="order must lie"):
        DivergenceEntropy(order=3)
    with pytest.raises(CuveeError, match="unknown by"):
        load("divergence_entropy", by="other")
    with pytest.raises(CuveeError, match="nulls"):
        LabelInformation(nulls=-1)


def pairs(table, n, seed):
    rows = default_rng([seed, 23]).choice(table.size, n, p=table.ravel())
    return Sample.of_labels(rows // len(table)), Sample.of_labels(rows % len(table), "b")


@pytest.mark.parametrize("tie", [0.0, 0.3, 1.0])
def test_information_of_two_columns_is_in_its_interval(tie):
    p = zipf(5, 0.5)
    table = tie * np.diag(p) + (1 - tie) * np.outer(p, p)
    truth = 2 * shannon(p) - shannon(table.ravel())
    found = [measure(LabelInformation(nulls=0), *pairs(table, 400, s)) for s in range(30)]
    assert (
        sum(low - 1e-9 <= truth <= high + 1e-9 for low, high in (f.interval() for f in found)) >= 24
    )


def test_many_classes_of_few_rows_are_no_information():
    a, b = (Sample.of_labels(default_rng(s).integers(30, size=400)) for s in (1, 2))
    found = measure(LabelInformation(), a, b)
    assert found.interval()[0] <= 0 < found.null.std()
    assert measure(LabelInformation(by="plugin", nulls=0), a, b).mean > 0.5
    assert "pairs of classes" in found.notes[0]
    same = measure(LabelInformation(nulls=0), a, a)
    assert np.isclose(same.mean, np.log(30), atol=0.1)
