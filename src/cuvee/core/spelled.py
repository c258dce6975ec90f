"""What a user writes where paths are expected, as single paths; globs stay globs."""

import re
from glob import has_magic, iglob
from pathlib import Path

from cuvee.core.remote import ADDRESS, is_address


def bare(path: str) -> str:
    """A path of this machine, without `file://` and with the home folder in the place of `~`."""
    try:
        path = str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:  # a user who has no home: there is no such path
        return path
    return re.sub(r"^(file|local)://", "", path)


def several(text: str) -> list[str]:
    """Parts of a list with commas between."""
    return [part for part in (part.strip() for part in text.split(",")) if part]


def addresses(text: str) -> list[str]:
    """Parts of a list with commas before addresses, as a comma may be part of an address."""
    return re.split(rf"\s*,\s*(?={ADDRESS})", text)


def spelled(text: str) -> tuple[str, ...]:
    """The paths, globs and addresses that a text names, as a source takes it.

    A comma may stand in a name: what is there as it is written is no list.
    """
    text = bare(text)
    parts = addresses(text)
    if len(parts) == 1:
        if is_address(text) or _there(text):
            return (text,)
        parts = several(text)
        if len(parts) < 2:
            return (text,)
    return tuple(path for part in parts for path in spelled(part))


def _there(path: str) -> bool:
    try:
        if Path(path).exists():
            return True
        return has_magic(path) and next(iglob(path, recursive=True), None) is not None  # noqa: PTH207
    except (OSError, ValueError):  # too long for a name, or holding NUL
        return False
