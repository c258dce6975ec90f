"""Transport distances against linear programs, and the two-size projection against its formula."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from cuvee.core import CuveeError, Estimate, Limits, Outcome, Points, Problem, Study, Trial, stream
from cuvee.mix import projektor
from cuvee.mix.projektor import Projektor
from cuvee.mix.transport import Clouds, closest
from cuvee.testing.mix import PROBLEMS, solve

RNG = np.random.default_rng(0)
SOURCES = tuple(RNG.normal(center, 0.3, (15, 2)) for center in ([0, 0], [2, 0], [0, 2]))
TARGET = np.vstack([SOURCES[0][:8], SOURCES[1][:8]]) + 0.05
CLOUDS = Clouds.of(SOURCES, TARGET)


def problem_with(targets=(TARGET,), **more):
    names = tuple(f"t{i}" for i in range(len(targets)))
    made = Problem.of(("a", "b", "c"), names, (1e6,) * 3, 1000, limits=Limits(np.inf), **more)
    return replace(made, facts={"points": {"sources": SOURCES, "targets": targets}})


def study_of(sizes, law, count=20):
    study, rng = Study(problem_with()), np.random.default_rng(1)
    for size in sizes:
        for w in rng.dirichlet(np.ones(3), size=count):
            loss = np.array([[law(w, size)]])
            study = study.record(
                (Trial(w, size),), (Outcome(Estimate(loss, "error rate", "none"), size),)
            )
    return study


def distance(w):
    return CLOUDS.sinkhorn(np.atleast_2d(w), 0.05, 50)[0]


def test_exact_distance_is_the_known_one_on_a_line():
    a, b = RNG.random((6, 1)), RNG.random((6, 1))
    squared = Clouds.of((a,), b).exact(np.ones(1))
    assert np.isclose(squared, np.mean((np.sort(a[:, 0]) - np.sort(b[:, 0])) ** 2))
    assert squared >= wasserstein_distance(a[:, 0], b[:, 0]) ** 2 - 1e-12


def test_less_entropy_comes_closer_to_the_exact_distance():
    shares = np.array([0.5, 0.3, 0.2])
    exact = CLOUDS.exact(shares)
    gaps = [CLOUDS.sinkhorn(shares[None], blur, 3000)[0][0] - exact for blur in (0.5, 0.1, 0.02)]
    assert gaps[0] > gaps[1] > gaps[2] > -1e-9
    assert gaps[2] < 0.2 * exact


@pytest.mark.parametrize("shares", [[0.2, 0.5, 0.3], [0.6, 0.4, 0.0]])
def test_duals_are_the_derivatives_along_the_simplex(shares):
    shares, step = np.array(shares), 1e-4
    value, dual = CLOUDS.sinkhorn(shares[None], 0.1, 2000)
    for move in ([1, -1, 0], [-1, 0, 1]):
        moved = CLOUDS.sinkhorn((shares + step * np.array(move))[None], 0.1, 2000)[0]
        assert np.isclose((moved - value)[0] / step, dual[0] @ move, rtol=1e-2, atol=1e-3)


def test_many_mixtures_at_once_are_each_of_them():
    rows = np.random.default_rng(2).dirichlet(np.ones(3), size=4)
    assert np.allclose(CLOUDS.sinkhorn(rows, 0.1, 60)[0],
                       [CLOUDS.sinkhorn(w[None], 0.1, 60)[0][0] for w in rows])  # fmt: skip


@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_closest_mixture_is_no_further_than_any_on_a_grid(objective):
    targets = (TARGET[:15], SOURCES[2] + 0.1)  # as many points each: pooled with equal weights
    problem = problem_with(targets, objective=objective)
    clouds = [Clouds.of(SOURCES, t) for t in targets]
    pooled = Clouds.of(SOURCES, np.vstack(targets))

    def far(w):
        w = np.asarray(w)
        return max(c.exact(w) for c in clouds) if objective == "worst" else pooled.exact(w)

    best = closest(problem, clouds, [0, 1])
    grid = [np.array([i, j, 6 - i - j]) / 6 for i in range(7) for j in range(7 - i)]
    assert far(best) <= min(far(w) for w in grid) + 1e-9
    capped = replace(problem, high=np.array([0.2, 1.0, 1.0]))
    assert closest(capped, clouds, [0, 1])[0] <= 0.2 + 1e-9


def test_between_two_sizes_the_projection_is_the_formula():
    """[ln(n/n0) L1 - ln(n/n1) L0] / ln(n1/n0), with lines fitted to each size alone."""
    law = lambda w, n: 0.3 + (0.5 - 0.05 * np.log(n)) * distance(w)[0]  # noqa: E731
    study, mixer = study_of((100, 200), law), Projektor(degree=0)
    wanted = np.random.default_rng(3).dirichlet(np.ones(3), size=5)
    both = mixer.fit(study, rng=stream(0)).mean(Points.at(wanted, 1000))[:, 0]
    rows = [slice(0, 20), slice(20, 40)]
    low, high = (
        np.polyval(np.polyfit(distance(study.shares[r]), study.losses[r, 0], 1), distance(wanted))
        for r in rows
    )
    formula = (np.log(1000 / 100) * high - np.log(1000 / 200) * low) / np.log(2)
    assert np.allclose(both, formula, atol=1e-6)


def test_power_projects_logarithms():
    law = lambda w, n: float(np.exp(0.2 * distance(w)[0]) * n**-0.3)  # noqa: E731
    study = study_of((100, 200), law)
    wanted = np.random.default_rng(3).dirichlet(np.ones(3), size=5)
    found = Projektor(degree=0, power=True).fit(study, rng=stream(0))
    true = [law(w, 5000) for w in wanted]
    assert np.allclose(found.mean(Points.at(wanted, 5000))[:, 0], true, rtol=1e-4)


def test_slopes_are_those_of_the_forecast():
    study = study_of((100, 200), lambda w, n: 1 + w[0] * distance(w)[0] - 0.1 * np.log(n) * w[1])
    law, problem = Projektor(rounds=500, blur=0.1).fit(study, rng=stream(0)), study.problem
    at, step = np.array([0.3, 0.5, 0.2]), 1e-5
    _, slopes = law.slopes(problem, at)
    for move in ([1, -1, 0], [-1, 0, 1]):
        ends = [law.mean(problem.points(at + s * step * np.array(move)))[0] for s in (1, -1)]
        assert np.allclose((ends[0] - ends[1]) / (2 * step), slopes @ move, rtol=1e-3, atol=1e-4)


def test_one_size_says_nothing_of_others():
    study = study_of((100,), lambda w, n: distance(w)[0])
    law = Projektor().fit(study, rng=stream(0))
    w = np.full((1, 3), 1 / 3)
    assert np.array_equal(law.mean(Points.at(w, 100)), law.mean(Points.at(w, 1e9)))


def test_without_runs_the_closest_mixture():
    _, answer = solve(Projektor(mixtures=0), PROBLEMS["one_good_source"])
    assert answer.mean[0] > 0.9


def test_spends_what_may_be_spent():
    problem = replace(PROBLEMS["exponential"].problem(), spend=1e5)
    trials = Projektor().propose(Study(problem), rng=stream(0))
    assert len(trials) == 32
    assert sum(t.tokens for t in trials) <= 1e5 + 1e-6
    assert np.isclose(trials[-1].tokens / trials[0].tokens, 2)


def test_without_text_it_says_so():
    assert projektor.Projektor.needs == ("points",)
    problem = replace(problem_with(), facts={})
    with pytest.raises(CuveeError, match="looks at the text"):
        Projektor().propose(Study(problem), rng=stream(0))


def test_points_of_other_sources_are_refused():
    problem = replace(problem_with(), facts={"points": {"sources": SOURCES[:2], "targets": ()}})
    with pytest.raises(CuveeError, match="got 2 and 0"):
        Projektor().propose(Study(problem), rng=stream(0))


@pytest.mark.parametrize(
    "settings", [{"mixtures": 2}, {"small": 0.3}, {"large": 1.5}, {"degree": 3}, {"blur": 0.0},
                 {"rounds": 0}, {"points": 0}],
)  # fmt: skip
def test_settings_that_make_no_sense(settings):
    with pytest.raises(CuveeError, match="projektor"):
        Projektor(**settings)
