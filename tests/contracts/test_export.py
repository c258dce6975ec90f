"""Every listed format meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee import export
from cuvee.testing.export import CHECKS, TABLES

GAPS: dict[tuple[str, str, str], str] = {}
CASES = [(m, c, t) for m in export.METHODS for c in CHECKS for t in TABLES]


def test_no_check_was_lost():
    assert (len(CHECKS), len(TABLES)) == (5, 6), "change this count on purpose"
    assert set(GAPS) <= set(CASES), "a gap names a case that no longer exists"


@pytest.mark.parametrize(
    ("name", "check", "table"),
    [
        pytest.param(*c, marks=pytest.mark.xfail(reason=GAPS[c], strict=True) if c in GAPS else ())
        for c in CASES
    ],
)
def test_contract(name, check, table, tmp_path):
    CHECKS[check](export.load(name), TABLES[table], tmp_path)
