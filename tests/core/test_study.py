"""Trials, the study that keeps them, its table, and replayed searches."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from cuvee.core import (
    CuveeError,
    Estimate,
    Outcome,
    Problem,
    Study,
    Trial,
    next_trial,
    stream,
)

PROBLEM = Problem.of(["a", "b"], ["t", "u"], [1e6, 1e6], 1000)


def outcome(*losses):
    draws = np.array(losses) + np.linspace(-0.1, 0.1, 5)[:, None]
    return Outcome(Estimate(draws, "nats per token", "seeds"), cost=1.0)


def trial(share, **settings):
    return Trial(np.array([share, 1 - share]), 1000, **settings)


def test_record_returns_a_new_study():
    empty = Study(PROBLEM)
    one = empty.record((trial(0.5),), (outcome(1, 3),))
    two = one.record((trial(0.2),), (outcome(1, 2),))
    assert (len(empty.trials), len(one.trials), len(two.trials)) == (0, 1, 2)
    assert two.shares.tolist() == [[0.5, 0.5], [0.2, 0.8]]
    assert two.losses == pytest.approx(np.array([[1, 3], [1, 2]]))
    assert two.scores == pytest.approx([2, 1.5])
    assert two.best() == 1
    assert empty.shares.shape == (0, 2)
    assert empty.losses.shape == (0, 2)


def test_best_of_nothing_and_wrong_counts_are_told():
    with pytest.raises(CuveeError, match="no trial"):
        Study(PROBLEM).best()
    with pytest.raises(CuveeError, match="2 trials but 1 outcomes"):
        Study(PROBLEM).record((trial(0.5), trial(0.1)), (outcome(1, 1),))


def test_trials_are_found_by_what_they_ask():
    study = Study(PROBLEM).record((trial(0.5),), (outcome(1, 3),))
    assert study.find(trial(0.5)) is study.outcomes[0]
    others = [trial(0.4), trial(0.5, seed=1), trial(0.5, gradient="mean"),
              trial(0.5, after=study.trials[0]), Trial(np.array([0.5, 0.5]), 999)]  # fmt: skip
    assert [study.find(other) for other in others] == [None] * 5


def test_seen_adds_up_along_the_chain():
    first = Trial(np.array([1.0, 0.0]), 100)
    last = Trial(np.array([0.5, 0.5]), 60, after=first)
    assert last.seen().tolist() == [130, 30]


def test_saved_table(tmp_path):
    first = trial(0.25, seed=3)
    second = trial(0.5, after=first)
    study = Study(PROBLEM).record((first, second), (outcome(1, 3), outcome(2, 4)))
    study.save(tmp_path / "runs.parquet")
    table = pq.read_table(tmp_path / "runs.parquet").to_pydict()
    assert list(table) == ["run", "tokens", "seed", "params", "after", "share/a", "share/b",
                           "loss/t", "sd/t", "loss/u", "sd/u"]  # fmt: skip
    assert table["run"] == [0, 1]
    assert table["tokens"] == [1000, 1000]
    assert table["seed"] == [3, 0]
    assert table["after"] == [None, 0]
    assert table["share/a"] == [0.25, 0.5]
    assert table["loss/u"] == pytest.approx([3, 4])
    assert table["sd/t"] == pytest.approx([np.linspace(-0.1, 0.1, 5).std(ddof=1)] * 2)


def test_saved_spread_is_nan_where_it_was_not_measured(tmp_path):
    unmeasured = Outcome(Estimate(np.ones((1, 2)), "nats per token", "none"), cost=1.0)
    Study(PROBLEM).record((trial(0.5),), (unmeasured,)).save(tmp_path / "runs.parquet")
    assert np.isnan(pq.read_table(tmp_path / "runs.parquet")["sd/t"][0].as_py())
    Study(PROBLEM).save(tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_a_failed_save_leaves_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "runs.parquet"
    Study(PROBLEM).save(path)
    before = path.read_bytes()

    def spoil(table, where, **settings):
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", spoil)
    with pytest.raises(CuveeError, match="no space is left"):
        Study(PROBLEM).save(path)
    assert path.read_bytes() == before


def test_replayed_search_asks_one_trial_after_another():
    def search(ask):
        share = 0.5
        for _ in range(4):
            loss = ask(trial(share)).losses.mean[0]
            share = share / 2 if loss > 1 else share + 0.1
        return share

    study, asked = Study(PROBLEM), []
    while trials := next_trial(study, search):
        assert len(trials) == 1
        asked.append(trials[0].shares[0])
        study = study.record(trials, (outcome(2 * asked[-1] + 0.6, 0),))
    assert asked == pytest.approx([0.5, 0.25, 0.125, 0.225])
    assert search(lambda t: study.known()[t.key()]) == pytest.approx(0.1125)


def test_streams_depend_on_the_seed_and_the_name_only():
    def first(*key):
        return stream(*key).integers(2**62)

    keys = [(0, "a"), (0, "b"), (1, "a"), (0, "a", 0), (0, "a", 1), (0,)]
    found = [first(*key) for key in keys]
    assert len(set(found)) == len(keys)
    assert found == [first(*key) for key in keys]
