"""The surrogate: what it learns from runs, scales and a free forecast, and what it states."""

import numpy as np
import pytest

from cuvee.core import (
    CuveeError,
    Estimate,
    Limits,
    Objective,
    Outcome,
    Points,
    Problem,
    Study,
    Trial,
)
from cuvee.mix.surrogate import Surrogate
from cuvee.mix.surrogate_choice import telling

NAMES = ("a", "b", "c", "d")
WORTH = np.array([[2.0, 0.6, 0.2, 0.1], [0.3, 1.8, 0.1, 0.5], [0.2, 0.4, 1.5, 0.3]])


def law(shares, tokens=1e6, params=np.nan):
    """Losses of three targets: the data mixing law, and a power law of the scale."""
    size = np.where(np.isnan(params), 1e6, params)
    scale = (np.asarray(tokens) / 1e6) ** -0.3 + (size / 1e6) ** -0.2
    return 1 + np.exp(1 - shares @ WORTH.T) + scale[..., None]


def problem(spend=np.inf, targets=("a", "b", "x"), weights=(1 / 3, 1 / 3, 1 / 3)):
    objective, limits = Objective(np.array(weights)), Limits(max_epochs=np.inf)
    return Problem.of(NAMES, targets, [1e6] * 4, 10**6, objective, limits, spend=spend)


def outcome(losses):
    return Outcome(Estimate(np.asarray(losses)[None], "nats per token", "none"), 1.0)


def studied(shares, losses, tokens=1e6, params=np.nan, prior=None, asked=None):
    points = Points.at(shares, tokens, params)
    trials = [Trial(w, d, params=p) for w, d, p in zip(shares, points.tokens, points.params)]
    return Study(asked or problem(), tuple(trials), tuple(map(outcome, losses)), prior)


def mixtures(count, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(4, 0.7), size=count)


def fitted(study):
    return Surrogate().fit(study, rng=np.random.default_rng(0))


def finished(study, mixer):
    while trials := mixer.propose(study, rng=np.random.default_rng(0)):
        study = study.record(trials, tuple(outcome(law(t.shares)) for t in trials))
    return study


def test_predicts_losses_of_other_mixtures():
    shares, other = mixtures(40), mixtures(100, seed=1)
    error = fitted(studied(shares, law(shares))).mean(Points.at(other, 1e6)) - law(other)
    assert np.sqrt(np.mean(error**2)) < 0.05 * law(other).std()


@pytest.mark.parametrize("runs", [12, 40])
def test_nine_in_ten_runs_lie_within_their_interval(runs):
    inside = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shares, other = mixtures(runs, seed), mixtures(60, seed + 100)
        losses = law(shares) + 0.05 * rng.standard_normal((runs, 3))
        truth = law(other) + 0.05 * rng.standard_normal((60, 3))
        low, high = fitted(studied(shares, losses)).predict(Points.at(other, 1e6)).interval(0.9)
        inside.append(np.mean((truth >= low) & (truth <= high)))
    assert 0.84 < np.mean(inside) < 0.96


@pytest.mark.parametrize("runs", [8, 16, 48])
def test_intervals_of_a_single_target_know_what_its_parameters_leave_open(runs):
    inside, asked = [], problem(targets=("x",), weights=(1.0,))
    for seed in range(15):
        rng = np.random.default_rng(seed)
        shares, other = mixtures(runs, seed), mixtures(60, seed + 100)
        losses = law(shares)[:, 2:] + 0.05 * rng.standard_normal((runs, 1))
        truth = law(other)[:, 2:] + 0.05 * rng.standard_normal((60, 1))
        forecast = fitted(studied(shares, losses, asked=asked)).predict(Points.at(other, 1e6))
        low, high = forecast.interval(0.9)
        inside.append(np.mean((truth >= low) & (truth <= high)))
    assert 0.83 < np.mean(inside) < 0.97


def test_a_free_forecast_that_contradicts_the_runs_is_left_aside():
    def misleading(trial):
        return outcome(3 - 2 * np.asarray(trial.shares) @ WORTH[::-1, ::-1].T)

    shares, other = mixtures(16), mixtures(100, seed=1)
    study = studied(shares, law(shares), prior=misleading)
    forecast, alone = fitted(study), fitted(studied(shares, law(shares)))
    assert forecast.prior is None
    at = Points.at(other, 1e6)
    assert np.allclose(forecast.mean(at), alone.mean(at))
    helpful = fitted(studied(shares, law(shares), prior=lambda t: outcome(law(t.shares))))
    assert helpful.prior is not None


