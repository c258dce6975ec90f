"""`import cuvee`: under 0.2 s, and nothing heavier than numpy."""

import subprocess
import sys

import orjson

from benchmarks.shared import Figure, Options

SUBPROCESSES = 10
PROGRAM = """
import sys, time
before = set(sys.modules)
begin = time.perf_counter()
{statement}
taken = time.perf_counter() - begin
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
import json
print(json.dumps([taken, sorted(new - set(sys.stdlib_module_names))]))
"""


def run(options: Options) -> list[Figure]:
    """Seconds, each in a fresh process, in turn with what it is compared to."""
    statements = {
        "import cuvee": "import cuvee",
        "import numpy, to compare": "import numpy",
        "cuvee.blend, which loads what it needs": "import cuvee; cuvee.blend",
        "the command line's parser": "from cuvee.cli.parser import build_parser; build_parser()",
    }
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    loaded: dict[str, list[str]] = {}
    for turn in range(SUBPROCESSES + 1):
        for name, statement in statements.items():
            program = PROGRAM.format(statement=statement)
            answer = subprocess.check_output([sys.executable, "-c", program])
            taken, loaded[name] = orjson.loads(answer)
            if turn:  # the first one may have to compile
                seconds[name].append(taken)
    heavy = set(loaded["import cuvee"]) - {"cuvee", "numpy"}
    return [
        *(Figure(name, values, "s", "<= 0.2" if name == "import cuvee" else "",
                 note=f"loads {', '.join(m for m in loaded[name] if m[0] != '_')}")
          for name, values in seconds.items()),
        Figure("libraries beside numpy that import cuvee loads", [len(heavy)], "libraries",
               "<= 0", note=", ".join(sorted(heavy)) or "none"),
    ]  # fmt: skip
