import os
from functools import cache

import numpy as np
import pytest
import torch

from cuvee import proxies
from cuvee.core import CuveeError, Trial, stream
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.proxies import network_trainer, training
from cuvee.proxies.transformer import Transformer
from cuvee.testing.proxies import Texts, language, serial

TINY = "transformer:size=40k:context=16:vocabulary=300:target_tokens=600:draws=8:lr=0.01:batch=128"


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))


@cache
def planted():
    return Data(
        (Texts("a", language(0, 120, 1)), Texts("b", language(1, 120, 1))),
        (Texts("t", language(0, 30, 2)), Texts("u", language(1, 30, 2))),
        Words(), serial,
    )  # fmt: skip


def prepared(settings=TINY, data=None):
    return proxies.load(settings).prepare(data or planted(), rng=stream(0, "proxy"))[0]


def run(trainer, trial):
    return trainer.run(trial, rng=stream(0, "trial"))


def half(tokens=3000, **more):
    return Trial(np.array([0.5, 0.5]), tokens, **more)


def state_of(trainer, trial):
    return trainer._state(trial, int(stream(0, "trial").integers(2**31)))


def test_text_like_the_target_helps_it():
    trainer = prepared()
    a = run(trainer, Trial(np.array([0.9, 0.1]), 9000)).losses
    b = run(trainer, Trial(np.array([0.1, 0.9]), 9000)).losses
    assert a.unit == "nats per token"
    assert a.spread == "target documents"
    assert a.mean[0] < b.mean[0] - 2 * b.sd[0]
    assert b.mean[1] < a.mean[1] - 2 * a.sd[1]


def test_a_share_of_zero_is_a_run_without_the_source():
    assert np.isfinite(run(prepared(), Trial(np.array([1.0, 0.0]), 2000)).losses.mean).all()


def test_the_same_run_is_the_same_to_the_bit_and_another_seed_is_another(tmp_path, monkeypatch):
    one = run(prepared(), half()).losses.mean
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "other"))
    again = prepared()
    assert run(again, half()).losses.mean.tolist() == one.tolist()
    assert run(again, half(seed=1)).losses.mean.tolist() != one.tolist()


def test_runs_are_mixed_by_tokens_of_the_budget():
    trainer = prepared()
    trial = Trial(np.array([0.7, 0.3]), 6000)
    state = state_of(trainer, trial)
    seen = state.order.counts(state.done) * 16 / [s.ratio for s in trainer.streams]
    assert seen == pytest.approx([4200, 1800], abs=32)


def test_a_run_made_in_legs_is_the_run_made_at_once():
    trainer = prepared()
    rows = 128 // 16
    whole = state_of(trainer, half(4000))
    ratio = trainer._weights(half()).sum() / 16
    part = (round(2000 * ratio) // rows * rows) / ratio  # ends with a batch
    first = half(part, horizon=4000)
    legs = state_of(trainer, half(4000 - part, after=first))
    assert legs.done == whole.done
    for a, b in zip(whole.network.parameters(), legs.network.parameters()):
        assert torch.equal(a, b)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    whole = state_of(prepared(), half())
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "stopped"))
    monkeypatch.setattr(network_trainer, "SAVE_EVERY", 0.0)
    real, steps = training.mean_loss, []

    def dies(network, windows):
        steps.append(1)
        if len(steps) == 12:
            raise KeyboardInterrupt
        return real(network, windows)

    monkeypatch.setattr(training, "mean_loss", dies)
    with pytest.raises(KeyboardInterrupt):
        state_of(prepared(), half())
    left = 20 * len(steps)
    again = state_of(prepared(), half())
    assert len(steps) - 12 < left / 20 + whole.done // 8 - 11  # the first 11 were not done again
    assert again.done == whole.done
    for a, b in zip(whole.network.parameters(), again.network.parameters()):
        assert torch.equal(a, b)


def test_a_finished_run_is_not_trained_again(monkeypatch):
    first = run(prepared(), half())
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained again"))
    assert run(prepared(), half()).losses.mean.tolist() == first.losses.mean.tolist()


def test_states_beyond_what_is_kept_are_trained_again():
    trainer = prepared(TINY + ":keep=1")
    first = half(1000, horizon=2000)
    a = run(trainer, half(1000, after=first)).losses.mean
    for seed in (1, 2):
        run(trainer, half(500, seed=seed))
    assert len(list((trainer.folder / "states").glob("*.pt"))) == 1
    other = Trial(np.array([1.0, 0.0]), 1000, after=first)
    assert np.isfinite(run(trainer, other).losses.mean).all()
    assert run(trainer, half(1000, after=first)).losses.mean.tolist() == a.tolist()


