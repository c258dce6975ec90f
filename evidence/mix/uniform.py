"""Are equal shares hard to beat? Among 60 mixtures that were really trained on."""

from pathlib import Path

import numpy as np
from evidence.tables import read_runs

from cuvee import mix
from cuvee.core import Problem, Study, stream
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]


def run() -> Finding:
    runs = read_runs(shared_data(ROOT, "runs", "pilot12.csv"))
    study = Study(Problem.of(runs.sources, runs.targets, np.full(len(runs.sources), 1e6), 500_000))
    shares = mix.load("uniform").recommend(study, rng=stream(0)).mean
    row = int(np.abs(runs.shares - shares).sum(axis=1).argmin())
    assert np.abs(runs.shares[row] - shares).max() < 1e-4, "the pilot holds a run of equal shares"
    mean, worst = runs.losses.mean(axis=1), runs.losses.max(axis=1)
    better = int((mean < mean[row]).sum()), int((worst < worst[row]).sum())
    n = len(mean) - 1
    return Finding(
        claim="Equal shares are hard to beat when all domains count the same (Aioli, arXiv "
        "2411.05735): at most a tenth of random mixtures have a lower mean loss.",
        measured=f"{better[0]} of {n} random mixtures have a lower mean loss, {better[1]} a lower "
        f"worst loss.",
        holds=better[0] <= n / 10,
        numbers={"better_mean": better[0], "better_worst": better[1], "mixtures": n},
    )
