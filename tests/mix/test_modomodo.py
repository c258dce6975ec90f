"""MoDoMoDo: a quadratic surface."""

import numpy as np
import pytest

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Study, Trial, stream
from cuvee.mix.modomodo import Modomodo, basis, count, design


def problem(k=3, **settings):
    return Problem.of([f"s{i}" for i in range(k)], ["t", "u"], np.full(k, 1e7), 10**6, **settings)


def study_of(question, shares, losses, draws=1):
    spread = "none" if draws == 1 else "target documents"
    done = tuple(
        Outcome(Estimate(np.repeat(y[None], draws, axis=0), "nats per token", spread), 1.0)
        for y in losses
    )
    return Study(question).record(tuple(Trial(w, 1e6) for w in shares), done)


def quadratic(shares, seed=0):
    """a + b'w + w'Cw for two targets, as the paper writes it."""
    rng = stream(seed)
    k = shares.shape[1]
    parts = [(rng.normal(), rng.normal(size=k), rng.normal(size=(k, k))) for _ in range(2)]
    return np.stack(
        [a + shares @ b + np.einsum("ni,ij,nj->n", shares, c, shares) for a, b, c in parts], axis=1
    )


def test_basis_holds_every_quadratic_on_the_simplex():
    shares = stream(1).dirichlet(np.ones(4), size=30)
    assert basis(shares).shape == (30, count(4)) == (30, 10)
    losses = quadratic(shares)
    law = Modomodo().fit(study_of(problem(4), shares, losses), rng=stream(0))
    fresh = stream(2).dirichlet(np.ones(4), size=10)
    assert np.allclose(law.mean(problem(4).points(fresh)), quadratic(fresh))
    assert law.predict(problem(4).points(fresh)).sd.max() < 1e-9, "nothing was missed"


def test_design_starts_with_singles_and_pairs():
    found = design(problem(), 12)
    assert np.array_equal(found[:3], np.eye(3))
    assert np.allclose(found[3:6], [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    assert np.allclose(found[6], 1 / 3)
    assert len(found) == 12
    assert np.linalg.matrix_rank(basis(found)) == 6
    assert np.linalg.matrix_rank(basis(design(problem(5), 30))) == 15


def test_finds_the_lowest_point_by_hand():
    # On two sources, w(1 - w) = .25 at most: the loss 1 - .4 w1 w2 + .1 w2 is lowest at w2 = .375.
    shares = np.array([[w, 1 - w] for w in np.linspace(0, 1, 7)])
    losses = 1 - 0.4 * shares[:, 0] * shares[:, 1] + 0.1 * shares[:, 1]
    study = study_of(problem(2), shares, np.stack([losses, losses], axis=1))
    answer = Modomodo().recommend(study, rng=stream(0))
    assert answer.mean == pytest.approx([0.625, 0.375], abs=1e-3)
    assert answer.spread == "none"


def test_forecasts_cover_runs_with_noise():
    rng = stream(4)
    inside = []
    for _ in range(10):
        shares, fresh = (rng.dirichlet(np.ones(3), size=n) for n in (14, 60))
        noisy = quadratic(shares) + 0.1 * rng.standard_normal((14, 2))
        law = Modomodo(draws=200).fit(study_of(problem(), shares, noisy), rng=rng)
        low, high = law.predict(problem().points(fresh)).interval(0.9)
        runs = quadratic(fresh) + 0.1 * rng.standard_normal((60, 2))
        inside.append(((runs > low) & (runs < high)).mean())
    assert 0.8 < np.mean(inside) < 0.98


def test_draws_of_the_target_documents_are_kept():
    shares = stream(1).dirichlet(np.ones(3), size=12)
    study = study_of(problem(), shares, quadratic(shares), draws=5)
    moved = [
        Outcome(Estimate(o.losses.draws + np.arange(5)[:, None], "nats per token",
                         "target documents", o.losses.mean), 1.0)
        for o in study.outcomes
    ]  # fmt: skip
    study = Study(study.problem).record(study.trials, tuple(moved))
    law = Modomodo().fit(study, rng=stream(0))
    assert law.predict(study.points).sd.mean() == pytest.approx(np.std(range(5)), rel=0.1)


def test_fewer_runs_than_coefficients_and_bad_settings():
    shares = stream(1).dirichlet(np.ones(4), size=10)
    with pytest.raises(CuveeError, match=r"4 sources has 10 coefficients .*, got 10"):
        Modomodo().fit(study_of(problem(4), shares, quadratic(shares)), rng=stream(0))
    for bad in ({"runs_per_term": 1.0}, {"draws": 1}):
        with pytest.raises(CuveeError, match="modomodo"):
            Modomodo(**bad)
