"""Mutual information by neighbours: times and numbers beside benchmark-mi and scikit-learn.

benchmark-mi (PyPI: benchmark-mi 0.1.3 with jax 0.4.30) runs in the interpreter named by
CUVEE_PEER_PYTHON: its own KSG with 5 neighbours, on columns of unit variance, from arrays in memory
to the number. Ours does the same work in an interpreter of its own before and after it, as a busy
machine slows neighbours alike. scikit-learn's estimator knows single columns only.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.shared import Figure, Options

CASES = ((5_000, 1), (10_000, 1), (5_000, 3), (10_000, 3), (5_000, 25))
"""Rows, and columns of each group."""
NEIGHBOURS = 5
OURS = """
import sys, time
import numpy as np
from cuvee.measure.ksg import local_information
x, y = np.load(sys.argv[1])
local_information(x[:100], y[:100], 5, "euclidean")
for _ in range(int(sys.argv[2])):
    begin = time.perf_counter()
    a, b = ((z - z.mean(axis=0)) / z.std(axis=0) for z in (x, y))
    value = local_information(a, b, 5, "euclidean").mean()
    print([time.perf_counter() - begin, float(value)])
"""
PEERS = {
    "benchmark-mi": """
import sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
from bmi.estimators.ksg import KSGEnsembleFirstEstimator
x, y = np.load(sys.argv[1])
KSGEnsembleFirstEstimator(neighborhoods=(5,)).estimate(x[:100], y[:100])
for _ in range(int(sys.argv[2])):
    begin = time.perf_counter()
    value = KSGEnsembleFirstEstimator(neighborhoods=(5,)).estimate(x, y)
    print([time.perf_counter() - begin, float(value)])
""",
    "scikit-learn": """
import sys, time
import numpy as np
from sklearn.feature_selection import mutual_info_regression
x, y = np.load(sys.argv[1])
mutual_info_regression(x[:100], y[:100, 0], n_neighbors=5)
for _ in range(int(sys.argv[2])):
    begin = time.perf_counter()
    value = mutual_info_regression(x, y[:, 0], n_neighbors=5, random_state=0)[0]
    print([time.perf_counter() - begin, float(value)])
""",
}
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run(options: Options) -> list[Figure]:
    """Seconds of ours, how many times as long the peers take, and how far the numbers differ."""
    python, figures = os.environ.get("CUVEE_PEER_PYTHON"), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.npy"
        for rows, dims in CASES:
            np.save(path, pairs(rows, dims))
            at = f"{rows} rows, {dims} + {dims} columns"
            peers = {"benchmark-mi": python} if python else {}
            if dims == 1:
                peers["scikit-learn"] = sys.executable
            before = _answers(sys.executable, OURS, path, min(options.rounds, 3))
            figures.append(Figure(at, [s for s, _ in before], "s", note="one thread"))
            for name, of in peers.items():
                theirs = _answers(of, PEERS[name], path, 1 if dims > 1 else 2)
                after = _answers(sys.executable, OURS, path, min(options.rounds, 3))
                ratios = [them[0] / us[0] for them in theirs for us in (before[-1], after[-1])]
                target = ">= 3" if name == "benchmark-mi" else ""
                figures.append(Figure(f"{name}, times as long", ratios, "x", target))
                gap = abs(theirs[-1][1] - after[-1][1])
                figures.append(_gap(name, gap, after[-1][1]))
    if not python:
        figures.append(Figure("benchmark-mi", [], "x", note="set CUVEE_PEER_PYTHON to its Python"))
    return figures


def _gap(name: str, gap: float, value: float) -> Figure:
    """scikit-learn counts neighbours at the very distance, too, which moves the number a little."""
    target = "<= 1e-6" if name == "benchmark-mi" else "<= 0.02"
    return Figure(f"{name}, numbers apart", [gap], "nats", target, note=f"ours {value:.4f}")


def pairs(rows: int, dims: int) -> np.ndarray:
    """Both groups of columns: two of each correlate by 0.8 where there are as many."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, rows, dims))
    tied = min(dims, 2)
    y[:, :tied] = 0.8 * x[:, :tied] + 0.6 * y[:, :tied]
    return np.stack([x, y])


def _answers(python: str, program: str, path: Path, times: int) -> list[list[Any]]:
    """Seconds and the number, as many times as a program was asked for."""
    command = [python, "-c", program, str(path), str(times)]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, **ALONE})
    return [orjson.loads(line) for line in done.stdout.splitlines()]
