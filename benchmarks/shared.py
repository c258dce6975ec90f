"""What the benchmarks share: figures, fair timing, the machine's own limits, and text."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from cuvee.core.data import Data, Source, batches
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.sources import open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without
from cuvee.testing.evidence import Missing, shared_data

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Options:
    """Rounds of each timing, and how much text is made, e.g. `"5GB"`, and where it is kept."""

    rounds: int
    size: str
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Args:
        name: What was measured.
        values: One per repeat; the median is the figure.
        unit: Of the values.
        target: `">= 20"` or `"<= 1"`; empty for a figure that is only there to compare with.
        limit: What the work itself allows, counted in bytes, look-ups or operations.
        note: What to know when reading it.
    """

    name: str
    values: Sequence[float]
    unit: str
    target: str = ""
    limit: str = ""
    note: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.values) if self.values else float("nan")

    @property
    def meets(self) -> bool | None:
        """Whether the median meets the target; None without one, or when nothing was measured."""
        if not self.target or not self.values:
            return None
        sign, bound = self.target.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)

    def row(self) -> dict[str, Any]:
        """For results.json; values are rounded to four digits."""
        digits = [float(f"{v:.4g}") for v in self.values]
        return {
            "figure": self.name, "value": float(f"{self.value:.4g}") if digits else None,
            "unit": self.unit, "target": self.target, "meets": self.meets,
            "repeats": len(digits), "lowest": min(digits, default=None),
            "highest": max(digits, default=None), "limit": self.limit, "note": self.note,
        }  # fmt: skip

    def line(self) -> str:
        """For the table on the screen."""
        if not self.values:
            return f"  {self.name}: not measured. {self.note}"
        state = {None: "", True: "ok", False: "MISSED"}[self.meets]
        low, high = min(self.values), max(self.values)
        spread = f"({low:.3g}-{high:.3g}, n={len(self.values)})" if len(self.values) > 1 else ""
        first = f"  {self.name:<48} {self.value:>9.4g} {self.unit:<9} {self.target:<9} {state:<6}"
        return "\n      ".join(filter(None, [f"{first} {spread}", self.limit, self.note]))


def alternating(
    jobs: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] | None = None
) -> dict[str, list[float]]:
    """Seconds of every job in every round; a busy machine slows all jobs of a round alike.

    The first round warms caches and is not kept.
    """
    clock = clock or time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            begin = clock()
            job()
            if turn:
                taken[name].append(clock() - begin)
    return taken


def over(a: Iterable[float], b: Iterable[float]) -> list[float]:
    """Ratios of paired rounds."""
    return [x / y for x, y in zip(a, b)]


def machine() -> dict[str, Any]:
    """What the numbers depend on; no names, no paths."""
    return {
        "cores": os.cpu_count(), "architecture": platform.machine(), "system": platform.system(),
        "python": platform.python_version(), "numpy": np.__version__, "OMP_NUM_THREADS":
        os.environ.get("OMP_NUM_THREADS", ""), **probe(),
    }  # fmt: skip


@cache
def probe() -> dict[str, float]:
    """This machine's own speed on one core: the yardstick of the limits."""
    block = np.ones(1 << 23)  # 64 MiB: out of cache
    table, at = np.zeros(1 << 20, np.int32), np.random.default_rng(0).integers(0, 1 << 20, 1 << 20)
    x = np.ones((512, 512))
    seconds = alternating(
        {"copy": block.copy, "look up": lambda: table.take(at), "multiply": lambda: x @ x}, 5
    )
    best = {name: min(values) for name, values in seconds.items()}
    return {
        "copy_GB_per_s": round(2 * block.nbytes / best["copy"] / 1e9, 1),
        "lookups_M_per_s": round(at.size / best["look up"] / 1e6, 1),
        "multiply_GFLOP_per_s": round(2 * 512**3 / best["multiply"] / 1e9, 1),
    }


@cache
def corpora() -> tuple[dict[str, tuple[str, ...]], str]:
    """Twelve kinds of text, and where they come from."""
    try:
        files = sorted(shared_data(ROOT, "corpora").glob("*.parquet"))
    except Missing:
        return {f"zipf{i}": _zipf(i) for i in range(12)}, "generated Zipf words"
    read = {f.stem: tuple(pq.read_table(f, columns=["text"])[0].to_pylist()) for f in files}
    return read, "the 12 evaluation corpora"


def _zipf(seed: int, documents: int = 2000) -> tuple[str, ...]:
    """About 3 MB of words, each kind of text with a vocabulary that half overlaps the next."""
    rng = np.random.default_rng(seed)
    words = np.array([f"w{i:x}" for i in range(seed * 10_000, seed * 10_000 + 20_000)])
    ranks = [
        np.minimum(rng.zipf(1.2, int(n)), 20_000) - 1 for n in rng.integers(50, 500, documents)
    ]
    return tuple(" ".join(words[r]) for r in ranks)


def size_of(texts: Iterable[str]) -> int:
    """Bytes of text."""
    return sum(len(t.encode()) for t in texts)


@cache
def targets(tokens: int, names: tuple[str, ...] | None = None) -> tuple[Memory, ...]:
    """So many tokens of every third document of each kind, the last document cut."""
    words, found = Words(), []
    for name in names or tuple(corpora()[0]):
        held, texts = 0, []
        for text in corpora()[0][name][::3]:
            texts.append(words.head(text, tokens - held))
            held += len(words.cut(_array(texts[-1])).__next__().ids) if texts[-1] else 0
            if held >= tokens:
                break
        found.append(Memory(name, tuple(texts)))
    return tuple(found)


def _array(text: str) -> Any:
    import pyarrow as pa

    return pa.array([text], pa.large_string())


def data_of(specs: Mapping[str, Any], aims: tuple[Memory, ...], workers: int = 1) -> Data:
    """What `cuvee blend` would work on: the sources, without documents of the targets."""
    taken = Apart.of(batch for aim in aims for batch in batches(aim))
    sources: list[Source] = [open_source(name, spec) for name, spec in specs.items()]
    return Data(tuple(Without(s, taken) for s in sources), aims, Words(), Local(workers))
