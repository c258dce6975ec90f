"""Run all benchmarks, or the named ones, and record what came out.

python -m benchmarks [NAME ...]
"""

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: BLAS threads blur everything
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import orjson

from benchmarks.shared import Options, machine
from cuvee.core.files import write_whole
from cuvee.core.recipe import to_json, versions

NAMES = (
    "one_pass", "threads", "readers", "mixture", "descent", "laws", "surrogate", "import_time",
    "shares", "memory", "predict", "training", "live", "blends", "scale", "engines", "virtual",
    "planning", "dsir", "dedup", "facility", "information", "difference", "explore",
)  # fmt: skip
SIZES = {"memory": "5GB", "planning": "5GB", "scale": "10GB"}
"""Text that these make."""


def main() -> int:
    """Run, print a table, write the results; 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=7, help="repeats of each timing (7)")
    parser.add_argument("--size", help="text that `memory` (5GB) and `scale` (10GB) make")
    parser.add_argument("--folder", type=Path, help="where `scale` keeps what it makes")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results.json")
    asked = parser.parse_args()
    if wrong := set(asked.names) - set(NAMES):
        parser.error(f"no benchmark {min(wrong)!r}; there are {', '.join(NAMES)}")
    results = orjson.loads(asked.out.read_bytes()) if asked.out.exists() else {}
    missed = 0
    for name in asked.names or NAMES:
        module, begin = import_module(f"benchmarks.{name}"), time.perf_counter()
        options = Options(asked.rounds, asked.size or SIZES.get(name, ""), asked.folder)
        print(f"\n{name}: {module.__doc__.partition(chr(10))[0]}", flush=True)
        figures = module.run(options)
        for figure in figures:
            print(figure.line(), flush=True)
        missed += sum(figure.meets is False for figure in figures)
        results[name] = {
            "command": command(name, options),
            "seconds": round(time.perf_counter() - begin, 1),
            "machine": machine(), "versions": versions(),
            "figures": [figure.row() for figure in figures],
        }  # fmt: skip
        write_whole(asked.out, lambda path: path.write_bytes(to_json(results)))
    print(f"\n{missed} of the figures with a target missed it." if missed else "\nAll targets met.")
    return int(missed > 0)


def command(name: str, options: Options) -> str:
    """What to type to get these figures again."""
    size = f" --size {options.size}" if options.size else ""
    rounds = "" if name == "memory" else f" --rounds {options.rounds}"
    return f"OMP_NUM_THREADS=1 python -m benchmarks {name}{size}{rounds}"


if __name__ == "__main__":
    sys.exit(main())
