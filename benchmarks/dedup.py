"""Near-duplicates: 3 times datatrove's throughput, 10 times datasketch's, a million in 2 GB.

One planted corpus, one thread, seconds of CPU time; the same shingles (runs of 5 words of text in
lower case without punctuation), 128 permutations, threshold 0.8 and bands (21 of 6 rows) for all.
Every tool is given Python strings and tells which documents go. datatrove makes its passes over
files, as it does in use; its words are split at spaces and its normalisation is off, as there is
nothing to normalise. It compares no whole signatures, so that more goes wrongly; datasketch is
asked for that. rensa (Rust) is only there to compare with. The peers come with
`pip install datasketch rensa datatrove 'xxhash<4'`.
"""

import contextlib
import importlib
import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.shared import Figure, Options, alternating, over
from cuvee import clean
from cuvee.core import CuveeError
from cuvee.documents.deduplicating import dedup

THRESHOLD, PERMUTATIONS, SIZE = 0.8, 128, 5
BANDS, ROWS = 21, 6
DOCUMENTS, PAIRS = 8000, 2000
UNSURE = 0.05
"""Pairs so near to the threshold count neither as found nor as falsely found."""
MILLION = 1_000_000
TARGETS = {"datasketch": ">= 10", "datatrove": ">= 3", "rensa": ""}
PROGRAM = """
import sys
from benchmarks.dedup import TOOLS, planted
TOOLS[sys.argv[1]](planted()[0])
print("peak", open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""
LARGE = """
import sys, time
from cuvee.documents.deduplicating import dedup
begin = time.perf_counter()
found = dedup({"million": sys.argv[1]}, method="minhash", out=sys.argv[2])
print("seconds", time.perf_counter() - begin, "removed", found.removed)
print("peak", open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""
Tool = Callable[[list[str]], np.ndarray]


def run(options: Options) -> list[Figure]:
    """Throughput and accuracy beside others, memory, and a million documents."""
    texts, likeness = planted()
    tools = {name: tool for name, tool in TOOLS.items() if _there(name)}
    jobs = {name: (lambda t=tool: t(texts)) for name, tool in tools.items()}
    taken = alternating(jobs, min(options.rounds, 3), time.process_time)
    figures = []
    for name in TOOLS:
        if name not in tools:
            note = f"pip install {name}"
            figures.append(Figure(f"times the throughput of {name}", [], "x",
                                  TARGETS[name], note=note))  # fmt: skip
            continue
        recall, precision = judged(tools[name](texts), likeness)
        figures += [
            Figure(f"{name}: documents", [len(texts) / s for s in taken[name]], "1/CPU s"),
            Figure(f"{name}: planted pairs found", [recall], "of 1"),
            Figure(f"{name}: documents that went rightly", [precision], "of 1"),
            Figure(f"{name}: peak of memory", [_peak(name)], "GB"),
        ]
        if name != "cuvee":
            ratio = over(taken[name], taken["cuvee"])
            figures.append(
                Figure(f"times the throughput of {name}", ratio, "x", TARGETS[name],
                       note=f"{len(texts)} documents of about 250 words, one thread")
            )  # fmt: skip
    return figures + _million()


@cache
def planted() -> tuple[list[str], np.ndarray]:
    """Documents, and the Jaccard similarity of each to its planted other; 0 for those without."""
    rng = np.random.default_rng(5)
    words = _vocabulary(rng)
    documents, likeness = [], []
    for i in range(DOCUMENTS - PAIRS):
        one = _words(rng, words)
        documents.append(" ".join(one))
        likeness.append(0.0)
        if i < PAIRS:
            two = one.copy()
            changed = int(rng.integers(0, max(len(one) // 15, 2)))
            two[rng.integers(0, len(two), changed)] = rng.choice(words, changed)
            documents.append(" ".join(two))
            a, b = set(grams(one.tolist())), set(grams(two.tolist()))
            likeness[-1] = len(a & b) / len(a | b)
            likeness.append(likeness[-1])
    order = rng.permutation(len(documents))
    return [documents[i] for i in order], np.array(likeness)[order]


def _vocabulary(rng: np.random.Generator, many: int = 20_000) -> np.ndarray:
    letters = rng.integers(97, 123, (many, 9)).astype(np.uint8)
    lengths = rng.integers(2, 10, many)
    return np.array([bytes(row[:n]).decode() for row, n in zip(letters, lengths)])


def _words(rng: np.random.Generator, words: np.ndarray) -> np.ndarray:
    ranks = np.minimum(rng.zipf(1.3, int(rng.integers(100, 400))), len(words)) - 1
    return words[ranks]


def grams(words: list[str]) -> Iterator[str]:
    """Runs of 5 words."""
    return map(" ".join, zip(*(words[i:] for i in range(SIZE))))


def judged(gone: np.ndarray, likeness: np.ndarray) -> tuple[float, float]:
    """Of the pairs surely above the threshold, those found; of what went, what is not surely wrong.

    One of a pair goes; with as many above the threshold that is half of their documents.
    """
    above, below = likeness > THRESHOLD + UNSURE, likeness < THRESHOLD - UNSURE
    return 2 * float(gone[above].sum() / above.sum()), 1 - float(gone[below].sum() / gone.sum())


def _cuvee(texts: list[str]) -> np.ndarray:
    found = dedup({"planted": texts}, method=clean.load("minhash"), workers=1, examples=0)
    return ~found.found.kept


def _datasketch(texts: list[str]) -> np.ndarray:
    datasketch: Any = importlib.import_module("datasketch")
    index = datasketch.MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
    signatures, gone = [], np.zeros(len(texts), bool)
    for i, text in enumerate(texts):
        signature = datasketch.MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([gram.encode() for gram in grams(text.split())])
        signatures.append(signature)
        gone[i] = any(signature.jaccard(signatures[j]) >= THRESHOLD for j in index.query(signature))
        index.insert(i, signature)
    return gone


def _rensa(texts: list[str]) -> np.ndarray:
    rensa: Any = importlib.import_module("rensa")
    signatures = rensa.RMinHash.from_token_sets(
        [list(grams(text.split())) for text in texts], PERMUTATIONS, 42
    )
    kept = rensa.RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True, 16, 42)
    return ~np.array([kept.add(str(i), one) for i, one in enumerate(signatures)])


def _datatrove(texts: list[str]) -> np.ndarray:
    minhash: Any = importlib.import_module("datatrove.pipeline.dedup.minhash")
    data: Any = importlib.import_module("datatrove.data")
    config = minhash.MinhashConfig(
        n_grams=SIZE, num_buckets=BANDS, hashes_per_bucket=ROWS,
        norm_config=minhash.TextNormConfig(False, False, False, False, False),
    )  # fmt: skip
    minhash.logger.remove()
    spaces = importlib.import_module("datatrove.utils.word_tokenizers").WordTokenizer
    split = type("Split", (spaces,), {
        "word_tokenize": lambda self, text: text.split(),
        "sent_tokenize": lambda self, text: [text], "span_tokenize": lambda self, text: [],
    })()  # fmt: skip
    documents = [data.Document(text=text, id=str(i)) for i, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        places = [f"{folder}/{name}" for name in ("signatures", "buckets", "removed")]
        minhash.MinhashDedupSignature(places[0], config, split).run(documents)
        buckets = minhash.MinhashDedupBuckets(places[0], places[1], config=config)
        for bucket in range(BANDS):
            buckets.run(None, bucket, BANDS)
        minhash.MinhashDedupCluster(places[1], places[2], config).run(None, 0, 1)
        removed = Path(places[2], "000000.remove").read_bytes()
    gone = np.zeros(len(texts), bool)
    gone[np.frombuffer(removed, "<u4")] = True
    return gone


TOOLS: dict[str, Tool] = {
    "cuvee": _cuvee, "datasketch": _datasketch, "datatrove": _datatrove, "rensa": _rensa,
}  # fmt: skip


def _there(name: str) -> bool:
    try:
        importlib.import_module("datatrove.pipeline.dedup" if name == "datatrove" else name)
    except ImportError:
        return False
    return True


def _peak(tool: str) -> float:
    """Of a process that does nothing else."""
    return _ran(PROGRAM, tool)["peak"] * 1024 / 1e9


def _ran(program: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True
    )
    if done.returncode:
        raise CuveeError(f"benchmark failed: {done.stderr[-500:]}")
    return {name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+)", done.stdout)}


def _million() -> list[Figure]:
    """A million documents of about 200 words, in a process of its own, all cores."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        size = _write(Path(folder, "million.parquet"))
        made = time.perf_counter() - begin
        found = _ran(LARGE, f"{folder}/million.parquet", f"{folder}/kept.parquet")
    note = f"{size / 1e9:.2f} GB of text, made in {made:.0f} s; {found['removed']:.0f} documents go"
    limit = f"limit {MILLION * 4 * PERMUTATIONS / 1e9:.2f} GB: the signatures"
    return [
        Figure("a million documents: peak of memory", [found["peak"] * 1024 / 1e9], "GB", "<= 2",
               limit, note),
        Figure("a million documents: seconds", [found["seconds"]], "s", note=note),
    ]  # fmt: skip


def _write(path: Path) -> int:
    """A million documents, a tenth of them near copies; bytes of text."""
    rng = np.random.default_rng(6)
    words = _vocabulary(rng)
    size, schema = 0, pa.schema({"id": pa.int64(), "text": pa.string()})
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for first in range(0, MILLION, 10_000):
            ranks = np.minimum(rng.zipf(1.3, (10_000, 200)), len(words)) - 1
            ranks[9000:] = ranks[:1000]
            ranks[9000:, 100] = rng.integers(0, len(words), 1000)
            texts = [" ".join(row) for row in words[ranks]]
            size += sum(map(len, texts))
            file.write_table(pa.table([pa.array(range(first, first + 10_000)), pa.array(texts)],
                                      schema=schema))  # fmt: skip
    return size
