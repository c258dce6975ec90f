"""The pilot's mixtures beside the count proxy, for evidence on mixers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cuvee import driver
from cuvee.core import Estimate, Limits, Outcome, Problem, Trial, stream
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import shared_data
from evidence.tables import Runs, read_runs, split_documents


def pilot(root: Path, tokens: int, target_tokens: int = 20_000):
    """The 60 trained runs, the count trainer on the text that they saw, and the problem."""
    runs: Runs = read_runs(shared_data(root, "runs", "pilot12.csv"))
    parts = {n: split_documents(shared_data(root, "corpora", f"{n}.parquet")) for n in runs.sources}
    question = Question(
        {n: p[0] for n, p in parts.items()}, target={n: p[1] for n, p in parts.items()},
        budget=tokens, target_tokens=target_tokens,
    )  # fmt: skip
    trainer, _ = driver.prepare(open_question(question, Local()))
    problem = Problem.of(
        trainer.sources, trainer.targets, trainer.available, tokens, limits=Limits(np.inf)
    )
    return runs, trainer, problem


def counted(trainer) -> Callable[[Trial], Outcome]:
    """The count proxy as a study's prior."""
    return lambda trial: trainer.run(trial, rng=stream(0))


def outcomes(losses: np.ndarray, tokens: float) -> tuple[Outcome, ...]:
    """Losses of finished runs, one row each."""
    return tuple(Outcome(Estimate(y[None], "nats per token", "none"), tokens) for y in losses)
