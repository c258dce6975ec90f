"""Does a special end, averaged over three data orders, beat the same data spread over the run?

A small network is trained on five corpora for a target of one of them that is small. The mixer
runs its plan once, with a seed of its own and on one half of the target's text: nine tenths on
natural shares, short ends to find the special mix, three orders of it, the average. Ten other seeds
then train the long run, the chosen end in three orders, and one run on the same shares throughout,
and the other half judges. The learning rate is the same for all: constant, then falling to zero
over the last tenth.
"""

from pathlib import Path

import numpy as np
from evidence.order_models import OrderTrainer, characters

from cuvee.core import Problem, Study, Trial, stream
from cuvee.mix.annealing import Annealing
from cuvee.mix.phases import Schedule, overall
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SIZES = {"essay": 100_000, "de": 100_000, "c": 100_000, "man_en": 100_000, "pydoc": 20_000}
TARGET, TOKENS, SEEDS = "pydoc", 128_000, 10
HALVES = ((0, 15_000), (15_000, 30_000))
"""Characters of the target to choose by, and to judge by; sources begin after both."""


def run() -> Finding:
    mixer, chooser = Annealing(), _trainer(0, HALVES[0])
    study = Study(Problem.of(chooser.sources, [TARGET], chooser.available, TOKENS))
    while trials := mixer.propose(study, rng=stream(0)):
        study = study.record(trials, tuple(chooser.run(t) for t in trials))
    schedule = mixer.schedule(study)
    judges = [_trainer(seed, HALVES[1]) for seed in range(1, SEEDS + 1)]
    rows = np.array([_compare(t, schedule, mixer.orders) for t in judges])
    merged, single, spread = rows.T
    below = int((merged < spread).sum())
    gain, alone = spread - merged, single - merged
    return Finding(
        claim="The last tenth on a special mix and the average of three data orders end below the "
        "same data spread over the run by more than two standard errors over seeds, on text of "
        "the target and with seeds that did not choose the mix (mid-training of OLMo 2, arXiv "
        "2501.00656).",
        measured=f"Below in {below} of {SEEDS} seeds, by {_with_error(gain)} nats per character; "
        f"averaging alone gains {_with_error(alone)} over the mean of its three models.",
        holds=bool(gain.mean() > 2 * gain.std(ddof=1) / SEEDS**0.5),
        numbers={
            "merged": merged.tolist(), "mean_of_three": single.tolist(), "spread": spread.tolist(),
            "end": dict(zip(chooser.sources, schedule[1][1].tolist())),
        },
    )  # fmt: skip


def _compare(trainer: OrderTrainer, schedule: Schedule, orders: int) -> tuple[float, float, float]:
    """Losses of the merged model, of the models that it is made of, and of the data spread out."""
    (long, before), (end, special) = schedule
    start, shares = Trial(before, long * TOKENS), overall(schedule)
    ends = [Trial(special, end * TOKENS, seed=i, after=start) for i in range(orders)]
    merged = Trial(shares, TOKENS, merge=tuple((1 / orders, t) for t in ends))
    single = float(np.mean([_loss(trainer, trial) for trial in ends]))
    return _loss(trainer, merged), single, _loss(trainer, Trial(shares, TOKENS))


def _loss(trainer: OrderTrainer, trial: Trial) -> float:
    return float(trainer.run(trial).losses.mean[0])


def _trainer(seed: int, held: tuple[int, int]) -> OrderTrainer:
    paths = {n: shared_data(ROOT, "corpora", f"{n}.parquet") for n in SIZES}
    texts = {n: characters(path, 30_000, 30_000 + SIZES[n]) for n, path in paths.items()}
    return OrderTrainer(
        texts, {TARGET: characters(paths[TARGET], *held)}, TOKENS, Annealing().end, seed
    )


def _with_error(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"
