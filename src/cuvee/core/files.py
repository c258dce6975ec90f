"""Files that are either whole or not there."""

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from cuvee.core.errors import Broken, CuveeError
from cuvee.core.leftovers import at_work
from cuvee.core.methods import missing
from cuvee.core.remote_errors import told

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory")
"""Remote places that show a file only once it is there as a whole: those that may be written to."""


def place(name: str | Path) -> Path:
    """A path on this machine, or in a store if it is an address such as `s3://bucket/mixed`.

    Raises:
        CuveeError: A place where files could be seen half-written, or its library is missing.
    """
    scheme, remote, _ = str(name).partition("://")
    if isinstance(name, Path) or hasattr(name, "fs"):
        return name  # type: ignore[return-value]
    if not remote:
        return Path(name)
    if scheme not in STORES:
        raise CuveeError(
            f"{name}: cuvee writes to this machine and to {', '.join(STORES)}; copy the folder "
            "to other places when it is finished."
        )
    try:
        from upath import UPath

        return UPath(name, use_listings_cache=False)  # type: ignore[return-value]
    except ModuleNotFoundError as error:
        raise missing(error) from error
    except ImportError as error:  # fsspec names the library of this store
        raise CuveeError(f"{name}: {error}.") from error


def is_remote(path: Path) -> bool:
    """Whether a path lies in a store."""
    return hasattr(path, "fs")


def make_folder(folder: Path) -> None:
    """A folder, and those above it; a store has none, and a bucket is not made by a slip."""
    if not is_remote(folder):
        folder.mkdir(parents=True, exist_ok=True)


def entries(folder: Path) -> list[Path]:
    """What is in a folder; in a store, one that holds nothing is not there."""
    return list(folder.iterdir()) if not is_remote(folder) or folder.is_dir() else []


def remove_tree(path: Path) -> None:
    """A folder and all that is in it; none is no error."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.fs.rm(path.path, recursive=True)  # type: ignore[attr-defined]


@contextmanager
def whole_file(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A temporary path that becomes `path` on success, and vanishes on failure.

    The content is forced to disk before the rename, the rename before returning: a file under
    its final name is complete, whenever the process or the machine stops. In a store the file is
    made on this machine, and sent as a whole.

    Args:
        path: Of the file.
        shared: Whether others may write the same file at the same time, as in a cache: each has a
            temporary path of its own, and the last to finish stays; what a killed process left
            is known to `sweep`. Without it, that is written over by the next.

    Raises:
        CuveeError: No space, no permission or another failure of the file system; or something
            other than a file, such as a device, lies there and would be lost.
    """
    if is_remote(path):
        with _sent(path) as temporary:
            yield temporary
        return
    if path.exists() and not path.is_file():
        raise CuveeError(f"cannot write {path}: it is no plain file, choose another name.")
    own = f".{os.getpid()}-{secrets.token_hex(4)}" if shared else ""
    temporary = path.with_name(f".{path.name}{own}.tmp")
    with explained(path):
        try:
            with at_work(temporary) if shared else nullcontext():
                yield temporary
                _sync(temporary)
                temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _sent(path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cuvee-") as folder:
        temporary = Path(folder, path.name)
        with explained(path):
            yield temporary
            path.fs.put_file(str(temporary), path.path)  # type: ignore[attr-defined]


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file through `write(temporary_path)`, whole or not at all."""
    with whole_file(place(path)) as temporary:
        write(temporary)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns a failure of the file system into one line that says what to do."""
    if is_remote(path):
        with told(str(path)):
            yield
        return
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
        raise Broken(f"cannot write {path}: {fix}") from error


def sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_tree(folder: Path) -> None:
    """Force a folder and all that is in it to disk."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks refuse folders
            raise
    finally:
        os.close(handle)
