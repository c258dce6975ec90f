"""Answers from a proxy that trains: what it costs, what it says, what it refuses."""

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.real.fake import RAN, Fake

import cuvee
from cuvee import mix, real_runs, report
from cuvee.core import CuveeError, Estimate, Outcome, Problem, Trial
from cuvee.engine.local import Local
from cuvee.fidelity import apart
from cuvee.testing.proxies import language

FAKE = "tests.real.fake:Fake"
TEXTS = {name: language(i, 90, 0) for i, name in enumerate(("web", "code", "books"), start=1)}
TARGETS = {"val": [*language(1, 14, 7), *language(2, 6, 7)], "other": language(3, 12, 9)}
BUDGET = 6_000


def blend(**settings):
    RAN.clear()
    settings = {"target": TARGETS, "budget": BUDGET, "proxy": FAKE} | settings
    return cuvee.blend(dict(TEXTS), **settings)


@pytest.fixture(scope="module")
def answer():
    return blend(runs=10)


def test_the_surrogate_makes_as_many_runs_as_asked_for(answer):
    assert answer.method == "surrogate"
    assert len(answer.study.trials) == 11, "and one of the answer"
    assert answer.study.spent == 11 * BUDGET
    assert answer.curve is None
    assert answer.losses.spread == "posterior"
    assert answer.to_dict()["trained"] == {
        "proxy": FAKE, "prior": "counts", "runs": 10, "tokens": 10.0 * BUDGET,
        "judging_runs": 1, "judging_tokens": float(BUDGET), "losses_from": "law",
    }  # fmt: skip


def test_without_a_number_it_makes_sixteen(monkeypatch):
    monkeypatch.setattr(real_runs, "lessons", lambda study, *rest: ())
    assert len(blend().study.trials) == real_runs.RUNS + 1 == 17


def test_the_first_run_is_what_counts_would_choose(answer):
    free = answer.trained.disagreement.shares
    assert np.array_equal(answer.study.trials[0].shares, free)
    assert answer.trained.disagreement.excess.mean > -1e-3, "so the answer cannot miss it"


def test_rows_say_what_each_run_changed(answer):
    rows = answer.to_dict()["real_runs"]
    assert [row["run"] for row in rows] == list(range(1, 12))
    assert [row["role"] for row in rows] == ["search"] * 10 + ["answer"]
    for row, trial, losses in zip(rows, answer.study.trials, answer.study.losses):
        assert list(row["shares"].values()) == trial.shares.tolist()
        assert [row["losses"][t]["mean"] for t in answer.problem.targets] == losses.tolist()
        assert row["objective"]["mean"] == pytest.approx(losses.mean())
    assert [row["forecast_after"] for row in rows[:3]] == [None] * 3, "too few runs for a law"
    assert all(row["forecast_after"]["sd"] > 0 and row["moved"] >= 0 for row in rows[3:])
    for before, row in pairwise(rows):
        assert row["forecast_before"] == before["forecast_after"]


def test_the_last_forecasts_are_those_of_the_answer_before_its_correction(answer):
    searched, last = answer.trained.lessons[-2:]
    stated = float(answer.problem.objective.score(answer.losses.mean - answer.optimism))
    assert float(last.after.mean) <= stated + 1e-6, "the answer is among those looked at"
    assert float(last.after.mean) == pytest.approx(stated, abs=5e-3)
    assert float(searched.after.mean) == pytest.approx(stated, abs=0.02)


