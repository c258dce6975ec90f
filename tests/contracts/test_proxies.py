"""Every listed proxy meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import proxies
from cuvee.testing.proxies import CHECKS, PROBLEMS, fitting

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in proxies.METHODS for c in CHECKS for p in fitting(proxies.load(m))]


def test_no_check_was_lost():
    assert (len(CHECKS), len(PROBLEMS)) == (14, 8), "change this count on purpose"
    assert {m for m, _, _ in CASES} == set(proxies.METHODS)
    assert {p for _, _, p in CASES} == set(PROBLEMS)
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "problem"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, problem):
    CHECKS[check](proxies.load(name), PROBLEMS[problem])
