"""From what a user writes to a source."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

from cuvee.core.data import Source
from cuvee.core.errors import CuveeError
from cuvee.core.methods import load
from cuvee.sources.files import size
from cuvee.sources.listed import METHODS
from cuvee.sources.memory import Memory, once
from cuvee.sources.part import Renamed
from cuvee.sources.paths import Found, are_paths, find
from cuvee.sources.saved import Saved
from cuvee.sources.table import is_table, table


def open_source(name: str, spec: Any, text: str | None = None) -> Source:
    """A source from what a user writes.

    Args:
        name: What the user calls it.
        spec: A path, a glob (`web/*.parquet`, `**` for any depth), several of them (in a list, or
            with commas between), a folder, a list of texts or of dicts with a text field, a
            function that returns an iterator of texts, or a source. A list is taken for paths if
            every entry looks like one. Arrays: `(x, y)`, `{"x": x, "y": y}`, or x alone.
        text: Text column or field; guessed from the usual names by default.

    Raises:
        CuveeError: Nothing is found, formats are mixed, no text column is known, all is empty, or
            the texts can be read only once.

    Example:
        >>> source = open_source("verse", ["a rose", "is a rose"])
        >>> [batch.text.to_pylist() for piece in source.pieces() for batch in source.read(piece)]
        [['a rose', 'is a rose']]
    """
    if all(callable(getattr(spec, call, None)) for call in ("pieces", "read", "fingerprint")):
        return _renamed(spec, name)
    if is_table(spec):
        return table(name, spec)
    if isinstance(spec, Iterator):
        raise once(name)
    if isinstance(spec, str | os.PathLike):
        return _from_paths(name, (os.fspath(spec),), text)
    if isinstance(spec, Mapping | bytes) or not (callable(spec) or isinstance(spec, Iterable)):
        kind = type(spec).__name__
        raise CuveeError(
            f"{name}: expected a path, a list of paths or texts, or a function; got a {kind}."
        )
    if isinstance(spec, list | tuple):
        if not spec:
            raise CuveeError(f"{name}: the list is empty; expected paths or texts.")
        if are_paths(name, spec):
            return _from_paths(name, tuple(os.fspath(path) for path in spec), text)
        source = Memory(name, tuple(spec), text)
    else:
        source = Memory(name, spec if callable(spec) else partial(iter, spec), text)
    return replace(source, text=source.field() or None)


def _renamed(source: Source, name: str) -> Source:
    if source.name == name:
        return source
    if is_dataclass(source) and any(f.name == "name" and f.init for f in fields(source)):
        return replace(source, name=name)  # type: ignore[type-var]
    return Renamed(source, name)


def _from_paths(name: str, specs: tuple[str, ...], text: str | None) -> Source:
    found = find(name, specs)
    if found.method == "saved":
        source = Saved(name, found.paths, text)
        return source if source.pieces() else _empty(name, found)
    source = load(METHODS, found.method, "sources")(name, found.paths, text)
    filled = [path for path in source.paths if size(path)]
    if not filled:
        return _empty(name, found)
    opened = getattr(source, "opened", None)
    return opened() if opened else source


def _empty(name: str, found: Found) -> Source:
    raise CuveeError(
        f"{name}: nothing to read, {', '.join(found.paths[:3])} hold no bytes of data."
    )
