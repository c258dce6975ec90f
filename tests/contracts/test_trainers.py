"""Every listed stack meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import trainers
from cuvee.testing.trainers import CHECKS, PLANTED

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, p) for m in trainers.METHODS for c in CHECKS for p in PLANTED]


def test_no_check_was_lost():
    assert (len(CHECKS), len(PLANTED)) == (7, 7), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "planted"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, planted, tmp_path):
    CHECKS[check](trainers.load(name), PLANTED[planted], tmp_path)
