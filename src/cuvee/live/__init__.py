"""Live mixing: a blend, or a mixer that decides while training, drives a training loop.

| file | what it holds |
|---|---|
| `mixing` | `Live`: the plan, what was taken of it, its state |
| `feeding` | what a `torch` `DataLoader` needs: samples, batches, the loader |
| `losses` | losses of samples, summed by source and over ranks |
| `driving` | a mixer's proposals as legs of the one run |
| `hf` | the Hugging Face `Trainer` |
"""

from cuvee.core.methods import missing

try:
    from cuvee.live.losses import sample_losses, token_losses
    from cuvee.live.mixing import Live
except ModuleNotFoundError as error:
    raise missing(error) from error

__all__ = ["Live", "sample_losses", "token_losses"]
