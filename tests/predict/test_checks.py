"""Each check fails on a law that breaks its claim."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest

from cuvee.core import Estimate, Points
from cuvee.predict.constant import Constant
from cuvee.predict.power import Power
from cuvee.testing.planted_laws import Planted
from cuvee.testing.predict import CHECKS, check_law

CALLS = count()


@dataclass(frozen=True)
class Fit:
    """A fit of the power law, with its forecasts bent."""

    inner: Any
    bend: Callable = lambda points: 1.0
    stretch: float = 1.0
    notes: tuple[str, ...] = ()
    unit: str = "nats per token"

    @property
    def parameters(self):
        return self.inner.parameters

    @property
    def objective(self):
        return self.inner.objective

    def mean(self, points):
        return self.inner.mean(points) * np.reshape(self.bend(points), (-1, 1))

    def predict(self, points):
        return self._drawn(points, self.inner.predict(points))

    def expected(self, points):
        return self._drawn(points, self.inner.expected(points))

    def _drawn(self, points, estimate):
        mean, away = self.mean(points), estimate.draws / estimate.mean - 1
        return Estimate(mean * (1 + self.stretch * away), self.unit, estimate.spread, mean)


@dataclass(frozen=True)
class Right:
    """The power law of the room; faults override its fit."""

    needs: ClassVar[tuple[str, ...]] = ("tokens",)
    published: ClassVar[Mapping[str, float]] = Power.published
    value: ClassVar[Callable] = staticmethod(Power.value)

    def fit(self, runs, *, rng):
        return Fit(Power(draws=100).fit(runs, rng=rng))


@dataclass(frozen=True)
class Undocumented(Right):
    """Has a setting that no word is said about."""

    depth: int = 3


@dataclass(frozen=True)
class OneTooMany(Right):
    """Its forecast has another shape than its points."""

    def fit(self, runs, *, rng):
        @dataclass(frozen=True)
        class Flat(Fit):
            def mean(self, points):
                return super().mean(points)[:, 0]

        return Flat(super().fit(runs, rng=rng).inner)


@dataclass(frozen=True)
class Unitless(Right):
    def fit(self, runs, *, rng):
        return replace(super().fit(runs, rng=rng), unit="")


@dataclass(frozen=True)
class Drifting(Right):
    """Fits the runs, and goes wrong beyond them."""

    def fit(self, runs, *, rng):
        most = runs.points.tokens.max()
        return replace(
            super().fit(runs, rng=rng),
            bend=lambda points: np.maximum(points.tokens / most, 1) ** 0.05,
        )


@dataclass(frozen=True)
class Stubborn(Right):
    """Knows the published constants, and looks at no run."""

    def fit(self, runs, *, rng):
        planted = Planted(Right())
        return Fit(Power(draws=100).fit(planted.runs(noise=1e-6), rng=rng))


@dataclass(frozen=True)
class Overconfident(Right):
    """States a third of the real error."""

    stretch: ClassVar[float] = 1 / 3

    def fit(self, runs, *, rng):
        return replace(super().fit(runs, rng=rng), stretch=self.stretch)


@dataclass(frozen=True)
class Vague(Overconfident):
    """States five times the real error."""

    stretch: ClassVar[float] = 5.0


@dataclass(frozen=True)
class VagueForAReason(Vague):
    """Says what the runs leave open."""

    def fit(self, runs, *, rng):
        return replace(super().fit(runs, rng=rng), notes=("alpha is not identified.",))


@dataclass(frozen=True)
class VagueAndTalkative(Vague):
    """Says something else."""

    def fit(self, runs, *, rng):
        return replace(super().fit(runs, rng=rng), notes=("all was fitted together.",))


@dataclass(frozen=True)
class InNats(Right):
    """Adds what is right in nats alone."""

    def fit(self, runs, *, rng):
        @dataclass(frozen=True)
        class Raised(Fit):
            def mean(self, points):
                return super().mean(points) + 0.015

        return Raised(super().fit(runs, rng=rng).inner)


@dataclass(frozen=True)
class InTokens(Right):
    """Adds what is right in tokens alone."""

    def fit(self, runs, *, rng):
        return replace(
            super().fit(runs, rng=rng), bend=lambda points: 1 + 0.002 * np.log(points.tokens / 1e11)
        )


@dataclass(frozen=True)
class Moody(Right):
    """Draws of its own, whatever the seed."""

    def fit(self, runs, *, rng):
        return super().fit(runs, rng=np.random.default_rng(next(CALLS)))


@dataclass(frozen=True)
class FirstRows(Right):
    """Stops reading after some rows."""

    def fit(self, runs, *, rng):
        return super().fit(runs.rows(np.arange(min(len(runs), 12))), rng=rng)


@dataclass(frozen=True)
class Undemanding(Right):
    """Takes one scale for a constant."""

    def fit(self, runs, *, rng):
        if runs.points.states("tokens") and np.ptp(runs.points.tokens) == 0:
            return Fit(Constant(draws=100).fit(runs, rng=rng))
        return super().fit(runs, rng=rng)


@dataclass(frozen=True)
class Brittle(Right):
    """Right only where the truth is its own formula: what does not fit moves its forecasts."""

    def fit(self, runs, *, rng):
        fit = super().fit(runs, rng=rng)
        left = np.log(fit.mean(runs.points) / runs.losses)[:, 0]
        turn = np.log(runs.points.tokens)
        wave = abs(np.corrcoef(left, np.sin(2 * np.pi * (turn - turn.min()) / np.ptp(turn)))[0, 1])
        return replace(fit, bend=lambda points: 1 + 0.05 * (wave > 0.3))


FAULTS = {
    "check_is_a_frozen_value_of_settings": [Undocumented()],
    "check_obeys_the_contract": [OneTooMany(), Unitless()],
    "check_recovers_itself": [Drifting()],
    "check_never_loses_to_the_constant_law": [Stubborn()],
    "check_intervals_are_honest": [Overconfident(), Vague(), VagueAndTalkative(), Drifting()],
    "check_stays_near_a_truth_of_another_formula": [Drifting(), Brittle(), Overconfident()],
    "check_units_are_kept": [InNats(), InTokens()],
    "check_same_seed_gives_the_same_answer": [Moody(), FirstRows()],
    "check_refuses_what_it_cannot_fit": [Undemanding()],
}
PAIRS = [(check, fault) for check, faults in FAULTS.items() for fault in faults]


def test_every_check_has_a_fault():
    assert list(FAULTS) == list(CHECKS)


@pytest.mark.parametrize(("check", "fault"), PAIRS, ids=lambda x: getattr(x, "__name__", None))
def test_check_finds_the_fault(check, fault):
    with pytest.raises(AssertionError):
        CHECKS[check](fault)


@pytest.mark.parametrize("law", [Right(), Constant()])
def test_a_right_law_passes_every_check(law):
    check_law(law)


def test_wide_intervals_are_excused_by_what_the_runs_leave_open():
    CHECKS["check_intervals_are_honest"](VagueForAReason())


def test_only_a_law_without_scales_may_take_one_scale():
    assert Planted(Constant()).flat
    assert not Planted(Right()).flat
    CHECKS["check_refuses_what_it_cannot_fit"](Constant())


def test_what_is_planted_follows_the_settings_of_the_law():
    planted = Planted(Power(axis="params"))
    points = planted.points(0)
    expected = Power.value(points, **Power.published, axis="params")
    np.testing.assert_allclose(planted.truth(points), expected)


def test_the_first_check_that_fails_is_named():
    with pytest.raises(AssertionError, match="check_recovers_itself: median error"):
        check_law(Drifting())


def test_a_truth_of_another_formula_is_off_by_its_misfit_alone():
    own, other = Planted(Right()), Planted(Right(), misfit=0.003, reach=0.5)
    points = other.points(1, beyond=True, count=400)
    assert points.tokens.max() <= 2 * 5e10
    off = other.truth(points) / own.truth(points) - 1
    assert 0.002 < np.ptp(off) <= 0.006
    runs = Points.of(tokens=np.geomspace(1e9, 5e10, 101))
    assert np.abs(other.truth(runs) / own.truth(runs) - 1).max() == pytest.approx(0.003, abs=1e-5)
