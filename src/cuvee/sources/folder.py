"""Folders of documents."""

import os
from dataclasses import dataclass
from typing import ClassVar

from cuvee.core import remote
from cuvee.core.errors import CuveeError
from cuvee.core.remote import is_address
from cuvee.sources.arrays import encodes
from cuvee.sources.files import is_folder, reading, unique
from cuvee.sources.plain import plain_fingerprint, plain_pieces, read_plain


@dataclass(frozen=True, slots=True)
class Folder:
    """Every file in folders, at any depth, is a document, as a file of code is one thing.

    A file above 1 MiB is cut into documents of at most that, in the same places as `Text` does.

    Args:
        name: What the user calls it.
        paths: Folders, or files. Folders are replaced by their files when the source is made, so
            that a piece keeps its meaning; hidden files and folders are left out.
        text: Not used: plain text has no columns.
    """

    longest: ClassVar[int] = 1 << 20
    name: str
    paths: tuple[str, ...]
    text: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", unique(f for p in self.paths for f in _inside(p)))

    pieces = plain_pieces
    read = read_plain
    fingerprint = plain_fingerprint


def _inside(path: str) -> tuple[str, ...]:
    """Files below a folder.

    Raises:
        CuveeError: One is a link to elsewhere: a folder from a stranger must not bring what it
            does not hold, such as a key, into the dataset.
    """
    files = files_below(path)
    links = [] if is_address(path) else [file for file in files if os.path.islink(file)]  # noqa: PTH114
    top = os.path.realpath(path)
    for link in links:
        place = os.path.realpath(link)
        if link != path and os.path.commonpath([top, place]) != top:
            raise CuveeError(
                f"{link}: it links to {place}, outside of the folder {path}: remove the link, or "
                "put a copy in its place."
            )
    return files


def files_below(path: str) -> tuple[str, ...]:
    """Files in a folder at any depth, sorted, hidden ones left out; a file stands for itself."""
    if not is_folder(path):
        return (path,)
    if is_address(path):
        return tuple(remote.below(path))

    def refuse(error: OSError) -> None:
        with reading(str(error.filename or path), "a folder of text files"):
            raise error

    found: list[str] = []
    for folder, folders, names in os.walk(path, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = (os.path.join(folder, n) for n in names if not n.startswith("."))  # noqa: PTH118
        found.extend(f for f in shown if os.path.isfile(f))  # noqa: PTH113
    for file in found:
        if not encodes(file):
            raise CuveeError(f"{path}: a file name in it is not UTF-8: {file!r}; rename it.")
    return tuple(sorted(found))
