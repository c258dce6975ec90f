"""UniMax: equal, up to a cap on epochs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.core import CuveeError, Limits, Problem, Study, stream
from cuvee.mix.unimax import Unimax, unimax


def test_by_hand():
    # Budget 100 for 4, 30, 200 with one epoch: 4, then 96 / 2 = 48 > 30, then the rest.
    assert unimax(np.array([30.0, 200, 4]), 100, 1) == pytest.approx([0.30, 0.66, 0.04])
    assert unimax(np.array([30.0, 200, 4]), 100, 5) == pytest.approx([0.40, 0.40, 0.20])
    assert unimax(np.array([30.0, 200, 4]), 9, 1) == pytest.approx([1 / 3] * 3)
    natural = np.array([30.0, 200, 4]) / 234
    assert unimax(np.array([30.0, 200, 4]), 1e6, 1) == pytest.approx(natural)


@given(
    st.lists(st.floats(1.0, 1e9), min_size=1, max_size=8), st.floats(1.0, 1e10),
    st.floats(0.1, 10.0),
)  # fmt: skip
def test_no_source_is_repeated_more_and_capped_ones_get_less(available, budget, epochs):
    sizes = np.array(available)
    shares = unimax(sizes, budget, epochs)
    used = min(budget, epochs * sizes.sum())
    assert shares.sum() == pytest.approx(1)
    assert (shares * used <= epochs * sizes * (1 + 1e-9) + 1e-9).all()
    free = shares * used < epochs * sizes * (1 - 1e-9)
    if free.any():
        assert np.ptp(shares[free]) < 1e-9
        assert (shares <= shares[free].max() + 1e-9).all()


def test_the_problems_limits_hold_on_top():
    question = Problem.of(
        ["a", "b"], ["t"], [8e6, 2e6], 10**6, limits=Limits(max_epochs={"a": 0.05})
    )
    answer = Unimax().recommend(Study(question), rng=stream(0))
    assert answer.mean == pytest.approx([0.4, 0.6])
    assert answer.spread == "exact"


def test_bad_settings():
    for bad in (0, -1, float("nan")):
        with pytest.raises(CuveeError, match="epochs must be above 0"):
            Unimax(epochs=bad)
