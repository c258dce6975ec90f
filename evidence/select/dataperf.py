"""Do boards with planted faults tell good answers from random ones, the same way every time?

After DataPerf (Mazumder et al. 2023, arXiv 2207.10062): selection, debugging and acquisition tasks,
here on tables that come with scikit-learn and on planted text. Answers of somebody who knows what
was planted must beat random answers, or a board measures nothing. What the listed methods get is
reported beside it, and is no part of the claim.
"""

import os
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np

from cuvee import select
from cuvee.boards import DRAWS, OWN, TASKS, board, made
from cuvee.boards.sellers import Acquisition
from cuvee.boards.standings import BASELINE
from cuvee.boards.tasks import Debugging, Plan, Round, Selection
from cuvee.testing.evidence import Finding

SEEDS = 8
METHODS = "dsdm,ccs,weak,rds,tarot,csi,dsir,facility_location,herding,rs2,uniform,cheapest"
AGAIN = "dsdm,ccs,dsir,facility_location,csi,uniform"
REPEAT = (
    "import sys; from cuvee.boards import board; "
    "print(board('all', methods=sys.argv[1], seeds=1, seed=int(sys.argv[2]), workers=2).digest)"
)
CLAIM = (
    "Selection, debugging and acquisition tasks with planted faults score answers: somebody who "
    "knows the faults beats the mean random answer on every task and seed; a method's answer from "
    "a file gets the very score of the method; the same seed gives the same boards to the bit in "
    "another process with other numbers of workers and BLAS threads, and another seed others "
    "(arXiv 2207.10062)."
)


def run() -> Finding:
    boards = board("all", methods=METHODS, seeds=SEEDS)
    lead = {name: knowing(name) - randoms(boards[name]) for name in TASKS}
    same, other = repeated()
    files = all(from_file(name, method) for name, method in FILES)
    better = {standing.task: standing.better() for standing in boards.standings}
    numbers = {
        "tasks": {s.task: told(s) for s in boards.standings}, "better_than_random": better,
        "knowing_minus_random": {name: values.tolist() for name, values in lead.items()},
        "seeds": SEEDS, "same_hash": same, "other_seed_other_hash": other, "files_agree": files,
    }  # fmt: skip
    low = {name: float(values.min()) for name, values in lead.items()}
    won = "; ".join(f"{name}: {', '.join(who) or 'none'}" for name, who in better.items())
    return Finding(
        claim=CLAIM,
        measured=f"{len(TASKS)} tasks, {SEEDS} seeds: who knows the faults is ahead of random by "
        f"{min(low.values()):+.3f} ({min(low, key=low.__getitem__)}) to {max(low.values()):+.3f} "
        f"in the worst seed of each task; answers from files get the method's score: {files}; same "
        f"hash in another process: {same}; another seed, another hash: {other}. Beyond luck, of "
        f"{len(METHODS.split(','))} methods and plans, random is beaten by {won}.",
        holds=bool(all(value > 0 for value in low.values()) and files and same and other),
        numbers=numbers,
    )


def told(standing) -> dict[str, list[float]]:
    """Score of each entry, seed by seed."""
    return {entry.name: standing.score(entry).draws.tolist() for entry in standing.entries}


def randoms(standing) -> np.ndarray:
    return standing.score(standing.entry(BASELINE)).draws


def knowing(name: str) -> np.ndarray:
    """Scores of who knows what was planted, by seed."""
    rounds = [made(name, seed) for seed in range(SEEDS)]
    main = [i for i, measure in enumerate(rounds[0].measures()) if measure.main]
    return np.array([this.score(informed(this, i))[main].mean() for i, this in enumerate(rounds)])


def informed(this: Round, seed: int) -> Plan:
    rng = np.random.default_rng(seed)
    if isinstance(this, Debugging):
        return (np.argsort(this.table.labels == this.right, kind="stable"),)
    if isinstance(this, Selection):  # rightly labelled rows, the classes in turn
        order = rng.permutation(len(this.right))
        turn = np.zeros(len(order), np.int64)
        for kind in range(this.table.classes):
            own = this.right[order] == kind
            turn[own] = np.arange(own.sum())
        order = order[np.lexsort((turn, this.table.labels[order] != this.right[order]))]
        return tuple(order[:k] for k in this.ks)
    assert isinstance(this, Acquisition)  # the best of one, two or three sellers at equal money
    plans = [bought(this, some) for n in (1, 2, 3) for some in combinations(range(6), n)]
    return max(plans, key=lambda plan: this.score(plan)[0])


def bought(this: Acquisition, some: tuple[int, ...]) -> Plan:
    rows = np.zeros(len(this.stocks), np.int64)
    for i in some:
        rows[i] = min(this.stock[i], this.budget // len(some) // this.prices[i])
    return (this.filled(rows, some),)


def repeated() -> tuple[bool, bool]:
    """Whether another process gets the same hash, and whether another seed gets another."""
    here = board("all", methods=AGAIN, seeds=1, workers=1).digest
    env = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    there = [
        subprocess.run(
            [sys.executable, "-c", REPEAT, AGAIN, str(seed)], env=env, check=True,
            capture_output=True, text=True,
        ).stdout.strip()
        for seed in (0, 1)
    ]  # fmt: skip
    return here == there[0], here != there[1]


FILES = (("debugging/digits", "ccs"), ("acquisition/text", "csi"), ("selection/text", "rs2"))
"""Tasks and methods; of selection only the largest number of rows is one list of rows."""


def from_file(name: str, method: str) -> bool:
    plan = made(name, 0).play(select.load(method), 0 * DRAWS)
    lines = ["row", *map(str, plan[-1])]
    if name.startswith("acquisition"):
        lines = ["seller,rows", *(f"{i},{many}" for i, many in enumerate(plan[0]))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "answer.csv")
        path.write_text("\n".join(lines) + "\n")
        standing = board(name, methods=method, submit=path)[name]
    return bool(standing.entry(OWN).values[0, -1] == standing.entry(method).values[0, -1])
