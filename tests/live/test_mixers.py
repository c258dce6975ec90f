"""Mixers that drive: the same as through proposals, side runs in line, what is refused."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.live.world import BATCH, BATCHES, LAG, SIZES, live, loss_of, train

from cuvee import mix
from cuvee.core import CuveeError, Estimate, Limits, Outcome, Study, Trial, stream
from cuvee.live.driving import Drive, problem_of
from cuvee.live.losses import Tally
from cuvee.live.mixing import LOOK

ONLINE = {
    "odm": "odm:steps=9", "odm released": "odm:steps=9:variant=released", "dump": "dump:steps=9",
    "aioli": "aioli:rounds=2", "doge": "doge:steps=3", "skill_it": "skill_it:steps=4",
    "exp3_flad": "exp3_flad:steps=3", "ucb1_flad": "ucb1_flad:steps=3:plays=3",
}  # fmt: skip
REFUSED = {
    "doremi": "a reference model", "descent": "the gradient of the losses",
    "regmix": "several runs from scratch", "merging": "the mean of several models",
    "two_phase": "several runs",
    "annealing": "the mean of several models", "projektor": "a look at the text",
    "bimix_entropy": "a look at the text",
}  # fmt: skip


@pytest.mark.parametrize("name", ONLINE)
def test_it_drives_to_the_end_of_the_budget(name):
    mixed = live(mixer=ONLINE[name], lag=1, budget=BATCH * 120)
    train(mixed, mixed.loader())
    assert mixed.finished
    part = mixed.study.spent / (120 * BATCH)
    assert part == pytest.approx(1) or name == "ucb1_flad", "which sets aside more than it uses"
    assert 0.7 < part <= 1 + 1e-9
    assert mixed.recommend().mean.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["odm", "odm released", "dump", "aioli"])
def test_the_same_as_through_proposals_on_the_same_losses(name):
    mixed = live(mixer=ONLINE[name], lag=2)
    train(mixed, mixed.loader())
    losses = {i: o.losses.mean for i, o in enumerate(mixed.study.outcomes)}
    mixer, study = mix.load(ONLINE[name]), Study(mixed.study.problem)
    while trials := mixer.propose(study, rng=stream(3, "propose", len(study.trials))):
        found = Outcome(Estimate(losses[len(study.trials)][None], "nats", "none"), trials[0].tokens)
        study = study.record(trials[:1], (found,))
    assert np.array_equal(study.shares, mixed.study.shares)
    assert np.array_equal(mixer.recommend(study, rng=stream(3)).mean, mixed.recommend().mean)


def test_a_leg_is_measured_on_its_own_batches():
    """The mean loss of each source from the start of the leg until the lag before its end."""
    mixed, seen = live(), []
    for x, source in mixed.loader():
        mixed.feedback(source, loss_of(x))
        seen.append(x)
    known = {}
    for leg, outcome in enumerate(mixed.study.outcomes):
        begin = 10 * leg
        for first, last in ((max(begin - LAG, 0), begin), (begin, begin + 10 - LAG)):
            batches = torch.cat([torch.zeros(0, 2), *seen[first:last]])
            for j in range(3):
                if (batches[:, 1] == j).any():
                    known[j] = float(loss_of(batches[batches[:, 1] == j]).mean())
        expected = [known.get(j, np.mean(list(known.values()))) for j in range(3)]
        assert outcome.losses.mean == pytest.approx(expected, abs=1e-5)


def drive_of(mixer, lag=1, batches=BATCHES):
    limits = Limits(50.0)
    problem = problem_of(SIZES, BATCH * batches, (), "mean", limits)
    return Drive.of(mixer, problem, 0, BATCH, lag)


def test_side_runs_are_credited_where_they_branch_off():
    drive = drive_of("skill_it:steps=4")
    level = np.array([5.0, 4.0, 3.0])
    drive = drive.closed(level)
    falls = [np.array(f) for f in ([0.4, 0.0, 0.1], [0.0, 0.3, 0.0], [0.1, 0.0, 0.2])]
    for fall in falls:
        assert drive.trial.after is drive.study.trials[0]
        level = level - fall
        drive = drive.closed(level)
    for fall, outcome in zip(falls, drive.study.outcomes[1:]):
        assert outcome.losses.mean == pytest.approx(np.array([5.0, 4.0, 3.0]) - fall)
    assert drive.trial.after is drive.study.trials[0], "the main run goes on from there, too"
    assert drive.start == drive.end - round(drive.trial.tokens / BATCH)


@pytest.mark.parametrize("name", REFUSED)
def test_what_one_training_run_cannot_give_is_refused_at_once(name):
    with pytest.raises(CuveeError, match=f"{name} asks for {REFUSED[name]}.*cuvee.blend"):
        live(mixer=name, lag=1)


def test_baselines_decide_at_once():
    mixed = live(mixer="natural")
    assert mixed.shares == pytest.approx({n: s / sum(SIZES.values()) for n, s in SIZES.items()})
    for _ in mixed.loader():
        pass
    assert mixed.finished


def test_legs_shorter_than_the_lag_are_refused_at_once():
    with pytest.raises(CuveeError, match=r"odm asks for a leg of 2 batches.*take 7 to arrive"):
        live(mixer="odm:steps=40")


def test_a_mixer_of_ones_own_and_one_that_decides_alone():
    mixed = live(mixer=mix.load("odm:steps=9"))
    train(mixed, mixed.loader(), stop=30)
    with pytest.raises(CuveeError, match="odm decides on the shares"):
        mixed.shares = [1, 0, 0]
    with pytest.raises(CuveeError, match="odm is not finished"):
        mixed.recommend()
    with pytest.raises(CuveeError, match="no mixer decides here"):
        live(shares=[1, 0, 0]).study  # noqa: B018


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Proposes chains that equal those in the study, and are none of them."""

    def propose(self, study, *, rng):
        chain = None
        for _ in range(len(study.trials) + 1):
            chain = Trial(np.array([0.5, 0.3, 0.2]), study.problem.tokens / 5, 0, chain)
        return () if len(study.trials) == 5 else (chain,)

    def recommend(self, study, *, rng):
        return Estimate(study.shares[-1:], "share", "none")


