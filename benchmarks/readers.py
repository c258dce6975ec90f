"""Reading alone: MB/s of text for each format of a source, beside plain loops and `datasets`."""

import gzip
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

from benchmarks.shared import Figure, Options, alternating, corpora, over, size_of
from benchmarks.writers import FORMATS, write
from cuvee.sources import open_source

DOCUMENTS = 20_000
"""Of all corpora in turn, so that the folder of text files stays small."""


def run(options: Options) -> list[Figure]:
    """All formats in every round."""
    texts = [t for some in corpora()[0].values() for t in some if t]
    texts = texts[:: max(1, len(texts) // DOCUMENTS)]
    size = size_of(texts)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_DATASETS_CACHE"] = f"{folder}/cache"
        paths = {suffix: write(Path(folder), "all", texts, suffix) for suffix in FORMATS}
        jobs: dict[str, Callable[[], object]] = {
            suffix: partial(_read, str(path)) for suffix, path in paths.items()
        }
        jobs["memory"] = partial(_read, texts)
        peers = _peers(paths)
        seconds = alternating({**jobs, **peers}, options.rounds)
    figures = []
    for name, taken in seconds.items():
        note = f"{size / 1e6:.0f} MB in {len(texts)} documents" if name in jobs else "to compare"
        figures.append(Figure(name, [size / s / 1e6 for s in taken], "MB/s", note=note))
    for name in peers:
        ours = name.partition(":")[0]
        ratio = over(seconds[name], seconds[ours])
        figures.append(Figure(f"ours over {name}", ratio, "times"))
    return figures


def _read(spec: object) -> int:
    """Documents, read the way the pass over the sources reads them."""
    source = open_source("all", spec)
    return sum(len(b.text) for piece in source.pieces() for b in source.read(piece))


def _peers(paths: dict[str, Path]) -> dict[str, Callable[[], object]]:
    peers: dict[str, Callable[[], object]] = {
        "jsonl: an orjson loop": lambda: _loop(paths["jsonl"].read_bytes()),
        "jsonl.zst: zstandard, then an orjson loop": lambda: _loop(_unpacked(paths["jsonl.zst"])),
        "jsonl.zst: zstandard alone (the limit)": lambda: _unpacked(paths["jsonl.zst"]),
        "jsonl.gz: gzip alone (the limit)": lambda: gzip.decompress(paths["jsonl.gz"].read_bytes()),
        "jsonl: reading the bytes alone (the limit)": paths["jsonl"].read_bytes,
        "parquet: pyarrow's batches": lambda: _count(pq.ParquetFile(paths["parquet"])),
        "arrow: pyarrow's table": lambda: pyarrow.feather.read_table(
            paths["arrow"], memory_map=False, use_threads=False
        ),
        "csv: pyarrow's table": lambda: pyarrow.csv.read_csv(
            paths["csv"], pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            pyarrow.csv.ParseOptions(newlines_in_values=True),
        ),
        "txt: Python's read_text": lambda: [p.read_text() for p in paths["txt"].iterdir()],
    }  # fmt: skip
    try:
        from datasets import load_dataset
    except ModuleNotFoundError:
        return peers

    def stream(kind: str, path: Path) -> int:
        rows = load_dataset(kind, data_files=str(path), split="train", streaming=True)
        return sum(len(row["text"]) > 0 for row in rows)

    peers["jsonl: datasets, streaming"] = partial(stream, "json", paths["jsonl"])
    peers["parquet: datasets, streaming"] = partial(stream, "parquet", paths["parquet"])
    return peers


def _count(file: pq.ParquetFile) -> int:
    return sum(len(b) for b in file.iter_batches(1000, columns=["text"], use_threads=False))


def _unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


def _loop(data: bytes) -> list[str]:
    return [orjson.loads(line)["text"] for line in data.splitlines()]
