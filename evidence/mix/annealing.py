"""Does a special end, averaged over three data orders, beat the same data spread over the run?

A small network is trained on five corpora for a target of one of them that is small. For each
seed the mixer runs its whole plan: nine tenths on natural shares, short ends to find the special
mix, three orders of it, the average. Against it stands one run on the same shares throughout.
The learning rate is the same for all: constant, then falling to zero over the last tenth.
"""

from pathlib import Path

import numpy as np
from evidence.order_models import OrderTrainer, characters

from cuvee.core import Problem, Study, Trial, stream
from cuvee.mix.annealing import Annealing
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SIZES = {"essay": 100_000, "de": 100_000, "c": 100_000, "man_en": 100_000, "pydoc": 20_000}
TARGET, TOKENS, SEEDS = "pydoc", 128_000, 8


def run() -> Finding:
    rows = np.array([_compare(_trainer(seed)) for seed in range(SEEDS)])
    merged, single, spread = rows.T
    below = int((merged < spread).sum())
    gain, alone = spread - merged, single - merged
    return Finding(
        claim="The last tenth on a special mix and the average of three data orders end below the "
        "same data spread over the run, on the target, by more than two standard errors over seeds "
        "(mid-training of OLMo 2, arXiv 2501.00656).",
        measured=f"Below in {below} of {SEEDS} seeds, by {_with_error(gain)} nats per character; "
        f"averaging alone gains {_with_error(alone)} over the mean of its three models.",
        holds=bool(gain.mean() > 2 * gain.std(ddof=1) / SEEDS**0.5),
        numbers={
            "merged": merged.tolist(), "mean_of_three": single.tolist(), "spread": spread.tolist()
        },
    )  # fmt: skip


def _compare(trainer: OrderTrainer) -> tuple[float, float, float]:
    """Losses of the merged model, of the models that it is made of, and of the data spread out."""
    problem = Problem.of(trainer.sources, [TARGET], trainer.available, TOKENS)
    mixer, study = Annealing(), Study(problem)
    while trials := mixer.propose(study, rng=stream(0)):
        study = study.record(trials, tuple(trainer.run(t) for t in trials))
    merged = study.trials[-1]
    parts = [trainer.run(trial).losses.mean[0] for _, trial in merged.merge]
    spread = Trial(mixer.recommend(study, rng=stream(0)).mean, TOKENS)
    return study.losses[-1, 0], float(np.mean(parts)), trainer.run(spread).losses.mean[0]


def _trainer(seed: int) -> OrderTrainer:
    paths = {n: shared_data(ROOT, "corpora", f"{n}.parquet") for n in SIZES}
    texts = {n: characters(path, 30_000, 30_000 + SIZES[n]) for n, path in paths.items()}
    return OrderTrainer(
        texts, {TARGET: characters(paths[TARGET], 0, 15_000)}, TOKENS, Annealing().end, seed
    )


def _with_error(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"
