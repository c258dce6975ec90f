"""Losses of samples, by hand; sums that no order changes; ranks that agree."""

import sys
from importlib import import_module

import numpy as np
import pytest
import torch
from tests.live.two_ranks import main
from tests.live.world import BATCH, BATCHES, exit_codes, live, train
from torch.nn.functional import cross_entropy

from cuvee.core import CuveeError
from cuvee.live import sample_losses, token_losses
from cuvee.live.losses import Tally


def test_token_losses_are_those_of_the_next_token():
    logits, labels = torch.randn(2, 5, 7), torch.randint(7, (2, 5))
    labels[1, 3:] = -100
    losses, counted = token_losses(logits, labels)
    for i, t in np.ndindex(2, 5):
        wanted = t < 4 and labels[i, t + 1] != -100
        assert counted[i, t] == wanted
        by_hand = cross_entropy(logits[i, t], labels[i, t + 1]) if wanted else 0.0
        assert float(losses[i, t]) == pytest.approx(float(by_hand), abs=1e-6)
    unshifted = token_losses(logits, labels, shift=False)[0]
    assert unshifted.flatten().tolist() == pytest.approx(
        cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").tolist()
    )
    means = [losses[0, :4].mean(), losses[1, :2].mean()]
    assert sample_losses(logits, labels).tolist() == pytest.approx([float(m) for m in means])


def test_classes_and_other_shapes():
    logits, labels = torch.randn(3, 4), torch.tensor([0, 3, 1])
    assert sample_losses(logits, labels).mean() == pytest.approx(
        float(cross_entropy(logits, labels))
    )
    with pytest.raises(CuveeError, match=r"expected logits of shape.*\(3, 4\)"):
        sample_losses(logits, labels[:, None])


def test_sums_do_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    sources, losses = rng.integers(3, size=1000), rng.gamma(2, 2, 1000)
    found = []
    for cuts in ([], [500], range(1, 1000, 7)):
        tally, order = Tally(3), rng.permutation(1000)
        for part in np.split(order, cuts):
            tally.add(torch.tensor(sources[part]), torch.tensor(losses[part]))
        found.append(tally.read()[0].tolist())
    assert found[0] == found[1] == found[2]
    assert found[0] == pytest.approx([losses[sources == i].mean() for i in range(3)], abs=1e-6)


def test_what_waits_for_a_device_takes_no_more_room():
    tally = Tally(2)
    for i in range(50):
        tally.add(torch.tensor([0, 1]), torch.tensor([1.0, i]))
        tally.add_means([None, 3.0])
    assert [rows.shape for rows in tally._waiting.values()] == [(3, 2)]
    means, bad = tally.read()
    assert means.tolist() == pytest.approx([1.0, (np.arange(50).sum() + 150) / 100])
    assert not bad.any()


@pytest.mark.parametrize(("library", "module", "fix"), [
    ("torch", "live", 'pip install "cuvee[torch]"'),
    ("transformers", "live.hf", "pip install transformers accelerate"),
    ("accelerate", "live.hf", "pip install transformers accelerate"),
])  # fmt: skip
def test_a_missing_library_is_named(monkeypatch, library, module, fix):
    for name in [name for name in sys.modules if name.startswith("cuvee.live")]:
        if library == "torch" or name == "cuvee.live.hf":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(CuveeError) as caught:
        import_module(f"cuvee.{module}")
    assert str(caught.value).rstrip(".").endswith(fix)


def test_two_ranks_decide_alike_and_split_the_batches(tmp_path):
    """Real processes that talk through gloo give the batches of one, to the bit."""
    assert exit_codes(main, (tmp_path, 0), (tmp_path, 1)) == [0, 0]
    mixed = live()
    whole = train(mixed, mixed.loader())
    parts = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert [a + b for a, b in zip(parts[0]["seen"], parts[1]["seen"], strict=True)] == whole
    assert parts[0]["state"] == parts[1]["state"] == mixed.state_dict()
    # What rank 0 reports is known to all, and what it does not is missing on all.
    told = parts[0]["told"]
    assert told == parts[1]["told"]
    assert "needs a loss of target 'val' by batch 29" in told["error"]
    assert told["taken"] == BATCHES
    tokens, *_, val = zip(*told["legs"])
    closed = np.round(np.cumsum(tokens) / BATCH) - 1
    assert val == pytest.approx([2.0, *(2 - closed[1:] / 100)])
