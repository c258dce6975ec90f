"""Temporary files of processes that were killed, told from those of processes at work."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # not on Windows
    fcntl = None

OWN = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")
"""Names of temporary files that each have one process."""


@contextmanager
def at_work(path: Path) -> Iterator[None]:
    """Make a temporary file that `sweep` leaves alone until the process is done with it, or dead.

    The lock is of the file, wherever it is renamed to, and the system drops it with the process.
    """
    while True:
        with path.open("wb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):  # swept between the two: made again
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield
                    return


def sweep(folder: Path) -> None:
    """Delete what killed processes left in a folder and below; who is at work is not disturbed."""
    if fcntl is None:
        return
    for path in folder.rglob(".*.tmp"):
        if OWN.fullmatch(path.name):
            with suppress(OSError), path.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