def test_merged_runs_have_the_mean_of_their_parameters():
    trainer = prepared()
    start = half(1500, horizon=3000)
    ends = [Trial(row, 1500, after=start) for row in np.eye(2)]
    merged = Trial(np.array([0.5, 0.5]), 3000, merge=((0.25, ends[0]), (0.75, ends[1])))
    network = trainer._network(merged, int(stream(0, "trial").integers(2**31)))
    parts = [state_of(trainer, end).network for end in ends]
    wanted = 0.25 * parts[0].embedding + 0.75 * parts[1].embedding
    assert torch.allclose(network.embedding, wanted)
    outcome = run(trainer, merged)
    assert outcome.cost == 0
    assert np.isfinite(outcome.losses.mean).all()


def test_each_token_has_its_probability():
    outcome = run(prepared(), half(per_token=True))
    assert outcome.log_probs is not None
    for log, loss in zip(outcome.log_probs, outcome.losses.mean):
        assert len(log) > 300
        assert -log.mean() == pytest.approx(loss)


def test_a_trial_may_state_its_size():
    trainer = prepared()
    small, large = (state_of(trainer, half(500, params=p)).network.shape.params
                    for p in (40e3, 120e3))  # fmt: skip
    assert large > 2 * small


def test_a_limited_run_repeats_as_often_as_the_long_one():
    whole, short = prepared(), prepared(TINY + ":tokens=2k")
    trial = Trial(np.array([0.9, 0.1]), 20_000)
    a, b = state_of(whole, trial), state_of(short, trial)
    assert b.done == pytest.approx(a.done / 10, abs=1)
    epochs = [
        s.order.counts(s.done)[0] / t.streams[0].many(16, t._scale(trial))
        for s, t in ((a, whole), (b, short))
    ]
    assert epochs[0] > 2
    assert epochs[1] == pytest.approx(epochs[0], rel=0.03)


def test_a_large_source_is_tokenised_in_part():
    trainer = prepared(TINY + ":pool=1k")
    full = prepared()
    for some, all_ in zip(trainer.streams, full.streams):
        assert 0.05 < len(some.tokens) / len(all_.tokens) < 0.5
        assert some.ratio == pytest.approx(all_.ratio, rel=0.1)
    with pytest.raises(CuveeError, match="raise pool"):
        run(trainer, half(20_000))


def test_one_document_is_a_source():
    data = Data((Texts("a", ("one",)), Texts("b", language(1, 30, 1))),
                (Texts("t", ("one word",)),), Words(), serial)  # fmt: skip
    losses = run(prepared(data=data), half(400)).losses
    assert np.isfinite(losses.mean).all()


def test_runs_side_by_side_are_runs_one_after_another():
    from cuvee.engine.local import Local

    trainer = prepared()
    trials = [Trial(np.array([s, 1 - s]), 1500) for s in (0.1, 0.4, 0.6, 0.9)]
    engine = Local(2)
    found = list(engine(lambda t: run(trainer, t).losses.mean, trials, label="runs"))
    os.environ["CUVEE_CACHE"] += "2"
    alone = prepared()
    assert [f.tolist() for f in found] == [run(alone, t).losses.mean.tolist() for t in trials]


def test_a_checkpoint_starts_runs_and_one_of_another_network_is_refused(tmp_path):
    trainer = prepared()
    path = tmp_path / "start.pt"
    state_of(trainer, half(6000)).save(path)
    cold = run(trainer, half(500)).losses.mean
    warm = run(prepared(TINY + f":start={path}"), half(500)).losses.mean
    assert (warm < cold - 0.1).all()
    with pytest.raises(CuveeError, match=r"its \w+ is \d+, expected \d+"):
        run(prepared(TINY.replace("40k", "150k") + f":start={path}"), half(500))
    with pytest.raises(CuveeError, match="vocabulary is 301, expected 281"):
        run(prepared(TINY.replace("300", "280") + f":start={path}"), half(500))
    path.write_bytes(b"nothing")
    with pytest.raises(CuveeError, match="no checkpoint"):
        run(prepared(TINY + f":start={path}"), half(600))


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_others():
    trainer = prepared()
    run(trainer, half())
    before = sorted((trainer.folder / "runs").iterdir())
    with pytest.raises(CuveeError, match="diverged: its loss is"):
        run(prepared(TINY.replace("lr=0.01", "lr=1e30")), half())
    assert sorted((trainer.folder / "runs").iterdir()) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("course=up", "wsd, cosine or constant"),
        ("vocabulary=10", "at least 257"),
        ("size=tiny", "budget looks like"),
        ("lr=-1", "cannot be below 0"),
        ("device=abacus", "cannot be used"),
        ("precision=fp7", "auto, bf16 or fp32"),
        ("warmup=2", "parts of a run"),
        ("context=1", "context"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(CuveeError, match=message):
        prepared(f"{TINY}:{settings}")


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CuveeError, match="cannot write"):
        prepared(TINY + f":cache={tmp_path}/file")


def test_settings_may_be_given_in_python():
    assert Transformer(size="1M").size == "1M"
