"""Results of jobs kept in a folder: where long work goes on, and how processes share it."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from cuvee.core import CuveeError
from cuvee.core.codec import Unknown, from_bytes, to_bytes
from cuvee.core.data import Engine
from cuvee.core.files import entries, write_whole
from cuvee.engine.local import Local, Progress, silent

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK = 0.1
"""Seconds between two looks for what other processes have finished, at first."""
SELDOM = 2.0
"""Seconds between two looks, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Another engine whose results are kept; several such processes share the work.

    Every process goes through the same program and does the jobs whose number, divided by
    `world`, leaves its `rank`; the results of all others it reads from the folder. One process
    alone finds there what it had finished before it was stopped.

    Args:
        engine: Does the jobs.
        folder: Of this one piece of work: another question, or other input, needs another.
        rank: Number of this process, from 0.
        world: Processes.
        patience: Seconds without any new result of another process after which it is given up.
        stages: Numbers for the calls, which every process counts alike.
        left: Whether this process has said that it needs nothing more.
        home: Thread of the program; what other threads ask for is part of a job.
    """

    engine: Engine
    folder: Path
    rank: int = 0
    world: int = 1
    patience: float = 3600.0
    stages: Iterator[int] = field(default_factory=count, repr=False)
    left: list[bool] = field(default_factory=list, repr=False)
    home: int = field(default_factory=threading.get_ident, repr=False)

    def __post_init__(self) -> None:
        if self.world < 1 or not 0 <= self.rank < self.world:
            raise CuveeError(
                f"expected --rank from 0 to --world less 1, got {self.rank} of {self.world}."
            )
        _file(self.folder / "failed", self.rank).unlink(missing_ok=True)

    def __reduce__(self) -> Any:
        return Local, (1,)  # in another process there is nothing to keep

    @property
    def progress(self) -> Progress:
        """Of the engine below."""
        return getattr(self.engine, "progress", silent)

    def __call__(
        self,
        job: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        label: str,
        holds: int = 0,
        light: bool = False,
    ) -> Iterator[Result]:
        """Results in the order of the items.

        Light work, and work inside a job, is done here and not kept.
        """
        if light or threading.get_ident() != self.home:
            return self.engine(job, items, label=label, holds=holds, light=light)
        name = hashlib.blake2b(f"{label} {len(items)}".encode(), digest_size=4).hexdigest()
        stage = self.folder / f"{next(self.stages):04d}-{name}"
        if self.world == 1:
            return self._alone(stage, job, items, label, holds)
        return self._together(stage, job, items, label, holds)

    def leave(self) -> None:
        """Say that nothing more is needed of the folder; rank 0 waits until all others did."""
        if self.left:
            return
        self.left.append(True)
        if self.rank:
            _keep(self.folder / "left", self.rank, b"")
            return
        for other in range(1, self.world):
            self._wait(self.folder / "left", other, "the end")

    def fail(self, reason: str) -> None:
        """Tell the others that nothing more will come from here."""
        if self.world > 1:
            with suppress(OSError, CuveeError):
                _keep(self.folder / "failed", self.rank, reason.encode())

    def _alone(
        self, stage: Path, job: Callable[[Any], Any], items: Sequence[Any], label: str, holds: int
    ) -> Iterator[Any]:
        lacking = [i for i in range(len(items)) if not _file(stage, i).exists()]
        made = self.engine(job, [items[i] for i in lacking], label=label, holds=holds)
        new = set(lacking)
        for i in range(len(items)):
            if i not in new:
                yield from_bytes(_file(stage, i).read_bytes())
                continue
            result = next(made)
            with suppress(Unknown):  # whatever a method of the user's own returns: made again
                _keep(stage, i, to_bytes(result))
            yield result

    def _together(
        self, stage: Path, job: Callable[[Any], Any], items: Sequence[Any], label: str, holds: int
    ) -> Iterator[Any]:
        mine = range(self.rank, len(items), self.world)
        lacking = [i for i in mine if not _file(stage, i).exists()]
        made = self.engine(job, [items[i] for i in lacking], label=label, holds=holds)
        for i, result in zip(lacking, made):
            try:
                _keep(stage, i, to_bytes(result))
            except Unknown as error:
                raise CuveeError(
                    f"{label}: the results cannot be shared between processes, {error}: leave out "
                    "--rank and --world."
                ) from error
        for i in range(len(items)):
            self._wait(stage, i, label)
            yield from_bytes(_file(stage, i).read_bytes())

    def _wait(self, stage: Path, i: int, label: str) -> None:
        """Until another process has written a result."""
        seen, since, pause = -1, time.monotonic(), LOOK
        while not _file(stage, i).exists():
            time.sleep(pause)
            stage.mkdir(parents=True, exist_ok=True)
            there = len(entries(stage))  # also tells a network disk to look
            if there != seen:
                seen, since, pause = there, time.monotonic(), LOOK
            pause = min(1.5 * pause, SELDOM)
            self._check_others()
            if time.monotonic() - since > self.patience:
                raise CuveeError(
                    f"{label}: nothing came from rank {i % self.world} for {self.patience:.0f} s: "
                    "start it again with the same command; what is finished stays."
                )

    def _check_others(self) -> None:
        for other in (r for r in range(self.world) if r != self.rank):
            failed = _file(self.folder / "failed", other)
            if failed.exists():
                reason = failed.read_bytes().decode(errors="replace")
                raise CuveeError(f"rank {other} stopped: {reason}")


def _file(stage: Path, i: int) -> Path:
    return stage / f"{i:06d}"


def _keep(stage: Path, i: int, data: bytes) -> None:
    stage.mkdir(parents=True, exist_ok=True)
    write_whole(_file(stage, i), lambda path: path.write_bytes(data))
