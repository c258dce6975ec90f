"""LitData: chunks of the mixed documents, as texts or as tokens."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from cuvee.core.dataset import Dataset
from cuvee.trainers.documents import Document, check_long, check_size, documents, runs
from cuvee.trainers.encoding import Encoder, encoder
from cuvee.trainers.weights import put, put_bytes

LEAF = {"type": None, "context": None, "children_spec": []}
INT32 = 16
"""LitData's number of the type of the tokens."""


@dataclass(frozen=True, slots=True)
class Litdata:
    """LitData: chunks of the mixed documents and their `index.json`; with a tokenizer, of tokens.

    Args:
        tokenizer: Path of a tokenizer.json; without one, samples are dicts of text and source.
        eos: Token after each document; `none` for none.
        bos: Token before each document; none by default.
        size: Bytes of a chunk, at most; a longer document has one of its own.

    Fails when: blocks are long beside a chunk: of each chunk of tokens, LitData leaves out what
        does not fill a block.

    References: LitData, litdata/streaming/writer.py, version 0.2.76; LitGPT, litgpt/data.
    """

    needs: ClassVar[tuple[str, ...]] = ("documents",)
    tokenizer: str = ""
    eos: str = ""
    bos: str = ""
    size: int = 2**26

    def __post_init__(self) -> None:
        check_size("litdata", self.size)

    def write(self, dataset: Dataset, out: Path) -> str:
        """`chunk-0-0.bin`, ... and last `index.json`."""
        source = None
        if self.tokenizer:
            source = encoder("litdata", self.tokenizer, self.bos, self.eos)
        samples = _ids(source, dataset) if source else map(_sample, documents(dataset))
        chunks, digest = [], hashlib.sha256()
        for i, run in enumerate(runs(samples, self.size - 8, each=4)):
            name = f"chunk-0-{i}.bin"
            content = _chunk(run)
            digest.update(content)
            put_bytes(out, name, content)
            chunks.append(
                {
                    "chunk_bytes": len(content),
                    "chunk_size": len(run),
                    "dim": sum(map(len, run)) // 4 if source else None,
                    "filename": name,
                }
            )
        index = {
            "chunks": chunks,
            "config": self._config(tokens=source is not None),
            # LitData throws away its cache when this changes; a clock would not be reproducible.
            "updated_at": digest.hexdigest()[:16],
        }
        put(out, "index.json", json.dumps(index, sort_keys=True))
        loader = ", item_loader=TokensLoader(block_size=...)" if source else ""
        return f'StreamingDataset("{out}"{loader}, shuffle=False)'

    def _config(self, *, tokens: bool) -> dict[str, Any]:
        spec: dict[str, Any] = LEAF
        if not tokens:
            names = json.dumps(["text", "source"])
            spec = {"type": "builtins.dict", "context": names, "children_spec": [LEAF, LEAF]}
        return {
            "chunk_bytes": self.size,
            "chunk_size": None,
            "compression": None,
            "data_format": [f"no_header_tensor:{INT32}"] if tokens else ["str", "str"],
            "data_spec": json.dumps([1, spec]),
            "encryption": None,
            "item_loader": "TokensLoader" if tokens else "PyTreeLoader",
        }


def _ids(source: Encoder, dataset: Dataset) -> Iterator[bytes]:
    for ids in source.documents(dataset):
        check_long("litdata", 4 * len(ids))
        yield ids.astype("<i4").tobytes()


def _sample(document: Document) -> bytes:
    values = [document.text.encode(), document.source.encode()]
    check_long("litdata", sum(map(len, values)))
    return np.array([len(value) for value in values], "<u4").tobytes() + b"".join(values)


def _chunk(samples: list[bytes]) -> bytes:
    """Count, offsets from the start of the file, samples."""
    count = np.array(len(samples), "<u4").tobytes()
    offsets = np.cumsum([0, *map(len, samples)]) + 4 + 4 * (len(samples) + 1)
    return b"".join([count, offsets.astype("<u4").tobytes(), *samples])
