"""Each check fails on a proxy that breaks its claim."""

from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest

from cuvee.core import Estimate
from cuvee.engine.local import Local
from cuvee.proxies.counts import Counts
from cuvee.testing.proxies import CHECKS, PROBLEMS


@dataclass(frozen=True)
class Trainer:
    """Passes calls on, after altering the trial or before altering the outcome."""

    trainer: object
    before: object = None
    after: object = None
    targets: tuple = ()

    @property
    def sources(self):
        return self.trainer.sources

    @property
    def available(self):
        return self.trainer.available

    def run(self, trial, *, rng):
        asked = self.before(self.trainer, trial) if self.before else trial
        outcome = self.trainer.run(asked, rng=rng)
        return self.after(self.trainer, trial, outcome) if self.after else outcome


def shifted(outcome, by):
    losses = outcome.losses
    new = Estimate(losses.draws + by, losses.unit, losses.spread, losses.mean + by)
    return replace(outcome, losses=new)


def spread_out(trainer, trial, outcome):
    losses = outcome.losses
    draws = losses.mean + 4 * (losses.draws - losses.mean)
    return replace(outcome, losses=Estimate(draws, losses.unit, losses.spread, losses.mean))


def unpaired(trainer, trial, outcome):
    losses = outcome.losses
    by = int(trial.shares[0] * 1000) % 17
    return replace(outcome, losses=Estimate(
        np.roll(losses.draws, by, axis=0), losses.unit, losses.spread, losses.mean
    ))  # fmt: skip


def steeper(trainer, trial, outcome):
    if outcome.gradient is None:
        return outcome
    return replace(outcome, gradient=1.01 * outcome.gradient)


CALLS = count()


def corners_fail(trainer, trial, outcome):
    return shifted(outcome, np.nan if trial.shares.min() == 0 else 0.0)


def empty_sources_fail(trainer, trial, outcome):
    return shifted(outcome, np.nan if trainer.available.min() == 0 else 0.0)


def in_wrong_order(trainer, trial):
    return replace(trial, shares=np.roll(trial.shares, 1))


def from_scratch(trainer, trial):
    return replace(trial, after=None)


def mixing_is_punished(trainer, trial, outcome):
    return shifted(outcome, 9 * (1 - trial.shares.max()))


def repeats_are_praised(trainer, trial, outcome):
    return shifted(outcome, 20 - 2 * np.log1p(trial.seen() / trainer.available).max())


@dataclass(frozen=True)
class Proxy:
    """`Counts` whose trainers are altered."""

    before: object = None
    after: object = None
    by_data: object = None
    flip: bool = False

    def prepare(self, data, *, rng):
        trainer, survey = Counts().prepare(data, rng=rng)
        after = self.after
        if self.by_data:
            by = self.by_data(data)
            after = lambda trainer, trial, outcome: shifted(outcome, by)  # noqa: E731
        targets = trainer.targets[::-1] if self.flip else trainer.targets
        if self.flip:
            survey = replace(survey, lengths=survey.lengths[::-1][1:])
        return Trainer(trainer, self.before, after, targets), survey


class NotFrozen:
    def prepare(self, data, *, rng):
        raise AssertionError("never asked")


FAULTS = {
    "check_is_a_frozen_value_of_settings": NotFrozen(),
    "check_trainer_names_what_it_was_given": Proxy(flip=True),
    "check_losses_are_finite_everywhere": Proxy(after=corners_fail),
    "check_gradient_is_the_slope": Proxy(after=steeper),
    "check_same_seed_gives_the_same_losses": Proxy(
        after=lambda t, trial, o: shifted(o, 1e-9 * next(CALLS))
    ),
    "check_pieces_and_batches_change_nothing": Proxy(
        by_data=lambda data: 1e-9 * len(data.sources[0].pieces())
    ),
    "check_workers_change_nothing": Proxy(
        by_data=lambda data: 1e-9 * (isinstance(data.engine, Local) and data.engine.workers)
    ),
    "check_continuing_adds_up": Proxy(before=from_scratch),
    "check_more_of_the_own_source_never_hurts": Proxy(before=in_wrong_order),
    "check_the_best_mixture_of_a_mixed_target_holds_both": Proxy(after=mixing_is_punished),
    "check_repeated_tokens_help_less_than_fresh_ones": Proxy(after=repeats_are_praised),
    "check_draws_are_paired": Proxy(after=unpaired),
    "check_stated_spread_is_the_real_spread": Proxy(after=spread_out),
    "check_source_without_tokens_is_harmless": Proxy(after=empty_sources_fail),
}


def test_every_check_has_a_fault():
    assert list(FAULTS) == list(CHECKS)


@pytest.mark.parametrize("check", FAULTS)
def test_check_finds_the_fault(check):
    mixed = "best_mixture" in check
    with pytest.raises(AssertionError):
        CHECKS[check](FAULTS[check], PROBLEMS["mixed_target" if mixed else "languages"])
