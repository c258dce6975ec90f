"""Folders of documents."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cuvee.core.errors import CuveeError
from cuvee.sources.arrays import encodes
from cuvee.sources.files import reading, unique
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
    """Files in a folder at any depth, sorted, hidden ones left out; a file stands for itself."""
    if not Path(path).is_dir():
        return (path,)

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
