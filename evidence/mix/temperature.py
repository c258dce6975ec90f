"""Does a temperature above 1 help small languages at the expense of large ones?"""

from pathlib import Path

import numpy as np
from evidence.tables import split_documents

from cuvee import driver
from cuvee.core import Trial, stream
from cuvee.engine.local import Local
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
KEEP = {"es": 1.0, "de": 0.3, "fr": 0.08}
TEMPERATURES = (1.0, 2.0, 3.0, 5.0)


def run() -> Finding:
    texts, held = {}, {}
    for name, part in KEEP.items():
        train, held[name] = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"))
        texts[name] = train[: int(part * len(train))]
    opened = open_question(Question(texts, target=held, budget="0.3M"), Local())
    trainer, _ = driver.prepare(opened)
    losses = np.array([
        trainer.run(Trial(_shares(trainer.available, t), 300_000), rng=stream(0)).losses.mean
        for t in TEMPERATURES
    ])  # fmt: skip
    steps = np.diff(losses, axis=0)
    return Finding(
        claim="Raising the temperature lowers the loss of the smallest language and raises that of "
        "the largest (Conneau et al., arXiv 1911.02116, section 5.1).",
        measured="; ".join(
            f"T={t:g}: " + ", ".join(f"{n} {v:.3f}" for n, v in zip(trainer.targets, row))
            for t, row in zip(TEMPERATURES, losses)
        ) + " nats per token (count proxy).",
        holds=bool((steps[:, 2] < 0).all() and (steps[:, 0] > 0).all()),
        numbers={"temperatures": list(TEMPERATURES), "losses": losses.tolist()},
    )  # fmt: skip


def _shares(available: np.ndarray, temperature: float) -> np.ndarray:
    from cuvee import mix
    from cuvee.core import Problem, Study

    names = [str(i) for i in range(len(available))]
    study = Study(Problem.of(names, names, available, 300_000))
    return mix.load("temperature", temperature=temperature).recommend(study, rng=stream(0)).mean
