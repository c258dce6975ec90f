"""What is written lies apart from what is read: else the next run would read its own output."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path
from typing import Any

from cuvee.core.errors import CuveeError
from cuvee.core.spelled import bare, several

MADE = (
    "data/part-00000.parquet", "data/part-00000.jsonl.zst", "trials.parquet", "quarantine.jsonl",
    "recipe.json", "report.html", "README.md", "domain_00.parquet", "mixture.csv",
)  # fmt: skip
"""Of what cuvee writes into a folder, one file of each ending and depth."""


def check_apart(
    out: Path, sources: Mapping[str, Any], target: Any = None, *, mixed: Any = None,
    file: bool = False,
) -> None:  # fmt: skip
    """Refuse an output that lies in an input, or that an input's pattern would take for its own.

    Args:
        out: Folder or file that is to be written.
        sources: By name: paths, globs, folders, or several of them; what is no path is left alone.
        target: The same, if there is one.
        mixed: Folder of a dataset that is read, if there is one.
        file: Whether `out` is a file.

    Raises:
        CuveeError: It does; the message names the input.
    """
    if hasattr(out, "fs"):
        return
    _check_name(out)
    wanted = _whole(out)
    named = {f"source {name!r}": spec for name, spec in sources.items()}
    for name, spec in (named | {"the target": target, "the dataset": mixed}).items():
        for path in _paths(spec):
            if _meets(path, wanted, file):
                raise CuveeError(
                    f"--out {out} lies in {name} ({path}), which would then hold what was written: "
                    "choose a place outside."
                )


def _check_name(out: Path) -> None:
    """Refuse what can be no name on this machine, such as one of 300 letters."""
    try:
        out.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise CuveeError(f"--out {str(out)!r:.80}: {said}: choose another name.") from error


def _paths(spec: Any) -> Iterator[str]:
    """What of a specification may be a path on this machine."""
    if isinstance(spec, Mapping):
        spec = list(spec.values())
    if isinstance(spec, str | Path):
        spec = [spec]
    for entry in spec if isinstance(spec, list | tuple) else ():
        text = str(entry)
        if not text or "\n" in text or "\0" in text or len(text) > 4096:
            continue
        parts = map(bare, dict.fromkeys((text, *several(text))))
        yield from (part for part in parts if part and "://" not in part)


def _whole(path: str | Path) -> Path:
    """The place itself, whatever links lead there."""
    try:
        return Path(path).expanduser().resolve()
    except (OSError, RuntimeError):  # a loop of links, or no home: it is found out elsewhere
        return Path(path).absolute()


def _meets(path: str, out: Path, file: bool) -> bool:
    if not has_magic(path) or _exists(path):
        place = _whole(path)
        return out == place or (_is_folder(place) and place in out.parents)
    made = (out,) if file else (out, *(out / name for name in MADE))
    pattern = _pattern(Path(path))
    return any(_matches(pattern, each.parts) for each in made)


def _pattern(path: Path) -> tuple[str, ...]:
    """Its parts, from the root of the file system on."""
    first = next(i for i, part in enumerate(path.parts) if has_magic(part))
    return _whole(Path(*path.parts[:first])).parts + path.parts[first:]


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """As `glob` does: `**` stands for any folders, other wildcards for part of one name."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(pattern[1:], parts[i:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(pattern[1:], parts[1:])


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
