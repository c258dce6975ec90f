"""Entropy from kernel densities: closed forms, and a warning where they are made of few rows."""

import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure, reasons
from cuvee.measure.kde_entropy import KdeEntropy, effective, log_density, whitened

points = Sample.of_points
NORMAL = 0.5 * np.log(2 * np.pi * np.e)


@pytest.mark.parametrize("sharpened", [True, False])
def test_entropy_of_a_stretched_gaussian(sharpened):
    x = default_rng(1).standard_normal((300, 2)) @ np.array([[3.0, 1], [0, 0.5]])
    truth = 2 * NORMAL + np.log(1.5)
    found = measure(KdeEntropy(sharpened=sharpened), points(x))
    assert found.interval()[0] <= truth <= found.interval()[1]
    assert found.mean == pytest.approx(truth, abs=0.2)
    assert not found.notes


def test_log_density_is_that_of_the_others():
    x = default_rng(2).standard_normal((60, 3))
    away = ((x[:, None] - x) ** 2).sum(axis=2)
    kernel = np.exp(-away / (2 * 0.5**2)) / (2 * np.pi * 0.5**2) ** 1.5
    np.fill_diagonal(kernel, 0)
    assert np.allclose(log_density(x, 0.5, False), np.log(kernel.sum(axis=1) / 59))


def test_moving_rows_up_takes_off_smoothing():
    x = default_rng(3).standard_normal((1500, 1))
    truth = -0.5 * x[:, 0] ** 2 - 0.5 * np.log(2 * np.pi)
    near = np.abs(x[:, 0]) < 0.5
    plain, sharp = (np.abs(log_density(x, 0.5, s) - truth)[near].mean() for s in (False, True))
    assert sharp < 0.5 * plain


def test_effective_rows_are_counted_and_few_are_told():
    assert effective(np.zeros((50, 2)), 1.0) == pytest.approx(49)
    wide = points(default_rng(4).standard_normal((200, 20)))
    assert "made of" in " ".join(measure(KdeEntropy(), wide).notes)
    assert "knn_entropy" in reasons(KdeEntropy(), wide)[0]


def test_columns_without_a_density_are_refused():
    x = default_rng(5).standard_normal((100, 1))
    with pytest.raises(CuveeError, match="sum of others"):
        whitened(np.column_stack([x, 2 * x]))
    with pytest.raises(CuveeError):
        KdeEntropy(bandwidth=-1)
