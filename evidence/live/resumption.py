"""Is a training run that was killed again and again the same as one that never was?

Stage by stage, processes train on a live mixture that a bandit drives, with other numbers of
ranks (which talk through gloo) and of workers each time, and kill themselves (SIGKILL) in the
middle of a random batch. The next stage goes on from the last state that was saved, every few
batches. What counts is what each batch held when it was trained on last, against one process
that was never stopped.
"""

import hashlib
import multiprocessing
import os
import signal
import tempfile
import warnings
from pathlib import Path

import numpy as np
import orjson
import torch
from torch import distributed

from cuvee.live import Live
from cuvee.testing.evidence import Finding

SIZES = {"a": 500, "b": 123, "c": 3000, "d": 61}
BATCH, BATCHES, LAG, SAVED = 12, 600, 12, 3
"""The batch can be split for 1, 2 and 3 ranks; a state is saved every third batch."""
STAGES = 18
RANKS, WORKERS = (1, 2, 3), (0, 1, 2, 3)


def run() -> Finding:
    rng = np.random.default_rng(0)
    plan = rng.permutation([(world, n) for world in RANKS for n in WORKERS] * 2)[:STAGES].tolist()
    stops = [*np.sort(rng.choice(np.arange(5, BATCHES), STAGES - 1, replace=False)).tolist(), -1]
    fork = multiprocessing.get_context("fork")
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more than cores
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stage, ((world, workers), stop) in enumerate(zip(plan, stops)):
            running = [
                fork.Process(target=train, args=(folder, stage, rank, world, workers, stop))
                for rank in range(world)
            ]
            for process in running:
                process.start()
            for process in running:
                process.join()
            expected = 0 if stop < 0 else -signal.SIGKILL
            if {process.exitcode for process in running} != {expected}:
                raise RuntimeError(f"stage {stage} ended with {[p.exitcode for p in running]}")
        found, again = put_together(folder, [world for world, _ in plan])
        train(folder / "once", 0, 0, 1, 0, -1)
        whole, _ = put_together(folder / "once", [1])
    equal = sum(found[i] == whole[i] for i in range(BATCHES))
    hashes = [hashlib.sha256(orjson.dumps(batches)).hexdigest() for batches in (whole, found)]
    return Finding(
        claim="After kills at any step, with any number of workers and ranks before and after, "
        "every batch is bit-equal to that of a run that was never stopped.",
        measured=f"{equal} of {BATCHES} batches are equal after {STAGES - 1} kills, with "
        f"{RANKS[0]} to {RANKS[-1]} ranks and {WORKERS[0]} to {WORKERS[-1]} workers in turn; "
        f"{again} batches were trained on more than once, as states were saved every {SAVED}.",
        holds=found == whole and len(whole) == BATCHES,
        numbers={
            "stages": [{"ranks": w, "workers": n, "killed_in_batch": s}
                       for (w, n), s in zip(plan, stops)],
            "equal_batches": equal, "sha256": hashes,
        },
    )  # fmt: skip


def make() -> Live:
    sources = {
        name: torch.arange(size, dtype=torch.float64) + 10_000 * i
        for i, (name, size) in enumerate(SIZES.items())
    }
    return Live(sources, mixer="odm:steps=25", batch=BATCH, budget=BATCH * BATCHES, lag=LAG,
                seed=1, max_epochs=float("inf"))  # fmt: skip


def train(folder: Path, stage: int, rank: int, world: int, workers: int, stop: int) -> None:
    """Train on from what the folder holds; be killed in batch `stop`, after it was taken."""
    folder.mkdir(exist_ok=True)
    if world > 1:
        store = f"file://{folder}/store{stage}"
        distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    live, file = make(), folder / "state.json"
    loader = live.loader(num_workers=workers)
    if file.exists():
        loader.load_state_dict(orjson.loads(file.read_bytes()))
    with (folder / f"{stage}-{rank}.jsonl").open("ab") as log:
        for x, sources in loader:
            log.write(orjson.dumps([live.taken - 1, x.tolist()]) + b"\n")
            log.flush()
            if live.taken == stop:
                os.kill(os.getpid(), signal.SIGKILL)
            live.feedback(sources, 2 + torch.sin(x) / (1 + live.taken / 100) + 0.1 * sources)
            if live.taken % SAVED == 0:
                state = live.state_dict()
                if rank == 0:
                    file.with_suffix(".new").write_bytes(orjson.dumps(state))
                    file.with_suffix(".new").replace(file)
    if world > 1:
        distributed.destroy_process_group()


def put_together(folder: Path, worlds: list[int]) -> tuple[list[list[float]], int]:
    """Each batch as it was trained on last, and how many were trained on before."""
    found, many = {}, 0
    for stage, world in enumerate(worlds):
        logs = [(folder / f"{stage}-{r}.jsonl").read_bytes().splitlines() for r in range(world)]
        for rows in zip(*([orjson.loads(line) for line in log] for log in logs)):
            if {row[0] for row in rows} != {rows[0][0]}:
                raise RuntimeError("the ranks are not at the same batch")
            many += 1
            found[rows[0][0]] = [x for _, part in rows for x in part]
    return [found[i] for i in sorted(found)], many - len(found)
