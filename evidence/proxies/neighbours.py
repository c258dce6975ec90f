"""Does a blend by nearest neighbours hold on new rows? Sources with wrong or one-sided labels."""

from evidence.table_shifts import cancer, judged

from cuvee.testing.evidence import Finding


def run() -> Finding:
    return judged("neighbours", cancer, "tumour cells")
