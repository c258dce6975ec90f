import numpy as np
import pytest

from cuvee.core.resampling import around, chance, contrasted, resampled


def mean_gap(x, y):
    return float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum())


def normal(seed, rows, dims=3):
    return np.random.default_rng(seed).standard_normal((rows, dims))


def test_halves_of_a_mean_vary_as_the_mean_does():
    x = normal(0, 400, 1)[:, 0]
    rng = np.random.default_rng(1)
    orders = [rng.permutation(400) for _ in range(200)]
    halves = np.array([(x[o[:200]].mean(), x[o[200:]].mean()) for o in orders])
    assert chance(halves) == pytest.approx(x.std() / 20, rel=0.15)


def test_pairs_of_rows_are_not_counted_four_times():
    """The square of a mean around 0 varies by 2 / n^2, halves of the rows by 4 times that."""
    found = []
    for seed in range(60):
        x = normal(seed, 64, 40)
        rng = np.random.default_rng(seed)
        orders = [rng.permutation(64) for _ in range(60)]
        sums = [(x[o[:32]].mean(axis=0), x[o[32:]].mean(axis=0)) for o in orders]
        found.append(chance((np.array(sums) ** 2).sum(axis=2)) ** 2)
    assert 0.9 < np.mean(found) / (2 * 40 / 64**2) < 2


def test_bias_of_one_over_n_goes():
    x = normal(3, 200, 1)
    found = resampled(lambda z: float(z.var()), [x], rng=np.random.default_rng(0), unit="")
    assert found.mean == pytest.approx(x.var(ddof=1), rel=0.02)
    assert found.null is None


def test_one_law_is_at_distance_nothing():
    """A stated false-alarm rate of 5%: of 40, seven or more happen about once in 300."""
    inside = 0
    for seed in range(40):
        x, y = normal(2 * seed, 60, 20), normal(2 * seed + 1, 60, 20)
        found = contrasted(
            mean_gap, x, y, rng=np.random.default_rng(seed), unit="", splits=12, nulls=0
        )
        inside += bool(found.interval()[0] == 0)
    assert inside >= 34


@pytest.mark.parametrize(("rows", "others", "cap"), [(200, 200, None), (80, 900, None),
                                                     (2000, 1500, 100)])  # fmt: skip
def test_shift_is_covered(rows, others, cap):
    """90% intervals: of 40, fewer than 30 happen about once in 500."""
    inside = 0
    for seed in range(40):
        x, y = normal(2 * seed, rows), normal(2 * seed + 1, others) + 0.5
        found = contrasted(
            mean_gap, x, y, rng=np.random.default_rng(seed), unit="", splits=16, nulls=0, cap=cap
        )
        low, high = found.interval()
        inside += bool(low <= 0.75 <= high)
    assert inside >= 30


def test_null_can_be_held_against_the_number():
    x, y = normal(0, 100), normal(1, 100)
    same = contrasted(mean_gap, x, y, rng=np.random.default_rng(0), unit="")
    far = contrasted(mean_gap, x, y + 1, rng=np.random.default_rng(0), unit="")
    assert same.null is not None
    assert far.null is not None
    assert (same.null > same.mean - 1e-9).mean() > 0.02
    assert far.null.max() < far.mean


def test_few_rows_are_no_trouble():
    found = contrasted(mean_gap, normal(0, 3), normal(1, 2), rng=np.random.default_rng(0), unit="")
    assert np.isfinite(found.draws).all()


def test_a_square_reaches_farther_up():
    kinds = {"rng": np.random.default_rng(0), "unit": "", "draws": 400}
    even, square = around(4, 1, 0, **kinds), around(4, 1, 0, squared=True, **kinds)
    low, high = (edge - 4 for edge in square.interval())
    assert high > -low
    assert square.interval()[0] > even.interval()[0]
    assert square.mean == 4


def test_dependence_is_extrapolated_too():
    x = normal(0, 300, 1)
    y = 0.8 * x + 0.6 * normal(1, 300, 1)

    def squared_correlation(a, b):
        return float(np.corrcoef(a[:, 0], b[:, 0])[0, 1] ** 2)

    found = resampled(
        squared_correlation, [x, y], rng=np.random.default_rng(0), unit="", paired=True
    )
    low, high = found.interval()
    assert low <= 0.64 <= high
    assert found.null is not None
    assert found.null.max() < 0.2
