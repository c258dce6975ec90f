"""Is UniMax fairer than temperatures, without repeating small corpora as often?

Natural sizes as uneven as those of languages on the web (three languages and two very small
rests of them), a budget of a third of all text. Epochs of the smallest and shares of the larger
languages are compared with T = 3.33, the temperature of mT5; losses by the count proxy.
"""

from pathlib import Path

import numpy as np
from evidence.tables import split_documents

from cuvee import driver, mix
from cuvee.core import Limits, Problem, Study, Trial, stream
from cuvee.engine.local import Local
from cuvee.mix.unimax import Unimax
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
KEEP = {"es": 1.0, "de": 0.6, "fr": 0.3, "essay": 0.02, "c": 0.01}
CAP = 1.0


def run() -> Finding:
    texts, held = {}, {}
    for name, part in KEEP.items():
        train, held[name] = split_documents(shared_data(ROOT, "corpora", f"{name}.parquet"))
        texts[name] = train[: int(part * len(train))]
    opened = open_question(Question(texts, target=held, budget="0.3M"), Local())
    trainer, _ = driver.prepare(opened)
    tokens = int(trainer.available.sum() / 3)
    problem = Problem.of(trainer.sources, trainer.targets, trainer.available, tokens,
                         limits=Limits(max_epochs=float("inf")))  # fmt: skip
    study = Study(problem)
    ways = {"unimax": Unimax(epochs=CAP), "T=3.33": mix.load("temperature", temperature=3.33)}
    shares = {n: m.recommend(study, rng=stream(0)).mean for n, m in ways.items()}
    epochs = {n: problem.epochs(w) for n, w in shares.items()}
    losses = {n: trainer.run(Trial(w, tokens), rng=stream(0)).losses.mean
              for n, w in shares.items()}  # fmt: skip
    large = np.argsort(-trainer.available)[:3]
    fairer = np.ptp(shares["unimax"][large]) < np.ptp(shares["T=3.33"][large])
    capped = epochs["unimax"].max() <= CAP + 1e-9 < epochs["T=3.33"].max()
    return Finding(
        claim="UniMax covers the larger languages more evenly than T = 3.33 and repeats no source "
        "more often than its cap, which the temperature does (Chung et al., arXiv 2304.09151, "
        "figure 1).",
        measured="; ".join(
            f"{n}: shares of the three largest differ by {np.ptp(shares[n][large]):.3f}, at most "
            f"{epochs[n].max():.2f} epochs, mean loss {losses[n].mean():.3f}" for n in ways
        ) + " nats per token (count proxy).",
        holds=bool(fairer and capped),
        numbers={
            "sources": trainer.sources, "available": trainer.available.tolist(),
            "shares": {n: w.tolist() for n, w in shares.items()},
            "epochs": {n: e.tolist() for n, e in epochs.items()},
            "losses": {n: v.tolist() for n, v in losses.items()},
        },
    )  # fmt: skip
