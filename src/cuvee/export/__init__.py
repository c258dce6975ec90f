"""What does a trainer read? Formats of the shards, and the writer that fills them."""

from cuvee.contracts import Format
from cuvee.core.methods import make as _make
from cuvee.export.folder import check_unchanged, claim, finish, locked, quarantine, read_manifest
from cuvee.export.write import write_dataset

__all__ = [
    "METHODS",
    "check_unchanged",
    "claim",
    "finish",
    "load",
    "locked",
    "quarantine",
    "read_manifest",
    "write_dataset",
]

METHODS = {
    "parquet": "cuvee.export.parquet:Parquet",
    "jsonl.zst": "cuvee.export.jsonl:JsonlZst",
}


def load(name: str, **settings: object) -> Format:
    """A format by name, or by `"module:Class"`."""
    return _make(METHODS, name, "export", **settings)
