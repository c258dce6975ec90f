"""Do mixed predictions of single-source models forecast mixtures? 60 mixtures of 12 text domains.

Experts are count models of one domain each. Twice the same question: for the losses that the
count model of the whole mixture has, and for those of the pilot's trained transformers (whose
experts would cost 12 more runs; the count models stand in for them). Ten random mixtures are
fitted, the other fifty judge, over 8 splits; the rates-only regression sees the shares alone and
is the better of ridge and Gaussian process.
"""

from pathlib import Path

import numpy as np
from evidence.mix_counts import counted, outcomes, pilot
from scipy.stats import spearmanr

from cuvee.core import Points, Study, Trial, stream
from cuvee.mix.mde import Mde
from cuvee.mix.ridge import line, process
from cuvee.testing.evidence import Finding

ROOT = Path(__file__).parents[2]
TOKENS, RUNS, SPLITS = 500_000, 10, 8


def run() -> Finding:
    runs, trainer, problem = pilot(ROOT, TOKENS)
    prior = counted(trainer)
    proxy = np.array([prior(Trial(w, TOKENS)).losses.mean for w in runs.shares])
    study = Study(problem, prior=prior)
    alone = Mde().fit(study, rng=stream(0)).mean(problem.points(runs.shares))
    numbers = {}
    for name, losses in (("counts", proxy), ("trained", runs.losses)):
        ranks = [spearmanr(a, b).statistic for a, b in zip(alone.T, losses.T)]
        mean = spearmanr(alone.mean(axis=1), losses.mean(axis=1)).statistic
        errors = compare(study, runs.shares, losses)
        best = min(errors["rates, linear"], errors["rates, gp"])
        mine = min(errors["mde, linear"], errors["mde, gp"])
        numbers[name] = {
            "spearman_without_runs": float(np.mean(ranks)),
            "spearman_of_mean_loss": float(mean),
            "held_out_mse": errors,
            "times_below_rates_only": {
                how: errors[f"rates, {how}"] / errors[f"mde, {how}"] for how in ("linear", "gp")
            },
            "best_below_best": best / mine,
            "below_rates_with_12_more_runs": errors["rates, gp, 12 more runs"] / mine,
        }
    c, t = numbers["counts"], numbers["trained"]
    holds = [n["spearman_without_runs"] > 0.9 and n["best_below_best"] >= 5 for n in (c, t)]
    return Finding(
        claim="The loss of the mixed predictions as a feature: with 10 runs the held-out MSE is "
        "at least 5 times below a regression on the rates alone; with no run, Spearman > 0.9.",
        measured=f"On count losses {c['best_below_best']:.1f} times and Spearman "
        f"{c['spearman_without_runs']:.3f}; on trained transformers {t['best_below_best']:.1f} "
        f"times and {t['spearman_without_runs']:.3f} (of the mean loss "
        f"{t['spearman_of_mean_loss']:.2f}). Rates with 12 more runs, what experts cost: "
        f"{c['below_rates_with_12_more_runs']:.1f} and "
        f"{t['below_rates_with_12_more_runs']:.1f} times.",
        holds=all(holds),
        numbers={**numbers, "holds": dict(zip(("counts", "trained"), holds))},
    )


def compare(study: Study, shares: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """Mean squared error on the mixtures that were not fitted."""
    rng, errors = np.random.default_rng(0), {}
    for _ in range(SPLITS):
        order = rng.permutation(len(shares))
        fit, rest = order[:RUNS], order[RUNS:]
        trials = tuple(Trial(shares[i], TOKENS) for i in fit)
        known = study.record(trials, outcomes(losses[fit], TOKENS))
        for how in ("linear", "gp"):
            law = Mde(regress=how).fit(known, rng=stream(0))
            found = law.mean(Points.at(shares[rest], TOKENS))
            errors.setdefault(f"mde, {how}", []).append(np.mean((found - losses[rest]) ** 2))
        for how, regression in (("linear", line), ("gp", process)):
            free = np.zeros(shares.shape[1], bool)
            found = [regression(shares[fit], y, free).predict(shares[rest]) for y in losses[fit].T]
            miss = np.mean((np.stack(found, axis=1) - losses[rest]) ** 2)
            errors.setdefault(f"rates, {how}", []).append(miss)
        # The experts cost as many runs as there are sources: rates alone with those runs as well.
        fit, rest = order[: RUNS + shares.shape[1]], order[RUNS + shares.shape[1] :]
        free = np.zeros(shares.shape[1], bool)
        found = [process(shares[fit], y, free).predict(shares[rest]) for y in losses[fit].T]
        miss = np.mean((np.stack(found, axis=1) - losses[rest]) ** 2)
        errors.setdefault("rates, gp, 12 more runs", []).append(miss)
    return {how: float(np.mean(values)) for how, values in sorted(errors.items())}
