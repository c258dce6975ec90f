"""Does diverse-then-best beat the same data shuffled, and the natural mix?

A small network is trained on five corpora for a target of one of them that is small. The mixer
chooses its schedule once, with a seed of its own and on one half of the target's text; ten other
seeds then train that schedule, the same shares in one phase, and natural shares, all on the same
number of characters, and the other half judges. The learning rate is the same for all: constant,
then falling to zero over the tokens of the second phase.
"""

from pathlib import Path

import numpy as np
from evidence.order_models import OrderTrainer, characters

from cuvee.core import Problem, Study, Trial, stream
from cuvee.mix.two_phase import TwoPhase
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SIZES = {"essay": 100_000, "de": 100_000, "c": 100_000, "man_en": 100_000, "pydoc": 20_000}
TARGET, TOKENS, SEEDS = "pydoc", 128_000, 10
HALVES = ((0, 15_000), (15_000, 30_000))
"""Characters of the target to choose by, and to judge by; sources begin after both."""


def run() -> Finding:
    chooser, names = _trainer(0, HALVES[0]), tuple(SIZES)
    trainers = [_trainer(seed, HALVES[1]) for seed in range(1, SEEDS + 1)]
    problem = Problem.of(names, [TARGET], chooser.available, TOKENS)
    mixer, study = TwoPhase(), Study(problem)
    while trials := mixer.propose(study, rng=stream(0)):
        study = study.record(trials, tuple(chooser.run(t) for t in trials))
    (one, first), (two, second) = mixer.schedule(study)
    overall = mixer.recommend(study, rng=stream(0)).mean
    losses = np.array([_losses(t, [(one, first), (two, second)], overall) for t in trainers])
    wins = (losses[:, :1] < losses[:, 1:]).all(axis=1).sum()
    means = dict(zip(("two phases", "shuffled", "natural"), losses.mean(axis=0).round(4).tolist()))
    gain = losses[:, 1] - losses[:, 0]
    return Finding(
        claim="The same tokens, diverse first and the best last, end below shuffled order and "
        "below the natural mix in at least 8 of 10 seeds, on text of the target and with seeds "
        "that did not choose the schedule (Feng et al., arXiv 2412.15285).",
        measured=f"Below both in {wins} of {SEEDS} seeds; mean target losses {means} nats per "
        f"character; gain over shuffled {gain.mean():.4f} ± {gain.std(ddof=1) / SEEDS**0.5:.4f}.",
        holds=bool(wins >= 8),
        numbers={
            "wins": int(wins), "mean_losses": means, "losses": losses.tolist(),
            "first": dict(zip(names, first.tolist())), "second": dict(zip(names, second.tolist())),
        },
    )  # fmt: skip


def _trainer(seed: int, held: tuple[int, int]) -> OrderTrainer:
    paths = {n: shared_data(ROOT, "corpora", f"{n}.parquet") for n in SIZES}
    texts = {n: characters(path, 30_000, 30_000 + SIZES[n]) for n, path in paths.items()}
    return OrderTrainer(
        texts, {TARGET: characters(paths[TARGET], *held)}, TOKENS, TwoPhase().second, seed
    )


def _losses(trainer: OrderTrainer, schedule, overall: np.ndarray) -> list[float]:
    (one, first), (two, second) = schedule
    start = Trial(first, one * TOKENS)
    natural = trainer.available / trainer.available.sum()
    runs = [Trial(second, two * TOKENS, after=start), Trial(overall, TOKENS)]
    return [float(trainer.run(t).losses.mean[0]) for t in (*runs, Trial(natural, TOKENS))]
