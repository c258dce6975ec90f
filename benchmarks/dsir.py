"""Importance resampling: the ranking of the package data-selection, at ten times its speed.

Both read the same jsonl files (the corpora, again and again), with the same number of processes or
threads. Ours is `cuvee.choose`, from files to a choice: a first pass for keys and lengths, a second
for the pool's n-grams, a third for the weights. The package fits and weighs, two passes; its last
step, in which it reads and writes all files again, is left out, and its choice is one sort. Peaks
are those of processes of their own.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.stats import rankdata

from benchmarks.shared import Figure, Options, corpora, over
from cuvee.core.ngrams import BUCKETS, hashed_ngrams
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose
from cuvee.select.dsir import Dsir

SMALL, LARGE = 12e6, 200e6
"""Bytes of text: for both side by side, and for ours alone."""
FILES = 4
PART = 0.1
"""Of the documents that are chosen."""
PEAK = """
status = open("/proc/self/status").read()
print("peak", int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""
OURS = """
import sys, time
import cuvee
pool, target, workers = sys.argv[1:4]
begin = time.perf_counter()
found = cuvee.choose(pool + "/*.jsonl", "10%", target=target, method="dsir", workers=int(workers))
print("seconds", time.perf_counter() - begin, "rows", len(found.rows))
"""
THEIRS = """
import glob, sys, tempfile, time
import numpy as np
from data_selection import HashedNgramDSIR
if __name__ == "__main__":
    pool, target, workers = sys.argv[1:4]
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        files = sorted(glob.glob(pool + "/*.jsonl"))
        dsir = HashedNgramDSIR(files, [target], cache, num_proc=int(workers), min_example_length=0)
        dsir.fit_importance_estimator(num_tokens_to_fit="all")
        dsir.compute_importance_weights()
        paths = sorted(glob.glob(cache + "/log_importance_weights/*.npy"))
        weights = np.concatenate([np.load(path) for path in paths])
        noisy = weights + np.random.default_rng(0).gumbel(size=len(weights))
        rows = np.argsort(-noisy)[: len(noisy) // 10]
    print("seconds", time.perf_counter() - begin, "rows", len(rows))
"""


def run(options: Options) -> list[Figure]:
    """Agreement, throughput side by side, and our memory."""
    if importlib.util.find_spec("data_selection") is None:
        note = "data-selection is not installed: pip install data-selection"
        return [Figure("dsir over data-selection", [], "times", ">= 10", note=note)]
    texts, wanted = documents(SMALL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, texts, wanted)
        figures = [*agreement(texts, wanted), *beside(folder, options)]
    return figures + alone(options)


def documents(size: float) -> tuple[list[str], list[str]]:
    """So many bytes of all corpora in turn, each document with its number; and a target."""
    kinds, _ = corpora()
    names = sorted(kinds)
    target, texts, taken, turn = list(kinds[names[-2]][:200]), [], 0, 200
    while taken < size:
        for name in names:
            text = kinds[name][turn % len(kinds[name])]
            texts.append(f"{len(texts)} {text}")
            taken += len(texts[-1].encode())
        turn += 1
    return texts, target


def write(folder: Path, texts: Sequence[str], target: Sequence[str]) -> None:
    """Both as jsonl, the pool in several files."""
    (folder / "pool").mkdir()
    for i in range(FILES):
        lines = (orjson.dumps({"text": text}) + b"\n" for text in texts[i::FILES])
        (folder / "pool" / f"{i}.jsonl").write_bytes(b"".join(lines))
    lines = (orjson.dumps({"text": text}) + b"\n" for text in target)
    (folder / "target.jsonl").write_bytes(b"".join(lines))


def agreement(texts: Sequence[str], wanted: Sequence[str]) -> list[Figure]:
    """Weights of either side, ours on the package's features and on our own hashes."""
    from data_selection.hashed_ngram_dsir import HashedNgramDSIR, get_ngram_counts

    texts = texts[:: max(len(texts) // 1500, 1)]
    counts = [np.stack([get_ngram_counts(t) for t in some]) for some in (texts, wanted)]
    with tempfile.TemporaryDirectory() as cache:
        theirs = HashedNgramDSIR([], [], cache)
        raw, target = (c.sum(axis=0) / c.sum() for c in counts)
        theirs.log_diff = np.log(target + 1e-8) - np.log(raw + 1e-8)
        expected = np.array([theirs.importance_estimator(row) for row in counts[0]])
    same = weights(*(csr_array(c.astype(np.float32)) for c in counts))
    own = weights(*(hashed_ngrams(pa.array(some, pa.large_string())) for some in (texts, wanted)))
    top = max(len(texts) // 10, 1)
    best = set(np.argsort(-expected, kind="stable")[:top].tolist())
    note = f"{len(texts)} documents of 12 kinds, {len(wanted)} as the target, {BUCKETS} buckets"
    figures = []
    for name, found, target in (
        ("the same features", same, ">= 0.999"),
        ("hashes of our own", own, ""),
    ):
        mine = set(np.argsort(-found, kind="stable")[:top].tolist())
        rank = float(np.corrcoef(rankdata(found), rankdata(expected))[0, 1])
        figures += [
            Figure(f"Spearman with data-selection, {name}", [round(rank, 9)], "", target, "", note),
            Figure(f"top tenth in common, {name}", [len(best & mine) / top], "", target, "", note),
        ]
    return figures


def weights(pool: csr_array, target: csr_array) -> np.ndarray:
    """Of every row, by `dsir`."""
    made = [
        Pool(
            np.arange(t.shape[0], dtype=np.uint64), np.ones(t.shape[0], np.int64),
            counts=lambda of, t=t: of(t), totals=lambda times, t=t: times.astype(float) @ t,
        )
        for t in (pool, target)
    ]  # fmt: skip
    found = choose(Dsir(), made[0], Quota(rows=1), target=made[1])
    return np.zeros(0) if found.scores is None else found.scores


def beside(folder: Path, options: Options) -> list[Figure]:
    """Seconds from files to a choice, both in turn, and their peaks."""
    size = sum(path.stat().st_size for path in (folder / "pool").iterdir())
    note = f"{size / 1e6:.0f} MB of jsonl in {FILES} files, {PART:.0%} of the documents chosen"
    figures = []
    for workers in (1, 2):
        found = {"cuvee": [], "data-selection": []}
        peaks: dict[str, float] = {}
        for _ in range(min(options.rounds, 3)):
            for name, code in (("cuvee", OURS), ("data-selection", THEIRS)):
                seconds, peak = apart(code, folder, workers)
                peaks[name] = max(peak, peaks.get(name, 0))
                found[name].append(seconds)
        each = f"{workers} worker{'s' * (workers > 1)}"
        for name, taken in found.items():
            rates = [size / s / 1e6 for s in taken]
            figures.append(Figure(f"{name}, {each}", rates, "MB/s", note=note))
        figures += [
            Figure(
                f"cuvee over data-selection, {each}", over(found["data-selection"], found["cuvee"]),
                "times", ">= 10", note=note,
            ),
            *(Figure(f"peak of {name}, {each}", [peak / 1e9], "GB", note="of the parent process"
                     if name != "cuvee" else "") for name, peak in peaks.items()),
        ]  # fmt: skip
    return figures


def alone(options: Options) -> list[Figure]:
    """Ours on a larger pool: throughput, and memory that does not grow with it."""
    texts, wanted = documents(LARGE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, texts, wanted)
        size = sum(path.stat().st_size for path in (folder / "pool").iterdir())
        del texts
        runs = [apart(OURS, folder, 2) for _ in range(min(options.rounds, 3))]
    note = f"{size / 1e6:.0f} MB of jsonl, 2 workers"
    return [
        Figure("cuvee, a larger pool", [size / s / 1e6 for s, _ in runs], "MB/s", note=note),
        Figure("peak of cuvee, a larger pool", [p / 1e9 for _, p in runs], "GB", "<= 1", note=note),
    ]


def apart(code: str, folder: Path, workers: int) -> tuple[float, float]:
    """Seconds and peak bytes of a process of its own."""
    script = folder / "run.py"
    script.write_text(code + PEAK)
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "pool"), str(folder / "target.jsonl"),
         str(workers)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"after {time.perf_counter() - begin:.0f} s: {done.stderr[-2000:]}")
    words = done.stdout.split()
    return float(words[words.index("seconds") + 1]), float(words[words.index("peak") + 1])
