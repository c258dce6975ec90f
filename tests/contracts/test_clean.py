"""Every listed method that finds duplicates meets every check; a gap is written down here."""

import pytest

from cuvee import clean
from cuvee.testing.clean import CHECKS, PROBLEMS

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in clean.METHODS for c in CHECKS for p in PROBLEMS]


def test_no_check_was_lost():
    assert (len(CHECKS), len(PROBLEMS)) == (10, 4), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "problem"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, problem):
    CHECKS[check](clean.load(name), PROBLEMS[problem]())
