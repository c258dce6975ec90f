"""Hugging Face datasets: the mixed documents as a saved dataset."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cuvee.core.dataset import Dataset
from cuvee.core.files import sha256, whole_file
from cuvee.trainers.documents import check_size, tables
from cuvee.trainers.weights import put_json

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = {"id": "large_string", "text": "large_string", "source": "large_string", "tokens": "uint32"}
ROWS = 1000
"""Documents of a record batch: what the library reads at a time."""


@dataclass(frozen=True, slots=True)
class Datasets:
    """Hugging Face datasets: the mixed documents as a saved dataset, for `load_from_disk`.

    Args:
        size: Bytes of a file, about.

    Fails when: the trainer shuffles: the order of the mixture, which has the asked shares in
        every stretch, is then lost.

    References: Hugging Face datasets, `Dataset.save_to_disk`,
        https://huggingface.co/docs/datasets
    """

    needs: ClassVar[tuple[str, ...]] = ("documents",)
    size: int = 2**28

    def __post_init__(self) -> None:
        check_size("datasets", self.size)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`data-00000.arrow`, ..., `dataset_info.json`, and last `state.json`."""
        names, digest = [], hashlib.sha256()
        batches = _batches(dataset)
        first = next(batches, None)
        while first is not None:
            names.append(f"data-{len(names):05d}.arrow")
            path = out / names[-1]
            with whole_file(path) as temporary:
                first = _fill(temporary, first, batches, self.size)
            digest.update(sha256(path).encode())
        features = {name: {"dtype": kind, "_type": "Value"} for name, kind in TYPES.items()}
        info = {
            "citation": "", "description": "", "features": features, "homepage": "", "license": "",
        }  # fmt: skip
        state = {
            "_data_files": [{"filename": name} for name in names],
            # Of the content, as the library keeps what it computed under it.
            "_fingerprint": digest.hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": "train",
        }
        put_json(out, "dataset_info.json", info)
        put_json(out, "state.json", state)
        return f'datasets.load_from_disk("{out}")'


def _batches(dataset: Dataset) -> "Iterator[pa.RecordBatch]":
    """The documents as record batches of one schema."""
    import pyarrow as pa

    types = {"large_string": pa.large_string(), "uint32": pa.uint32()}
    schema = pa.schema([(name, types[kind]) for name, kind in TYPES.items()])
    for table in tables(dataset, ROWS):
        wanted = table.select(schema.names).replace_schema_metadata(None).cast(schema)
        yield wanted.combine_chunks().to_batches()[0]


def _fill(
    path: Path, first: "pa.RecordBatch", batches: "Iterator[pa.RecordBatch]", size: int
) -> "pa.RecordBatch | None":
    """Write a file of about `size` bytes; returns the batch that did not fit."""
    import pyarrow as pa

    with path.open("wb") as raw, pa.ipc.new_stream(raw, first.schema) as file:
        written, batch = 0, first
        while batch is not None and (not written or written + batch.nbytes <= size):
            file.write_batch(batch)
            written += max(1, batch.nbytes)
            batch = next(batches, None)
    return batch
