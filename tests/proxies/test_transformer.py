import os

import numpy as np
import pytest
import torch
from tests.proxies.world import TINY, half, planted, prepared, run, state_of

from cuvee.core import CuveeError, Trial, stream
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.proxies import training
from cuvee.proxies.transformer import Transformer
from cuvee.testing.proxies import Texts, language, serial


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))


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


def test_all_runs_of_a_limited_chain_draw_from_one_shuffle(monkeypatch):
    """Whatever the seeds of its later runs: each window comes once before any comes again."""
    trainer, real, seen = prepared(TINY + ":tokens=1k"), training.mean_loss, []

    def noted(network, windows):
        seen.append(windows.numpy())
        return real(network, windows)

    monkeypatch.setattr(training, "mean_loss", noted)
    ends = {}
    for seed in (0, 0, 5):
        seen.clear()
        second = half(1000, after=half(1500), seed=seed)
        ends[seed] = state_of(trainer, half(1000, after=second, seed=2 * seed))
        if seen:
            rows = np.concatenate(seen)
            ends[seed, "rows"] = rows
    assert trainer._scale(second) == pytest.approx(1 / 1.5)
    first, other = ends[0, "rows"], ends[5, "rows"]
    assert len(first) == ends[0].done
    assert len(other) == ends[5].done - round(trainer._windows_of(half(), 1500, 1 / 1.5))
    after = first[-len(other) :]
    assert not np.array_equal(after, other)
    assert sorted(map(bytes, after)) == sorted(map(bytes, other))
    assert not torch.equal(ends[0].network.embedding, ends[5].network.embedding)


def test_a_large_source_is_tokenised_in_part():
    trainer = prepared(TINY + ":pool=1k")
    full = prepared()
    for some, all_ in zip(trainer.streams, full.streams):
        assert 0.05 < len(some.tokens) / len(all_.tokens) < 0.5
        assert some.ratio == pytest.approx(all_.ratio, rel=0.1)
    with pytest.raises(CuveeError, match="raise pool"):
        run(trainer, half(20_000))


def test_a_source_of_one_large_document_is_not_left_empty():
    text = " ".join(language(0, 200, 1))
    data = Data((Texts("a", ("", text, "")), Texts("b", language(1, 30, 1))),
                planted().targets, Words(), serial)  # fmt: skip
    assert len(prepared(TINY + ":pool=1", data).streams[0].tokens) > 1000


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
        ("lr=nan", "cannot be below 0, got nan"),
        ("batch=inf", "cannot be below 0"),
        ("keep=-1", "0 or more, got -1"),
        ("keep=nan", "0 or more"),
        ("start=~/none.pt", "is no file"),
        ("size=9G", "the largest has"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(CuveeError, match=message):
        prepared(f"{TINY}:{settings}")


def test_the_hardware_is_asked_before_the_library(monkeypatch):
    monkeypatch.setattr(training, "_has_bf16", lambda: False)
    monkeypatch.delattr(torch.ops, "mkldnn", raising=False)
    assert training.precision_of("auto", torch.device("cpu")) == torch.float32


def test_a_gpu_has_one_run_at_a_time():
    with training.alone(torch.device("cuda")):
        assert not training.GPU.acquire(blocking=False)
    with training.alone(torch.device("cpu")):
        assert training.GPU.acquire(blocking=False)
    training.GPU.release()


def test_settings_may_be_given_in_python():
    assert Transformer(size="1M").size == "1M"
