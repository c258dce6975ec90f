"""Run the soaks, and record what came out.

python -m soak [NAME ...]
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from soak.record import RESULTS, record


def main() -> int:
    """Kill every command; 1 if anything was lost."""
    from soak.commands import COMMANDS
    from soak.kill import campaign

    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(c.name for c in COMMANDS)}")
    parser.add_argument("--kills", type=int, default=40, help="of each command (40)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work here, and keep what is found")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    chosen = [c for c in COMMANDS if not asked.names or c.name in asked.names]
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="cuvee-soak-"))
    begun = time.monotonic()
    found = campaign(folder.absolute(), asked.kills, commands=chosen, seed=asked.seed)
    rows = {name: tally.row() for name, tally in found.items()}
    total = {
        key: sum(row[key] for row in rows.values())
        for key in ("kills", "resumed", "differences", "orphans", "half_written")
    }
    for name, row in rows.items():
        print(f"{name:<20} {row['kills']:>4} kills, {row['differences']} differences, "
              f"{row['orphans']} orphans, {row['half_written']} half-written")  # fmt: skip
        for problem in row["problems"]:
            print(f"    {problem}")
    print(f"{'all':<20} {total}")
    results = {
        "command": f"python -m soak --kills {asked.kills} --seed {asked.seed}",
        "seconds": round(time.monotonic() - begun), **total, "commands": rows,
    }  # fmt: skip
    record("kill", results, asked.out)
    if not asked.keep:
        shutil.rmtree(folder)
    return int(any(total[key] for key in ("differences", "orphans", "half_written")))


if __name__ == "__main__":
    sys.exit(main())