@pytest.mark.parametrize("free", [False, True])
def test_no_run_s_mixture_has_a_lower_forecast_than_the_answer(free):
    def prior(trial):
        return outcome(law(np.asarray(trial.shares)) + 0.3 * np.sin(5 * trial.shares[0]))

    for seed in range(4):
        shares = mixtures(12, seed)
        shares[0] = 0.9, 0.1, 0.0, 0.0
        study = studied(shares, law(shares), prior=prior if free else None)
        answer = Surrogate(draws=20).recommend(study, rng=np.random.default_rng(seed)).mean
        forecast = fitted(study)
        score = forecast.mean(Points.at(np.vstack([answer, shares]), 1e6)).mean(axis=1)
        assert score[0] <= score[1:].min() + 1e-9


def test_losses_that_are_all_the_same_are_forecast_without_spread():
    shares = mixtures(8)
    study = studied(shares, np.full((8, 3), 5.05))
    forecast = fitted(study).predict(Points.at(mixtures(5, seed=1), 1e6))
    assert np.allclose(forecast.mean, 5.05) and forecast.sd.max() < 1e-6
    assert Surrogate().recommend(study, rng=np.random.default_rng(0)).mean.sum() == pytest.approx(1)


def test_runs_of_one_mixture_are_not_enough():
    shares = np.tile(mixtures(1), (8, 1))
    noisy = law(shares) + 0.01 * np.random.default_rng(0).standard_normal((8, 3))
    with pytest.raises(CuveeError, match=r"at least 3 runs of different mixtures .* got 1"):
        fitted(studied(shares, noisy))


def test_a_free_forecast_in_another_unit_is_worth_runs():
    def prior(trial):
        return outcome(5 + 3 * law(np.asarray(trial.shares), trial.tokens) ** 1.1)

    shares, other = mixtures(6), mixtures(100, seed=1)
    errors = [
        fitted(studied(shares, law(shares), prior=free)).mean(Points.at(other, 1e6)) - law(other)
        for free in (None, prior)
    ]
    alone, helped = (np.sqrt(np.mean(e**2)) for e in errors)
    assert helped < 0.3 * alone


def test_resamples_of_the_forecast_tell_how_it_can_be_wrong():
    # The real target text is another sample: the truth is a sum of what documents say.
    rng = np.random.default_rng(0)
    theta = np.abs(WORTH[:, None] + 0.8 * rng.standard_normal((3, 30, 4)))

    def documents(shares):
        return np.exp(1 - np.einsum("tdk,...k->...td", theta, shares))

    picks = rng.multinomial(30, np.full(30, 1 / 30), size=40) / 30
    true = rng.dirichlet(np.full(30, 0.3), size=3)

    def prior(trial, drawn=True):
        each = documents(np.asarray(trial.shares))
        draws = np.einsum("rd,td->rt", picks, each)
        losses = Estimate(draws, "nats", "target documents", each.mean(axis=-1))
        return Outcome(losses, 0.0) if drawn else outcome(losses.mean)

    def truth(shares):
        return np.einsum("ntd,td->nt", documents(shares), true)

    shares, other = mixtures(8), mixtures(100, seed=1)
    errors = [
        fitted(studied(shares, truth(shares), prior=free)).mean(Points.at(other, 1e6))
        - truth(other)
        for free in (prior, lambda trial: prior(trial, drawn=False))
    ]
    knowing, ignorant = (np.sqrt(np.mean(e**2)) for e in errors)
    assert knowing < 0.8 * ignorant


def test_runs_of_other_scales_inform():
    few, many, other = mixtures(5), mixtures(40, seed=3), mixtures(100, seed=1)
    alone = fitted(studied(few, law(few, 4e6, 2e6), 4e6, 2e6))
    tokens, params = (
        np.r_[np.full(5, 4e6), np.full(40, 1e6)],
        np.r_[np.full(5, 2e6), np.full(40, 1e6)],
    )
    both = np.vstack([few, many])
    informed = fitted(studied(both, law(both, tokens, params), tokens, params))
    truth, at = law(other, 4e6, 2e6), Points.at(other, 4e6, 2e6)
    rmse = [np.sqrt(np.mean((f.mean(at) - truth) ** 2)) for f in (alone, informed)]
    assert rmse[1] < 0.5 * rmse[0]


def test_a_missing_loss_costs_only_its_own_target():
    shares = mixtures(20)
    losses = law(shares)
    losses[3, 1] = np.nan
    forecast = fitted(studied(shares, losses))
    assert np.isfinite(forecast.mean(Points.at(mixtures(5, seed=1), 1e6))).all()
    assert [len(p.sheet.y) for p in forecast.processes] == [20, 19, 20]


