"""Facility location, 20,000 rows choose 2,000: time and value beside submodlib and apricot.

Each runs in an interpreter of its own, the peers (PyPI: submodlib-py 0.0.3, apricot-select 0.6.1
with numba) in the one named by CUVEE_PEER_PYTHON. The points are drawn without copies, on which
apricot stops early. Every program goes from the same points to the same function: a peer gets the
table of similarities as numpy makes it, in the type that it works with. Ours runs before and after
each peer, as a busy machine slows neighbours alike.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.shared import Figure, Options
from cuvee.core.pool import Quota

ROWS, CHOSEN, DIMS = 20_000, 2_000, 64
PEERS = ("submodlib", "apricot")
PEER = """
import sys, time, warnings
import numpy as np
warnings.filterwarnings("ignore")
which, path, k = sys.argv[1], sys.argv[2], int(sys.argv[3])
points = np.load(path)
if which == "submodlib":
    from submodlib import FacilityLocationFunction
else:
    from apricot import FacilityLocationSelection
    small = np.abs(points[:60] @ points[:60].T).astype(float)
    FacilityLocationSelection(3, metric="precomputed", optimizer="lazy").fit(small)  # compiles
begin = time.perf_counter()
table = points @ points.T
np.clip(table, 0, 1, out=table)
if which == "submodlib":
    search = FacilityLocationFunction(
        n=len(table), mode="dense", sijs=table, separate_rep=False, pybind_mode="array32")
    middle = time.perf_counter()
    found = [row for row, _ in search.maximize(
        budget=k, optimizer="LazyGreedy", show_progress=False)]
else:
    table = table.astype(float)
    middle = time.perf_counter()
    found = FacilityLocationSelection(k, metric="precomputed", optimizer="lazy").fit(table).ranking
end = time.perf_counter()
answer = {"seconds": end - begin, "search": end - middle, "rows": [int(i) for i in found]}
print(repr(answer).replace("'", '"'))
"""
OURS = "from benchmarks.facility import ours; import sys; ours(sys.argv[1], int(sys.argv[2]))"
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def run(options: Options) -> list[Figure]:
    """Seconds, values, memory; and how many times as long the peers take."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        np.save(path, points())
        python = os.environ.get("CUVEE_PEER_PYTHON")
        mine, theirs = [_answer(sys.executable, OURS, path)], {}
        for name in PEERS if python else ():
            theirs[name] = _answer(str(python), PEER, path, name)
            mine.append(_answer(sys.executable, OURS, path))
        values = {name: value(np.load(path), of["rows"]) for name, of in theirs.items()}
        best = value(np.load(path), mine[0]["rows"])
    work = ROWS**2 * DIMS / 1e9
    figures = [
        Figure(f"{ROWS} choose {CHOSEN}: cuvee", [of["seconds"] for of in mine], "s", "",
               f"limit: {work:.0f} GFLOP of similarities, 1.6 GB written and read a few times",
               f"one thread, from points to rows; value {best:.2f}"),
        Figure("cuvee, the search alone", [of["search"] for of in mine], "s"),
        Figure("peak memory", [of["peak"] for of in mine], "GB", "<= 2",
               "limit 1.6 GB: the table of similarities"),
    ]  # fmt: skip
    if not python:
        figures.append(Figure("peers", [], "s", note="set CUVEE_PEER_PYTHON to a Python with them"))
    for i, (name, of) in enumerate(theirs.items()):
        note = f"its search alone takes {of['search']:.1f} s; value {values[name]:.2f}"
        figures.append(Figure(f"{name}, lazy", [of["seconds"]], "s", note=note))
        for what, key in (("", "seconds"), (" (search alone)", "search")):
            times = [of[key] / near[key] for near in mine[i : i + 2]]
            figures.append(Figure(f"{name}, times as long{what}", times, "x", ">= 3"))
        figures.append(Figure(f"{name}, value against ours", [values[name] / best], "",
                              "<= 1.0000001", note="1: the same exact greedy value"))  # fmt: skip
    return figures


def points() -> np.ndarray:
    """Of length 1, around 200 places; no two the same."""
    rng = np.random.default_rng(0)
    places = rng.standard_normal((200, DIMS))
    found = places[rng.integers(200, size=ROWS)] + 0.8 * rng.standard_normal((ROWS, DIMS))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def value(x: np.ndarray, rows: list[int]) -> float:
    """The sum of every row's similarity to the most similar chosen one."""
    chosen = x[rows].T
    return float(
        sum(
            np.clip(x[i : i + 500] @ chosen, 0, 1).max(axis=1).sum(dtype=np.float64)
            for i in range(0, len(x), 500)
        )
    )


def ours(path: str, k: int) -> None:
    """Run the method's own parts on the points of a file, and print what came out."""
    from cuvee.select.facility_location import facilities
    from cuvee.select.greedy import greedy
    from cuvee.select.kernels import Kernel

    x = np.load(path)
    begin = time.perf_counter()
    state, _ = facilities(Kernel.of(x), 0, 0.0, 2e9)
    middle = time.perf_counter()
    rows, _ = greedy(state, np.ones(len(x), np.int64), Quota(rows=k))
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    answer = {"seconds": end - begin, "search": end - middle, "peak": peak, "rows": rows.tolist()}
    print(orjson.dumps(answer).decode())


def _answer(python: str, program: str, path: Path, *names: str) -> dict[str, Any]:
    """What a program printed last."""
    command = [python, "-c", program, *names, str(path), str(CHOSEN)]
    env = {**os.environ, **ALONE}
    done = subprocess.run(command, capture_output=True, check=True, env=env)
    return orjson.loads(done.stdout.splitlines()[-1])
