"""Proxies that stand in for training in tests: counts with other settings, and luck."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from cuvee.core import Outcome
from cuvee.proxies.counts import Counts

RAN = []
"""Trials that were really run, since a test emptied it."""


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """Another smoothing than that of the free forecast, in another unit, with luck."""

    inner: object
    noise: float
    stop: int
    slope: float = 0.8

    @property
    def sources(self):
        return self.inner.sources

    @property
    def targets(self):
        return self.inner.targets

    @property
    def available(self):
        return self.inner.available

    def run(self, trial, *, rng):
        RAN.append(trial)
        if len(RAN) == self.stop:
            raise KeyboardInterrupt
        found = self.inner.run(replace(trial, gradient="none"), rng=rng).losses
        words = np.frombuffer(repr((trial.seed, *np.round(trial.seen(), 3))).encode(), np.uint8)
        luck = np.random.default_rng(words).normal(0, self.noise, len(self.targets))
        losses = found.map(lambda x: self.slope * x + 3, found.unit).shifted(luck)
        return Outcome(losses, cost=trial.cost())


@dataclass(frozen=True, slots=True)
class Fake:
    """A proxy that trains; its free forecast is `counts`."""

    real: ClassVar[bool] = True
    prior: ClassVar[str] = "counts"

    k: float = 100.0
    noise: float = 0.003
    stop: int = 0
    slope: float = 0.8
    cache: str = ""

    def prepare(self, data, *, rng):
        inner, survey = Counts(order=2, k=self.k).prepare(data, rng=rng)
        return Training(inner, self.noise, self.stop, self.slope), survey


@dataclass(frozen=True, slots=True)
class Alone:
    """The same without a free forecast."""

    real: ClassVar[bool] = True

    def prepare(self, data, *, rng):
        return Fake().prepare(data, rng=rng)
