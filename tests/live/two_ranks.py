"""One of two ranks of a training run; it is started by a test."""

from pathlib import Path

import torch
from tests.live.world import live, loss_of, train, workers_of
from torch import distributed

from cuvee.core import CuveeError


def main(folder: Path, rank: int) -> None:
    """Leave what this rank saw and knew in the folder."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    mixed = live()
    seen = train(mixed, mixed.loader(**workers_of(rank)))
    found = {"seen": seen, "state": mixed.state_dict(), "told": told(rank)}
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


def told(rank: int) -> dict[str, object]:
    """A target that rank 0 alone evaluates, at first too late."""
    mixed, error = live(mixer="aioli:rounds=2", lag=1, targets=["val"], objective="val"), ""
    try:
        train(mixed, mixed.loader())
    except CuveeError as caught:
        error = str(caught)
    for x, source in mixed.loader() if rank else evaluated(mixed):
        mixed.feedback(source, loss_of(x))
    legs = [(t.tokens, *row) for t, row in zip(mixed.study.trials, mixed.study.losses.tolist())]
    return {"error": error, "legs": legs, "taken": mixed.taken}


def evaluated(mixed):
    """Batches, with an evaluation before each."""
    mixed.report({"val": 2.0})
    for batch in mixed.loader():
        yield batch
        mixed.report({"val": 2 - mixed.taken / 100})
