"""All cores of this machine, as threads."""

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cuvee.core import CuveeError

WAIT = 0.5
"""Seconds after which a waiting caller looks up for Ctrl-C."""
BRIEF = 5e-4
"""Seconds for which a thread may keep others from the interpreter. Python's own 5 ms are long where
most calls need it for microseconds only: a fifth of the time on two cores went into waiting."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Progress(Protocol):
    """Told about each finished job."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """`done` of `total` jobs of this stage are finished."""
        ...


def silent(label: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Local:
    """Runs jobs on the cores of this machine.

    Threads, not processes: the hot paths are numpy, pyarrow and decompression, which let other
    threads run; sources may be closures that no other process could receive; and a script needs
    no `if __name__ == "__main__"`. They are daemons, so that Ctrl-C ends the program at once.

    Args:
        workers: Threads; all cores by default.
        progress: Called in the caller's thread after each job.
        memory: Bytes that all jobs together may hold; fewer run at a time if they hold much.
    """

    workers: int = 0
    progress: Progress = field(default=silent)
    memory: int = 2 * 2**30

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise CuveeError(f"workers must be 0 (all cores) or more, got {self.workers}.")

    def __reduce__(self) -> Any:
        return Local, (1, silent, self.memory)  # whoever runs jobs inside a job does so where it is

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

        At most twice as many results as workers wait to be taken, so memory is bounded. The
        first error stops the rest, and comes when nothing is at work any more: whoever tries
        again meets no leftover. Ctrl-C waits for nobody.
        """
        room = max(1, self.memory // holds) if holds else len(items)
        workers = min(self.workers or os.cpu_count() or 1, room, len(items))
        self.progress(label, 0, len(items))
        tasks: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        results: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            while (i := tasks.get()) is not None:
                try:
                    results.put((i, job(items[i]), None))
                except BaseException as error:
                    results.put((i, None, error))

        def call_off() -> None:
            with suppress(queue.Empty):  # take back what nobody has begun
                while True:
                    tasks.get_nowait()
            for _ in threads:
                tasks.put(None)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
        for thread in threads:
            thread.start()
        interval = sys.getswitchinterval()
        try:
            sys.setswitchinterval(min(interval, BRIEF))
            yield from self._in_order(tasks, results, len(items), 2 * workers, label)
        except Exception:  # whatever a job raised; Ctrl-C and a closed iterator wait for nobody
            call_off()
            for thread in threads:
                thread.join()
            raise
        finally:
            sys.setswitchinterval(interval)
            call_off()

    def _in_order(
        self,
        tasks: "queue.SimpleQueue[int | None]",
        results: "queue.SimpleQueue[tuple[int, Any, BaseException | None]]",
        total: int,
        ahead: int,
        label: str,
    ) -> Iterator[Any]:
        waiting: dict[int, Any] = {}
        asked = finished = 0
        for i in range(total):
            while asked < min(total, i + ahead):
                tasks.put(asked)
                asked += 1
            while i not in waiting:
                j, result, error = _taken(results)
                if error is not None:
                    raise error
                waiting[j] = result
                finished += 1
                self.progress(label, finished, total)
            yield waiting.pop(i)


def _taken(results: "queue.SimpleQueue[Any]") -> Any:
    """The next result.

    A signal that comes just before the wait does not end it: who waits for ever misses Ctrl-C.
    """
    while True:
        try:
            return results.get(timeout=WAIT)
        except queue.Empty:
            continue
