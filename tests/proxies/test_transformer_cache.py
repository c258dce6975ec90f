"""What the transformer proxy keeps, and when it is made again."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from tests.proxies.world import TINY, half, planted, prepared, run, state_of

from cuvee.core import CuveeError, Estimate, Outcome, Trial
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.proxies import network_trainer, training
from cuvee.proxies.counts import Counts
from cuvee.proxies.tokens import read_streams
from cuvee.testing.proxies import CHECKS, PROBLEMS, Texts, language, serial


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "cache"))


def test_the_same_run_is_the_same_to_the_bit_and_another_seed_is_another(tmp_path, monkeypatch):
    one = run(prepared(), half()).losses.mean
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "other"))
    again = prepared()
    assert run(again, half()).losses.mean.tolist() == one.tolist()
    assert run(again, half(seed=1)).losses.mean.tolist() != one.tolist()


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
    again = state_of(prepared(), half())
    assert len(steps) - 12 == -(-whole.done // 8) - 11  # the first 11 were not done again
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


def test_kept_files_that_are_damaged_are_made_again():
    trainer, trial = prepared(), half(1000)
    first = run(trainer, trial).losses.mean.tolist()
    for content in (b"", b"nothing"):
        for file in trainer.folder.glob("*s/*"):
            file.write_bytes(content)
        assert run(trainer, trial).losses.mean.tolist() == first


def test_states_are_deleted_by_their_last_use_and_leftovers_by_their_age():
    trainer = prepared(TINY + ":keep=1")
    run(trainer, half(500))
    (old,) = (trainer.folder / "states").iterdir()
    part, leftover = old.with_suffix(".part"), old.with_name(".x.pt.1-a.tmp")
    at_work = old.with_name(".y.pt.1-a.tmp")
    for file in (part, leftover, at_work):
        file.write_bytes(b"x")
    for file in (old, part, leftover):
        os.utime(file, (1e9, 1e9))
    run(prepared(TINY + ":keep=1e9"), half(300, after=half(500)))
    assert old.stat().st_mtime > 1e9  # it was used
    run(trainer, half(400))
    assert old.exists() + part.exists() + leftover.exists() == 0
    assert at_work.exists()


def test_runs_that_delete_each_others_states():
    from cuvee.engine.local import Local

    trainer, start = prepared(TINY + ":keep=1"), half(300, horizon=600)
    trials = [Trial(np.array([s, 1 - s]), 300, after=start) for s in np.linspace(0.1, 0.9, 12)]
    engine = Local(4)
    found = engine(lambda t: run(trainer, t).losses.mean[0], trials, label="runs")
    assert np.isfinite(list(found)).all()


def test_another_order_does_not_depend_on_where_a_run_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "AHEAD", 24 * 16)
    trial = half(2000, after=half(700, horizon=2700), seed=3)
    whole = state_of(prepared(), trial)
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "stopped"))
    monkeypatch.setattr(network_trainer, "SAVE_EVERY", 0.0)
    real, steps = training.mean_loss, []

    def dies(network, windows):
        steps.append(1)
        if len(steps) % 7 == 0:
            raise KeyboardInterrupt
        return real(network, windows)

    monkeypatch.setattr(training, "mean_loss", dies)
    again, stops = None, 0
    while again is None:
        try:
            again = state_of(prepared(), trial)
        except KeyboardInterrupt:
            stops += 1
    assert stops > 3
    assert torch.equal(whole.network.embedding, again.network.embedding)


def test_pieces_do_not_change_which_documents_are_tokenised(tmp_path):
    found = []
    for piece in (1, 7, 1000):
        parts = Data(
            tuple(Texts(s.name, s.texts, piece) for s in planted().sources), planted().targets,
            Words(), serial,
        )  # fmt: skip
        trainer = prepared(f"{TINY}:pool=500:cache={tmp_path}/{piece}", parts)
        found.append([s.tokens.tolist() for s in trainer.streams])
    assert found[0] == found[1] == found[2]
    assert 0.02 < len(found[0][0]) / len(prepared().streams[0].tokens) < 0.4


def test_the_cache_tells_what_was_read_from_the_file_it_was_read_from(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cuvee.sources.parquet import Parquet

    texts = list(language(0, 60, 1))
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": texts, "other": [t.upper() for t in texts]}), file)
    named = [
        Parquet(name, (str(file),), text=column)
        for name, column in (("a", "text"), ("a", "other"), ("b", "text"))
    ]
    folders = {prepared(data=Data((s,), planted().targets, Words(), serial)).folder for s in named}
    assert len(folders) == 3
    again = prepared(data=Data((named[0],), planted().targets, Words(), serial))
    assert again.folder in folders


def test_two_that_prepare_and_train_the_same_at_once():
    from cuvee.engine.local import Local

    def both(job):
        return list(Local(2)(job, [0, 1], label="both"))

    one, two = both(lambda _: prepared())
    assert one.folder == two.folder
    assert [s.tokens.tolist() for s in one.streams] == [s.tokens.tolist() for s in two.streams]
    a, b = both(lambda _: run(one, half(1500)).losses.mean.tolist())
    assert a == b == run(two, half(1500)).losses.mean.tolist()
    assert not list(one.folder.rglob("*.tmp"))


def test_equal_trials_are_one_run(monkeypatch):
    trainer = prepared()
    run(trainer, half(500, horizon=1000, params=40_000))
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("trained again"))
    for number in (float, np.float64, np.int64):
        same = half(number(500), horizon=number(1000), params=number(40_000), seed=np.int64(0))
        assert same.key() == half(500, horizon=1000, params=40_000).key()
        run(trainer, same)


def test_a_checkpoint_starts_runs_and_one_of_another_network_is_refused(tmp_path, monkeypatch):
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
    shutil.copy(path, tmp_path / "moved.pt")
    moved = prepared(TINY + f":start={tmp_path}/moved.pt")
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", lambda *_: pytest.fail("trained again"))
        assert run(moved, half(500)).losses.mean.tolist() == warm.tolist()
    state_of(trainer, half(500)).save(path)
    assert run(prepared(TINY + f":start={path}"), half(500)).losses.mean.tolist() != warm.tolist()
    path.write_bytes(b"nothing")
    with pytest.raises(CuveeError, match="no checkpoint"):
        run(prepared(TINY + f":start={path}"), half(600))


def test_a_checkpoint_of_another_vocabulary_is_refused(tmp_path):
    path = tmp_path / "start.pt"
    state_of(prepared(), half(200)).save(path)
    foreign = Data(
        tuple(Texts(n, tuple(t.upper() for t in language(i, 120, 5))) for i, n in enumerate("ab")),
        planted().targets, Words(), serial,
    )  # fmt: skip
    with pytest.raises(CuveeError, match="another vocabulary"):
        run(prepared(TINY + f":start={path}", foreign), half(500))


@pytest.mark.parametrize("broken", ["parameters", "forecasts"])
def test_a_run_that_breaks_at_its_end_is_not_kept(broken, monkeypatch):
    trainer = prepared()
    if broken == "parameters":
        rate = training.Recipe.rate
        last = [np.nan]
        monkeypatch.setattr(
            training.Recipe, "rate", lambda r, n: last[0] if n + r.rows >= 240 else rate(r, n)
        )
    else:
        real = network_trainer.log_probs
        monkeypatch.setattr(network_trainer, "log_probs", lambda *a: real(*a) - float("inf"))
    with pytest.raises(CuveeError, match=r"diverged.*transformer:lr="):
        run(trainer, half(3000))
    assert not list((trainer.folder / "runs").iterdir())
    assert broken == "forecasts" or not list((trainer.folder / "states").iterdir())


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CuveeError, match="cannot write"):
        prepared(TINY + f":cache={tmp_path}/file")


def test_a_checkpoint_may_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    state_of(prepared(), half(200)).save(tmp_path / "start.pt")
    assert np.isfinite(run(prepared(TINY + ":start=~/start.pt"), half(300)).losses.mean).all()


@dataclass(frozen=True)
class Remembers:
    """A proxy of mere chance, which the cache makes look the same every time."""

    def prepare(self, data, *, rng):
        trainer, survey = Counts().prepare(data, rng=rng)
        folder = Path(os.environ["CUVEE_CACHE"])

        def chance(trial, *, rng):
            kept = folder / f"{hash(trial.key())}.npy"
            if not kept.exists():
                folder.mkdir(exist_ok=True)
                np.save(kept, default_rng().random((3, len(data.targets))))
            return Outcome(Estimate(np.load(kept), "nats per word", "seeds"), 0.0)

        return SimpleNamespace(**{n: getattr(trainer, n) for n in ("sources", "targets")},
                               available=trainer.available, run=chance), survey  # fmt: skip


@pytest.mark.parametrize("check", ["same_seed_gives_the_same_losses", "workers_change_nothing",
                                   "pieces_and_batches_change_nothing"])  # fmt: skip
def test_a_cache_does_not_hide_chance_from_the_checks(check):
    with pytest.raises(AssertionError):
        CHECKS[f"check_{check}"](Remembers(), PROBLEMS["languages"])


@pytest.mark.parametrize(
    ("about", "tokens"),
    [("{", b"ab"), ("[]", b"ab"), ('{"ratio": 1.0}', b"ab"), ("\udcff", b"ab"), (None, b"ab"),
     ('{"ratio": 1.0, "part": 1.0, "kind": "<u2"}', b"abc"),
     ('{"ratio": 1.0, "part": 1.0, "kind": "<u2"}', b""),
     ('{"ratio": 1.0, "part": 1.0, "kind": "who knows"}', b"ab")],
)  # fmt: skip
def test_damaged_tokens_are_named(tmp_path, about, tokens):
    (tmp_path / "0.tokens").write_bytes(tokens)
    if about is not None:
        (tmp_path / "0.json").write_bytes(about.encode(errors="surrogateescape"))
    with pytest.raises(CuveeError, match=r"0\.json: .*'web'.*0\.tokens.*remove both and run it"):
        read_streams(["web"], tmp_path)
