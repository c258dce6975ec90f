"""Folders of documents."""

import os
from collections.abc import Iterable
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
        object.__setattr__(self, "paths", unique(f for p in self.paths for f in files_below(p)))

    pieces = plain_pieces
    read = read_plain
    fingerprint = plain_fingerprint


def files_below(path: str) -> tuple[str, ...]:
    """Files in a folder at any depth, sorted, hidden ones left out; a file stands for itself.

    Raises:
        CuveeError: One is a link to elsewhere, or has a name that is not UTF-8.
    """
    if not is_folder(path):
        return (path,)
    if is_address(path):
        return tuple(remote.below(path))
    found: list[str] = []
    links: list[str] = []
    folders = [path]
    while folders:
        folder = folders.pop()
        with reading(folder, "a folder of text files"), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_symlink():  # one to a folder is not followed: it may be a loop
                    links += [entry.path] if os.path.isfile(entry.path) else []  # noqa: PTH113
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    found.append(entry.path)
    check_inside(path, links)
    for file in (*found, *links):
        if not encodes(file):
            raise CuveeError(f"{path}: a file name in it is not UTF-8: {file!r}; rename it.")
    return tuple(sorted((*found, *links)))


def check_inside(folder: str, files: Iterable[str]) -> None:
    """Refuse files that lie elsewhere, whatever links lead there.

    Raises:
        CuveeError: One does: a folder from a stranger must not bring what it does not hold, such
            as a key, into the dataset.
    """
    top = ""
    for file in files:
        top = top or os.path.realpath(folder)
        place = os.path.realpath(file)
        if os.path.commonpath([top, place]) != top:
            raise CuveeError(
                f"{file}: it links to {place}, outside of the folder {folder}: put a copy in its "
                "place, or name the files one by one or by a glob, which follows links."
            )
