"""Hashes of files; one that did not change since is not read again."""

import hashlib
import os
import time
from collections.abc import Hashable
from typing import BinaryIO

BLOCK = 1 << 20
"""Bytes that are read at a time; smaller files are not worth a note."""
SETTLED = 2_000_000_000
"""Nanoseconds that must lie between the last change of a file and its hash. Clocks of file systems
tick slowly: a file that was changed just now may change once more without another time."""

_State = tuple[int, int, int, int, int]
_KNOWN: dict[str, tuple[_State, str]] = {}
"""Path -> what the file system said of the file while it was hashed, and the hash."""


def hash_of(file: BinaryIO) -> str:
    """Hash of the bytes of an open file, from where it stands."""
    digest = hashlib.blake2b(digest_size=16)
    while block := file.read(BLOCK):
        digest.update(block)
    return f"blake2b:{digest.hexdigest()}"


def hash_once(path: str, file: BinaryIO) -> str:
    """Hash of a file of this machine, or the one that this process found before.

    The time at which a file was last changed in any way, which no program can set, must be the
    same, and its size, and it must be the same file. So must it when the hash is found.

    Args:
        path: Of the file.
        file: The same, opened.
    """
    state = _state(file)
    known = _KNOWN.get(path)
    if known is not None and known[0] == state:
        return known[1]
    settled = time.time_ns() - max(state[3:]) > SETTLED
    found = hash_of(file)
    # Elsewhere than on POSIX systems the last time is that of the file's creation.
    if os.name == "posix" and settled and state[2] >= BLOCK and _state(file) == state:
        _KNOWN[path] = state, found
    return found


def settled(path: str) -> Hashable | None:
    """What tells a file as it is from any later one at this path; None if it changed just now."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - for each piece
        state = _state(file)
    old = os.name == "posix" and time.time_ns() - max(state[3:]) > SETTLED
    return state if old else None


def _state(file: BinaryIO) -> _State:
    s = os.fstat(file.fileno())
    return s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns
