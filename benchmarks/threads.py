"""One worker against two in the pass over the sources, and what two processes would give."""

import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.one_pass import KINDS, TOKENS, proxy_tally
from benchmarks.shared import Figure, Options, alternating, corpora, data_of, over, targets
from benchmarks.writers import write

COPIES = 2
"""Files of each kind of text, so that there is work enough to share."""
SPIN = "import sys, numpy as np\nx = np.ones(30_000)\nfor _ in range(30_000): x * x"


def run(options: Options) -> list[Figure]:
    """Speed-up of two workers, by format."""
    if (os.cpu_count() or 1) < 2:
        return [Figure("2 workers over 1", [], "times", note="There is one core only.")]
    with tempfile.TemporaryDirectory() as folder:
        return [f for kind in KINDS for f in _one_format(Path(folder), kind, options)]


def _one_format(folder: Path, kind: str, options: Options) -> list[Figure]:
    texts, aims = corpora()[0], targets(TOKENS)
    specs = {
        name: [str(write(folder, f"{name}{i}", some, kind)) for i in range(COPIES)]
        for name, some in texts.items()
    }
    one, two = (data_of(specs, aims, workers) for workers in (1, 2))
    tally = proxy_tally(one)
    jobs = {
        "one": partial(one.survey, tally), "two": partial(two.survey, tally),
        "alone": partial(_spin, 1), "both": partial(_spin, 2),
    }  # fmt: skip
    seconds = alternating(jobs, options.rounds)
    size = sum(two.survey()[0].text_bytes) / 1e6
    alone = statistics.median(2 * r for r in over(seconds["alone"], seconds["both"]))
    limit = f"limit {alone:.2f}: two processes that share nothing, in the same rounds"
    return [
        Figure(f"{kind}, 1 worker", [size / s for s in seconds["one"]], "MB/s"),
        Figure(f"{kind}, 2 workers", [size / s for s in seconds["two"]], "MB/s"),
        Figure(f"{kind}, 2 over 1", over(seconds["one"], seconds["two"]), "times", limit=limit),
    ]


def _spin(processes: int) -> None:
    """So many processes at once that share nothing."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    for process in running:
        process.wait()