def test_agreement_is_that_of_the_forecasts_with_the_runs(answer):
    from cuvee import driver
    from cuvee.question import open_question

    opened = open_question(driver.ask(dict(TEXTS), target=TARGETS, budget=BUDGET), Local())
    counts, _ = driver.prepare(opened)
    guess = np.array([
        counts.run(Trial(t.shares, BUDGET), rng=np.random.default_rng(0)).losses.mean
        for t in answer.study.trials
    ])  # fmt: skip
    said, truth = answer.to_dict()["disagreement"], answer.study.losses
    assert said["runs"] == 11
    whole = spearmanr(guess.mean(axis=1), truth.mean(axis=1)).statistic
    assert said["spearman"]["objective"]["mean"] == pytest.approx(whole)
    each = [spearmanr(a, b).statistic for a, b in zip(guess.T, truth.T)]
    assert said["spearman"]["mean"]["mean"] == pytest.approx(np.mean(each))
    line = np.polyfit(guess.ravel(), truth.ravel(), 1)
    rest = truth.ravel() - np.polyval(line, guess.ravel())
    assert said["rmse"]["mean"] == pytest.approx(np.sqrt((rest**2).sum() / (rest.size - 2)))
    assert said["rmse"]["sd"] > 0
    assert said["free_choice"]["moved"] == pytest.approx(
        apart(answer.shares.mean, answer.trained.disagreement.shares)
    )


def test_counts_that_are_wrong_are_found_out():
    found = blend(proxy=f"{FAKE}:slope=-0.8", runs=8)
    said = found.to_dict()["disagreement"]
    assert said["spearman"]["objective"]["mean"] < -0.8
    assert said["free_choice"]["excess"]["mean"] > 0.1
    assert said["free_choice"]["moved"] > 0.3
    assert "rank correlation −" in str(found)


def test_the_answer_does_not_depend_on_workers():
    one, many = blend(runs=5, workers=1), blend(runs=5, workers=4)
    assert np.array_equal(one.shares.mean, many.shares.mean)
    assert one.to_dict()["real_runs"] == many.to_dict()["real_runs"]


def test_with_few_runs_it_says_that_they_are_too_few():
    found = blend(method="uniform", target={"web": "web"})
    said = found.to_dict()["disagreement"]
    assert (said["runs"], said["fewest"], said["spearman"], said["rmse"]) == (3, 4, None, None)
    assert "Too few runs of one length to say how far counts and training" in " ".join(
        str(found).split()
    )


