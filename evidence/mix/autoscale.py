"""Do the best shares at two small budgets tell those at a larger one?

The count proxy on three sets of real domains, where the best shares can be found at any budget.
Those at 6k and 25k tokens are carried to 400k, which no source must be
repeated for, by the line in logarithms of the amounts, and
compared with using the best shares of 25k as they are. Then the whole method, which fits its law
to 12 runs at each small budget, does the same.
"""

from pathlib import Path

import numpy as np
from evidence.tables import split_documents

from cuvee import driver, mix
from cuvee.core import Limits, Problem, Trial, stream
from cuvee.engine.local import Local
from cuvee.mix.autoscale import Autoscale, carried
from cuvee.question import Question, open_question
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]
SETS = (("python", "essay", "de"), ("perl", "es", "wordnet"), ("pydoc", "fortunes", "fr"))
SMALL, SECOND, LARGE = 6_250, 25_000, 400_000


def run() -> Finding:
    numbers = {}
    for names in SETS:
        trainer = _trainer(names)
        best = {n: _best(trainer, n) for n in (SMALL, SECOND, LARGE)}
        onward = carried(best[SMALL] * SMALL, best[SECOND] * SECOND, float(LARGE))
        problem = _problem(trainer, LARGE)
        method = Autoscale(smallest=SMALL / LARGE, second=SECOND / LARGE)
        study = driver.explore(problem, trainer, method, 0, Local())
        found = method.recommend(study, rng=stream(0)).mean
        k = len(trainer.sources)
        losses = {
            "best": _loss(trainer, best[LARGE]), "carried": _loss(trainer, onward),
            "as_at_25k": _loss(trainer, best[SECOND]), "equal": _loss(trainer, np.full(k, 1 / k)),
            "autoscale": _loss(trainer, found),
        }  # fmt: skip
        numbers["+".join(names)] = {
            "losses": losses,
            "shares": {str(n): w.tolist() for n, w in best.items()} | {"carried": onward.tolist()},
        }
    rows = [row["losses"] for row in numbers.values()]
    wins = sum(r["carried"] <= r["as_at_25k"] + 1e-6 for r in rows)
    beaten = sum(r["autoscale"] <= r["equal"] for r in rows)

    def above(key: str) -> str:
        return ", ".join(f"{1000 * (r[key] - r['best']):.1f}" for r in rows)

    return Finding(
        claim="The best shares at two small budgets, carried on, are no worse at 16 times the "
        "budget than those of the second budget as they are (arXiv 2407.20177), and the method "
        "no worse than equal shares.",
        measured=f"Thousandths of a nat above the best at 400k: carried {above('carried')}; as at "
        f"25k {above('as_at_25k')}; the method {above('autoscale')}; equal {above('equal')}.",
        holds=wins == len(rows) and beaten == len(rows),
        numbers=numbers,
    )


def _trainer(names: tuple[str, ...]):
    parts = {n: split_documents(shared_data(ROOT, "corpora", f"{n}.parquet")) for n in names}
    texts, held = ({n: p[i] for n, p in parts.items()} for i in (0, 1))
    question = Question(texts, target=held, budget="0.2M", target_tokens=10_000)
    return driver.prepare(open_question(question, Local()))[0]


def _problem(trainer, tokens: int) -> Problem:
    return Problem.of(
        trainer.sources, trainer.targets, trainer.available, tokens,
        limits=Limits(max_epochs=np.inf),
    )  # fmt: skip


def _best(trainer, tokens: int) -> np.ndarray:
    descent = mix.load("descent")
    study = driver.explore(_problem(trainer, tokens), trainer, descent, 0, Local())
    return descent.recommend(study, rng=stream(0)).mean


def _loss(trainer, shares: np.ndarray) -> float:
    return float(trainer.run(Trial(shares, float(LARGE)), rng=stream(0)).losses.mean.mean())
