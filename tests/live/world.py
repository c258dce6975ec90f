"""A small training run on a live mixture: what it saw, and killed at any moment, what it kept."""

import json
import os
import signal
import sys
from pathlib import Path

import torch

from cuvee.live import Live

SIZES = {"a": 100, "b": 37, "c": 500}
BATCH, BATCHES, LAG = 12, 90, 7
MIXER = "odm:steps=9"


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


def main(folder: Path, workers: int, kill_at: int) -> None:
    """Train on from what the folder holds; after so many batches, be killed in the middle of one.

    A line of the log is a batch; the log is cut where the state says, as weights would be.
    """
    mixed = live()
    log, file = folder / "log", folder / "state.json"
    lines = log.read_text().splitlines(True) if log.exists() else []
    loader = mixed.loader(num_workers=workers)
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
