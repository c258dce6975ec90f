"""A network that squeezes rows through a few numbers and rebuilds them. Needs torch."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.random import Generator
from torch import Tensor

from cuvee.measure.stacked import Batches, Shape, generator_of, trained

BATCH, RATE = 128, 0.002


def codes(
    rows: Float[np.ndarray, "rows columns"], dims: int, hidden: int, steps: int, rng: Generator
) -> Float[np.ndarray, "rows dims"]:
    """The few numbers of each row, each of mean 0 and variance 1.

    Args:
        rows: Of numbers.
        dims: How many are kept.
        hidden: Width of the layer before and behind.
        steps: Of training.
        rng: Of weights and batches.
    """
    generator, wide = generator_of(rng), rows.shape[1]
    centred = rows - rows.mean(axis=0)
    data = torch.from_numpy((centred / centred.std()).astype(np.float32))
    squeeze, rebuild = Shape((wide, hidden, dims), True), Shape((dims, hidden, wide), True)
    lengths = [squeeze.weights, rebuild.weights]
    batches = Batches([np.arange(len(rows))], BATCH, generator)

    def loss(weights: Tensor) -> Tensor:
        inner, outer = weights.split(lengths, dim=1)
        batch = data[batches.next()]
        found = rebuild(outer, squeeze(inner, batch))
        return ((found - batch) ** 2).sum(2).mean(1)

    start = torch.cat([squeeze.start(1, generator), rebuild.start(1, generator)], dim=1)
    inner = trained(start, loss, steps=steps, rate=RATE).split(lengths, dim=1)[0]
    with torch.no_grad():
        found = squeeze(inner, data[None])[0].double().numpy()
    return (found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 1e-12)
