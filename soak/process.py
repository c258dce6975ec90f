"""Commands in processes of their own, forked from one that has loaded the program already."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["soak.child"])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs: all folders that it may touch.

    Args:
        work: The current folder, with the sources; not to be changed.
        out: For what the command writes; may hold a folder or a file.
        cache: Of the user.
        temporary: Of the system.
        log: File for what the command says.
    """

    work: Path
    out: Path
    cache: Path
    temporary: Path
    log: Path

    @staticmethod
    def below(folder: Path, name: str) -> "Place":
        """A new place beside others that share the folder `work`."""
        own = folder / name
        place = Place(folder / "work", own / "out", own / "cache", own / "temporary", own / "log")
        for path in (place.out, place.cache, place.temporary):
            path.mkdir(parents=True)
        return place


class Started:
    """A command at work.

    Args:
        words: Of the command; OUT stands for `place.out`.
        place: Where it runs.
        settings: `event`, `then` and `first` of `soak.child.run`.
    """

    def __init__(self, words: Sequence[str], place: Place, **settings: Any) -> None:
        from soak import child

        self.place, self.took = place, CONTEXT.Array("d", 2, lock=False)
        place.log.unlink(missing_ok=True)
        words = [word.replace("OUT", str(place.out)) for word in words]
        arguments = (words, place, self.took)
        self.process = CONTEXT.Process(target=child.run, args=arguments, kwargs=settings)
        self.process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """Its status; None if it is still at work after so many seconds."""
        self.process.join(seconds)
        return self.process.exitcode

    def send(self, number: int) -> None:
        """Send a signal to it alone."""
        if self.process.pid is not None and self.process.exitcode is None:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill it, and all that it started."""
        pid = self.process.pid
        try:
            if pid is not None and os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:  # in its very first moment
                self.process.kill()
        except ProcessLookupError:
            return

    @property
    def said(self) -> str:
        """All that it has written to the terminal."""
        return self.place.log.read_text() if self.place.log.exists() else ""
