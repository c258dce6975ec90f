"""One tree of errors: what was expected, what came, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class CuveeError(ValueError):
    """Bad input or a request that cannot be met; the message is one line for the user."""


def unknown(what: str, name: str, known: Iterable[str]) -> CuveeError:
    """Error for a name that is not in a list, with the nearest name that is."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return CuveeError(f"unknown {what} {name!r}.{hint} Known: {', '.join(names) or 'none'}.")
