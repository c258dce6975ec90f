"""A small training run on a live mixture: what it saw, and killed at any moment, what it kept."""

import json
import os
import signal
from multiprocessing import get_context
from pathlib import Path

import torch

from cuvee.live import Live

SIZES = {"a": 100, "b": 37, "c": 500}
BATCH, BATCHES, LAG = 12, 90, 7
MIXER = "odm:steps=9"
PROCESSES = get_context("forkserver")
"""Fresh processes, from one server that has imported torch for all of them."""
PROCESSES.set_forkserver_preload(["cuvee.live"])


def sources(sizes=SIZES):
    return {n: [torch.tensor([float(i), j]) for i in range(s)]
            for j, (n, s) in enumerate(sizes.items())}  # fmt: skip


def live(**settings) -> Live:
    given = {"mixer": MIXER, "batch": BATCH, "budget": BATCH * BATCHES, "lag": LAG, "seed": 3}
    if "shares" in settings:
        given.pop("mixer")
    return Live(sources(), **(given | {"max_epochs": 50.0} | settings))


def loss_of(x: torch.Tensor) -> torch.Tensor:
    """A made-up loss of each sample, which differs between the sources."""
    return 1 + x[:, 1] + torch.sin(x[:, 0])


def workers_of(number: int) -> dict[str, object]:
    """Settings of a loader in a process from the server, which cannot start processes itself."""
    return {"num_workers": number, "multiprocessing_context": "fork"} if number else {}


def train(mixed, loader, stop=None):
    """Samples of each batch, until so many were taken in all."""
    seen = []
    for x, source in loader:
        assert torch.equal(x[:, 1].long(), source)
        mixed.feedback(source, loss_of(x))
        seen.append(x.tolist())
        if mixed.taken == stop:
            break
    return seen


def train_on(folder: Path, workers: int, kill_at: int) -> None:
    """Train on from what the folder holds; after so many batches, be killed in the middle of one.

    A line of the log is a batch; the log is cut where the state says, as weights would be.
    """
    mixed = live()
    log, file = folder / "log", folder / "state.json"
    lines = log.read_text().splitlines(True) if log.exists() else []
    loader = mixed.loader(**workers_of(workers))
    if file.exists():
        loader.load_state_dict(json.loads(file.read_text()))
    log.write_text("".join(lines[: mixed.taken]))
    with log.open("a") as out:
        for x, source in loader:
            if mixed.taken == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            mixed.feedback(source, loss_of(x))
            out.write(json.dumps(x.tolist()) + "\n")
            out.flush()
            if mixed.taken % 4 == 0:
                fresh = file.with_suffix(".new")
                fresh.write_text(json.dumps(loader.state_dict()))
                fresh.replace(file)


def exit_codes(job, *calls) -> list[int | None]:
    """What processes that run at the same time end with."""
    started = [PROCESSES.Process(target=job, args=call) for call in calls]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=60)
    return [process.exitcode for process in started]
