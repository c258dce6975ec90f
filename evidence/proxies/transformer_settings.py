"""Are the learning rate and the batch of the transformer proxy near their best?

The law was fitted to `transformer_sweep.csv`: equal shares of 12 kinds of text, networks of 0.36M
and 1.1M parameters, 0.25M and 1M tokens, 3 learning rates and 2 batches each. Here it is checked at
a size and a length that lie between these: its own settings beside half and twice the learning
rate and the batch.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from evidence.pilot import NAMES, pilot_data

from cuvee import proxies
from cuvee.core import Trial, stream
from cuvee.engine.local import Local
from cuvee.proxies.recipe import law
from cuvee.testing.evidence import Finding

ROOT = Path(__file__).parents[2]
SIZE, TOKENS = "0.6M", 400_000
BOUND = 0.06


def run() -> Finding:
    with tempfile.TemporaryDirectory() as folder:
        data = pilot_data(ROOT, folder)
        plain, _ = _prepared(data, folder, {})
        shape = plain.shape
        lr, batch = law(shape.params - shape.vocabulary * shape.width, TOKENS)
        factors = [(1, 1), (0.5, 1), (2, 1), (1, 0.5), (1, 2)]
        asked = [{"lr": lr * a, "batch": batch * b} for a, b in factors]
        jobs = [_prepared(data, folder, settings)[0] for settings in asked]
        trial = Trial(np.full(len(NAMES), 1 / len(NAMES)), TOKENS)
        losses = list(Local()(partial(_loss, trial), jobs, label="runs trained"))
    excess = losses[0] - min(losses)
    table = [{**a, "loss": loss} for a, loss in zip(asked, losses)]
    return Finding(
        claim="At a size and a length that the law was not fitted to, its learning rate and batch "
        f"give a loss within {BOUND} nats of the best among half and twice of each.",
        measured=f"{excess:.3f} nats above the best of five; lr {lr:.2g}, batch {batch:.0f}, loss "
        f"{losses[0]:.3f}, the others {', '.join(f'{x:.3f}' for x in losses[1:])}.",
        holds=bool(excess <= BOUND),
        numbers={"params": shape.params, "tokens": TOKENS, "excess": excess, "runs": table},
    )


def _prepared(data, folder: str, settings: dict[str, float]):
    proxy = proxies.load("transformer", size=SIZE, context=64, cache=folder, **settings)
    return proxy.prepare(data, rng=stream(0, "proxy"))


def _loss(trial: Trial, trainer) -> float:
    return float(trainer.run(trial, rng=stream(0, "trial")).losses.mean.mean())
