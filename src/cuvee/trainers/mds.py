"""MosaicML's shards (MDS) of the mixed documents."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cuvee.core.dataset import Dataset
from cuvee.trainers.documents import Document, check_long, check_size, documents, runs
from cuvee.trainers.weights import put, put_bytes

COLUMNS = {"id": "str", "source": "str", "text": "str", "tokens": "int"}
SIZES = (None, None, None, 8)
"""Bytes of a value; None if it is written before the values of each sample."""


@dataclass(frozen=True, slots=True)
class Mds:
    """MosaicML streaming: MDS shards of the mixed documents and their `index.json`.

    Args:
        size: Bytes of a shard, at most; a longer document has one of its own.

    Fails when: the trainer shuffles: the order of the mixture, which has the asked shares in
        every stretch, is then lost; `StreamingDataset(shuffle=False)` keeps it.

    References: MosaicML streaming, streaming/base/format/mds, version 0.13.
    """

    needs: ClassVar[tuple[str, ...]] = ("documents",)
    size: int = 2**26

    def __post_init__(self) -> None:
        check_size("mds", self.size)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`shard.00000.mds`, ... and last `index.json`."""
        head = self._head()
        text = json.dumps(head, sort_keys=True).encode()
        samples = map(_sample, documents(dataset))
        shards = []
        # A shard begins with its count, the end of its last offset and the head.
        for i, run in enumerate(runs(samples, self.size - 8 - len(text), each=4)):
            name = f"shard.{i:05d}.mds"
            content = _shard(text, run)
            put_bytes(out, name, content)
            raw = {"basename": name, "bytes": len(content), "hashes": {}}
            shards.append(head | {"samples": len(run), "raw_data": raw, "zip_data": None})
        put(out, "index.json", json.dumps({"shards": shards, "version": 2}, sort_keys=True))
        return f'StreamingDataset(local="{out}", shuffle=False, batch_size=...)'

    def _head(self) -> dict[str, Any]:
        return {
            "version": 2,
            "format": "mds",
            "compression": None,
            "hashes": [],
            "size_limit": self.size,
            "column_names": list(COLUMNS),
            "column_encodings": list(COLUMNS.values()),
            "column_sizes": list(SIZES),
        }


def _sample(document: Document) -> bytes:
    values = [document.id.encode(), document.source.encode(), document.text.encode()]
    check_long("mds", sum(map(len, values)))
    sizes = np.array([len(value) for value in values], "<u4").tobytes()
    return sizes + b"".join(values) + np.array(document.tokens, "<i8").tobytes()


def _shard(head: bytes, samples: list[bytes]) -> bytes:
    """Count, offsets, head, samples; an offset counts from the start of the file."""
    count = np.array(len(samples), "<u4").tobytes()
    offsets = np.cumsum([0, *map(len, samples)]) + 4 + 4 * (len(samples) + 1) + len(head)
    return b"".join([count, offsets.astype("<u4").tobytes(), head, *samples])
