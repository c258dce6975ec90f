"""Every listed measure meets every check; a gap is written down here, never skipped."""

import pytest

from cuvee.measure import METHODS, load
from cuvee.testing.measure import CHECKS

GAPS: dict[tuple[str, str], str] = {
    ("radius", "check_more_is_more"):
        "more kinds of rows are planted, and lie nearer to their mean than two that are far apart",
}  # fmt: skip
"""(measure, check) -> why it does not hold."""
NETWORK: dict[str, object] = {"hidden": 8, "steps": 20, "rate": 0.03, "batch": 32, "nulls": 0}
QUICK: dict[str, dict[str, object]] = {
    "mine": NETWORK, "nwj": NETWORK, "infonce": NETWORK, "smile": NETWORK, "minde": NETWORK,
    "o_information_score": NETWORK, "er_bound": {"features": 20, "nulls": 1},
    "compressed_information": {"nulls": 1}, "text_hurst": {"tokens": 12_000},
    "wasserstein": {"splits": 6, "rows": 50}, "sinkhorn": {"splits": 4, "rows": 30},
    "kl": {"splits": 4}, "jensen_shannon": {"splits": 4}, "chi_squared": {"splits": 4},
    "alpha": {"splits": 4}, "classifier_two_sample": {"nulls": 4},
    "mutual_information": {"steps": 20, "folds": 2, "nulls": 1},
    "hash_codes": {"hidden": 8, "steps": 60, "digits": 4, "nulls": 0},
    "deep_sets": {"laws": 40, "rows": 60, "hidden": 8, "steps": 30},
    "distribution_embedding": {"codes": 3, "rows": 20, "hidden": 8, "steps": 10, "splits": 6},
    "compression": {"by": "zlib"}, "label_compression": {"orders": 2, "nulls": 1},
    "inductive_bias": {"splits": 4, "train": 60, "held": 30},
    "ksg": {"nulls": 2}, "knn_kl": {"nulls": 2},
}  # fmt: skip
"""Settings that make a measure that learns quick enough for all checks."""
CASES = [(m, c) for m in METHODS for c in CHECKS]


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
    CHECKS[check](load(name, **QUICK.get(name, {})))
