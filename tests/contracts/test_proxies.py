"""Every listed proxy meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import proxies
from cuvee.testing.proxies import CHECKS, PROBLEMS, fitting

SMALL = {
    "transformer": (
        "transformer:size=30k:context=16:vocabulary=300:tokens=8k:batch=256:target_tokens=1500"
    )
}
"""Settings with which a proxy meets the checks, where its own would take hours."""
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
    as_listed = check == "check_is_a_frozen_value_of_settings"
    CHECKS[check](proxies.load(name if as_listed else SMALL.get(name, name)), PROBLEMS[problem])
