"""Every listed mixer meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import mix
from cuvee.testing.mix import CHECKS, PROBLEMS

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in mix.METHODS for c in CHECKS for p in PROBLEMS]


def test_no_check_was_lost():
    assert (len(CHECKS), len(PROBLEMS)) == (12, 5), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "problem"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, problem):
    CHECKS[check](mix.load(name), PROBLEMS[problem])
