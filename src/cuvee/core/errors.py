"""One tree of errors: what was expected, what came, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class CuveeError(ValueError):
    """Bad input or a request that cannot be met; the message is one line for the user.

    Names of files and columns stand in it: what could break the line, or steer a terminal, is
    escaped.
    """

    def __init__(self, *parts: object) -> None:
        super().__init__(*(_printable(p) if isinstance(p, str) else p for p in parts))


class Broken(CuveeError):
    """Not the input is wrong: a disk, a cluster or another process failed while at work."""


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def unknown(what: str, name: str, known: Iterable[str]) -> CuveeError:
    """Error for a name that is not in a list, with the nearest name that is."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return CuveeError(f"unknown {what} {name!r}.{hint} Known: {', '.join(names) or 'none'}.")
