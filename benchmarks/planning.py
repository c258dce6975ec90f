"""What `--dry-run` states, beside what the command then reads, needs and takes.

Corpora in jsonl, parquet and jsonl.zst are made on the spot at several sizes. Command and dry run
are processes of their own. Seconds are compared as seconds of work (user and system, of all
threads), which a busy machine changes little, and as they pass.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import orjson

from benchmarks.memory import SPLIT, make, parse_size
from benchmarks.shared import Figure, Options, corpora
from cuvee.core import CuveeError
from cuvee.core.capacity import taken_disk

SIZES = {0.01: 1, 0.04: 2, 0.12: 1}
"""Parts of `--size`, and workers: seconds of work add up to seconds with one."""
PROGRAM = """
import resource, sys
from cuvee.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read()
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print("peak", peak, used.ru_utime + used.ru_stime, file=sys.stderr)
sys.exit(code)
"""


def run(options: Options) -> list[Figure]:
    """Real over stated, at three sizes."""
    size = parse_size(options.size)
    ratios: dict[str, list[float]] = {}
    notes: list[str] = []
    for part, workers in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            free, need = shutil.disk_usage(folder).free, 3 * size * part
            if free < need:
                notes.append(f"{size * part / 1e6:.0f} MB not tried: {free / 1e9:.1f} GB are free")
                continue
            found, said = ratio(Path(folder), size * part, workers)
        notes.append(f"{size * part / 1e6:.0f} MB: {said}")
        for name, value in found.items():
            ratios.setdefault(name, []).append(value)
    note = "; ".join(notes)
    return [
        Figure("tokens outside of their interval", ratios["outside"], "sources", "<= 0", note=note),
        Figure("real over stated tokens, furthest off", ratios["tokens"], ""),
        Figure("real over stated memory", ratios["memory"], "", "<= 1.3"),
        Figure("stated over real memory", _over(ratios["memory"]), "", "<= 1.43"),
        Figure("real over stated disk at the peak", ratios["disk"], "", "<= 1.2"),
        Figure("stated over real disk at the peak", _over(ratios["disk"]), "", "<= 1.25"),
        Figure("real over stated disk that stays", ratios["kept"], "", "<= 1.2"),
        Figure("real over stated seconds of work", ratios["work"], "", "<= 1.5"),
        Figure("stated over real seconds of work", _over(ratios["work"]), "", "<= 1.5"),
        Figure(
            "real over stated seconds", ratios["seconds"], "", note="as busy as the machine was"
        ),
        Figure("seconds of the dry run", ratios["looked"], "s"),
    ]


def _over(values: list[float]) -> list[float]:
    return [1 / value for value in values]


def ratio(folder: Path, size: float, workers: int) -> tuple[dict[str, float], str]:
    """Real over stated numbers for a corpus of some size, and both in words."""
    make(folder, size)
    target = folder / "target.jsonl"
    texts = next(iter(corpora()[0].values()))[:40]
    target.write_bytes(b"".join(orjson.dumps({"text": t}) + b"\n" for t in texts))
    words = [f"{name.partition('.')[0]}={folder / name}" for name in SPLIT]
    asked = [
        "blend", *words, "--target", str(target), "--budget", str(int(size / 25)),
        "--out", str(folder / "out"), "--workers", str(workers),
    ]  # fmt: skip
    plan = orjson.loads(_run([*asked, "--dry-run", "--json"])[0])
    with _Peak(folder / "out") as disk:
        begin = time.perf_counter()
        _, memory, work = _run([*asked, "--quiet"])
        seconds = time.perf_counter() - begin
    manifest = orjson.loads((folder / "out" / "manifest.json").read_bytes())
    tokens = {name: row["tokens_available"] for name, row in manifest["sources"].items()}
    stated = {source["name"]: source["tokens"] for source in plan["sources"]}
    outside = [n for n, t in stated.items() if not t["low"] <= tokens[n] <= t["high"]]
    apart = [tokens[name] / stated[name]["mid"] for name in tokens]
    planned_work = sum(step["work"] for step in plan["steps"])
    said = (
        f"memory {memory / 1e6:.0f} MB, stated {plan['memory']['mid'] / 1e6:.0f}; disk "
        f"{disk.most / 1e6:.0f} MB, stated {plan['disk']['mid'] / 1e6:.0f}; work {work:.1f} s, "
        f"stated {planned_work:.1f}; {seconds:.1f} s, stated {plan['seconds']['mid']:.1f}"
    )
    return {
        "outside": float(len(outside)),
        "tokens": max(apart, key=lambda r: abs(r - 1)),
        "memory": memory / plan["memory"]["mid"],
        "disk": disk.most / plan["disk"]["mid"],
        "kept": taken_disk(folder / "out") / plan["kept"]["mid"],
        **({"work": work / planned_work} if workers == 1 else {}),
        "seconds": seconds / plan["seconds"]["mid"],
        "looked": plan["looked"],
    }, said


class _Peak:
    """Largest size of a folder while something is written there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.most, self.done = folder, 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Peak":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.done.wait(0.1):
            try:
                self.most = max(self.most, taken_disk(self.folder))
            except OSError:  # a file went while it was looked at
                continue


def _run(arguments: list[str]) -> tuple[bytes, int, float]:
    """What a command prints, its peak memory, and its seconds of work."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True)
    found = re.search(rb"^peak (\d+) ([\d.]+)$", done.stderr, re.MULTILINE)
    if done.returncode or not found:
        raise CuveeError(f"cuvee {arguments[0]} failed: {done.stderr.decode()[-500:]}")
    return done.stdout, int(found[1]), float(found[2])
