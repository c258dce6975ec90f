import numpy as np
import pytest
import torch
from numpy.random import default_rng

from cuvee.core import CuveeError
from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.minde import CONDITIONAL, JOINT, Minde, _Conditional, _Joint
from cuvee.measure.o_information_score import OInformationScore, _Contrast, tasks
from cuvee.measure.score_networks import LEVELS, Baseline, Guesser, _levels
from cuvee.measure.stacked import generator_of

SMALL = {"hidden": 32, "steps": 250, "rate": 0.01, "batch": 128, "nulls": 0}


def exact(cov, rows, kinds, seed=0):
    """Noise, and the best guesses of it for columns with this covariance, in each of the tasks."""
    generator = generator_of(default_rng(seed))
    count = len(cov)
    values = default_rng(seed).multivariate_normal(np.zeros(count), cov, size=rows)
    noise = torch.randn(1, rows, count, generator=generator, dtype=torch.float64)
    level = _levels(rows, generator).double()
    signal, spoiled = torch.sigmoid(level).sqrt().numpy(), torch.sigmoid(-level).sqrt().numpy()
    seen = signal * values + spoiled * noise[0].numpy()
    guesses = []
    for kind in kinds:
        kind = np.array(kind)
        noised, given = np.flatnonzero(kind == 1), np.flatnonzero(kind == 0)
        inner, mean = cov[np.ix_(noised, noised)], np.zeros((rows, len(noised)))
        if len(given):
            weight = np.linalg.solve(cov[np.ix_(given, given)], cov[np.ix_(given, noised)])
            inner, mean = inner - cov[np.ix_(noised, given)] @ weight, values[:, given] @ weight
        size, turn = np.linalg.eigh(inner)
        away = (seen[:, noised] - signal * mean) @ turn
        guess = np.zeros((1, rows, count))
        guess[0][:, noised] = (spoiled * away / (signal**2 * size + spoiled**2)) @ turn.T
        guesses.append(torch.from_numpy(guess))
    return guesses, noise


def total(contrast, guesses, noise):
    scale = (LEVELS[1] - LEVELS[0]) / 2
    return [scale * float(part.mean()) for part in contrast(guesses, noise)]


@pytest.mark.parametrize(("kinds", "contrast"), [(CONDITIONAL, _Conditional), (JOINT, _Joint)])
def test_integral_of_exact_guesses_is_the_information(kinds, contrast):
    tie = 0.8
    guesses, noise = exact(np.array([[1, tie], [tie, 1]]), 60_000, kinds)
    near, lost = total(contrast(1), guesses, noise)
    truth = -0.5 * np.log(1 - tie**2)
    assert abs(near / truth - 1) < 0.02
    assert abs(lost / truth - 1) < 0.05


@pytest.mark.parametrize(("tie", "truth"), [(0.6, 0.1474), (0.7, 0.2438)])
def test_integral_of_exact_guesses_is_the_o_information(tie, truth):
    cov = np.eye(3) * (1 - tie) + tie
    guesses, noise = exact(cov, 60_000, tasks(3))
    near, lost = total(_Contrast(3, 1), guesses, noise)
    assert abs(near - truth) < 0.01
    assert abs(lost - truth) < 0.02


def test_what_is_absent_is_not_seen():
    groups, kinds = np.array([0, 1, 1]), ((1, -1), (1, 0))
    cov = np.array([[1.0, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])
    net = Guesser(groups, kinds, 8, Baseline(cov[None], np.array(kinds)[:, groups]))
    generator = generator_of(default_rng(1))
    weights = net.shape.start(1, generator)
    rows, noise = torch.randn(2, 1, 5, 3, generator=generator)
    level, other = torch.zeros(5, 1), rows.clone()
    other[:, :, 1:] += 1
    for i, same in enumerate((True, False)):
        which = slice(i, i + 1)
        one, two = (net.guess(weights, r, noise, level, which)[:, :, 0] for r in (rows, other))
        assert torch.equal(one, two) == same


@pytest.mark.parametrize("kinds", [CONDITIONAL, JOINT])
def test_baseline_is_the_best_guess_for_gaussians(kinds):
    cov = np.array([[1.0, 0.7], [0.7, 1.0]])
    guesses, _ = exact(cov, 50, kinds)
    generator = generator_of(default_rng(0))
    values = default_rng(0).multivariate_normal(np.zeros(2), cov, size=50)
    noise = torch.randn(1, 50, 2, generator=generator, dtype=torch.float64)[0].float()
    level = _levels(50, generator)
    signal, spoiled = torch.sigmoid(level).sqrt(), torch.sigmoid(-level).sqrt()
    base, rows = Baseline(cov[None], np.array(kinds)), torch.from_numpy(values).float()
    for i, (kind, guess) in enumerate(zip(np.array(kinds), guesses)):
        seen = torch.where(torch.from_numpy(kind == 1), signal * rows + spoiled * noise, rows)
        seen = torch.where(torch.from_numpy(kind == -1), 0.0, seen)
        found = base(seen[None], signal, spoiled, slice(i, i + 1))
        assert torch.allclose(found.double(), guess, atol=1e-4)


@pytest.mark.parametrize("variant", ["conditional", "joint"])
def test_gaussian_pair_through_a_bend(variant):
    rng = default_rng(2)
    x = rng.standard_normal((1500, 2))
    y = np.exp(0.8 * x + 0.6 * rng.standard_normal((1500, 2)))
    found = measure(Minde(variant=variant, **SMALL), Sample.of_points(x), Sample.of_points(y, "b"))
    assert abs(found.mean + np.log(1 - 0.8**2)) < 0.15


def test_signs_of_redundancy_and_synergy():
    rng = default_rng(3)
    cause, own = rng.standard_normal((1500, 1)), rng.standard_normal((1500, 3))
    same = Sample.of_points(cause + 0.4 * own)
    sums = own[:, :2].sum(axis=1) + 0.5 * own[:, 2]
    sum_of_two = Sample.of_points(np.column_stack([own[:, :2], sums]))
    settings = SMALL | {"hidden": 24, "steps": 350, "rate": 0.02, "passes": 8}
    repeated, together = (measure(OInformationScore(**settings), s) for s in (same, sum_of_two))
    assert repeated.interval()[0] > 0
    assert together.interval()[1] < 0


def test_variables_of_two_columns():
    rng = default_rng(4)
    points = Sample.of_points(rng.standard_normal((64, 6)))
    tiny = {"hidden": 8, "steps": 5, "batch": 16, "nulls": 1}
    found = measure(OInformationScore(width=2, **tiny), points)
    assert np.isfinite(found.null).all()
    with pytest.raises(CuveeError, match="another width"):
        measure(OInformationScore(width=4, **tiny), points)


def test_bad_settings_and_few_rows():
    with pytest.raises(CuveeError, match="conditional"):
        Minde(variant="both")
    for method in (Minde, OInformationScore):
        with pytest.raises(CuveeError, match="passes must be 1 or more"):
            method(passes=0)
        with pytest.raises(CuveeError, match="rate must be above 0"):
            method(rate=-1.0)
    few = Sample.of_points(np.arange(20.0))
    with pytest.raises(CuveeError, match="32 or more"):
        measure(Minde(), few, few)
    with pytest.raises(CuveeError, match="32 or more"):
        measure(OInformationScore(), few)
    notes = OInformationScore().outside(Sample.of_points(np.zeros((50, 20))))
    assert [n for n in notes if "20 variables" in n]
    assert "fewer than 500" in Minde().outside(few)[0]
    assert "for fewer than 3" in OInformationScore().outside(few)[-1]
