"""Does Cooldown converge as fast as a high temperature, without its overfitting?

A small network is trained on a large corpus and one 50 or 200 times smaller, with natural shares
(T = 1), with T = 5 throughout, and with Cooldown (5, then 1); losses of held-out text of the small
one are taken after a quarter of the training and at the end, and the mean of both at the end. The
claim is about sizes so uneven that T = 5 overfits: that is where it is judged.
"""

from pathlib import Path

import numpy as np
from evidence.order_models import OrderTrainer, characters

from cuvee.core import Limits, Problem, Study, Trial
from cuvee.mix.cooldown import Cooldown
from cuvee.mix.temperature import tempered
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
LARGE, RATIOS, CORPORA = 200_000, (50, 200), ("de", "fr")
TOKENS, SEEDS, EARLY = 256_000, 3, 0.25
NAMES = ("T=1", "T=5", "cooldown")


def run() -> Finding:
    # ratio, seed, way, time, corpus
    found = np.array([[_losses(_trainer(r, s)) for s in range(SEEDS)] for r in RATIOS])
    means = dict(zip(RATIOS, found.mean(axis=1)))
    judged = {r: _judge(m) for r, m in means.items()}
    said = ". ".join(
        f"1:{r} (T=5 {'overfits' if judged[r]['overfits'] else 'does not overfit'}): "
        + "; ".join(f"{n} small {row[0, 1]:.3f} early, {row[1, 1]:.3f} late, both "
                    f"{row[1].mean():.3f} late" for n, row in zip(NAMES, mean))
        for r, mean in means.items()
    )  # fmt: skip
    claims = [j for j in judged.values() if j["overfits"]]
    return Finding(
        claim="Where T = 5 overfits the small corpus, Cooldown learns it faster than T = 1, ends "
        "with a lower loss of it than T = 5, and with the lowest mean loss of the three (Li et "
        "al., arXiv 2410.04579).",
        measured=f"{said} (nats per character, {SEEDS} seeds). Where it overfits: "
        + ("; ".join(_said(j) for j in claims) or "nowhere")
        + ".",
        holds=bool(claims and all(all(j.values()) for j in claims)),
        numbers={"ways": NAMES, "mean": {str(r): m.tolist() for r, m in means.items()},
                 "judged": {str(r): j for r, j in judged.items()}},
    )  # fmt: skip


def _judge(mean: np.ndarray) -> dict[str, bool]:
    plain, high, cooled = mean
    return {
        "overfits": bool(high[1, 1] > high[0, 1]),
        "faster": bool(cooled[0, 1] < plain[0, 1]),
        "fitter": bool(cooled[1, 1] < high[1, 1]),
        "lowest_mean": bool(cooled[1].mean() < min(plain[1].mean(), high[1].mean())),
    }


def _said(judged: dict[str, bool]) -> str:
    answers = [f"{name} {'yes' if judged[key] else 'no'}" for name, key in (
        ("faster than T=1", "faster"), ("small corpus below T=5", "fitter"),
        ("lowest mean", "lowest_mean"),
    )]  # fmt: skip
    return ", ".join(answers)


def _trainer(ratio: int, seed: int) -> OrderTrainer:
    paths = {n: shared_data(ROOT, "corpora", f"{n}.parquet") for n in CORPORA}
    sizes = dict(zip(CORPORA, (LARGE, LARGE // ratio)))
    texts = {n: characters(path, 30_000, 30_000 + sizes[n]) for n, path in paths.items()}
    held = {n: characters(path, 0, 15_000) for n, path in paths.items()}
    return OrderTrainer(texts, held, TOKENS, 1.0, seed)


def _losses(trainer: OrderTrainer) -> list[list[np.ndarray]]:
    """By way of mixing: losses of both corpora early, and at the end."""
    problem = Problem.of(
        trainer.sources, trainer.targets, trainer.available, TOKENS,
        limits=Limits(max_epochs=float("inf")),  # overfitting is what is looked at
    )  # fmt: skip
    plan = Cooldown().schedule(Study(problem))
    ways = [((1.0, tempered(problem.available, t)),) for t in (1.0, 5.0)]
    rows = []
    for schedule in (*ways, plan):
        legs: list[Trial] = []
        for part, shares in _cut(schedule, EARLY):
            legs.append(Trial(shares, part * TOKENS, after=legs[-1] if legs else None))
        rows.append([trainer.run(legs[0]).losses.mean, trainer.run(legs[-1]).losses.mean])
    return rows


def _cut(schedule, at: float):
    """The first phase in two, so that losses can be taken in between."""
    (part, shares), *rest = schedule
    return [(at, shares), (part - at, shares), *rest]
