"""How is a dataset written? Formats of the shards, and the writer that fills them."""

from cuvee.contracts import Format
from cuvee.core.methods import make as _make
from cuvee.export.folder import (
    Changed,
    Refused,
    check_free,
    check_unchanged,
    claim,
    discard,
    finish,
    is_finished,
    locked,
    quarantine,
    read_manifest,
)
from cuvee.export.index import Index
from cuvee.export.space import check_room
from cuvee.export.write import write_dataset

__all__ = [
    "INDEX",
    "METHODS",
    "Changed",
    "Index",
    "Refused",
    "check_free",
    "check_room",
    "check_unchanged",
    "claim",
    "discard",
    "finish",
    "is_finished",
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

INDEX = {"index": "cuvee.export.index:Index"}
"""What may be asked for instead of shards."""


def load(name: str, **settings: object) -> Format:
    """A format by name, or by `"module:Class"`; `"index"` for no shards, but an index of them."""
    return _make({**METHODS, **INDEX}, name, "export", **settings)
