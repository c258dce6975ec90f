"""The law of clean and noisy data: its two limits, and parameters that were planted."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Limits, Outcome, Points, Problem, Study, Trial, stream
from cuvee.mix.ambient import Ambient, effective

SEEN = np.array([[0.1, 0.9, 0.0], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]])
WORTH = np.array([1.0, 0.6, 0.2])


def planted(shares, tokens=1.0, scale=2.0, floor=0.02):
    data = effective(np.atleast_2d(shares) * tokens, 3 * WORTH, 0, scale, floor)
    return 0.5 + data**-0.7


def study_of(count, noise=0.0, scale=2.0):
    problem = Problem.of(("a", "b", "c"), ("t",), (1e6,) * 3, 1_000_000, limits=Limits(np.inf))
    rng, study = np.random.default_rng(0), Study(problem)
    for w in [*np.eye(3), *rng.dirichlet(np.ones(3), size=count - 3)]:
        loss = planted(w, scale=scale)[0] + noise * rng.standard_normal()
        outcome = Outcome(Estimate(np.array([[loss]]), "nats per token", "none"), 1e6)
        study = study.record((Trial(w, 1e6),), (outcome,))
    return study


def test_without_saturation_data_add_up():
    assert np.allclose(effective(SEEN, WORTH, 0, np.inf, 0.02), SEEN @ WORTH)
    assert np.allclose(effective(SEEN, WORTH, 0, 1e9, 0.02), SEEN @ WORTH)


def test_noisy_data_saturate_by_hand():
    most = 2.0 * (0.1 + 0.02 * 1.0)
    expected = 0.1 + 0.6 * most * np.log(1 + 0.9 / most)
    assert np.isclose(effective(SEEN, WORTH, 0, 2.0, 0.02)[0], expected)


def test_exponentially_many_noisy_samples_for_one_more_clean_one():
    """With the clean data fixed, the k-th doubling of noisy data adds no more than the one before.

    The floor is what keeps noisy data alone of use; it is next to nothing here.
    """
    sizes = 10.0 ** np.arange(2, 7)
    seen = np.c_[np.ones(5), sizes, np.zeros(5)]
    data = effective(seen, WORTH, 0, 2.0, 1e-12)
    assert np.allclose(np.diff(data), 0.6 * 2.0 * np.log(10), rtol=0.02)


def test_clean_data_raise_the_worth_of_noisy_data():
    def gain(clean):
        rows = np.array([[clean, 1.0, 0], [clean, 1.01, 0]])
        return np.diff(effective(rows, WORTH, 0, 2.0, 0.02))[0]

    assert gain(1.0) > 1.5 * gain(0.1) > 1.5**2 * gain(0.0)


def test_planted_law_is_found():
    law = Ambient().fit(study_of(40), rng=stream(0))
    assert law.laws[0].clean == 0
    assert np.allclose(law.prices[0], WORTH, rtol=0.2)
    held = np.random.default_rng(1).dirichlet(np.ones(3), size=50)
    found = law.mean(Points.at(held, 1e6))[:, 0]
    assert np.sqrt(np.mean((found - planted(held)) ** 2)) < 0.01 * np.std(planted(held))
    both = law.effective(Points.at([[1, 0, 0], [0.5, 0.5, 0]], 1e6))[:, 0]
    assert np.isclose(both[0], 1e6)
    assert 0.5e6 < both[1] < 1e6


def test_forecast_covers_one_more_run():
    law = Ambient().fit(study_of(40, noise=0.02), rng=stream(0))
    held = np.random.default_rng(1).dirichlet(np.ones(3), size=200)
    rng = np.random.default_rng(2)
    runs = planted(held) + 0.02 * rng.standard_normal(200)
    low, high = law.predict(Points.at(held, 1e6)).interval(0.9)
    inside = np.mean((runs >= low[:, 0]) & (runs <= high[:, 0]))
    assert 0.75 < inside <= 0.99


def test_prices_are_never_above_the_clean_one():
    law = Ambient().fit(study_of(24, noise=0.1), rng=stream(0))
    assert law.prices.max() <= 1 + 1e-9


def test_too_few_runs_are_counted():
    with pytest.raises(CuveeError, match=r"6 parameters .* got 5"):
        Ambient().fit(study_of(5), rng=stream(0))


@pytest.mark.parametrize("settings", [{"trials": 0}, {"floor": 0.0}, {"floor": 1.0}])
def test_settings_that_make_no_sense(settings):
    with pytest.raises(CuveeError, match="ambient"):
        Ambient(**settings)
