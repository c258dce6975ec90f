"""One of two ranks of a training run; it is started by a test."""

import sys
from pathlib import Path

import torch
from tests.live.world import live, train
from torch import distributed

if __name__ == "__main__":
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    mixed = live()
    seen = train(mixed, mixed.loader(num_workers=rank))
    torch.save({"seen": seen, "state": mixed.state_dict()}, folder / f"{rank}.pt")
    distributed.destroy_process_group()
