"""An engine with a watch: how long jobs take."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from cuvee.core.data import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")

Clocks = Float[np.ndarray, "2"]
"""Seconds that passed, and seconds of work of the thread itself: on a machine that does nothing
else, from a disk that is fast, they are nearly the same."""


def now() -> Clocks:
    """Both clocks."""
    return np.array([time.perf_counter(), time.thread_time()])


@dataclass(slots=True)
class Stage:
    """What the watch saw of one call of the engine; filled while it runs.

    Args:
        label: Of the call.
        seconds: Of each job, by both clocks.
        wall: From its beginning to its end.
        between: What the caller took of that for the results.
    """

    label: str
    seconds: list[Clocks] = field(default_factory=list)
    wall: Clocks = field(default_factory=lambda: np.zeros(2))
    between: Clocks = field(default_factory=lambda: np.zeros(2))

    @property
    def total(self) -> Clocks:
        """Seconds of all jobs."""
        return np.sum(self.seconds, axis=0) if self.seconds else np.zeros(2)


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Another engine, and how long its jobs take.

    Args:
        engine: Does the jobs.
        stages: What was seen; it grows.
    """

    engine: Engine
    stages: list[Stage] = field(default_factory=list)

    def __call__(
        self,
        job: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        label: str,
        holds: int = 0,
        light: bool = False,
    ) -> Iterator[Result]:
        """As the engine."""
        stage = Stage(label)
        self.stages.append(stage)
        start = now()
        done = self.engine(partial(_timed, job), items, label=label, holds=holds, light=light)
        for seconds, result in done:
            stage.seconds.append(seconds)
            begin = now()
            yield result
            stage.between = stage.between + now() - begin
        stage.wall = now() - start

    def of(self, label: str) -> Stage:
        """All stages of a label as one."""
        found = Stage(label)
        for stage in (s for s in self.stages if s.label == label):
            found.seconds += stage.seconds
            found.wall = found.wall + stage.wall
            found.between = found.between + stage.between
        return found

    @property
    def wall(self) -> Clocks:
        """Seconds in which the engine was at work."""
        return np.sum([stage.wall for stage in self.stages] or [np.zeros(2)], axis=0)


def _timed(job: Callable[[Item], Result], item: Item) -> tuple[Clocks, Result]:
    begin = now()
    result = job(item)
    return now() - begin, result
