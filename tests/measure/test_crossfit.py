import sys

import numpy as np
import torch
from numpy.random import default_rng

from cuvee.measure.crossfit import concluded, laid_out, plan, tied_scores
from cuvee.measure.stacked import Batches, Shape, generator_of, trained


def test_no_row_teaches_and_judges():
    runs = plan(101, 2, 2, default_rng(0))
    assert [run.role for run in runs] == ["all", "all", "half", "null", "null"]
    for run in runs:
        parts = [set(run.learn), set(run.stop), set(run.judge)]
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert all(parts)
    assert set(runs[2].learn) < set(runs[0].learn)
    assert {len(run.judge) for run in runs} == {50}
    assert {len(run.stop) for run in runs} == {len(runs[0].stop)}
    for column in runs[3].shuffle.T:
        assert sorted(column) == list(range(101))


def test_what_more_rows_would_bring_is_in_the_interval():
    runs = plan(100, 2, 1, default_rng(0))
    values = np.array([1.0, 1.0, 0.8, 0.05])
    errors = np.full(4, 0.01)
    found = concluded(runs, values, errors, unit="nats", rng=default_rng(0))
    low, high = found.interval()
    assert found.mean == 1.0
    assert low < 1
    assert high > 1.3
    assert abs(found.null.mean() - 0.05) < 0.01
    learned = concluded(
        runs, np.array([1.0, 1.0, 1.0, 0.05]), errors, unit="nats", rng=default_rng(0)
    )
    assert np.ptp(learned.interval()) < 0.05


def test_never_below_the_floor():
    runs = plan(100, 2, 1, default_rng(0))
    values, errors = np.array([-0.1, -0.2, -0.3, -0.1]), np.full(4, 0.01)
    found = concluded(runs, values, errors, unit="nats", rng=default_rng(0))
    assert found.mean == 0
    assert found.draws.min() == 0
    free = concluded(runs, values, errors, unit="nats", rng=default_rng(0), floor=-np.inf)
    assert free.mean < -0.1


def test_scores_keep_ties_and_order():
    points = np.array([[3.0], [1.0], [3.0], [np.e**40], [2.0]])
    scores = tied_scores(points)[:, 0]
    assert scores[0] == scores[2]
    assert (np.argsort(scores, kind="stable") == np.argsort(points[:, 0], kind="stable")).all()
    assert (tied_scores(np.ones((4, 1))) == 0).all()


def test_rows_lie_in_an_order_that_ranks_decide():
    x = default_rng(1).standard_normal((50, 2))
    order = default_rng(2).permutation(50)
    one = laid_out([x, x**2], default_rng(3))
    two = laid_out([np.exp(x[order]), x[order] ** 2], default_rng(4))
    for left, right in zip(one, two):
        assert np.array_equal(left, right)


def test_of_very_many_rows_some_are_looked_at(monkeypatch):
    monkeypatch.setattr(sys.modules[laid_out.__module__], "MOST", 30)
    x = default_rng(5).standard_normal((50, 1))
    one, two = laid_out([x, 2 * x], default_rng(6))
    assert len(one) == 30
    assert np.array_equal(one, two)


def test_networks_side_by_side_are_networks():
    shape = Shape((3, 4, 2))
    generator = generator_of(default_rng(3))
    weights = shape.start(5, generator)
    assert weights.shape == (5, shape.weights)
    x = torch.randn(5, 7, 3, generator=generator)
    out = shape(weights, x)
    a, b, c, d = weights[2].split([12, 4, 8, 2])
    alone = torch.relu(x[2] @ a.view(3, 4) + b) @ c.view(4, 2) + d
    assert torch.allclose(out[2], alone, atol=1e-6)


def test_each_network_keeps_its_own_best_weights():
    target = torch.tensor([[1.0], [-2.0]])

    def loss(weights):
        return ((weights - target) ** 2).sum(1)

    found = trained(torch.zeros(2, 1), loss, steps=300, rate=0.1)
    assert torch.allclose(found, target, atol=0.05)
    turned = trained(torch.zeros(2, 1), loss, steps=100, rate=0.1, judge=lambda w: -loss(w))
    assert (loss(turned) > loss(found)).all()


def test_one_network_whose_loss_explodes_does_not_stop_the_others():
    def loss(weights):
        bad = torch.exp(200 * (1 + weights[0].abs())).sum()
        return torch.stack([bad, ((weights[1] - 1) ** 2).sum()])

    found = trained(torch.zeros(2, 1), loss, steps=300, rate=0.1)
    assert torch.isfinite(found).all()
    assert abs(float(found[1]) - 1) < 0.05


def test_batches_show_each_row_once_before_any_twice():
    rows = [np.arange(0, 12), np.arange(100, 109)]
    batches = Batches(rows, 3, generator_of(default_rng(4)))
    for _ in range(2):
        seen = torch.cat([batches.next() for _ in range(3)], dim=1).numpy()
        for mine, allowed in zip(seen, rows):
            assert len(set(mine)) == 9
            assert set(mine) <= set(allowed)
