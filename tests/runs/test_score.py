from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.runs.tables import made

from cuvee.core import CuveeError, Estimate
from cuvee.scoring import score


@dataclass(frozen=True)
class Told:
    """Forecasts what it was told, with a known error and a known spread."""

    bias: float = 0.0
    sd: float = 0.01

    def propose(self, study, *, rng):
        return ()

    def recommend(self, study, *, rng):
        return Estimate(study.problem.low[None] + 1 / 3, "share", "exact")

    def fit(self, study, *, rng):
        return self

    def mean(self, points):
        worth = np.array([[1.5, 0.2, 0.4], [0.4, 0.1, 1.2]])
        return 2 + np.exp(1 - points.shares @ worth.T) + self.bias

    def predict(self, points):
        center = self.mean(points)
        noise = np.random.default_rng(0).normal(0, self.sd, (400, *center.shape))
        return Estimate(center + noise, "nats per token", "posterior", center)


@dataclass(frozen=True)
class Greedy(Told):
    """Wants runs of its own."""

    fit = None

    def propose(self, study, *, rng):
        return study.trials[:1]


def rows(scores):
    return {row.method: row for row in scores.rows}


def test_baselines_are_always_there_and_uniform_ranks_by_distance():
    found = rows(score(made(), made(30, seed=1)))
    assert list(found) == ["uniform", "natural", "own_share"]
    test = made(30, seed=1)
    own = spearmanr(-test.points.shares[:, 0], test.losses[:, 0]).statistic
    assert found["own_share"].spearman[0] == pytest.approx(own)
    away = -np.log(test.points.shares + 1e-3).mean(axis=1) + np.log(
        (test.points.shares + 1e-3).sum(axis=1)
    )
    expected = spearmanr(away, test.losses[:, 1]).statistic
    assert found["uniform"].spearman[1] == pytest.approx(expected)
    assert np.isnan(found["uniform"].rmse).all()


def test_a_right_forecast():
    told = "tests.runs.test_score:Told"
    found = rows(score(made(), made(200, seed=1), [f"{told}:sd=0.005"]))[told + ":sd=0.005"]
    assert found.spearman.min() > 0.99
    assert found.rmse == pytest.approx([0.005, 0.005, 0.0035], rel=0.2)
    assert found.coverage[:2] == pytest.approx([0.9, 0.9], abs=0.06)
    assert found.regret.max() < 0.02
    assert found.relative_error[0] == pytest.approx(0.004 / 3.5, rel=0.5)


def test_bias_shows_in_error_and_coverage_only():
    told = "tests.runs.test_score:Told"
    found = rows(score(made(), made(200, seed=1), [f"{told}:bias=0.1"]))[f"{told}:bias=0.1"]
    assert found.spearman.min() > 0.99
    assert found.rmse[0] == pytest.approx(0.1, rel=0.1)
    assert found.coverage[0] == 0


def test_other_scales_are_ranked_each_for_itself():
    told, test = "tests.runs.test_score:Told", made(20, seed=1, tokens=5e6)
    far = score(made(), test, [told])
    assert not far.seen
    assert np.isnan(rows(far)[told].rmse).all(), "levels at another scale are not judged"
    assert rows(far)[told].spearman.min() > 0.98
    lifted = made(20, seed=1, tokens=5e6)
    lifted.losses[:] += 1.0
    from cuvee.core.runs import joined

    both = score(made(), joined([made(20, seed=2), lifted]), [told])
    assert both.scales == 2
    assert rows(both)[told].spearman.min() > 0.98, "a level between scales is no rank error"


def test_one_target():
    found = score(made(), made(30, seed=1), target="books")
    assert found.rows[0].targets == ("books",)
    assert set(found.to_dict()["methods"][0]["spearman"]) == {"mean", "per_target"}


def test_as_json():
    said = score(made(), made(30, seed=1), ["tests.runs.test_score:Told"]).to_dict()
    row = said["methods"][0]
    assert {"method", "spearman", "rmse", "regret", "coverage", "seconds"} <= set(row)
    assert isinstance(row["rmse"], float)
    assert set(row["spearman"]["per_target"]) == {"web", "books"}
    assert row["spearman"]["mean"] == pytest.approx(
        np.mean(list(row["spearman"]["per_target"].values())), abs=1e-5
    )
    assert said["methods"][-1]["rmse"] is None


def test_verdict_says_who_wins_and_ties():
    told = "tests.runs.test_score:Told"
    assert (
        f"{told} ranks best, ahead of every other"
        in score(made(), made(60, seed=1), [told]).verdict()
    )
    same = score(made(), made(60, seed=1), [told, f"{told}:bias=1"]).verdict()
    assert "not behind by more than noise" in same


def test_refusals():
    with pytest.raises(CuveeError, match=r"mix method 'surogate'.*surrogate"):
        score(made(), made(), ["surogate"])
    with pytest.raises(CuveeError, match="runs of its own choice"):
        score(made(), made(), ["tests.runs.test_score:Greedy"])
    with pytest.raises(CuveeError, match="at least 3 test runs"):
        score(made(), made(2))
    with pytest.raises(CuveeError, match="target 'code'"):
        score(made(), made(), target="code")
    with pytest.raises(CuveeError, match="source with a share in the runs 'extra'"):
        score(made(), made().split({"web": {"web": 1, "extra": 1}}))
