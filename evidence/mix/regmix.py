"""Does RegMix's regression rank mixtures that it has not seen, at its own and at larger scale?

The published regression on the published runs: 512 runs of 1M, tested on 256 others of 1M and of
60M, Pile-CC as the target. Then the whole method on six corpora with the count proxy: 32 runs,
rank correlation on 20 unseen mixtures, and the rank of its answer among 15 unseen mixtures of its
own design at ten times the tokens.
"""

from pathlib import Path

import numpy as np
from evidence.tables import read_runs
from scipy.stats import spearmanr

from cuvee import driver
from cuvee.core import Estimate, Outcome, Points, Problem, Study, Trial, stream
from cuvee.engine.local import Local
from cuvee.mix.regmix import Regmix, mixtures
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
TARGETS = ("pile_cc", "github")
PAPER = {"linear": (90.08, 89.26), "lightgbm": (98.45, 98.64)}
CORPORA, TOKENS, SEEDS = ("python", "c", "pydoc", "essay", "de", "man_en"), 100_000, 5


def run() -> Finding:
    ranks = {name: _published(name) for name in PAPER}
    close = all(abs(ranks[n][i] - PAPER[n][i]) <= 1 for n in PAPER for i in (0, 1))
    trainer, problem = _counts()
    fits, places = zip(*(_small(trainer, problem, seed) for seed in range(SEEDS)))
    ranked, top = float(np.mean(fits)), sum(place <= 2 for place in places)
    said = "; ".join(f"{n} {r[0]:.1f} / {r[1]:.1f}" for n, r in ranks.items())
    return Finding(
        claim="Spearman on Pile-CC x100, 1M / 60M, within 1 of the paper's 90.1 / 89.3 (linear) "
        "and 98.5 / 98.6 (LightGBM); from 32 small runs above 0.8 on 20 unseen mixtures, and its "
        "answer among the best 2 of 16 at 10 times the tokens in 4 of 5 seeds (arXiv 2407.01492).",
        measured=f"{said}; small runs: Spearman {ranked:.3f}, best 2 of 16 in {top} of {SEEDS} "
        f"seeds (places {', '.join(map(str, places))}). 90% intervals on 1M runs cover "
        f"{100 * ranks['lightgbm'][2]:.0f}% (LightGBM), {100 * ranks['linear'][2]:.0f}% (linear).",
        holds=bool(close and ranked > 0.8 and top >= 4),
        numbers={"pile_cc": ranks, "small_spearman": fits, "place_of_16": places},
    )


def _published(regressor: str) -> tuple[float, float, float]:
    """Rank correlations at 1M and 60M on Pile-CC, and coverage over two targets at 1M."""
    runs = [read_runs(shared_data(ROOT, "runs", f"regmix_{n}.csv"))
            for n in ("1m_train", "1m_test", "60m_test")]  # fmt: skip
    columns = [runs[0].targets.index(name) for name in TARGETS]
    study = Study(Problem.of(runs[0].sources, TARGETS, np.full(len(runs[0].sources), 1e12), 10**9))
    trials = tuple(Trial(w, float(n)) for w, n in zip(runs[0].shares, runs[0].tokens))
    done = tuple(Outcome(Estimate(y[None, columns], "nats per token", "none"), 0.0)
                 for y in runs[0].losses)  # fmt: skip
    law = Regmix(regressor=regressor).fit(study.record(trials, done), rng=stream(0))
    points = [Points.at(r.shares, r.tokens) for r in runs[1:]]
    said = [law.mean(p)[:, 0] for p in points]
    ranks = [100 * spearmanr(y, r.losses[:, columns[0]])[0] for y, r in zip(said, runs[1:])]
    low, high = law.predict(points[0]).interval(0.9)
    real = runs[1].losses[:, columns]
    return float(ranks[0]), float(ranks[1]), float(((real > low) & (real < high)).mean())


def _counts():
    paths = {n: str(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in CORPORA}
    question = Question(paths, budget=str(10 * TOKENS), target_tokens=10_000)
    trainer, _ = driver.prepare(open_question(question, Local()))
    return trainer, Problem.of(trainer.sources, trainer.targets, trainer.available, TOKENS)


def _small(trainer, problem: Problem, seed: int) -> tuple[float, int]:
    """Rank correlation on unseen mixtures, and the answer's place at ten times the tokens."""

    def losses(rows: np.ndarray, tokens: int) -> np.ndarray:
        found = [trainer.run(Trial(w, tokens), rng=stream(0)).losses.mean for w in rows]
        return problem.objective.score(np.array(found))

    mixer, study = Regmix(trials=32, simulated=40_000, top=51, folds=2), Study(problem)
    trials = mixer.propose(study, rng=stream(seed))
    study = study.record(trials, tuple(trainer.run(t, rng=stream(0)) for t in trials))
    unseen = mixtures(problem, 20, stream(seed, "unseen"))
    said = mixer.fit(study, rng=stream(seed)).mean(problem.points(unseen))
    rank = spearmanr(problem.objective.score(said), losses(unseen, TOKENS))[0]
    answer = mixer.recommend(study, rng=stream(seed)).mean
    large = losses(np.vstack([answer, unseen[:15]]), 10 * TOKENS)
    return float(rank), int((large < large[0]).sum()) + 1
