"""Intrinsic dimension, Hurst exponents and data copying, on what is known."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure, reasons
from cuvee.measure.copying_test import CopyingTest, nearer
from cuvee.measure.data_copying import DataCopying
from cuvee.measure.hurst import Hurst
from cuvee.measure.intrinsic_dimension import IntrinsicDimension, mle, two_nn
from cuvee.measure.memory import BY, GRID, Table, noise
from cuvee.measure.text_hurst import TextHurst, surprises

points = Sample.of_points


def inside(found, truth):
    low, high = found.interval()
    return low <= truth <= high


@pytest.mark.parametrize("by", ["two_nn", "mle"])
def test_dimension_of_a_roll_and_of_a_sphere(by):
    rng = default_rng(1)
    t = 1.5 * np.pi * (1 + 2 * rng.random(1500))
    roll = np.column_stack([t * np.cos(t), 21 * rng.random(1500), t * np.sin(t)])
    assert measure(IntrinsicDimension(by=by), points(roll)).mean == pytest.approx(2, abs=0.3)
    ball = rng.standard_normal((1500, 6))
    sphere = ball / np.linalg.norm(ball, axis=1)[:, None]
    assert inside(measure(IntrinsicDimension(by=by), points(sphere)), 5)


def test_dimension_from_exact_distances():
    rng = default_rng(2)
    near = np.sort(rng.random((50_000, 10)), axis=1) ** (1 / 4)
    assert mle(near) == pytest.approx(4, rel=0.02)
    assert two_nn(near[:, :2]) == pytest.approx(4, rel=0.02)


def test_copies_of_rows_count_once():
    x = default_rng(3).standard_normal((300, 2))
    twice = points(np.vstack([x, x]))
    assert measure(IntrinsicDimension(), twice).mean == pytest.approx(2, abs=0.6)
    assert "copies" in " ".join(reasons(IntrinsicDimension(), twice))
    with pytest.raises(CuveeError, match="different rows"):
        measure(IntrinsicDimension(), points(np.ones((100, 2))))


def test_whittles_density_has_the_noise_s_correlations():
    hurst, n = GRID[34], 1 << 14
    density = 1 / Table.of(n, False).inverse[34]
    wave = 2 * np.pi * np.arange(1, (n - 1) // 2 + 1) / n
    near = (density * np.cos(wave)).sum() / density.sum()
    # The lowest frequencies, where the density has its pole, are a sum here: hence the tolerance.
    assert near == pytest.approx(2 ** (2 * hurst - 1) - 1, abs=0.02)


def test_noise_has_its_own_correlations():
    x = noise(4096, 0.8, default_rng(4), 40)
    near = np.mean(x[:, 1:] * x[:, :-1])
    assert near == pytest.approx(2**0.6 - 1, abs=0.05)
    assert x.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("hurst", [0.5, 0.8])
def test_exponent_of_known_noise(by, hurst):
    series = points(noise(1024, hurst, default_rng([5, BY.index(by)]))[0])
    found = measure(Hurst(by=by), series)
    assert inside(found, hurst)
    assert found.interval()[1] - found.interval()[0] < 0.25


def test_whittle_says_when_a_series_is_no_fractional_noise():
    rng = default_rng(6)
    x = np.zeros(4096)
    for i in range(1, len(x)):
        x[i] = 0.8 * x[i - 1] + rng.standard_normal()
    assert "no fractional noise" in " ".join(measure(Hurst(), points(x)).notes)
    assert not measure(Hurst(), points(rng.standard_normal(4096))).notes


def test_a_series_is_one_column_that_varies():
    with pytest.raises(CuveeError, match="one column"):
        measure(Hurst(), points(np.ones((100, 2))))
    with pytest.raises(CuveeError, match="varies"):
        measure(Hurst(), points(np.ones(100)))
    with pytest.raises(CuveeError):
        Hurst(by="fourier")


def words(level):
    return " ".join(chr(97 + min(int(i), 25)) for i in level)


def test_surprise_is_that_of_the_other_half():
    a, b = np.array([1, 2, 1, 2, 1, 3], np.uint64), np.array([1, 2, 1, 2, 9, 9], np.uint64)
    ours, theirs = surprises([a, b], backing=1.0)
    assert ours[1] < ours[5], "3 never came"
    assert min(theirs[4:]) > theirs[3]


def test_surprises_that_last_are_told_from_those_that_do_not():
    rng = default_rng(7)
    slow = np.exp(1.5 * noise(768, 0.95, rng, 6))
    lasting = [words(rng.geometric(np.clip(0.2 / s, 0.01, 0.9))) for s in slow]
    mixed = [" ".join(rng.permutation(text.split())) for text in lasting]
    one, other = (
        measure(TextHurst(), Sample("a", texts=tuple(t), size=6)) for t in (lasting, mixed)
    )
    assert other.mean == pytest.approx(0.5, abs=0.08)
    assert one.interval()[0] > other.interval()[1]


def test_short_documents_are_refused():
    with pytest.raises(CuveeError, match="256 or more tokens"):
        measure(TextHurst(), Sample("a", texts=("one two", "three"), size=2))


def copied(seed, share, smooth=1.0, rows=600, dims=5):
    rng = default_rng(seed)
    trained, made = rng.standard_normal((2, rows, dims))
    many = int(share * rows)
    made *= smooth
    made[:many] = trained[rng.integers(10, size=many)] + 0.01 * rng.standard_normal((many, dims))
    return points(made), points(trained)


def test_the_share_of_copies_is_found_and_none_where_there_are_none():
    found = measure(DataCopying(), *copied(8, 0.2))
    assert found.mean == pytest.approx(0.2, abs=0.05)
    none = measure(DataCopying(), *copied(9, 0.0))
    assert inside(none, 0.0) or none.interval()[0] < 0.005
    assert found.interval()[0] > none.interval()[1]


def test_copies_beside_smoothed_rows_are_missed_by_the_test_alone():
    pair = copied(10, 0.1, smooth=1.6)
    assert measure(CopyingTest(), *pair).mean < -2
    assert measure(DataCopying(), *pair).mean == pytest.approx(0.1, abs=0.04)


def test_ranks_of_equal_laws_are_normal():
    rng = default_rng(11)
    z = np.array([nearer(*rng.random((2, 50))) for _ in range(300)])
    assert abs(z.mean()) < 0.25
    assert z.std() == pytest.approx(1, abs=0.15)
    assert nearer(rng.random(50), 1 + rng.random(50)) > 8


@pytest.mark.parametrize(
    "bad",
    [lambda: DataCopying(times=1), lambda: DataCopying(rows=3), lambda: CopyingTest(cells=0),
     lambda: IntrinsicDimension(by="pca"), lambda: IntrinsicDimension(trimmed=1.0),
     lambda: TextHurst(backing=0), lambda: TextHurst(by="x")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(CuveeError):
        bad()
