"""Whatever is needed to do it again."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from cuvee.core.errors import CuveeError
from cuvee.core.files import write_whole

LIBRARIES = ("cuvee", "numpy", "orjson", "pyarrow", "scipy", "tokenizers", "zstandard")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an answer came about.

    Args:
        settings: What the user asked for; plain JSON values.
        fingerprints: Content hash of each file, by source and by target.
        versions: Of Python and of the libraries that decide about bytes.
    """

    settings: Mapping[str, Any]
    fingerprints: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = self.to_bytes()
        write_whole(path, lambda p: p.write_bytes(content))

    def to_bytes(self) -> bytes:
        """The JSON."""
        return to_json(
            {
                "settings": self.settings,
                "fingerprints": self.fingerprints,
                "versions": self.versions,
            }
        )

    @staticmethod
    def load(path: Path) -> "Recipe":
        """Read it back.

        Raises:
            CuveeError: Not a recipe.
        """
        try:
            content = orjson.loads(path.read_bytes())
            parts = [dict(content[part]) for part in ("settings", "fingerprints", "versions")]
            fingerprints = {name: dict(files) for name, files in parts[1].items()}
            return Recipe(parts[0], fingerprints, parts[2])
        except OSError as error:
            raise CuveeError(f"cannot read the recipe {path}: {error.strerror}.") from error
        except (KeyError, TypeError, ValueError):
            raise CuveeError(f"{path} is not a recipe.json that cuvee wrote.") from None

    def changes(self, old: "Recipe") -> list[str]:
        """What differs from an older recipe, one readable line each."""
        return [
            *_changes("setting", old.settings, self.settings),
            *_changes("content of", _flat(old.fingerprints), _flat(self.fingerprints)),
            *_changes("version of", old.versions, self.versions),
        ]


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide about bytes."""
    return {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "not installed"


def to_json(content: object) -> bytes:
    """Indented JSON; numpy values allowed."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(content, option=options)


def _flat(nested: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {f"{a}: {b}": value for a, inner in nested.items() for b, value in inner.items()}


def _changes(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in [*old, *(k for k in new if k not in old)]:
        if key not in new:
            yield f"{what} {key} is gone"
        elif key not in old:
            yield f"{what} {key} is new"
        elif old[key] != new[key]:
            yield f"{what} {key} was {_short(old[key])}, is {_short(new[key])}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
