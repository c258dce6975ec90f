"""A lock in a store, which knows no locks: a file that its holder renews."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

RENEW = 10.0
"""Seconds after which the holder says again that it is there."""
LAPSE = 6 * RENEW
"""Seconds without a word after which a lease is nobody's: its holder was killed."""
SETTLE = 0.5
"""Seconds after which of two that came at once the last to write has it."""


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Whether the file could be taken; it is renewed until the end, and then removed.

    Two that come within less than `SETTLE` of each other find out by reading back what the store
    kept. Clocks of different machines do not matter: who waits watches the file change.
    """
    mine = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
    if _renewed(path):
        yield False
        return
    _write(path, mine)
    time.sleep(SETTLE)
    if _holder(path) != mine:
        yield False
        return
    done = threading.Event()

    def renew() -> None:
        while not done.wait(RENEW):
            with suppress(OSError):  # the store may be away for a moment
                if _holder(path) in (mine, None):  # not if others took it while this one slept
                    _write(path, mine)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield True
    finally:
        done.set()
        thread.join()
        with suppress(OSError):
            if _holder(path) == mine:
                path.unlink(missing_ok=True)


def _write(path: Path, holder: str) -> None:
    path.write_bytes(orjson.dumps({"holder": holder, "time": time.time()}))


def _read(path: Path) -> dict[str, object]:
    try:
        # In one request: the holder may write in the middle of a longer reading.
        found = orjson.loads(path.fs.cat_file(path.path))  # type: ignore[attr-defined]
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _holder(path: Path) -> object:
    return _read(path).get("holder")


def _renewed(path: Path) -> bool:
    """Whether somebody holds the lease: fresh by our clock, or renewed while we look."""
    first = _read(path)
    if not first:
        return False
    stamp = first.get("time")
    if isinstance(stamp, float) and abs(time.time() - stamp) < LAPSE:
        return True
    time.sleep(1.5 * RENEW)  # clocks may differ: a holder writes in this time
    return _read(path).get("time") not in (None, stamp)
