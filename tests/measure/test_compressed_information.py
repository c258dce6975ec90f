import numpy as np
import pytest
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.compressed_information import CompressedInformation, components


def wide(rows, tie, inner=2, columns=30, noise=0.02, seed=0):
    """Rows of many columns, of which few directions carry all that both sides share."""
    rng = default_rng([seed, 5])
    x = rng.standard_normal((rows, inner))
    y = tie * x + np.sqrt(1 - tie**2) * rng.standard_normal((rows, inner))
    made = []
    for side in (x, y):
        turn = np.linalg.qr(rng.standard_normal((columns, inner)))[0].T
        made.append(
            side * np.arange(inner, 0, -1) @ turn + noise * rng.standard_normal((rows, columns))
        )
    return [Sample.of_points(m, name) for m, name in zip(made, "ab")]


@pytest.mark.parametrize(("by", "dims"), [("ksg", 4), ("entropies", 2)])
def test_what_wide_rows_share_is_found(by, dims):
    number = measure(CompressedInformation(by=by, dims=dims, nulls=2), *wide(1500, 0.8))
    truth = -np.log(1 - 0.8**2)
    assert abs(number.mean / truth - 1) < 0.1
    assert number.bound == "lower"
    assert abs(number.null.mean()) < 0.1


def test_too_few_numbers_are_noted():
    method = CompressedInformation(dims=4, nulls=0)
    assert "keep more" in measure(method, *wide(400, 0.9, inner=6)).notes[0]
    assert measure(method, *wide(400, 0.9, inner=1)).notes == ()


def test_autoencoder_follows_a_bend():
    rng = default_rng(8)
    x = rng.uniform(-1, 1, 800)
    y = x + 0.2 * rng.standard_normal(800)
    bent = [
        Sample.of_points(np.column_stack([np.cos(3 * z), np.sin(3 * z), 0.3 * z])) for z in (x, y)
    ]
    line = CompressedInformation(dims=1, compress="autoencoder", steps=300, nulls=0)
    flat = CompressedInformation(dims=1, nulls=0)
    assert measure(line, *bent).mean > measure(flat, *bent).mean + 0.1


def test_components_are_those_of_the_covariance():
    x = default_rng(9).standard_normal((40, 6)) * np.arange(1, 7)
    long = components(x, 3)
    short = components(np.hstack([x, np.zeros((40, 60))]), 3)
    assert np.allclose(np.abs(long), np.abs(short))
    assert np.allclose(long.mean(axis=0), 0)
    assert (np.diff(long.var(axis=0)) < 0).all()


def test_what_is_refused_and_warned_of():
    for settings in ({"compress": "zip"}, {"by": "mine"}, {"dims": 0}, {"rows": 3}):
        with pytest.raises(CuveeError, match=next(iter(settings))):
            CompressedInformation(**settings)
    few = Sample.of_points(np.arange(20.0))
    with pytest.raises(CuveeError, match="expected 48 or more"):
        measure(CompressedInformation(), few, few)
    assert len(CompressedInformation(dims=20).outside(few)) == 2
    flat = Sample.of_points(np.ones((100, 3)))
    assert measure(CompressedInformation(), flat, Sample.of_points(np.arange(100.0))).mean == 0
