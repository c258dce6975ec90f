"""Do linear datamodels forecast a small model, and does choosing by them help?

Digits with 20% wrong labels: a pool of 1,000 rows, 200 clean ones as the target, 250 others as the
test, five seeds. 300 models are trained on random halves; a linear datamodel is fitted to their
mean margin on the target. LDS is the Spearman correlation between its forecasts and the outcomes of
100 further models on new halves. Then a logistic regression (scikit-learn's, not the method's own)
learns from 30% of the rows chosen by the datamodel, at random, or by similarity to the clean target
(rds). The choice is made with minus the cross-entropy instead of the margin, too.
"""

import numpy as np
from evidence.digits import digits
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from cuvee.core import stream
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose, load
from cuvee.select.dsdm import Dsdm, Task, datamodel, parts
from cuvee.testing.evidence import Finding

ROWS, TARGET, WRONG, SEEDS, FRESH = 1000, 200, 0.2, 5, 100


def run() -> Finding:
    rows = [one(seed) for seed in range(SEEDS)]
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    mean = {key: float(value.mean()) for key, value in found.items()}
    wins = [int((found["accuracy"] > found[f"{other}_accuracy"]).sum())
            for other in ("random", "similar")]  # fmt: skip
    return Finding(
        claim="Linear datamodels from 300 half-subsets (digits, 20% bad labels): LDS > 0.4; the "
        "chosen 30% beats random choice and selection by similarity to clean data, for all of 5 "
        "seeds.",
        measured=f"LDS {mean['lds']:.2f} ({found['lds'].min():.2f} to {found['lds'].max():.2f}); "
        f"test accuracy {mean['accuracy']:.1%} against {mean['random_accuracy']:.1%} at random "
        f"(higher for {wins[0]} of 5), {mean['similar_accuracy']:.1%} by similarity (higher for "
        f"{wins[1]} of 5) and {mean['all_accuracy']:.1%} with all rows; {mean['right']:.0%} of the "
        f"chosen labels are right, {mean['similar_right']:.0%} by similarity. With the "
        f"cross-entropy instead of the margin {mean['loss_accuracy']:.1%}.",
        holds=bool(mean["lds"] > 0.4 and wins == [SEEDS, SEEDS]),
        numbers={"mean": mean, "by_seed": {key: value.tolist() for key, value in found.items()}},
    )


def one(seed: int) -> dict[str, float]:
    whole, held = digits(seed, WRONG)
    pool = whole.take(np.arange(ROWS))
    clean = digits(seed)[0].need("labels")[:ROWS]
    target, test = held.take(np.arange(TARGET)), held.take(np.arange(TARGET, len(held)))
    right = pool.need("labels") == clean
    quota = Quota(rows=3 * ROWS // 10)
    found = {"all_accuracy": accuracy(pool, test), "lds": lds(pool, target, "margin", seed)}
    for outcome, name in (("margin", ""), ("loss", "loss_")):
        rows = choose(Dsdm(outcome=outcome), pool, quota, target=target, seed=seed).rows
        found |= {
            f"{name}accuracy": accuracy(pool.take(rows), test),
            f"{name}right": float(right[rows].mean()),
        }
    for name, method in (("random", load("random")), ("similar", load("rds"))):
        rows = choose(method, pool, quota, target=target, seed=seed).rows
        found |= {
            f"{name}_accuracy": accuracy(pool.take(rows), test),
            f"{name}_right": float(right[rows].mean()),
        }
    return found


def lds(pool: Pool, target: Pool, outcome: str, seed: int) -> float:
    method, rng = Dsdm(), stream(seed, "lds")
    task = Task.of(pool, target, method.steps, method.decay)
    seen, fresh = (parts(n, len(pool), method.alpha, rng) for n in (method.subsets, FRESH))
    slopes, _ = datamodel(seen, task.outcomes(seen, outcome))
    return float(spearmanr(fresh @ slopes, task.outcomes(fresh, outcome)).statistic)


def accuracy(chosen: Pool, test: Pool) -> float:
    model = LogisticRegression(C=1.0, max_iter=500)
    model.fit(chosen.need("points"), chosen.need("labels"))
    return float(model.score(test.need("points"), test.need("labels")))
