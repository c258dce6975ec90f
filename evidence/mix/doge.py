"""DoGE against equal shares, with the count proxy: for all domains, and for one that it lacks.

The paper has two settings: the lowest mean loss over the domains themselves (6 sets of corpora),
and the loss on a domain that is not among the sources (every corpus in turn as the target, four
others as the sources).
"""

from pathlib import Path

import numpy as np
from evidence.online_models import BUDGET, SETS, counted, losses, problem_of, solve
from evidence.tables import split_documents

from cuvee import driver
from cuvee.engine.local import Local
from cuvee.mix.doge import Doge
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
ABROAD = {
    "pydoc": ("python", "perl", "essay", "de"), "handbook_en": ("man_en", "essay", "de", "c"),
    "perl": ("python", "man_en", "fr", "fortunes"), "es": ("fr", "de", "essay", "c"),
    "fortunes": ("essay", "wordnet", "c", "de"), "python": ("c", "pydoc", "fr", "wordnet"),
}  # fmt: skip


def run() -> Finding:
    gains, abroad = {}, {}
    for names in SETS:
        trainer = counted(names)
        shares = solve(Doge(), problem_of(trainer), trainer)
        equal = losses(trainer, np.full(len(names), 1 / len(names)))
        gains["+".join(names)] = float(equal.mean() - losses(trainer, shares).mean())
    for target, names in ABROAD.items():
        abroad[target] = foreign(target, names)
    home, away = sum(g >= 0 for g in gains.values()), sum(g >= 0 for g in abroad.values())
    return Finding(
        claim="DoGE's shares are no worse than equal ones in the mean over domains on 6/6 sets, "
        "and better on a target that is none of the sources on 6/6.",
        measured=f"Mean over domains: {home}/6 sets (gain {np.mean(list(gains.values())):+.4f} "
        f"nats); targets outside: {away}/6 (gain {np.mean(list(abroad.values())):+.4f} nats).",
        holds=home == 6 and away == 6,
        numbers={"gain_over_equal_shares": gains, "gain_on_a_foreign_target": abroad},
    )


def foreign(target: str, names: tuple[str, ...]) -> float:
    """Loss on the target of equal shares less that of DoGE's."""
    paths = {n: str(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in names}
    held = {n: split_documents(Path(p), 0.9)[1] for n, p in paths.items()}
    held["abroad"] = split_documents(shared_data(ROOT, "corpora", f"{target}.parquet"), 0.9)[1]
    texts = {n: split_documents(Path(p), 0.9)[0] for n, p in paths.items()}
    question = Question(texts, target=held, budget=str(BUDGET), target_tokens=5_000)
    trainer, _ = driver.prepare(open_question(question, Local()))
    shares = solve(Doge(), problem_of(trainer, "abroad"), trainer)
    at = trainer.targets.index("abroad")
    return float((losses(trainer, np.full(4, 0.25)) - losses(trainer, shares))[at])
