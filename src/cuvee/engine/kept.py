"""Results of jobs kept in a folder: where long work goes on, and how processes share it."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from cuvee.core import CuveeError
from cuvee.core.codec import Unknown, from_bytes, to_bytes
from cuvee.core.data import Engine
from cuvee.core.errors import Broken
from cuvee.core.files import entries, explained, make_folder, write_whole
from cuvee.engine.local import Local, Progress, silent
from cuvee.engine.roll import Roll

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK = 0.1
"""Seconds between two looks for what other processes have finished, at first."""
SAID = 5.0
"""Seconds of waiting after which it is said for whom."""
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
        roll: The processes that share it; this one alone by default.
        patience: Seconds without any new result of another process after which it is given up.
        stages: Numbers for the calls, which every process counts alike.
        gone: Whether this process has said that it needs nothing more.
        home: Thread of the program; what other threads ask for is part of a job.
    """

    engine: Engine
    folder: Path
    roll: Roll | None = None
    patience: float = 3600.0
    stages: Iterator[int] = field(default_factory=count, repr=False)
    gone: list[bool] = field(default_factory=list, repr=False)
    home: int = field(default_factory=threading.get_ident, repr=False)

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self.roll.rank if self.roll else 0

    @property
    def world(self) -> int:
        """Processes."""
        return self.roll.world if self.roll else 1

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
        stage = self.folder / f"{next(self.stages):04d}-{_name(label, items)}"
        if self.world == 1:
            return self._alone(stage, job, items, label, holds)
        return self._together(stage, job, items, label, holds)

    def leave(self) -> None:
        """Say that nothing more is needed of the folder; rank 0 waits until all others did."""
        if self.roll is None or self.world == 1 or self.gone:
            return
        self.gone.append(True)
        if self.rank:
            self.roll.leave()
        for other in range(1, self.world if not self.rank else 1):
            there = partial(self.roll.left, other)
            self._wait(there, self.roll.folder, other, "the end")

    def _alone(
        self, stage: Path, job: Callable[[Any], Any], items: Sequence[Any], label: str, holds: int
    ) -> Iterator[Any]:
        lacking = [i for i in range(len(items)) if not _file(stage, i).exists()]
        made = self.engine(job, [items[i] for i in lacking], label=label, holds=holds)
        new = set(lacking)
        for i in range(len(items)):
            if i not in new:
                yield _kept(stage, i)
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
            self._wait(_file(stage, i).exists, stage, i % self.world, label)
            yield _kept(stage, i)

    def _wait(self, there: Callable[[], bool], folder: Path, rank: int, label: str) -> None:
        """Until another process has written what is needed."""
        seen, since, pause = -1, time.monotonic(), LOOK
        while not there():
            time.sleep(pause)
            if self.roll is not None:
                self.roll.check()
            held = len(entries(folder)) if folder.exists() else 0  # tells a network disk to look
            if held != seen:
                seen, since, pause = held, time.monotonic(), LOOK
            pause = min(1.5 * pause, SELDOM)
            if time.monotonic() - since > SAID:
                self.progress(f"{label}, waiting for rank {rank}", 0, 1)
            if time.monotonic() - since > self.patience:
                raise Broken(
                    f"{label}: nothing came from rank {rank} for {self.patience:.0f} s: start it "
                    "again with the same command; what is finished stays."
                )


def _name(label: str, items: Sequence[Any]) -> str:
    """Of a stage: other items, as far as they can be told apart, have another."""
    digest = hashlib.blake2b(f"{label} {len(items)}".encode(), digest_size=6)
    with suppress(Unknown):
        digest.update(to_bytes(list(items)))
    return digest.hexdigest()


def _file(stage: Path, i: int) -> Path:
    return stage / f"{i:06d}"


def _keep(stage: Path, i: int, data: bytes) -> None:
    with explained(stage):
        make_folder(stage)
    write_whole(_file(stage, i), lambda path: path.write_bytes(data))


def _kept(stage: Path, i: int) -> Any:
    path = _file(stage, i)
    try:
        return from_bytes(path.read_bytes())
    except (OSError, CuveeError) as error:
        raise Broken(f"{path} cannot be read ({error}): remove it, and start again.") from error
