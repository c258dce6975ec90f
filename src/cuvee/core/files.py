"""Files that are either whole or not there."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cuvee.core.errors import CuveeError


@contextmanager
def whole_file(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A temporary path that becomes `path` on success, and vanishes on failure.

    The content is forced to disk before the rename, the rename before returning: a file under
    its final name is complete, whenever the process or the machine stops.

    Args:
        path: Of the file.
        shared: Whether others may write the same file at the same time, as in a cache: each has a
            temporary path of its own, and the last to finish stays. Without it, what a killed
            process left is written over by the next.

    Raises:
        CuveeError: No space, no permission or another failure of the file system; or something
            other than a file, such as a device, lies there and would be lost.
    """
    if path.exists() and not path.is_file():
        raise CuveeError(f"cannot write {path}: it is no plain file, choose another name.")
    own = f".{os.getpid()}-{secrets.token_hex(4)}" if shared else ""
    temporary = path.with_name(f".{path.name}{own}.tmp")
    with explained(path):
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file through `write(temporary_path)`, whole or not at all."""
    with whole_file(path) as temporary:
        write(temporary)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns a failure of the file system into one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fix = "no space is left: free some (finished parts stay), then resume."
        elif isinstance(error, PermissionError):
            fix = "no permission to write there: choose another place."
        elif error.errno == errno.EROFS:
            fix = "the file system is read-only: choose another place."
        else:
            fix = f"{error.strerror or error}."
        raise CuveeError(f"cannot write {path}: {fix}") from error


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks refuse folders
            raise
    finally:
        os.close(handle)