def test_noise_that_grows_with_the_loss_is_seen():
    rng, shares = np.random.default_rng(0), mixtures(150)
    losses = law(shares)
    noisy = losses + 0.1 * (losses - losses.min(axis=0)) * rng.standard_normal(losses.shape)
    forecast = fitted(studied(shares, noisy))
    sd = forecast.noise(forecast.look(Points.at(shares, 1e6)))[:, 0]
    order = np.argsort(losses[:, 0])
    assert sd[order[-30:]].mean() > 1.5 * sd[order[:30]].mean()


def test_too_few_runs_are_said():
    shares = mixtures(2)
    with pytest.raises(CuveeError, match=r"at least 3 runs .* got 2"):
        fitted(studied(shares, law(shares)))


@pytest.mark.parametrize(
    "wrong", [{"first": 2}, {"first": 20}, {"batch": 0}, {"draws": 1}, {"aim": "best"}]
)
def test_bad_settings(wrong):
    with pytest.raises(CuveeError, match=r"surrogate: "):
        Surrogate(**wrong)


def test_a_table_with_enough_runs_is_enough():
    shares = mixtures(16)
    assert Surrogate().propose(studied(shares, law(shares)), rng=np.random.default_rng(0)) == ()


def test_trials_in_number_and_cost_as_asked():
    mixer, asked = Surrogate(runs=11, first=6), problem(spend=4e6)
    study = finished(Study(asked), mixer)
    assert len(study.trials) == 11
    assert study.spent <= 4e6 * (1 + 1e-9)
    begun = finished(studied(mixtures(3), law(mixtures(3))), mixer)
    assert len(begun.trials) == 11
    assert mixer.propose(begun, rng=np.random.default_rng(5)) == ()


def test_first_runs_hold_what_the_free_forecast_prefers():
    def prior(trial):
        return outcome(law(np.asarray(trial.shares)))

    trials = Surrogate().propose(Study(problem(), prior=prior), rng=np.random.default_rng(0))
    best = min(law(t.shares).mean() for t in trials)
    lowest = min(law(row).mean() for row in mixtures(3000, seed=2))
    assert best < lowest + 0.01
    assert np.allclose(trials[0].shares, 0.25)


def test_chosen_runs_teach_more_about_all_losses_than_random_ones():
    # Uncertainty left over all mixtures, after runs chosen to lower it and after others.
    shares, pool = mixtures(8), mixtures(80, seed=1)
    study, left = studied(shares, law(shares)), []
    forecast = fitted(study)
    place = forecast.look(Points.at(pool, 1e6))
    rng = np.random.default_rng(0)
    chosen = telling(forecast, study.problem, place, "losses", count=6, rng=rng)
    assert len(set(chosen)) == 6
    for rows in (chosen, *[rng.choice(80, 6, replace=False) for _ in range(5)]):
        more = np.vstack([shares, pool[rows]])
        law_ = fitted(studied(more, law(more)))
        left.append(np.sqrt(np.mean((law_.mean(Points.at(pool, 1e6)) - law(pool)) ** 2)))
    assert left[0] < np.mean(left[1:])


def test_runs_are_spent_near_the_optimum():
    study = finished(Study(problem()), Surrogate())
    scores = study.scores
    assert scores[8:].min() < scores[:8].min()
    best = min(law(row).mean() for row in mixtures(5000, seed=2))
    answer = Surrogate().recommend(study, rng=np.random.default_rng(0))
    assert law(answer.mean).mean() < best + 0.01
    assert answer.spread == "posterior"


def test_the_winner_s_curse_is_taken_back():
    # Nearly flat losses and much noise: whatever is chosen, is chosen for its luck.
    gaps = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        shares, best = mixtures(16, seed), rng.dirichlet(np.ones(4))

        def true(row, best=best):
            return 3 + 0.2 * ((row - best) ** 2).sum(axis=-1, keepdims=True)

        losses = true(shares) + 0.1 * rng.standard_normal((16, 1))
        study = studied(shares, losses, asked=problem(targets=("x",), weights=(1.0,)))
        mixer = Surrogate(draws=60)
        chosen = mixer.recommend(study, rng=np.random.default_rng(0)).mean
        plain = fitted(study).mean(study.problem.points(chosen))[0, 0]
        corrected = mixer.corrected(study, chosen, rng=np.random.default_rng(0))
        truth = true(chosen)[0]
        gaps.append((truth - losses.min(), truth - plain, truth - corrected.mean, corrected.sd))
    best_run, plain, corrected, stated = np.mean(gaps, axis=0)
    assert best_run > 0.1  # the loss of the best run is far too good to be true,
    assert plain > 0.03  # the forecast of the chosen mixture is still flattered,
    assert corrected < 0.8 * plain  # and what is corrected is less so, by less than it states
    assert abs(corrected) < stated
