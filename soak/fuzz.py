"""Fuzz every reader: documents, or a CuveeError of one line; anything else is a crash.

python -m soak.fuzz --inputs 1000000 --out fuzz.json

Each reader runs in processes of its own, so that a crash of native code is counted and the rest
goes on. More memory than LIMIT and more time than SECONDS for an input are crashes, too. Inputs
that crash are kept in a folder beside the result.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from soak.fuzz_targets import COUNTS, TARGETS
from soak.record import RESULTS, record

SMALL = ("sh", "-c", '"$@"; exit $?', "sh")
"""A process that starts another: the system takes the peak of memory of whoever starts a process
for its own, and the tests that start this may be larger than LIMIT."""
LIMIT = 1024
"""Megabytes of a process; it has some 250 before the first input."""
SECONDS = 10
"""For one input."""
MOST = 20
"""Crashes of a reader after which it is given up: they are probably one."""
LONGEST = 4096
"""Bytes of an input."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The seed, and the folder for inputs that crash."""

    seed: int
    kept: Path


@contextmanager
def _memory_folder() -> Iterator[Path]:
    """A folder in memory if there is such a thing: files are rewritten thousands of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def fuzz(name: str, inputs: int, ask: Ask) -> dict[str, Any]:
    """Fuzz one reader.

    Returns:
        Inputs, how many were read and refused, crashes with the line that tells of each, seconds.
    """
    begun = time.monotonic()
    crashes: list[str] = []
    with _memory_folder() as folder:
        counts, corpus, place = (folder / n for n in ("counts", "corpus", "place"))
        corpus.mkdir()
        counts.write_bytes(bytes(COUNTS.size))
        for i, seed in enumerate(TARGETS[name].seeds):
            (corpus / f"seed-{i}").write_bytes(seed)
        done = (0, 0, 0)
        while (left := inputs - done[0]) > 0 and len(crashes) < MOST:
            place.mkdir()
            told = _run(name, left, ask, place, counts, corpus, len(crashes))
            shutil.rmtree(place)
            after = COUNTS.unpack(counts.read_bytes())
            if told:
                crashes.append(told)
            if after == done:  # it did not even start
                break
            done = after
    return {"reader": name, "inputs": done[0], "read": done[1], "refused": done[2],
            "crashes": len(crashes), "told": sorted(set(crashes)),
            "seconds": round(time.monotonic() - begun, 1)}  # fmt: skip


def _run(
    name: str, left: int, ask: Ask, place: Path, counts: Path, corpus: Path, turn: int
) -> str:  # fmt: skip
    """One process; what it died of, or an empty string."""
    longest = max(LONGEST, *(len(seed) for seed in TARGETS[name].seeds))
    kept = ask.kept / name.replace(" ", "-")
    flags = [f"-runs={left}", f"-seed={ask.seed + turn + 1}", f"-max_len={longest}",
             f"-timeout={SECONDS}", f"-rss_limit_mb={LIMIT}", "-len_control=0",
             f"-artifact_prefix={kept}-", "-print_final_stats=0"]  # fmt: skip
    words = [sys.executable, "-m", "soak.fuzz_worker", name, place, counts, *flags, corpus]
    root = Path(__file__).parents[1]
    done = COUNTS.unpack(counts.read_bytes())[0]
    before = len(list(ask.kept.iterdir()))
    with (place.parent / "said").open("w+b") as said:
        worker = subprocess.Popen(
            [*SMALL, *map(str, words)], stdout=said, stderr=said, cwd=root, start_new_session=True
        )
        status = _watch(worker, counts)
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    tried, read, refused = COUNTS.unpack(counts.read_bytes())
    # Threads of native code may keep a worker from ending that is done with its last input, too.
    if not status or tried == read + refused >= left + done:
        return ""
    if len(list(ask.kept.iterdir())) == before:  # killed, so that libFuzzer kept nothing
        shutil.copytree(place, ask.kept / f"{name.replace(' ', '-')}-files-{turn}")
    return _told(lines, status)


def _watch(worker: subprocess.Popen, counts: Path) -> int:
    """Its exit status; it is killed if it neither ends nor tries another input for a while."""
    last, since = b"", time.monotonic()
    while worker.poll() is None:
        time.sleep(0.1)
        if (now := counts.read_bytes()) != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 6 * SECONDS:
            os.killpg(worker.pid, signal.SIGKILL)
    return worker.returncode


def _told(lines: list[str], status: int) -> str:
    """The exception and the last line of cuvee that it came through; or what libFuzzer says."""
    lines = [line.strip() for line in lines]
    for i, line in enumerate(lines):
        if "Uncaught Python exception" in line:
            said = next((line for line in lines[i + 1 :] if line), "")
            own = [line for line in lines[i:] if line.startswith("File ") and "cuvee" in line]
            place = own[-1].partition(", in ")[0].rpartition("cuvee/")[2] if own else ""
            return f"{said[:200]} ({place})"
    marked = [line.partition("ERROR: ")[2] for line in lines if "ERROR: libFuzzer" in line]
    return marked[0] if marked else f"exit status {status}: {(lines or [''])[-1][:100]}"


def shares(inputs: int, names: Sequence[str]) -> dict[str, int]:
    """Inputs of each reader, by weight; they sum to at least what was asked."""
    total = sum(TARGETS[name].weight for name in names)
    return {name: -(-inputs * TARGETS[name].weight // total) for name in names}


def run(inputs: int, *, names: Sequence[str], kept: Path, processes: int, seed: int) -> dict:
    """Fuzz several readers, some at a time."""
    kept.mkdir(parents=True, exist_ok=True)
    ask = Ask(seed, kept)
    begun = time.monotonic()
    many = shares(inputs, names)
    with ThreadPoolExecutor(processes) as pool:
        rows = list(pool.map(partial(_one, ask), many.items()))
    seconds = time.monotonic() - begun
    totals = {key: sum(row[key] for row in rows) for key in ("inputs", "crashes")}
    return {**totals, "seconds": round(seconds, 1), "limit_mb": LIMIT, "limit_seconds": SECONDS,
            "inputs_per_second": round(totals["inputs"] / seconds), "seed": seed,
            "readers": rows}  # fmt: skip


def _one(ask: Ask, item: tuple[str, int]) -> dict[str, Any]:
    row = fuzz(*item, ask)
    said = f", first: {row['told'][0]}" if row["told"] else ""
    print(f"{row['reader']:>14}: {row['inputs']:,} inputs, {row['crashes']} crashes, "
          f"{row['seconds']:.0f} s{said}", file=sys.stderr, flush=True)  # fmt: skip
    return row


def main(words: Sequence[str] | None = None) -> int:
    """Returns 1 if anything crashed, or fewer inputs were tried than were asked for."""
    parser = argparse.ArgumentParser("python -m soak.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--readers", nargs="*", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--kept", type=Path, default=Path("fuzz-crashes"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    found = run(options.inputs, names=options.readers, kept=options.kept.resolve(),
                processes=options.processes, seed=options.seed)  # fmt: skip
    record("fuzz", found, options.out)
    return int(found["crashes"] > 0 or found["inputs"] < options.inputs)


if __name__ == "__main__":
    sys.exit(main())
