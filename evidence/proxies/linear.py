"""Does a blend by softmax regression hold on new rows? Digits, split by class and by quality."""

from evidence.table_shifts import digits, judged

from cuvee.testing.evidence import Finding


def run() -> Finding:
    return judged("linear", digits, "8x8 images of digits")
