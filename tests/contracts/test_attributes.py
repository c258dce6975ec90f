"""Every listed attribute meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee.attributes import METHODS, load
from cuvee.testing.attributes import CHECKS, PROBLEMS

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in METHODS for c in CHECKS for p in PROBLEMS]


def test_no_check_was_lost():
    assert (len(CHECKS), len(PROBLEMS)) == (6, 3), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "problem"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, problem):
    CHECKS[check](load(name), PROBLEMS[problem]())
