"""What is special to the count proxy."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import proxies
from cuvee.core import CuveeError, Trial, stream
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.proxies.counts import Counts
from cuvee.sources.memory import Memory
from cuvee.testing.proxies import PROBLEMS, Texts, language, prepare, run, serial

DOCS = st.lists(st.text(st.sampled_from("ab 1.é\0\n"), max_size=25), max_size=6)


def data(targets, *sources):
    named = [Texts(f"s{i}", tuple(texts)) for i, texts in enumerate(sources)]
    return Data(tuple(named), (Texts("t", tuple(targets)),), Words(), serial)


@settings(deadline=None, max_examples=60)
@given(DOCS, DOCS, DOCS, st.floats(0, 1), st.sampled_from([1, 10, 1e4, 1e9]))
def test_any_text_gives_finite_losses_and_gradients(target, one, two, share, tokens):
    if not any(target):
        with pytest.raises(CuveeError, match="target 't' has no text"):
            prepare(Counts(), data(target, one, two))
        return
    trainer = prepare(Counts(draws=3), data(target, one, two))
    sloped = trainer.available.min() > 0  # the driver refuses empty sources
    outcome = run(trainer, [share, 1 - share], tokens, gradient="draws" if sloped else "none")
    assert np.isfinite(outcome.losses.draws).all()
    for values in (outcome.gradient, outcome.gradient_draws) if sloped else ():
        assert np.isfinite(values).all()


def test_continuing_is_exact():
    """Its only state is the tokens seen, so the order of a schedule does not matter."""
    trainer = prepare(Counts(), PROBLEMS["languages"].data())
    a, b = np.array([0.8, 0.1, 0.1]), np.array([0.0, 0.5, 0.5])
    forth = run(trainer, b, 5e3, after=Trial(a, 1e4)).losses.draws
    back = run(trainer, a, 1e4, after=Trial(b, 5e3)).losses.draws
    at_once = run(trainer, (a * 1e4 + b * 5e3) / 1.5e4, 1.5e4).losses.draws
    assert np.allclose(forth, back, rtol=1e-12)
    assert np.allclose(forth, at_once, rtol=1e-12)


def test_gradient_of_a_continued_run_is_with_respect_to_its_own_shares():
    trainer = prepare(Counts(), PROBLEMS["languages"].data())
    first = Trial(np.array([1.0, 0, 0]), 1e4)
    shares, h = np.array([0.2, 0.5, 0.3]), 1e-5
    gradient = run(trainer, shares, 5e3, after=first, gradient="mean").gradient
    step = np.array([1.0, -1.0, 0.0])
    up, down = (run(trainer, shares + s * step, 5e3, after=first).losses.mean for s in (h, -h))
    assert np.allclose(gradient @ step, (up - down) / (2 * h), rtol=1e-4)


def test_a_target_in_the_data_is_cheaper_than_one_that_is_not():
    texts = language(1, 400, 0)
    trainer = prepare(Counts(), data(texts[:50], texts, language(2, 400, 0)))
    tokens = trainer.available[0]
    known, foreign = (run(trainer, s, tokens).losses.mean[0] for s in ([1, 0], [0, 1]))
    assert known < foreign - 0.1


def test_spread_comes_from_passages_where_documents_are_few():
    one_long = [" ".join(language(1, 40, 1))]
    trainer = prepare(Counts(), data(one_long, language(1, 200, 0)))
    losses = run(trainer, [1.0], 5e3).losses
    assert losses.spread == "target documents"
    assert 0 < losses.sd[0] < 0.5


def test_spread_is_not_measured_on_a_single_word():
    losses = run(prepare(Counts(), data(["word"], ["word other"])), [1.0], 10).losses
    assert losses.spread == "none"
    assert np.isnan(losses.sd).all()


def test_longer_grams_see_more():
    planted = PROBLEMS["languages"]
    one, two = (prepare(Counts(order=order), planted.data()) for order in (1, 2))
    shares, tokens = np.array([1.0, 0, 0]), one.available[0]
    assert run(two, shares, tokens).losses.mean[0] < run(one, shares, tokens).losses.mean[0]


def test_memory_is_bounded_by_the_targets():
    """Nothing of the corpus' size is kept: not in the trainer, nor on the way there."""

    def corpus(copies):
        texts = language(2, 300, 0)

        def made():
            for i in range(copies):
                yield from (f"{text} unheard{i}x{j}" for j, text in enumerate(texts))

        return Memory("big", made)

    peaks, kept = [], []
    for copies in (30, 300):  # 3 MB and 30 MB
        targets = (Texts("t", language(2, 60, 1)),)
        question = Data((corpus(copies),), targets, Words(), serial)
        tracemalloc.start()
        trainer, survey = Counts().prepare(question, rng=stream(0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        kept.append(len(pickle.dumps(trainer)))
        assert survey.text_bytes[0] > copies * 7e4
    assert kept[1] < 1.1 * kept[0]
    assert peaks[1] < peaks[0] + 4e6


@pytest.mark.parametrize("settings_", [{"order": 0}, {"order": 9}, {"k": 0}, {"draws": 0},
                                       {"k": float("nan")}])  # fmt: skip
def test_settings_that_are_none(settings_):
    with pytest.raises(CuveeError, match="counts: "):
        proxies.load("counts", **settings_)


def test_unknown_settings_name_the_nearest():
    with pytest.raises(CuveeError, match="unknown setting of proxies/counts 'ordr'"):
        proxies.load("counts", ordr=3)
    with pytest.raises(CuveeError, match=r"unknown proxies method 'count'.* mean 'counts'"):
        proxies.load("count")