def test_chains_that_a_mixer_builds_again_outlive_a_stop():
    mixed, again = live(mixer=Rebuilt()), live(mixer=Rebuilt())
    train(mixed, mixed.loader(), stop=50)
    again.load_state_dict(json.loads(json.dumps(mixed.state_dict())))
    assert [len(t.chain()) for t in again.study.trials] == [1, 2, 3]
    assert again.state_dict() == mixed.state_dict()
    assert train(again, again.loader()) == train(mixed, mixed.loader())
    assert all(t.after is before for before, t in pairwise(again.study.trials))


def test_a_loss_that_is_not_finite_is_named_and_costs_nothing():
    mixed = live()
    whole = train(mixed, mixed.loader())
    mixed = live()
    train(mixed, mixed.loader(), stop=25)
    state = mixed.state_dict()
    x, source = next(iter(mixed.loader()))
    bad = torch.where(source == 2, float("nan"), loss_of(x))
    with pytest.raises(CuveeError, match="loss of source 'c' is not finite, in batch 25"):
        mixed.feedback(source, bad)
    mixed.state_dict()
    again = live()
    again.load_state_dict(state)
    assert train(again, again.loader()) == whole[25:]


def test_on_a_device_losses_are_read_when_they_are_needed(monkeypatch):
    mixed = live()
    whole = train(mixed, mixed.loader())
    monkeypatch.setattr(Tally, "waiting", property(lambda self: True))
    late = live()
    assert train(late, late.loader()) == whole
    assert late.state_dict() == mixed.state_dict()
    late = live()
    train(late, late.loader(), stop=20)
    late.feedback(torch.tensor([1]), torch.tensor([float("inf")]))
    with pytest.raises(CuveeError, match="loss of source 'b' is not finite"):
        late.state_dict()


def test_on_a_device_a_loss_that_is_not_finite_is_found_soon(monkeypatch):
    monkeypatch.setattr(Tally, "waiting", property(lambda self: True))
    mixed = live(shares=[0.5, 0.3, 0.2])
    with pytest.raises(CuveeError, match=r"loss of source '.' is not finite"):
        for _, source in mixed.loader():
            mixed.feedback(source, torch.full((BATCH,), float("nan")))
    assert mixed.taken == LOOK


def test_losses_that_are_missing_are_asked_for():
    mixed = live()
    with pytest.raises(CuveeError, match=r"odm needs losses by batch 3.*live.feedback"):
        for _ in mixed.loader():
            pass
    mixed.feedback({"a": 2.0, "c": 3.0})
    assert mixed.taken == 3
    next(iter(mixed.loader()))
    assert mixed.study.outcomes[0].losses.mean == pytest.approx([2, 2.5, 3])


def test_targets_are_reported_and_count_alone():
    mixed = live(mixer="aioli:rounds=2", lag=1, targets=["val", "b"], objective="val")
    assert mixed._drive.study.problem.targets == ("a", "b", "c", "val")
    assert mixed._drive.study.problem.objective.weights.tolist() == [0, 0, 0, 1]
    with pytest.raises(CuveeError, match=r"needs a loss of target 'val' by batch 29"):
        train(mixed, mixed.loader())
    mixed.report({"val": 2.0, "b": 1.5})
    for step, (x, source) in enumerate(mixed.loader()):
        mixed.feedback(source, loss_of(x))
        mixed.report({"val": 2 - 0.01 * step})
    assert mixed.study.losses[:, 1].tolist() == [1.5] * len(mixed.study.trials)
    assert mixed.study.losses[-1, 3] < mixed.study.losses[0, 3]


BAD = {
    "mean": (lambda m: m.feedback(torch.zeros(3).long(), torch.tensor(1.0)), "one loss for each"),
    "number": (lambda m: m.feedback(torch.tensor([3]), torch.ones(1)), "by number, 0 to 2"),
    "name": (lambda m: m.feedback({"d": 1.0}), "unknown source 'd'"),
    "nan": (lambda m: m.feedback({"b": float("nan")}), "source 'b' is not finite"),
    "target": (lambda m: m.report({"val": 1.0}), "unknown target 'val'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_feedback(case):
    call, message = BAD[case]
    with pytest.raises(CuveeError, match=message):
        call(live())
