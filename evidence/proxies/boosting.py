"""Does a blend by boosted trees hold on new rows? A regression with noisy and biased sources."""

from evidence.table_shifts import diabetes, judged

from cuvee.testing.evidence import Finding


def run() -> Finding:
    return judged("boosting", diabetes, "the progress of diabetes")
