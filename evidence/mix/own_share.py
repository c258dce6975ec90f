"""Does "more of the target's own source" rank mixtures nearly as well as a fitted regression?

RegMix's published runs: 512 small ones to fit, 256 mixtures at 60M parameters to judge. Mixtures
are ranked by how much of them lies on what `OwnShare` recommends for a target; it is told of no
run, and asks for none. Only targets of which a source has the name are looked at.
"""

from pathlib import Path

import numpy as np
from evidence.tables import Runs, read_runs
from scipy.stats import spearmanr

from cuvee.core import Limits, Problem, Study, stream
from cuvee.mix.own_share import OwnShare
from cuvee.testing.evidence import Finding, shared_data

ROOT = Path(__file__).parents[2]


def run() -> Finding:
    from lightgbm import LGBMRegressor

    fit = read_runs(shared_data(ROOT, "runs", "regmix_1m_train.csv"))
    judge = read_runs(shared_data(ROOT, "runs", "regmix_60m_test.csv"))
    own, trees = [], []
    for j, target in enumerate(judge.targets):
        if target not in judge.sources:
            continue
        share = judge.shares @ recommended(judge, target)
        own.append(float(spearmanr(-share, judge.losses[:, j]).statistic))
        model = LGBMRegressor(n_estimators=1000, learning_rate=0.01, n_jobs=1, verbose=-1)
        model.fit(fit.shares, fit.losses[:, j])
        trees.append(float(spearmanr(model.predict(judge.shares), judge.losses[:, j]).statistic))
    return Finding(
        claim="Ranking mixtures by the target's own share, with no run at all, comes within 0.1 of "
        "the Spearman of RegMix's regression on 512 runs (arXiv 2407.01492), mean over targets.",
        measured=f"At 60M parameters: own share {np.mean(own):.3f}, boosted trees on 512 runs "
        f"{np.mean(trees):.3f}, over {len(own)} targets.",
        holds=bool(np.mean(own) >= np.mean(trees) - 0.1),
        numbers={"own_share": own, "boosted_trees": trees},
    )


def recommended(runs: Runs, target: str) -> np.ndarray:
    """The mixer's answer for one target, without any run."""
    k = len(runs.sources)
    problem = Problem.of(runs.sources, [target], np.full(k, 1e9), 10**9, limits=Limits(np.inf))
    study, mixer = Study(problem), OwnShare()
    assert mixer.propose(study, rng=stream(0)) == ()
    return mixer.recommend(study, rng=stream(0)).mean