def test_without_a_free_forecast_there_is_no_disagreement():
    found = blend(proxy="tests.real.fake:Alone", runs=5)
    assert found.to_dict()["disagreement"] is None
    assert "Counts" not in str(found)
    assert found.to_dict()["real_runs"][-1]["moved"] is not None


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"proxy": "counts", "runs": 5}, "proxy 'counts' trains nothing"),
        ({"runs": 0}, "expected at least 1 or tables, got 0"),
        ({"runs": True}, "runs: expected int or str"),
        ({"runs": 2}, "cannot do with 2 runs: ask for more"),
        ({"runs": "runs.csv"}, "neither a whole number nor a file"),
        ({"runs": __file__}, "which makes its own"),
        ({"method": "descent"}, "take --method surrogate"),
        ({"method": "surogate"}, "Did you mean 'surrogate'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_read(settings, part):
    def never():
        raise AssertionError("the source was read")

    RAN.clear()
    settings = {"proxy": FAKE} | settings
    with pytest.raises(CuveeError, match=part) as refused:
        cuvee.blend({"a": never, "b": never}, budget=100, **settings)
    assert "\n" not in str(refused.value)
    assert not RAN


def test_a_method_that_learns_a_law_gets_the_number_of_its_trials():
    found = blend(method="regmix:regressor=linear", runs=12)
    assert [t.tokens for t in found.study.trials] == [BUDGET] * 13
    assert found.to_dict()["trained"]["losses_from"] == "law"


def test_a_method_that_is_told_nothing_spends_sixteen_budgets_at_most(monkeypatch):
    monkeypatch.setattr(real_runs, "lessons", lambda study, *rest: ())
    found = blend(method="regmix:regressor=linear")
    assert len(found.study.trials) == 64 + 1, "as many as the method asks for, and the answer"
    assert found.study.spent == pytest.approx((16 + 1) * BUDGET)


def test_a_lone_long_run_of_the_answer_leaves_the_law_of_the_shorter_ones():
    found = blend(method="mixing_law")
    assert found.trained.roles[-1] == "answer"
    assert found.study.trials[-1].tokens == BUDGET > found.study.trials[-2].tokens
    sd = found.to_dict()["rivals"]["uniform"]["objective"]["sd"]
    assert sd > 1e-3, "a law of that run alone would leave no doubt"
    assert found.losses.mean == pytest.approx(found.study.losses[-1])
    assert found.to_dict()["rivals"]["uniform"]["objective_gain"]["sd"] > 1e-3
    assert found.trained.lessons[-1].after is None
    assert "this run gives the level of the predicted losses" in " ".join(str(found).split())


def tables(seed):
    """Three tables of which the first rule is nearest to that of the target, and the target."""
    rng = np.random.default_rng(seed)
    rule = rng.normal(size=4)
    rules = [rule + rng.normal(size=4) * far for far in (0.6, 1.0, 2.0)]
    places = rng.normal(size=(3, 4)) * 0.7

    def rows(count, rule, place):
        x = rng.normal(size=(count, 4)) + place
        return x, (x @ rule + rng.normal(size=count) > 0).astype(int)

    made = {f"s{i}": rows(700, *both) for i, both in enumerate(zip(rules, places))}
    return made, rows(300, rule, places[:2].mean(axis=0))


@pytest.mark.parametrize("seed", [0, 12, 16, 17, 19])
def test_the_stated_loss_is_what_fresh_runs_of_the_answer_give(seed):
    from cuvee import driver
    from cuvee.question import open_question

    made, target = tables(seed)
    settings = {"target": target, "budget": 400, "proxy": "linear"}
    found = cuvee.blend(dict(made), runs=10, seed=seed, **settings)
    asked = driver.ask(dict(made), method="surrogate", seed=seed, **settings)
    trainer, _ = driver.prepare(open_question(asked, Local()))

    def fresh(shares):
        trials = [Trial(shares, 400.0, luck) for luck in range(100, 106)]
        return np.mean([real_runs.run(trainer, seed, trial).losses.mean for trial in trials])

    said, reached = found.to_dict()["objective"], fresh(found.shares.mean)
    assert abs(said["mean"] - reached) < 3 * said["sd"] + 0.02
    false = fresh(np.full(3, 1 / 3)) > reached
    assert not (false and any("Equal shares are" in line for line in found.to_dict()["warnings"]))


@pytest.mark.parametrize("method", ["surrogate", "regmix", "modomodo", "ambient", "mde"])
def test_losses_are_in_the_unit_of_the_runs(method):
    made, target = tables(0)
    found = cuvee.blend(made, target=target, budget=400, proxy="linear", method=method, runs=14)
    said = found.to_dict()
    assert said["unit"] == "nats per row"
    text, page = str(found), report.as_html(said)
    assert "400 rows" in text
    assert "token" not in text + page.replace("target tokens", "").replace("tokenizers", "")
    law = mix.load(method).fit(found.study, rng=np.random.default_rng(0))
    assert law.predict(found.problem.points(found.shares.mean)).unit == "nats per row"


def test_what_was_written_behind_the_method_stays():
    assert real_runs.with_runs("regmix:trials=20", 12) == "regmix:trials=20"
    assert real_runs.with_runs("surrogate:first=3", 12) == "surrogate:first=3:runs=12"
    assert real_runs.with_runs("surrogate", 6) == "surrogate:runs=6:first=3"
    assert real_runs.with_runs("odm", 6) == "odm"
    assert real_runs.with_runs("mde", 6) == "mde", "0 there is a choice, no number to change"


def test_a_method_without_a_law_is_judged_by_one_run_of_each_mixture():
    found = blend(method="doremi:steps=3", runs=2)
    said = found.to_dict()
    assert said["trained"]["losses_from"] == "runs"
    assert said["trained"]["runs"] == 4
    assert said["trained"]["judging_runs"] == 4
    roles = [row["role"] for row in said["real_runs"]]
    assert roles == ["search"] * 4 + ["answer", "uniform", "natural", "own_share"]
    run = found.study.trials[4]
    assert np.array_equal(run.shares, found.shares.mean)
    assert np.array_equal(found.losses.mean, found.study.losses[4])
    assert found.losses.spread == "target documents"
    assert (found.optimism == 0).all()
    text = " ".join(str(found).split())
    assert "one run of it reached" in text
    assert "4 more" in text
    assert "differs by luck" in text


def test_one_mixture_is_trained_once():
    found = blend(method="uniform", target={"web": "web"})
    said = found.to_dict()
    assert [row["role"] for row in said["real_runs"]] == ["answer", "natural", "own_share"]
    assert len(RAN) == 3
    assert said["rivals"]["uniform"]["objective_gain"]["mean"] == 0


def test_a_run_that_is_asked_for_again_gets_another_seed():
    trainer, _ = Fake().prepare(data_of(TEXTS), rng=np.random.default_rng(0))
    problem = Problem.of(trainer.sources, trainer.targets, trainer.available, BUDGET)
    bench = real_runs.Bench(problem, trainer, None, 0, Local(2))
    equal = Trial(np.full(3, 1 / 3), 1000.0)
    study = bench.record(bench.record(real_runs.Study(problem), (equal, equal), 3), (equal,), 3)
    assert [trial.seed for trial in study.trials] == [0, 1, 2]
    assert len(set(study.losses[:, 0])) == 3


def test_only_the_lack_of_a_gradient_leaves_no_free_choice():
    trainer, _ = Fake().prepare(data_of(TEXTS), rng=np.random.default_rng(0))
    problem = Problem.of(trainer.sources, trainer.targets, trainer.available, BUDGET)

    def bench(prior):
        return real_runs.Bench(problem, trainer, prior, 0, Local(1))

    def broken(trial):
        raise CuveeError("the forecast broke")

    knows = partial(trainer.inner.run, rng=np.random.default_rng(0))
    assert bench(None).free_choice() is None
    assert bench(lambda trial: replace(knows(trial), gradient=None)).free_choice() is None
    assert bench(knows).free_choice().mean.sum() == pytest.approx(1)
    with pytest.raises(CuveeError, match="the forecast broke"):
        bench(broken).free_choice()


def test_an_answer_that_was_run_before_is_run_with_another_seed():
    problem, shares = Problem.of("abc", "t", np.ones(3), 9), np.full(3, 1 / 3)
    near = Trial(shares + np.array([1e-9, 0, -1e-9]), 9.0, seed=4)
    outcome = Outcome(Estimate(np.ones((1, 1)), "nats per token", "none"), 9.0)
    study = real_runs.Study(problem).record((near,), (outcome,))
    assert real_runs._another(study, shares).seed == 5
    assert real_runs._another(study, np.array([1.0, 0, 0])).seed == 0


def data_of(texts):
    from cuvee import driver
    from cuvee.question import open_question

    return open_question(driver.ask(dict(texts), target=TARGETS, budget=BUDGET), Local()).data


def test_progress_tells_the_runs_and_the_best_so_far():
    told = []
    found = blend(runs=4, progress=lambda *line: told.append(line))
    runs = [line for line in told if line[0].startswith("runs trained")]
    assert runs[0] == ("runs trained", 0, 5)
    assert runs[-1] == (f"runs trained, best {found.study.scores.min():.3f}", 5, 5)
    assert {line[2] for line in runs} == {5}


def test_compare_trains_each_blend_once_and_keeps_to_what_may_be_spent():
    settings = {"target": TARGETS, "budget": BUDGET, "proxy": FAKE}
    RAN.clear()
    with pytest.raises(CuveeError, match="name the methods that you can afford"):
        cuvee.compare(dict(TEXTS), **settings)
    assert not RAN
    with pytest.raises(CuveeError, match=r"descent needs gradients.* take --method surrogate"):
        cuvee.compare(dict(TEXTS), methods="natural,surrogate,descent", **settings)
    assert not RAN, "what cannot be is said before anything is trained"
    found = cuvee.compare(dict(TEXTS), methods="natural,surrogate", spend=5 * BUDGET, **settings)
    assert found.seeds == 1
    assert len(RAN) == 5 + 3, "five of the surrogate's, and the blends of three methods"
    by_name = {r.method: r for r in found.results}
    assert by_name["surrogate"].spent == 5 * BUDGET
    assert "the luck of that run is not in" in " ".join(str(found).split())
