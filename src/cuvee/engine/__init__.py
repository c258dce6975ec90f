"""Where does it run? Results never depend on the number of workers."""

from dataclasses import replace
from typing import Any

from cuvee.core import CuveeError
from cuvee.core.data import Engine
from cuvee.core.methods import make as _make
from cuvee.engine.kept import Kept
from cuvee.engine.local import Progress, silent

__all__ = ["METHODS", "Kept", "Progress", "load", "silenced", "silent"]

METHODS = {"local": "cuvee.engine.local:Local", "ray": "cuvee.engine.ray:Ray"}


def load(
    engine: str | Engine, workers: int = 0, progress: Progress = silent, **settings: Any
) -> Engine:
    """An engine by name, or by `"module:Class"`; one that is made already stays as it is."""
    if callable(engine):
        return engine
    if not isinstance(engine, str):
        raise CuveeError(f"engine: expected a name or an engine, got {engine!r}.")
    return _make(METHODS, engine, "engine", workers=workers, progress=progress, **settings)


def silenced(engine: Engine) -> Engine:
    """The same engine, which tells nobody how far it is."""
    if isinstance(engine, Kept):
        return replace(engine, engine=silenced(engine.engine))
    return replace(engine, progress=silent) if hasattr(engine, "progress") else engine  # type: ignore[type-var]
