"""Text for the evidence of deduplication."""

from pathlib import Path

import pyarrow.parquet as pq

from cuvee.testing.evidence import shared_data

ROOT = Path(__file__).parents[1]


def texts(*names: str) -> list[str]:
    """Documents of the twelve kinds of text, or of some, in the order of their names."""
    files = sorted(shared_data(ROOT, "corpora").glob("*.parquet"))
    some = [f for f in files if not names or f.stem in names]
    return [t for f in some for t in pq.read_table(f, columns=["text"])[0].to_pylist()]
