"""The Ray engine beside threads on one node: the same count and the same writing, two workers.

Times are without the start of the cluster, which is told apart. On a busy machine processes get
more of it than threads do: time of processors, of all processes, does not depend on that. Memory is
that of the process and of all that it starts, pages that several of them share counted once.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from benchmarks.memory import make
from benchmarks.one_pass import TOKENS, proxy_tally
from benchmarks.shared import Figure, Options, alternating, data_of, over, targets
from cuvee import export
from cuvee.core.data import Data
from cuvee.engine import cluster
from cuvee.engine import load as load_engine

WORKERS = 2
PARTS = 4
"""Sets of files, of three formats each."""
SIZE = 60e6
"""Bytes of text of each."""
ALONE = """
import sys
from pathlib import Path
from benchmarks.engines import work_on
work_on(Path(sys.argv[1]), sys.argv[2])
"""


def run(options: Options) -> list[Figure]:
    """Seconds, their ratio, and peaks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in range(PARTS):
            (folder / f"text{part}").mkdir()
            make(folder / f"text{part}", SIZE)
        begin = time.perf_counter()
        with cluster.joined("local", WORKERS):
            start = time.perf_counter() - begin
            taken, spent = _times(folder, options.rounds)
        cluster.end()
        peaks = {engine: _peak(folder, engine) for engine in ("local", "ray")}
    note = f"{PARTS * SIZE / 1e6:.0f} MB of text in {3 * PARTS} files, {WORKERS} workers"
    figures = [Figure(name, seconds, "s", note=note) for name, seconds in taken.items()]
    for what in ("count", "write"):
        ratios = over(taken[f"{what}, ray"], taken[f"{what}, local"])
        figures.append(Figure(f"{what}, ray over local", ratios, "times", "<= 1.15", note=note))
    return [
        *figures,
        Figure("both, ray over local", _ratio(taken), "times", "<= 1.15", note=note),
        Figure("both, processor time, ray over local", _ratio(spent), "times", note=note),
        Figure("start of the cluster", [start], "s", note="once a process; not in the ratios"),
        Figure("peak, local", [peaks["local"] / 1e9], "GB", note=note),
        Figure("peak, ray, all its processes", [peaks["ray"] / 1e9], "GB", note=note),
    ]  # fmt: skip


def data_in(folder: Path, engine: str) -> Data:
    """The sources, on an engine."""
    specs = {part.name: str(part / "*.*") for part in sorted(folder.glob("text*"))}
    specs = {
        f"{name}{i}": str(path)
        for name in specs
        for i, path in enumerate(sorted((folder / name).iterdir()))
    }
    data = data_of(specs, targets(TOKENS))
    where = load_engine(engine, WORKERS)
    return Data(data.sources, data.targets, data.units, where)


def _ratio(seconds: dict[str, list[float]]) -> list[float]:
    sums = {
        name: [sum(pair) for pair in zip(seconds[f"count, {name}"], seconds[f"write, {name}"])]
        for name in ("local", "ray")
    }
    return over(sums["ray"], sums["local"])


def _times(folder: Path, rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds by the clock, and of processors."""
    jobs: dict[str, Callable[[], object]] = {}
    spent: dict[str, list[float]] = {}
    for engine in ("local", "ray"):
        data = data_in(folder, engine)
        survey = data.survey()[0]
        each = {
            "count": partial(data.survey, proxy_tally(data)),
            "write": partial(_write, data, survey, folder / f"out-{engine}"),
        }
        for what, job in each.items():
            spent[f"{what}, {engine}"] = []
            jobs[f"{what}, {engine}"] = partial(_watched, job, spent[f"{what}, {engine}"])
    taken = alternating(jobs, rounds)
    return taken, {name: seconds[1:] for name, seconds in spent.items()}


def _watched(job: Callable[[], object], spent: list[float]) -> None:
    before = _processor_time()
    job()
    spent.append(_processor_time() - before)


def _processor_time() -> float:
    """Of this process and of all that it has started."""
    here = psutil.Process()
    times = [p.cpu_times() for p in (here, *here.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def _write(data: Data, survey: object, out: Path) -> None:
    """Half of all tokens, equal parts of each source."""
    many = len(data.sources)
    tokens = int(survey.available.min() * many / 2)  # type: ignore[attr-defined]
    export.write_dataset(
        out, data, survey, survey.available * 0 + 1 / many, tokens,  # type: ignore
        format=export.load("parquet"), seed=0,
    )  # fmt: skip
    shutil.rmtree(out)


def work_on(folder: Path, engine: str) -> None:
    """Count and write once."""
    data = data_in(folder, engine)
    survey = data.survey(proxy_tally(data))[0]
    _write(data, survey, folder / f"alone-{engine}")


def _peak(folder: Path, engine: str) -> float:
    """Bytes at the peak of a process that works on one engine, and of its children."""
    process = subprocess.Popen([sys.executable, "-c", ALONE, str(folder), engine])
    most, done = 0.0, threading.Event()
    while not done.wait(0.2):
        if process.poll() is not None:
            done.set()
        most = max(most, _held(process.pid))
    if process.returncode:
        raise RuntimeError(f"the work on engine {engine} failed")
    return most


def _held(pid: int) -> float:
    try:
        every = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(map(_proportional, every))


def _proportional(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((1024.0 * int(s.split()[1]) for s in lines if s.startswith("Pss:")), 0.0)
