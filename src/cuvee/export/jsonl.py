"""Compressed JSON lines."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import orjson
import zstandard

from cuvee.core import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class JsonlZst:
    """One JSON object a line, zstd-compressed: what every language can read.

    Args:
        level: Of zstd compression, 1 to 22.
    """

    suffix: ClassVar[str] = ".jsonl.zst"
    level: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.level <= 22:
            raise CuveeError(f"jsonl.zst: level must lie in 1..22, got {self.level}.")

    def write(self, table: "pa.Table", path: Path) -> None:
        """One shard."""
        compressor = zstandard.ZstdCompressor(level=self.level)
        # closefd=False: zstandard loses the error of a full disk when it closes a file itself.
        with path.open("wb") as raw, compressor.stream_writer(raw, closefd=False) as file:
            for batch in table.to_batches(max_chunksize=1000):
                file.write(b"".join(orjson.dumps(row) + b"\n" for row in batch.to_pylist()))
