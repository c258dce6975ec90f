"""Every listed measure meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import measure
from cuvee.testing.measure import CHECKS

GAPS: dict[tuple[str, str], str] = {}
"""(measure, check) -> why it does not hold."""
QUICK: dict[str, dict[str, object]] = {}
"""Settings that make a measure that learns quick enough for all checks."""
CASES = [(m, c) for m in measure.METHODS for c in CHECKS]


def test_no_check_was_lost():
    assert len(CHECKS) == 8, "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check):
    CHECKS[check](measure.load(name, **QUICK.get(name, {})))
