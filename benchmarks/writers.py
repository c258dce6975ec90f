"""The corpora as files of every format that a source may have."""

import gzip
from collections.abc import Iterable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

FORMATS = ("parquet", "jsonl", "jsonl.zst", "jsonl.gz", "arrow", "csv", "txt")


def write(folder: Path, name: str, texts: Iterable[str], suffix: str) -> Path:
    """One file, or for `txt` a folder with a file for each document."""
    path = folder / f"{name}.{suffix}"
    if suffix == "txt":
        path.mkdir(exist_ok=True)
        for i, text in enumerate(texts):
            (path / f"{i:06}.txt").write_text(text, newline="")
        return path
    if suffix.startswith("jsonl"):
        lines = b"".join(orjson.dumps({"text": text}) + b"\n" for text in texts)
        path.write_bytes(_packed(lines, suffix))
        return path
    table = pa.table({"text": pa.array(texts, pa.large_string())})
    if suffix == "parquet":
        pq.write_table(table, path, compression="zstd")
    elif suffix == "arrow":
        pyarrow.feather.write_feather(table, path, compression="uncompressed")
    else:
        pyarrow.csv.write_csv(table, path)
    return path


def _packed(data: bytes, suffix: str) -> bytes:
    if suffix.endswith(".zst"):
        return zstandard.ZstdCompressor(level=3).compress(data)
    return gzip.compress(data, 6) if suffix.endswith(".gz") else data
