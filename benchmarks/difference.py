"""Differences of 1M x 64 against 1M x 64: sliced Wasserstein beside POT, MMD; time and memory.

POT and we get the same directions and must give the same number. MMD of 10,000 rows is compared
with the matrices that scikit-learn makes; of a million rows nobody has them, so there the number
from random features is held against that of all pairs of fewer rows. Peak memory comes from an
interpreter of its own, and counts what a call adds to the points.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import orjson

from benchmarks.shared import Figure, Options, alternating, over
from cuvee.core.capacity import used_memory
from cuvee.core.sample import Sample
from cuvee.measure.kernel_tables import table_of
from cuvee.measure.mmd import Mmd, gaussians, squared
from cuvee.measure.sliced_wasserstein import directions, sliced

ROWS, DIMS, WAYS, PAIRS, WIDTH = 1_000_000, 64, 16, 10_000, 8.0
JOBS = ("ours", "pot", "mmd")


def run(options: Options) -> list[Figure]:
    """Seconds, times as long as the peers, and memory."""
    x, y = points(ROWS)
    ways = directions(DIMS, WAYS, np.random.default_rng(1))
    rounds = max(min(options.rounds, 3), 1)
    found: dict[str, float] = {}
    taken = alternating({
        "ours": lambda: found.update(ours=_ours(x, y, ways)),
        "pot": lambda: found.update(pot=_pot(x, y, ways)),
    }, rounds)  # fmt: skip
    few = [np.array(z[:PAIRS]) for z in (x, y)]
    pairs = alternating({
        "ours": lambda: found.update(table=_table(*few)),
        "peer": lambda: found.update(matrix=_matrices(*few)),
    }, rounds)  # fmt: skip
    streamed = alternating({"mmd": lambda: found.update(mmd=_mmd(x, y))}, 1)
    memory = {job: _memory(job) for job in JOBS}
    same = abs(found["ours"] / found["pot"] - 1)
    return [
        Figure(f"sliced Wasserstein, {WAYS} directions: cuvee", taken["ours"], "s"),
        Figure("POT, times as long", over(taken["pot"], taken["ours"]), "x", ">= 2"),
        Figure("relative difference of the two numbers", [same], "", "<= 1e-6"),
        Figure("memory beside the points: cuvee", [memory["ours"]], "GB", "<= 0.5"),
        Figure("memory beside the points: POT", [memory["pot"]], "GB"),
        Figure(f"MMD of all pairs of {PAIRS} rows, with a test: cuvee", pairs["ours"], "s"),
        Figure("scikit-learn's matrices, times as long (no test)",
               over(pairs["peer"], pairs["ours"]), "x", ">= 2"),
        Figure("relative difference of the two numbers (MMD)",
               [abs(found["table"] / found["matrix"] - 1)], "", "<= 1e-6"),
        Figure("MMD of 1M rows, 512 random features, with a test", streamed["mmd"], "s"),
        Figure("its number against that of all pairs of some rows",
               [found["mmd"] / found["table"]], "", note="1 up to the chance of both"),
        Figure("memory beside the points: MMD", [memory["mmd"]], "GB", "<= 0.5"),
    ]  # fmt: skip


def points(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Two samples in single precision, the second one shifted and wider."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((rows, DIMS), np.float32) for _ in range(2))
    y *= 1.1
    y += 0.1
    return x, y


def _ours(x: np.ndarray, y: np.ndarray, ways: np.ndarray) -> float:
    return float(np.sqrt(sliced(x, y, ways).mean()))


def _pot(x: np.ndarray, y: np.ndarray, ways: np.ndarray) -> float:
    import ot

    wide = [np.asarray(z, np.float64) for z in (x, y)]
    return float(ot.sliced_wasserstein_distance(*wide, projections=ways))


def _table(x: np.ndarray, y: np.ndarray) -> float:
    rng = np.random.default_rng(2)
    table = table_of(x, y, lambda squares: gaussians(squares, WIDTH), rng)
    table.means(*table.exchanged(rng))  # the test is part of it
    return float(squared(*table.means(*table.whole()))[0])


def _matrices(x: np.ndarray, y: np.ndarray) -> float:
    from sklearn.metrics.pairwise import rbf_kernel

    def mean(one: np.ndarray, two: np.ndarray) -> float:
        total = 0.0
        for scale in (0.5, 1.0, 2.0):
            values = rbf_kernel(one, two, gamma=0.5 / (scale * WIDTH) ** 2)
            total += values.sum() - (np.trace(values) if one is two else 0)
        return total / 3 / (len(one) * (len(two) - (one is two)))

    x, y = (np.asarray(z, np.float64) for z in (x, y))
    return float(mean(x, x) + mean(y, y) - 2 * mean(x, y))


def _mmd(x: np.ndarray, y: np.ndarray) -> float:
    found = Mmd(bandwidth=WIDTH).measure(
        Sample.of_points(x), Sample.of_points(y), rng=np.random.default_rng(3)
    )
    return float(found.mean)


def _memory(job: str) -> float:
    """GB that a job adds to the points, in an interpreter of its own."""
    program = f"from benchmarks.difference import alone; alone({job!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={**os.environ}
    )
    return float(orjson.loads(done.stdout.splitlines()[-1]))


def alone(job: str) -> None:
    """Run one job, and print the memory that it added."""
    x, y = points(ROWS)
    ways = directions(DIMS, WAYS, np.random.default_rng(1))
    jobs: dict[str, Callable[[], float]] = {
        "ours": lambda: _ours(x, y, ways), "pot": lambda: _pot(x, y, ways),
        "mmd": lambda: _mmd(x, y),
    }  # fmt: skip
    # What the system says of ended processes counts those that started them, too.
    before = used_memory()[1]
    jobs[job]()
    print(orjson.dumps((used_memory()[1] - before) / 1e9).decode())
