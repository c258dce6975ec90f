"""Streaming a mixture by its index, against writing it out and reading the shards.

Half of the text lies in parquet, half in jsonl. One passage: everything fits in memory. Peak: a
process of its own streams seven times the text, with 640 MiB, the least that may be given.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from benchmarks.shared import ROOT, Figure, Options, alternating, corpora, over, size_of
from benchmarks.writers import write
from cuvee import export
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.export.reading import shards
from cuvee.export.virtual import open_index
from cuvee.sources import open_source

KINDS = ("parquet", "jsonl")
MEMORY = 5 * 2**27
TIMES = 7
"""Passages through each source in the mixture whose peak is measured."""
PROGRAM = """
import resource, sys
from pathlib import Path
from benchmarks.virtual import data_in, stream_of
folder = Path(sys.argv[1])
for table in stream_of(folder, folder / "large", data_in(folder), int(sys.argv[2])).read():
    pass
try:
    peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
except OSError:  # no Linux
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak)
"""


def run(options: Options) -> list[Figure]:
    """Throughput of both ways, the index's own size, and the peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = _prepare(folder)
        return [*_throughput(folder, size, options), _peak(folder, size)]


def _prepare(folder: Path) -> int:
    texts, _ = corpora()
    every = [text for some in texts.values() for text in some]
    for i, kind in enumerate(KINDS):
        write(folder, kind, every[i::2], kind)
    return size_of(every)


def data_in(folder: Path) -> Data:
    """The two sources, on two threads."""
    sources = tuple(open_source(kind, str(folder / f"{kind}.{kind}")) for kind in KINDS)
    return Data(sources, (), Words(), Local(2))


def stream_of(folder: Path, out: Path, data: Data, memory: int) -> Any:
    """Reads the mixture by its index."""
    return open_index(out, data, orjson.loads((out / "manifest.json").read_bytes()), memory)


def _written(out: Path, data: Data, survey: Any, times: float, format: str) -> dict[str, Any]:
    """Write the mixture, each source gone through so many times."""
    shares = survey.available / survey.available.sum()
    manifest = export.write_dataset(
        out, data, survey, shares, int(times * survey.available.sum()),
        format=export.load(format), seed=0, shard_bytes=8 << 20 if times == 1 else 64 << 20,
    )  # fmt: skip
    (out / "manifest.json").write_bytes(orjson.dumps(manifest))
    return manifest


def _throughput(folder: Path, size: int, options: Options) -> list[Figure]:
    data = data_in(folder)
    survey, _ = data.survey()
    written = _written(folder / "written", data, survey, 1, "parquet")
    listed = _written(folder / "index", data, survey, 1, "index")
    _written(folder / "large", data, survey, TIMES, "index")
    files = [folder / "written" / shard["file"] for shard in written["shards"]]
    least = 2**28 + 3 * (8 << 20)  # what is taken beside the documents
    once, often = (stream_of(folder, folder / "index", data, least + some)
                   for some in (2 * size, size // 2))  # fmt: skip
    ways: dict[str, Callable[[], object]] = {
        "streamed, one passage": partial(_read, once),
        f"streamed, {often.passages} passages": partial(_read, often),
        "shards read": lambda: [None for _ in shards(files)()],
        "sources read": lambda: [None for s in data.sources for p in s.pieces()
                                 for _ in s.read(p)],
    }  # fmt: skip
    seconds = alternating(ways, options.rounds)
    note = f"{size / 1e6:.0f} MB of text, two threads"
    rates = {name: [size / s / 1e6 for s in taken] for name, taken in seconds.items()}
    drawn = sum(window["documents"] for window in listed["windows"])
    held = sum(file["bytes"] for file in listed["index"])
    return [
        *(Figure(name, values, "MB/s", note=note) for name, values in rates.items()),
        Figure("time of one passage over reading the shards",
               over(seconds["streamed, one passage"], seconds["shards read"]), "times", note=note),
        Figure("the index", [held / drawn], "bytes", note="of a drawn document"),
    ]  # fmt: skip


def _read(stream: Any) -> None:
    for _ in stream.read():
        pass


def _peak(folder: Path, size: int) -> Figure:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(MEMORY)]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rate = TIMES * size / (time.perf_counter() - begin) / 1e6
    peak = int(done.stdout) * 1024
    note = f"{TIMES * size / 1e6:.0f} MB of text streamed at {rate:.0f} MB/s, start included"
    limit = f"limit {MEMORY / 1e9:.3f} GB: what was allowed"
    return Figure("peak of streaming", [peak / 1e9], "GB", f"<= {MEMORY / 1e9:.3f}", limit, note)
