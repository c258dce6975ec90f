"""From paths, globs and folders to files of one format."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from glob import glob, has_magic
from pathlib import Path

from cuvee.core import remote
from cuvee.core.errors import CuveeError
from cuvee.core.methods import load as load_method
from cuvee.core.remote import is_address
from cuvee.core.spelled import addresses, bare, several
from cuvee.sources.files import file_name, is_file, is_folder, joined, size, unique
from cuvee.sources.folder import files_below
from cuvee.sources.listed import METHODS
from cuvee.sources.saved import is_saved

SUPPOSED = 1000
"""Entries of a list that are looked at to tell paths from texts."""


@dataclass(frozen=True, slots=True)
class Found:
    """Files of one format.

    Args:
        method: Key of METHODS.
        paths: Sorted, each once; folders for `folder` and `saved`.
    """

    method: str
    paths: tuple[str, ...]


def find(name: str, specs: Sequence[str]) -> Found:
    """What paths, globs and folders stand for.

    Args:
        name: Source, for the message.
        specs: What the user wrote.

    Raises:
        CuveeError: Nothing matches, or formats are mixed.
    """
    found = [_at(name, path) for path in unique(p for spec in specs for p in _expand(name, spec))]
    methods = {f.method for f in found}
    if methods == {"text", "folder"}:
        methods = {"folder"}
    if len(methods) > 1:
        each = ", ".join(f"{f.paths[0]} is {f.method}" for f in _one_of_each(found))
        raise CuveeError(f"{name}: expected files of one format, got {each}; make two sources.")
    return Found(methods.pop(), unique(path for f in found for path in f.paths))


def are_paths(name: str, entries: Sequence[object]) -> bool:
    """Whether a list holds paths rather than texts.

    Raises:
        CuveeError: Most entries are paths, but not all.
    """
    some = entries[:SUPPOSED]
    count = sum(_looks_like_path(entry) for entry in some)
    if count == len(some):
        return True
    if 2 * count > len(some):
        odd = next(entry for entry in some if not _looks_like_path(entry))
        raise CuveeError(f"{name}: most entries of the list are files, but {odd!r:.80} is not.")
    return False


def _looks_like_path(entry: object) -> bool:
    if not isinstance(entry, str):
        return isinstance(entry, os.PathLike)
    if not entry.strip() or len(entry) > 4096 or "\n" in entry or "\0" in entry:
        return False
    if is_address(entry):
        return True
    return _exists(entry) or (" " not in entry and _format(entry) != "text")


def _exists(path: str) -> bool:
    if is_address(path):
        return is_folder(path) or remote.look(path, fresh=True) is not None
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a text may be too long for a path, or hold NUL
        return False


@cache
def _suffixes() -> dict[str, str]:
    """Suffix -> format, as the formats state them, longest first; any other file is text."""
    found = {s: name for name in METHODS for s in getattr(load_method(METHODS, name, "sources"),
                                                          "suffixes", ())}  # fmt: skip
    return {s: found[s] for s in sorted(found, key=len, reverse=True)}


def _format(path: str) -> str:
    name, known = file_name(path).rstrip("/").rpartition("/")[2].lower(), _suffixes()
    for suffix, method in known.items():
        if name.endswith(suffix):
            return method
    packed = name.removesuffix(".gz").removesuffix(".zst")
    if packed != name and (method := known.get(Path(packed).suffix)):
        raise CuveeError(f"{path}: {method} is not read through gzip or zstd; unpack it first.")
    return "text"


def _expand(name: str, spec: str) -> list[str]:
    spec = bare(spec)
    parts = addresses(spec)
    if len(parts) > 1:
        return [path for part in parts for path in _expand(name, part)]
    if spec and _exists(spec):
        return [spec]
    if has_magic(spec) and (matches := _matches(spec)):
        return matches
    parts = several(spec)
    if len(parts) > 1:
        return [path for part in parts for path in _expand(name, part)]
    raise _nothing(name, spec)


def _matches(pattern: str) -> list[str]:
    """Files that a glob stands for, or folders if it is none of files."""
    if is_address(pattern):
        return remote.matches(pattern)
    matches = glob(pattern, recursive=True)  # noqa: PTH207  (leaves hidden files out)
    return [p for p in matches if Path(p).is_file()] or matches


def _nothing(name: str, spec: str) -> CuveeError:
    """Error that names the nearest folder which exists, and what is in it."""
    if is_address(spec):
        return _nothing_remote(name, spec)
    folder = Path(spec).parent
    while has_magic(str(folder)) or not _exists(str(folder)):
        folder = folder.parent
    inside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    place = "this folder" if str(folder) == "." else str(folder)
    if slashed := re.match(r"([a-z0-9]{2,}):/(?!/)", spec):
        scheme = slashed.group(1)
        return CuveeError(
            f"{name}: no file matches {spec!r}: write an address as text, {scheme}://..., as a "
            "Path loses one of its slashes."
        )
    return _not_found(name, spec, str(folder), inside, place)


def _nothing_remote(name: str, spec: str) -> CuveeError:
    folder = spec.rstrip("/")
    inside: list[str] = []
    while not inside and not (folder := folder.rpartition("/")[0]).endswith(":/"):
        inside = [] if has_magic(folder) else remote.inside(folder)
    if not inside:
        top = "/".join(spec.split("/")[:3])
        return CuveeError(f"{name}: no file matches {spec!r}. {top} is empty, or does not exist.")
    return _not_found(name, spec, folder, inside, folder)


def _not_found(name: str, spec: str, folder: str, inside: list[str], place: str) -> CuveeError:
    close = get_close_matches(spec.rstrip("/").rpartition("/")[2], inside, n=1, cutoff=0.5)
    hint = f" Did you mean {joined(folder, close[0])!r}?" if close else ""
    shown = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
    return CuveeError(
        f"{name}: no file matches {spec!r}.{hint} {place} holds {shown or 'nothing'}."
    )


def _at(name: str, path: str) -> Found:
    if not is_folder(path):
        if not is_file(path):
            raise CuveeError(f"{name}: {path} is a pipe or device; files are read more than once.")
        return Found(_format(path), (path,))
    if is_saved(path):
        return Found("saved", (path,))
    files = files_below(path)
    if not files:
        raise CuveeError(f"{name}: the folder {path} holds no files (hidden ones are left out).")
    return _in_folder(name, path, files)


def _in_folder(name: str, path: str, files: Iterable[str]) -> Found:
    """Data files if they are at least half of the bytes, so that a stray table in a folder of
    texts, or a README beside tables, changes nothing."""
    by_format: dict[str, list[str]] = {}
    for file in files:
        by_format.setdefault(_format(file), []).append(file)
    sizes = {method: sum(size(f) for f in some) for method, some in by_format.items()}
    data = {method: total for method, total in sizes.items() if method != "text"}
    if not data or 2 * sum(data.values()) < sum(sizes.values()):
        return Found("folder", (path,))
    main = [method for method, total in data.items() if 10 * total >= sum(data.values())]
    if len(main) > 1:
        raise CuveeError(
            f"{name}: the folder {path} holds files of several formats ({', '.join(sorted(main))})"
            "; name those of one format."
        )
    return Found(main[0], tuple(by_format[main[0]]))


def _one_of_each(found: Iterable[Found]) -> list[Found]:
    first: dict[str, Found] = {}
    for f in found:
        first.setdefault(f.method, f)
    return list(first.values())
