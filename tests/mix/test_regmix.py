"""RegMix: its design, its trees, its answer."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Limits, Outcome, Points, Problem, Study, Trial, stream
from cuvee.mix.boosted import Boosting, features, objective, regress, varying
from cuvee.mix.regmix import LEAST, Regmix, dirichlet, linear, mixtures, simulate


def problem(available=(6e6, 3e6, 1e6), tokens=10**6, **limits):
    names = [f"s{i}" for i in range(len(available))]
    return Problem.of(names, ["t", "u"], available, tokens, "mean", Limits(**limits))


def study_of(question, shares, losses, tokens=1e6):
    each = np.broadcast_to(tokens, len(shares))
    trials = tuple(Trial(w, float(n)) for w, n in zip(shares, each))
    done = tuple(Outcome(Estimate(y[None], "nats per token", "none"), 1.0) for y in losses)
    return Study(question).record(trials, done)


def planted(n=60, seed=0, question=None):
    question = question or problem()
    shares = stream(seed).dirichlet(np.ones(3), size=n)
    return study_of(question, shares, np.exp(-shares @ np.array([[2.0, 0.1], [1, 1], [0, 3]])))


def test_design_obeys_the_papers_rules():
    question = problem((9.5e6, 4e5, 1e5), max_epochs=float("inf"))
    found = mixtures(question, 200, stream(0))
    assert found.shape == (200, 3)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[:, 2].max() <= 15 * 0.01 + 2 * LEAST
    assert found[:, 1].max() <= 15 * 0.04 + 2 * LEAST
    assert ((found == 0) | (found > LEAST / 2)).all()
    assert len(np.unique(found.round(6), axis=0)) == 200
    assert (found[:, 0] == 1).sum() <= 1, "no copies"
    # Tempering 0.95 : 0.04 : 0.01 gives 0.76 : 0.16 : 0.08.
    assert 0.65 < found[:, 0].mean() < 0.97


def test_design_keeps_within_the_limits_and_fills_up_when_nothing_passes():
    capped = problem(tokens=9 * 10**6, max_epochs=1.0)
    found = mixtures(capped, 30, stream(1))
    assert (found <= capped.high + 1e-9).all()
    # Of 200 equal sources no draw gives each 15/200 or less: all are moved within that bound.
    many = problem([1e6] * 200, tokens=10**6)
    assert mixtures(many, 20, stream(0)).max() <= 15 / 200 + 1e-9
    floor = replace(many, low=np.r_[0.2, np.zeros(199)])
    assert np.allclose(mixtures(floor, 20, stream(0))[:, 0], 0.2), "limits come first"
    one = mixtures(problem((1e6,)), 12, stream(0))
    assert one.shape == (12, 1)
    assert np.allclose(one, 1)


def test_dirichlet_of_vanishing_strengths_is_a_corner():
    draws = dirichlet(np.full((50, 2), 1e-9) * [1, 3], stream(0))
    assert np.allclose(draws.sum(axis=1), 1)
    assert np.isin(draws.round(12), [0, 1]).all()


def test_simulated_mixtures_are_moved_within_the_limits_and_none_is_lost():
    free = simulate(problem(max_epochs=float("inf")), 500, stream(0))
    assert free.mean(axis=0) == pytest.approx([0.6, 0.3, 0.1], abs=0.07)
    floored = problem(min_share=0.1)
    some = simulate(floored, 500, stream(0))
    assert some.shape == free.shape == (500, 3)
    assert (some >= 0.1 - 1e-9).all()
    kept = (free >= 0.1).all(axis=1)
    assert np.array_equal(some[kept], free[kept])
    assert np.allclose(some[~kept], [floored.fit(w) for w in free[~kept]])
    # Few draws obey these by themselves: the best 13 must still be 13 of many.
    tight = replace(problem([1e6] * 8), high=np.full(8, 0.3))
    found = simulate(tight, 1000, stream(0))
    assert len(np.unique(found.round(9), axis=0)) > 900
    assert (found <= 0.3 + 1e-9).all()
    only = replace(floored, low=np.full(3, 1 / 3), high=np.full(3, 1 / 3))
    assert np.allclose(simulate(only, 500, stream(0)), 1 / 3)


def test_points_in_one_cell_are_predicted_once_and_right():
    lightgbm = pytest.importorskip("lightgbm")
    study = planted(200)
    rng = stream(1)
    many = np.vstack([rng.dirichlet(np.full(3, a), size=2000) for a in (0.05, 1.0)])
    seen = []

    class Counting(lightgbm.Booster):
        def predict(self, data, **settings):
            seen.append(len(data))
            return super().predict(data, **settings)

    trained = lightgbm.train

    def train(*given, **settings):
        trees = trained(*given, **settings)
        trees.__class__ = Counting
        return trees

    patch = pytest.MonkeyPatch()
    patch.setattr(lightgbm, "train", train)
    model = Boosting(rounds=100)(study.shares, study.scores, stream(0))
    patch.undo()
    quick = model(many)
    each = np.concatenate([model(row[None]) for row in many[::20]])
    assert np.allclose(quick[::20], each, rtol=0, atol=1e-12)
    assert seen[0] < len(many)


def test_trees_on_few_runs_are_not_constant():
    study = planted(12)
    model = Boosting()(study.shares, study.scores, stream(0))
    assert model(study.shares).std() > 0.8 * study.scores.std()


def test_early_stopping_uses_runs_held_out():
    noise = stream(0).standard_normal(80)
    x = stream(1).dirichlet(np.ones(3), size=80)
    stopped = Boosting(validation=0.25)(x, noise, stream(2))(x)
    full = Boosting()(x, noise, stream(2))(x)
    assert stopped.std() < 0.5 * full.std(), "noise cannot be learnt, so it stops at once"


def test_linear_is_exact_on_linear_losses_and_its_answer_is_the_mean_of_the_best():
    question = problem(max_epochs=float("inf"))
    shares = stream(0).dirichlet(np.ones(3), size=20)
    study = study_of(question, shares, shares @ np.array([[3.0, 1], [1, 2], [2, 2.5]]))
    mixer = Regmix(regressor="linear", simulated=4000, top=40)
    law = mixer.fit(study, rng=stream(0))
    assert np.allclose(law.mean(question.points(shares)), study.losses)
    assert np.abs(law.misses).max() < 1e-9
    options = simulate(question, 4000, stream(3))
    best = options[np.argsort(linear(shares, study.scores, stream(0))(options))[:40]].mean(axis=0)
    assert mixer.recommend(study, rng=stream(3)).mean == pytest.approx(best)


def test_forecast_misses_as_left_out_runs_were_missed():
    study = planted(100)
    law = regress(study, Boosting(rounds=300), folds=5, rng=stream(0))
    fresh = planted(200, seed=5)
    draws = law.predict(fresh.points)
    assert draws.spread == "bootstrap"
    assert draws.draws.shape == (100, 200, 2)
    low, high = draws.interval(0.9)
    inside = ((fresh.losses > low) & (fresh.losses < high)).mean()
    assert 0.8 < inside < 0.99


def test_tokens_are_a_feature_where_runs_differ_in_them():
    shares = stream(0).dirichlet(np.ones(3), size=80)
    tokens = stream(1).choice([1e5, 1e6], size=80)
    losses = np.stack([shares[:, 0] - np.log(tokens)] * 2, axis=1)
    study = study_of(problem(), shares, losses, tokens)
    assert varying(study.points).tolist() == [True, False]
    assert features(study.points, (True, False)).shape == (80, 4)
    law = regress(study, Boosting(), folds=5, rng=stream(0))
    at = law.mean(Points.at(np.full((2, 3), 1 / 3), np.array([1e5, 1e6])))
    assert at[0, 0] - at[1, 0] == pytest.approx(np.log(10), abs=0.2)
    assert objective(study, Boosting(), rng=stream(0))(shares).mean() == pytest.approx(
        shares[:, 0].mean() - np.log(1e6), abs=0.2
    )


def test_too_few_runs_and_bad_settings():
    with pytest.raises(CuveeError, match="at least 10 runs here, got 6"):
        Regmix().recommend(planted(6), rng=stream(0))
    with pytest.raises(CuveeError, match="at least 10 runs here, got 6"):
        Regmix(regressor="linear").fit(planted(6), rng=stream(0))
    for bad in (
        {"regressor": "forest"}, {"trials": 9}, {"folds": 1}, {"rounds": 0}, {"rate": 0},
        {"validation": 1}, {"top": 0}, {"simulated": 5}, {"temper": 0},
    ):  # fmt: skip
        with pytest.raises(CuveeError, match="regmix"):
            Regmix(**bad)


def test_without_lightgbm_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(CuveeError, match=r'pip install "cuvee\[lightgbm\]"'):
        Regmix().recommend(planted(20), rng=stream(0))
    assert Regmix(regressor="linear").recommend(planted(20), rng=stream(0)).unit == "share"


def test_spend_is_shared_by_all_runs():
    question = replace(problem(), spend=1e6)
    trials = Regmix().propose(Study(question), rng=stream(0))
    assert len(trials) == 64
    assert sum(t.tokens for t in trials) == pytest.approx(1e6)
