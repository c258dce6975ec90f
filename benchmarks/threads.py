"""One worker against two in the pass over the sources, and what two processes would give."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.one_pass import TOKENS, proxy_tally
from benchmarks.shared import Figure, Options, alternating, corpora, data_of, over, targets
from benchmarks.writers import write

COPIES = 3
"""Files of each kind of text, so that there is work enough to share."""
SPIN = "import sys, numpy as np\nx = np.ones(30_000)\nfor _ in range(30_000): x * x"


def run(options: Options) -> list[Figure]:
    """Speed-up of two workers."""
    if (os.cpu_count() or 1) < 2:
        return [Figure("2 workers over 1", [], "times", note="There is one core only.")]
    texts, aims = corpora()[0], targets(TOKENS)
    with tempfile.TemporaryDirectory() as folder:
        figures = []
        for kind in ("parquet", "jsonl", "jsonl.zst"):
            specs = {}
            for name, some in texts.items():
                files = [write(Path(folder), f"{name}{i}", some, kind) for i in range(COPIES)]
                specs[name] = [str(file) for file in files]
            data = [data_of(specs, aims, workers) for workers in (1, 2)]
            tally = proxy_tally(data[0])
            jobs = {str(d.engine.workers): partial(d.survey, tally) for d in data}
            seconds = alternating({**jobs, "alone": partial(_spin, 1), "both": partial(_spin, 2)},
                                  options.rounds)  # fmt: skip
            machine = [2 * r for r in over(seconds["alone"], seconds["both"])]
            size = COPIES * sum(data_of(specs, aims).survey()[0].text_bytes) / COPIES / 1e6
            best = sorted(machine)[len(machine) // 2]
            figures += [
                Figure(f"{kind}, {n} worker(s)", [size / s for s in seconds[str(n)]], "MB/s")
                for n in (1, 2)
            ]
            figures.append(
                Figure(f"{kind}, 2 workers over 1", over(seconds["1"], seconds["2"]), "times",
                       limit=f"limit {best:.2f}: two separate processes over one, in the same rounds")
            )  # fmt: skip
        return figures


def _spin(processes: int) -> None:
    """So many processes at once that share nothing."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    for process in running:
        process.wait()
