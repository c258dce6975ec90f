"""From 0.1 to 10 GB: time against bytes, memory, and a blend beside the count that it needs.

Eight sources in Parquet, JSON Lines and packed JSON Lines are made of stretches of the corpora, in
a hundred files each; a smaller size is the first of them. `cuvee blend --out` runs as a
user runs it, in a process of its own; so does the bare count, the survey that `one_pass` times, on
the same files. Memory is that of the process and of whatever it starts. Made files stay in the
folder given by `--folder`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from benchmarks.memory import parse_size
from benchmarks.shared import Figure, Options, corpora, over
from cuvee.core import CuveeError
from cuvee.core.files import write_whole

FORMATS = ("parquet", "jsonl", "parquet", "jsonl", "jsonl.zst", "parquet", "jsonl", "parquet")
"""Of the sources."""
STEPS = (1, 3, 10, 30, 100)
"""Files of each source that are read as the size grows; the last is the full size."""
PART = 10
"""Files of each source on which one worker is compared with two."""
SHARE = 200
"""Bytes of all text for a token that is written: 50 million tokens of 10 GB."""
TARGET = 300_000
"""Bytes of the target that are looked at, about as many as `cuvee blend` takes."""
DISK = 0.75
"""Bytes of disk for a byte of text: files, spill files and the blend."""
COUNT = """
import sys, time
from benchmarks.scale import count
print(count(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
"""


@dataclass(slots=True)
class Command:
    """A command that was run: seconds of wall and of processor time, bytes at the peak, output."""

    arguments: Sequence[str]
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    out: str = ""
    running: psutil.Popen | None = field(default=None, repr=False)

    def run(self) -> "Command":
        """Run it to its end.

        Raises:
            CuveeError: It failed.
        """
        begin, before = time.perf_counter(), os.times()
        self.running = psutil.Popen(
            [sys.executable, *self.arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        self.out, errors = self.running.communicate()
        self.seconds, after = time.perf_counter() - begin, os.times()
        watch.join()
        self.cpu = sum(after[2:4]) - sum(before[2:4])
        if self.running.returncode:
            raise CuveeError(f"{' '.join(self.arguments[:4])} ... failed: {errors[-500:]}")
        return self

    def _watch(self, pause: float = 0.25) -> None:
        """Note the most memory that the process ever held, or held together with those below it.

        Looking for them costs milliseconds, so it is done seldom.
        """
        while self.running is not None and self.running.poll() is None:
            try:
                some = [self.running, *self.running.children(recursive=True)]
                held = sum(one.memory_info().rss for one in some)
            except psutil.Error:  # one has just ended
                continue
            self.peak = max(self.peak, held, _highest(self.running.pid))
            time.sleep(pause)


def _highest(process: int) -> int:
    """Bytes at the peak of one process so far; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) * 1024 if found else 0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of text that are made once.

    Args:
        folder: Where they are.
        each: Bytes of text in a file.
    """

    folder: Path
    each: int

    @property
    def target(self) -> Path:
        """Text like that of all sources."""
        return self.folder / "target.jsonl"

    @property
    def tokens(self) -> int:
        """To write, whatever part of the files is read."""
        return self.size(STEPS[-1]) // SHARE

    def size(self, files: int) -> int:
        """Bytes of text in so many files of each source."""
        return files * len(FORMATS) * self.each

    def words(self, numbers: Iterable[int]) -> list[str]:
        """The sources, as the terminal takes them."""
        some = list(numbers)
        return [
            f"s{i}=" + ",".join(str(self.file(i, n)) for n in some) for i in range(len(FORMATS))
        ]

    def file(self, source: int, number: int) -> Path:
        """One of them."""
        return self.folder / f"s{source}" / f"{self.each}-{number:03}.{FORMATS[source]}"

    def make(self) -> None:
        """Write what is not there yet."""
        pools = _pools()
        for i, pool in enumerate(pools):
            (self.folder / f"s{i}").mkdir(parents=True, exist_ok=True)
            for n in range(STEPS[-1]):
                if not (path := self.file(i, n)).exists():
                    write_whole(path, partial(_write, texts(pool, self.each, i, n), FORMATS[i]))
        some = [text for i, pool in enumerate(pools) for text in texts(pool, 1e6, i, 1 << 20)]
        write_whole(self.target, partial(_write, some, "jsonl"))


def run(options: Options) -> list[Figure]:
    """Growth, memory, a blend beside its count, and two workers beside one."""
    size = parse_size(options.size)
    with tempfile.TemporaryDirectory() as spare:
        folder = options.folder or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        there = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        free = shutil.disk_usage(folder).free + there
        if free < DISK * size:
            need = f"Needs {DISK * size / 1e9:.0f} GB of disk, {free / 1e9:.1f} are free."
            return [Figure("cuvee blend", [], "s", note=need)]
        corpus = Corpus(folder, round(size / STEPS[-1] / len(FORMATS)))
        corpus.make()
        return [*_growth(corpus), *_workers(corpus, options.rounds)]


def _growth(corpus: Corpus) -> list[Figure]:
    blend(corpus, STEPS[0]).run()  # a first run compiles modules; its time is not kept
    sizes = [corpus.size(files) for files in STEPS]
    *some, most = STEPS
    taken = [blend(corpus, files).run() for files in some]
    # Before and after: a machine that gets slower or faster meanwhile would count for or against.
    before = float(counting(corpus, range(most), 2).run().out)
    taken.append(blend(corpus, most).run())
    counts = [before, float(counting(corpus, range(most), 2).run().out)]
    seconds, size = [one.seconds for one in taken], sizes[-1]
    exponent, start = growth(sizes, seconds)
    by_cpu, _ = growth(sizes, [one.cpu for one in taken])
    peaks = [one.peak / 1e9 for one in taken]
    each = ", ".join(f"{n / 1e9:g} GB in {s:.1f} s" for n, s in zip(sizes, seconds))
    held = ", ".join(f"{n / 1e9:g} GB: {p:.2f}" for n, p in zip(sizes, peaks))
    how = "fitted is start + factor * bytes ** exponent, relative errors"
    full = f"{size / 1e9:g} GB"
    return [
        Figure(f"blend of {full}, peak of all processes", [peaks[-1]], "GB", "<= 2", note=held),
        Figure(f"blend of {full}, peak over that of a tenth", [peaks[-1] / peaks[2]], "times",
               note="a document's length takes 4 bytes, and stays in memory"),
        Figure(f"blend of {full}, of text", [size / seconds[-1] / 1e6], "MB/s",
               note=f"{len(FORMATS)} sources, {corpus.tokens} tokens written, 2 workers"),
        Figure(f"count of {full}, of text", [size / s / 1e6 for s in counts], "MB/s",
               note="the survey alone, before and after, in a process that had started, 2 workers"),
        Figure("throughput of the blend over the count's", [sum(counts) / 2 / seconds[-1]], "times",
               ">= 0.8", note="start, hashes, choice, drawing and writing included"),
        Figure("time against bytes, exponent", [exponent], "", "<= 1.05",
               note=f"{each}; {how}; start {start:.1f} s"),
        Figure("processor time against bytes, exponent", [by_cpu], "", "<= 1.05", note=how),
    ]  # fmt: skip


def _workers(corpus: Corpus, rounds: int) -> list[Figure]:
    """One and two workers in turn, and two processes that share nothing."""
    if (os.cpu_count() or 1) < 2:
        return [Figure("2 workers over 1", [], "times", note="There is one core only.")]
    jobs = {
        "one": lambda: float(counting(corpus, range(PART), 1).run().out),
        "two": lambda: float(counting(corpus, range(PART), 2).run().out),
        "apart": lambda: _apart(corpus),
        "blend by one": lambda: blend(corpus, PART, 1).run().seconds,
        "blend by two": lambda: blend(corpus, PART, 2).run().seconds,
    }
    turns = [{name: job() for name, job in jobs.items()} for _ in range(rounds)]
    taken = {name: [turn[name] for turn in turns] for name in jobs}

    def linear(one: str, two: str) -> list[float]:
        return [ratio / 2 for ratio in over(taken[one], taken[two])]

    size = corpus.size(PART)
    limit = (
        f"limit {np.median(linear('one', 'apart')):.2f}: two processes that share nothing, "
        "half of the files each"
    )
    note = f"{size / 1e9:g} GB; 1 would be twice as fast"
    return [
        Figure("count, 1 worker", [size / s / 1e6 for s in taken["one"]], "MB/s", note=note),
        Figure("count, 2 workers, of linear", linear("one", "two"), "", ">= 0.8", limit, note),
        Figure("blend, 2 workers, of linear", linear("blend by one", "blend by two"), "", "",
               limit, f"{note}; start and choice, which one worker does, included"),
    ]  # fmt: skip


def _apart(corpus: Corpus) -> float:
    """Seconds of the slower of two counts at once, on one core and half of the files each."""
    halves = [counting(corpus, range(half, PART, 2), 1) for half in (0, 1)]
    threads = [threading.Thread(target=half.run) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(float(half.out) for half in halves)


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """The exponent, and the start, of `start + factor * size ** exponent`."""
    x, y = np.asarray(sizes) / max(sizes), np.asarray(seconds)
    best = (np.inf, np.nan, np.nan)
    for exponent in np.arange(0.5, 1.5, 0.001):
        terms = np.column_stack([np.ones(len(x)), x**exponent]) / y[:, None]
        (start, factor), *_ = np.linalg.lstsq(terms, np.ones(len(x)))
        lost = float(((terms @ [start, factor] - 1) ** 2).sum())
        if start >= 0:
            best = min(best, (lost, float(exponent), float(start)))
    return best[1], best[2]


def count(target: str, workers: int, specs: Sequence[str]) -> float:
    """Seconds of the survey with the count proxy's tally."""
    from benchmarks.one_pass import plain_tally
    from benchmarks.shared import data_of
    from cuvee.sources import open_source
    from cuvee.sources.part import sample

    aim = sample(open_source("target", target), TARGET, seed=0)
    named = dict(spec.split("=", 1) for spec in specs)
    data = data_of(named, (aim,), workers)
    tally = plain_tally(data, grams=3)
    begin = time.perf_counter()
    data.survey(tally)
    return time.perf_counter() - begin


def counting(corpus: Corpus, numbers: Iterable[int], workers: int) -> Command:
    """The bare count of some files of each source."""
    return Command(["-c", COUNT, str(corpus.target), str(workers), *corpus.words(numbers)])


def blend(corpus: Corpus, files: int, workers: int = 2) -> Command:
    """The main job on so many files of each source."""
    out = corpus.folder / "blend"
    shutil.rmtree(out, ignore_errors=True)
    return Command(
        ["-m", "cuvee", "blend", *corpus.words(range(files)), "--target", str(corpus.target),
         "--budget", str(corpus.tokens), "--workers", str(workers), "--quiet", "--out", str(out)]
    )  # fmt: skip


def texts(pool: bytes, size: float, *seed: int) -> list[str]:
    """Distinct documents: stretches of a pool of text, 2.5 kB long in the mean."""
    rng, made, found = np.random.default_rng(seed), 0, []
    most = min(100_000, len(pool) // 2)
    while made < size:
        length = min(int(rng.lognormal(7.3, 1.0)) + 20, most)
        start = int(rng.integers(0, len(pool) - most))
        found.append(pool[start : start + length].decode(errors="ignore"))
        made += length
    return found


def _pools() -> list[bytes]:
    """Text of each source: two kinds of the corpora each, one of them shared with the next."""
    kinds = ["\n".join(some).encode() for some in corpora()[0].values()]
    return [kinds[i % len(kinds)] + kinds[(i + 1) % len(kinds)] for i in range(len(FORMATS))]


def _write(documents: list[str], suffix: str, path: Path) -> None:
    if suffix == "parquet":
        table = pa.table({"id": range(len(documents)), "text": documents})
        pq.write_table(table, path, compression="zstd", row_group_size=2000)
        return
    lines = (orjson.dumps({"id": i, "text": t}) + b"\n" for i, t in enumerate(documents))
    data = b"".join(lines)
    packed = suffix.endswith(".zst")
    path.write_bytes(zstandard.ZstdCompressor(level=1).compress(data) if packed else data)
