"""Tables of methods: a room's `METHODS` maps a name to `"module:Class"`."""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cuvee.core.errors import CuveeError, unknown

EXTRAS = {
    "tokenizers": "tokenizers", "torch": "torch", "ray": "ray", "lightgbm": "lightgbm",
}  # fmt: skip
"""Import name of an optional library -> the extra that installs it."""


def load(table: Mapping[str, str], name: str, room: str) -> type[Any]:
    """The class behind a method's name.

    Args:
        table: A room's METHODS; a `"module:Class"` of the user's own is accepted as a name, too.
        name: Key of the table.
        room: Word for the error message.

    Raises:
        CuveeError: Unknown name, or an optional library is missing.
    """
    entry = name if ":" in name else table.get(name)
    if entry is None:
        raise unknown(f"{room} method", name, table)
    module, _, attribute = entry.partition(":")
    if not module or not attribute or module.endswith(".py"):
        raise CuveeError(f"a {room} method of your own is given as module:Class, got {name!r}.")
    here = str(Path.cwd())
    if entry is name and here not in sys.path:
        sys.path.append(here)  # a method of the user's own may lie in the current folder
    try:
        return getattr(import_module(module), attribute)
    except AttributeError as error:
        raise CuveeError(
            f"{module} has no {attribute!r}, wanted by {room} method {name!r}."
        ) from error
    except ModuleNotFoundError as error:
        if error.name == module.partition(".")[0] and entry is name:
            raise CuveeError(
                f"no module {module!r} in this folder or among the installed ones."
            ) from error
        raise missing(error) from error


def missing(error: ModuleNotFoundError) -> CuveeError:
    """The message for a library that is not installed."""
    library = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(library)
    fix = f': pip install "cuvee[{extra}]"' if extra else ""
    return CuveeError(f"this needs the library {library!r}, which is not installed{fix}.")


def make(table: Mapping[str, str], name: str, room: str, /, **settings: Any) -> Any:
    """An instance of a named method with the given settings."""
    method = load(table, name, room)
    if not is_dataclass(method):
        raise CuveeError(f"{name!r} is no {room} method: expected a frozen dataclass of settings.")
    known = {f.name for f in fields(method)}
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of {room}/{name}", setting, known)
    return method(**settings)


def summary(method: type[Any]) -> str:
    """First line of a method's docstring."""
    return (method.__doc__ or "").strip().partition("\n")[0]
