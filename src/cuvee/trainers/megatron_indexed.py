"""Megatron's indexed dataset: tokens of the mixed documents, and where each begins."""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from cuvee.core import CuveeError
from cuvee.core.dataset import Dataset
from cuvee.core.files import whole_file, write_whole
from cuvee.trainers.encoding import encoder
from cuvee.trainers.weights import put_json

HEAD = b"MMIDIDX\x00\x00"
CODES = {"int32": 4, "uint16": 8}
"""Type of the tokens -> its number in the index."""
FEW = 65500
"""Vocabularies below this size are stored in 16 bits."""
BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class MegatronIndexed:
    """Megatron-LM: one indexed dataset of the mixed documents, .bin and .idx.

    Args:
        tokenizer: Path of a tokenizer.json.
        eos: Token after each document; `none` for none.
        bos: Token before each document; none by default.
        name: Of the two files.

    Fails when: Megatron is run with another tokenizer.

    References: Megatron-Core, megatron/core/datasets/indexed_dataset.py, version 0.16.
    """

    needs: ClassVar[tuple[str, ...]] = ("documents", "tokenizer")
    tokenizer: str = ""
    eos: str = ""
    bos: str = ""
    name: str = "mixed_text_document"

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith(".") or "/" in self.name or "\\" in self.name:
            raise CuveeError(f"megatron_indexed: name must be a file's name, got {self.name!r}.")

    def write(self, dataset: Dataset, out: Path) -> str:
        """`<name>.bin`, `metadata.json`, and last `<name>.idx`."""
        source = encoder("megatron_indexed", self.tokenizer, self.bos, self.eos)
        kind = np.dtype("<u2" if source.size < FEW else "<i4")
        lengths = array("i")
        with whole_file(out / f"{self.name}.bin") as path, path.open("wb") as file:
            for ids in source.documents(dataset):
                lengths.append(len(ids))
                file.write(ids.astype(kind).tobytes())
        sizes = np.frombuffer(lengths, np.int32)
        put_json(
            out,
            "metadata.json",
            {
                "dtype": kind.name,
                "tokens": int(sizes.sum(dtype=np.int64)),
                "documents": len(sizes),
                **source.describe(),
            },
        )
        write_whole(out / f"{self.name}.idx", lambda path: _write_index(path, sizes, kind))
        return f"--data-path {out / self.name} --split 99,1,0"


def _write_index(path: Path, sizes: np.ndarray, kind: np.dtype) -> None:
    """Head, version, type, counts; length, first byte and document of each sequence."""
    count = len(sizes)
    with path.open("wb") as file:
        head = struct.pack("<QBQQ", 1, CODES[kind.name], count, count + 1)
        file.write(HEAD + head + sizes.astype("<i4").tobytes())
        first = 0
        for block in _blocks(sizes):
            ends = first + np.cumsum(block, dtype=np.int64) * kind.itemsize
            file.write((ends - block * np.int64(kind.itemsize)).astype("<i8").tobytes())
            first = int(ends[-1])
        _write_range(file, count + 1)


def _blocks(sizes: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(sizes), BLOCK):
        yield sizes[start : start + BLOCK]


def _write_range(file: BinaryIO, stop: int) -> None:
    """Each document is one sequence: 0, 1, 2, ..."""
    for start in range(0, stop, BLOCK):
        file.write(np.arange(start, min(stop, start + BLOCK), dtype="<i8").tobytes())
