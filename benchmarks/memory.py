"""Peak memory: at most 1 GB for a pass over 5 GB of text, and for writing a 200 MB blend from it.

The corpus is made on the spot, in parquet, jsonl and jsonl.zst, and deleted afterwards. The
command runs in a process of its own, which tells the peak of its resident memory at the end.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from benchmarks.shared import Figure, Options, corpora
from cuvee.core import CuveeError

FREE = 12e9
"""Bytes of disk wanted for 5 GB of text: the corpus, the spill files and the blend."""
SPLIT = {"lines.jsonl": 0.5, "tables.parquet": 0.3, "packed.jsonl.zst": 0.2}
BLEND_TOKENS, BLEND = 50_000_000, 200
"""About 200 MB of text, at 4 bytes a token."""
PROGRAM = """
import resource, sys
from cuvee.cli import main
code = main(sys.argv[1:])
try:
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
except OSError:  # no Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("peak", peak, file=sys.stderr)
sys.exit(code)
"""


def run(options: Options) -> list[Figure]:
    """Peaks of `cuvee trial` and of `cuvee blend --out`."""
    size = parse_size(options.size)
    with tempfile.TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if free < FREE * size / 5e9:
            need = f"Needs {FREE * size / 5e9 / 1e9:.0f} GB of disk, {free / 1e9:.1f} are free."
            return [Figure("peak of cuvee trial", [], "GB", "<= 1", note=need)]
        return _measure(Path(folder), size)


def _measure(folder: Path, size: float) -> list[Figure]:
    begin = time.perf_counter()
    documents = make(folder, size)
    made = time.perf_counter() - begin
    words = [f"{name.partition('.')[0]}={folder / name}" for name in SPLIT]
    target = folder / "target.jsonl"
    target.write_bytes(_lines(_texts(2e6, 1)))
    common = ["--target", str(target), "--quiet"]
    shares = ",".join(f"{name.partition('.')[0]}={s}" for name, s in SPLIT.items())
    runs = {
        "cuvee methods": ["methods", "--json"],
        "cuvee trial": ["trial", *words, *common, "--budget", "50M", "--shares", shares,
                        "--out", str(folder / "losses.csv")],
        f"cuvee blend, {BLEND} MB written": [
            "blend", *words, *common, "--budget", str(min(BLEND_TOKENS, int(size / 25))),
            "--out", str(folder / "blend")],
    }  # fmt: skip
    figures = []
    for name, arguments in runs.items():
        peak, seconds = peak_of(arguments)
        base = name == "cuvee methods"
        figures.append(Figure(
            f"peak of {name}", [peak / 1e9], "GB", "" if base else "<= 1",
            "" if base else f"limit {4 * documents / 1e9:.3f} GB: 4 bytes for each document's "
            "length, beside the libraries, the index of the targets and a few batches",
            "the interpreter and cuvee's own start" if base else
            f"{size / 1e9:g} GB of text in {documents} documents, made in {made:.0f} s; "
            f"{seconds:.0f} s, {size / seconds / 1e6:.0f} MB/s of text in all",
        ))  # fmt: skip
    return figures


def peak_of(arguments: list[str]) -> tuple[int, float]:
    """Bytes at the peak, and seconds, of one command."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True
    )
    found = re.search(r"^peak (\d+)$", done.stderr, re.MULTILINE)
    if done.returncode or not found:
        raise CuveeError(f"cuvee {arguments[0]} failed: {done.stderr[-500:]}")
    return int(found[1]), time.perf_counter() - begin


def make(folder: Path, size: float) -> int:
    """Write the corpus; returns how many documents it has."""
    total = 0
    for seed, (name, part) in enumerate(SPLIT.items()):
        texts = _texts(size * part, seed + 2)
        path = folder / name
        if name.endswith(".parquet"):
            schema = pa.schema({"id": pa.int64(), "text": pa.string()})
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for batch in texts:
                    columns = [range(total, total + len(batch)), batch]
                    writer.write_table(pa.table([pa.array(c) for c in columns], schema=schema))
                    total += len(batch)
            continue
        with path.open("wb") as raw:
            file = raw
            if name.endswith(".zst"):
                file = zstandard.ZstdCompressor(level=1).stream_writer(raw)
            for batch in texts:
                file.write(_lines([batch]))
                total += len(batch)
            file.close()
    return total


def _texts(size: float, seed: int) -> Iterator[list[str]]:
    """Batches of distinct documents: stretches of the corpora, 2.5 kB long in the mean."""
    pool = "\n".join(t for some in corpora()[0].values() for t in some)
    rng = np.random.default_rng(seed)
    made = 0
    while made < size:
        lengths = np.minimum(rng.lognormal(7.3, 1.0, 4000).astype(int) + 20, 100_000)
        starts = rng.integers(0, len(pool) - 100_000, 4000)
        batch = [pool[a : a + n] for a, n in zip(starts.tolist(), lengths.tolist())]
        made += sum(len(t.encode()) for t in batch)
        yield batch


def _lines(batches: object) -> bytes:
    return b"".join(orjson.dumps({"text": t}) + b"\n" for batch in batches for t in batch)


def parse_size(text: str) -> float:
    """Bytes in `5GB` or `200MB`."""
    match = re.fullmatch(r"([0-9.]+) ?([MG])B", text.strip(), re.IGNORECASE)
    if not match:
        raise CuveeError(f"--size looks like 5GB or 200MB, got {text!r}.")
    return float(match[1]) * {"M": 1e6, "G": 1e9}[match[2].upper()]
