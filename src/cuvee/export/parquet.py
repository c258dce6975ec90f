"""Apache Parquet shards."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cuvee.core import CuveeError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Parquet:
    """Apache Parquet, zstd-compressed: what most loaders read fastest.

    Args:
        level: Of zstd compression, 1 to 22.
        rows: Of a row group.
    """

    suffix: ClassVar[str] = ".parquet"
    level: int = 3
    rows: int = 10_000

    def __post_init__(self) -> None:
        if not 1 <= self.level <= 22 or self.rows < 1:
            raise CuveeError("parquet: level must lie in 1..22 and rows be at least 1.")

    def write(self, table: "pa.Table", path: Path) -> None:
        """One shard."""
        import pyarrow.parquet as pq

        pq.write_table(
            table, path, compression="zstd", compression_level=self.level, row_group_size=self.rows
        )
