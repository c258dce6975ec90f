import pytest
import torch
from torch.nn import functional

from cuvee.core import CuveeError
from cuvee.proxies import network
from cuvee.proxies.network import Network, log_probs, mean_loss
from cuvee.proxies.recipe import Recipe, law
from cuvee.proxies.shapes import SIZES, Shape, shape_of

SHAPE = Shape(vocabulary=50, context=12, layers=2, width=64)


@pytest.fixture
def made():
    return stirred()


def stirred(precision=torch.float32):
    """A network all of whose layers do something; fresh ones add nothing to the stream."""
    made = Network(SHAPE, torch.Generator().manual_seed(1), precision)
    for i, p in enumerate(made.parameters()):
        noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(i))
        p.data.add_(noise, alpha=0.1)
    return made


def batch(rows=5, seed=0):
    return torch.randint(50, (rows, 13), generator=torch.Generator().manual_seed(seed))


def test_what_comes_later_is_not_seen(made):
    one, two = batch(), batch()
    two[:, 8:] = batch(seed=1)[:, 8:]
    a, b = log_probs(made, one), log_probs(made, two)
    assert torch.allclose(a[:, :7], b[:, :7], atol=1e-6)
    assert not torch.allclose(a[:, 8:], b[:, 8:], atol=1e-3)


def test_position_matters(made):
    windows = torch.zeros(1, 13, dtype=torch.long)
    windows[0, 3] = 7
    other = windows.clone()
    other[0, 3], other[0, 5] = 0, 7
    states = made(windows[:, :-1])[0, -1], made(other[:, :-1])[0, -1]
    assert not torch.allclose(*states, atol=1e-4)


def test_probabilities_sum_to_one(made):
    start = batch(1)
    windows = start.repeat(50, 1)
    windows[:, -1] = torch.arange(50)
    assert log_probs(made, windows)[:, -1].exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("least", [1, 7, 1000])
def test_the_loss_and_its_derivatives_are_those_of_the_plain_formula(made, least, monkeypatch):
    monkeypatch.setattr(network, "LOGITS", 1)
    monkeypatch.setattr(network, "LEAST", least)
    windows = batch()
    loss = mean_loss(made, windows)
    (3 * loss).backward()
    found = {name: p.grad.clone() for name, p in made.named_parameters()}
    made.zero_grad()
    logits = made(windows[:, :-1]) @ made.embedding.T
    plain = functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
    (3 * plain).backward()
    assert loss.item() == pytest.approx(plain.item(), abs=1e-5)
    assert -log_probs(made, windows).mean().item() == pytest.approx(plain.item(), abs=1e-5)
    for name, p in made.named_parameters():
        assert torch.allclose(found[name], p.grad, atol=1e-5), name


def test_rounded_products_change_little():
    exact, rounded = stirred(), stirred(torch.bfloat16)
    a, b = mean_loss(exact, batch()).item(), mean_loss(rounded, batch()).item()
    assert a != b
    assert a == pytest.approx(b, abs=0.02)


@pytest.mark.parametrize("vocabulary", [300, 4097, 8192])
@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_what_their_names_say(size, vocabulary):
    wanted = float(size[:-1]) * 1e6
    if vocabulary == 8192 and size == "0.3M":
        wanted = 0.36e6
    shape = shape_of(wanted, vocabulary, 64)
    assert shape.params == pytest.approx(wanted, rel=0.25)
    made = Network(shape, torch.Generator().manual_seed(0))
    assert sum(p.numel() for p in made.parameters()) == shape.params
    assert shape.width % shape.heads == 0


def test_a_vocabulary_too_large_for_a_size_is_refused():
    with pytest.raises(CuveeError, match="smaller vocabulary"):
        shape_of(0.3e6, 50_000, 64)


def test_a_size_beyond_every_shape_is_refused():
    assert shape_of(1.6e9, 4097, 64).params == pytest.approx(1.6e9, rel=0.1)
    with pytest.raises(CuveeError, match=r"the largest has 1\.\d+e\+09"):
        shape_of(3e9, 4097, 64)


def test_the_learning_rate_rises_stays_and_falls():
    wsd = Recipe(1.0, 10, 1000, "wsd", 0.1, 0.3, 0.1)
    assert [round(wsd.rate(n), 2) for n in (0, 50, 100, 500, 850, 990)] == [
        0.1, 0.6, 1.0, 1.0, 0.5, 0.03
    ]  # fmt: skip
    cosine = Recipe(1.0, 10, 1000, "cosine", 0.1, 0.3, 0.1)
    assert cosine.rate(500) == pytest.approx(0.55)
    assert cosine.rate(1000) == pytest.approx(0.1)
    assert Recipe(1.0, 10, 1000, "constant", 0.1, 0.3, 0.1).rate(999) == 1.0


def test_the_law_refuses_nothing():
    with pytest.raises(CuveeError, match="above 0"):
        law(0, 1e6)
