"""The folder of a dataset: who may write to it, and when it is finished."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from cuvee.core import CuveeError
from cuvee.core.apart import check_apart
from cuvee.core.data import Data, Survey
from cuvee.core.files import entries, explained, is_remote, make_folder, remove_tree, write_whole
from cuvee.core.recipe import Recipe, to_json
from cuvee.export.lease import lease

try:
    import fcntl
except ModuleNotFoundError:  # not on Windows
    fcntl = None

_HELD: dict[tuple[str, int], int] = {}
"""Folder and rank -> the thread of this process that holds the lock."""


class Refused(CuveeError):
    """A folder holds something else."""


class Changed(CuveeError):
    """A source changed while it was read: what was made of it is of no use."""


def check_free(out: Path, *, resume: bool) -> None:
    """Whether a folder that is there may be written to, before the dataset's recipe is known.

    Raises:
        CuveeError: It holds something else.
    """
    with explained(out):
        there = out.exists()
    if there:
        _claim(out, None, resume)


def claim(out: Path, recipe: Recipe, *, resume: bool) -> Path:
    """Check that a folder is free for a dataset, or holds the beginnings of the same one.

    Args:
        out: The folder; made if it is missing.
        recipe: Of the dataset to write.
        resume: Accept a folder in which the same dataset was begun.

    Raises:
        CuveeError: It lies in a source, it holds something else, or its recipe differs; the
            differences are named.
    """
    check_apart(out, recipe.settings.get("sources", {}), recipe.settings.get("target"))
    with explained(out):
        make_folder(out)
    _claim(out, recipe, resume)
    return out


def _claim(out: Path, recipe: Recipe | None, resume: bool) -> None:
    with explained(out):
        if not is_remote(out) and not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError
        # A run that was killed in its first moments leaves the second, and nothing else.
        ours = (".cuvee", ".recipe.json.tmp")
        found = sorted(entry.name for entry in entries(out) if entry.name not in ours)
    if not found:
        return
    if "recipe.json" not in found:
        raise Refused(f"{out} is not empty ({found[0]}, ...): choose a new or an empty folder.")
    differences = recipe.changes(Recipe.load(out / "recipe.json")) if recipe else []
    finished = "manifest.json" in found
    if not resume:
        state = "a finished dataset" if finished else "a dataset that was interrupted"
        hint = "" if finished or differences else ", or finish it with --resume (resume=True)"
        raise Refused(f"{out} holds {state}: choose another folder{hint}.")
    if differences:
        shown = "; ".join(differences[:3]) + ("; ..." if len(differences) > 3 else "")
        raise Refused(
            f"{out} cannot be resumed, it was begun otherwise: {shown}. Choose another folder."
        )


@contextmanager
def locked(out: Path, rank: int = 0) -> Iterator[None]:
    """Nobody else writes to the folder meanwhile; the lock goes with the process.

    Args:
        out: The folder.
        rank: Of this process among those that write it together.

    Raises:
        CuveeError: Somebody else does.
    """
    key = (str(out.absolute()), rank)
    if _HELD.get(key) == threading.get_ident():  # whoever holds it may ask again
        yield
        return
    name = f"lock-{rank}" if rank else "lock"
    with explained(out), ExitStack() as stack:
        make_folder(out / ".cuvee")
        if is_remote(out):
            taken = not stack.enter_context(lease(out / ".cuvee" / name))
        else:
            taken = not _flocked(out / ".cuvee" / name, stack)
        if taken:
            raise CuveeError(f"another process is writing to {out}: wait for it, or end it.")
        held = stack.pop_all()
    _HELD[key] = threading.get_ident()
    try:
        with held:
            yield
    finally:
        del _HELD[key]


def _flocked(path: Path, stack: ExitStack) -> bool:
    """Whether nobody else had the lock; one that was removed meanwhile is asked for again."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = stack.enter_context(path.open("w"))
        if fcntl is None:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return True
        except BlockingIOError:
            return False
        except FileNotFoundError:
            continue


def check_unchanged(data: Data, recipe: Recipe) -> None:
    """Hash the sources again: what was written is what was counted.

    Raises:
        Changed: A file changed while cuvee was at work.
    """
    prints = data.engine(lambda s: dict(s.fingerprint()), data.sources, label="checking sources")
    for source, now in zip(data.sources, prints):
        before = recipe.fingerprints[f"source {source.name}"]
        for file in sorted({*before, *now}):
            if before.get(file) != now.get(file):
                raise Changed(
                    f"{file} of source {source.name!r} changed while cuvee was at work: "
                    f"start again."
                )


def discard(out: Path) -> None:
    """Drop all that was written of a dataset that cannot be finished."""
    # First of all what would let it be resumed, should the process be killed in the middle.
    (out / "recipe.json").unlink(missing_ok=True)
    remove_tree(out / "data")
    remove_tree(out / ".cuvee")


def is_finished(out: Path) -> bool:
    """Whether a folder holds a finished dataset."""
    with explained(out):
        return (out / "manifest.json").exists()


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a finished dataset; what was temporary is dropped if it is still there."""
    (out / ".recipe.json.tmp").unlink(missing_ok=True)
    remove_tree(out / ".cuvee")
    return orjson.loads((out / "manifest.json").read_bytes())


def finish(out: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, which says that everything else is there, and drop what was temporary.

    Raises:
        CuveeError: A shard is not there any more.
    """
    for shard in manifest.get("shards", ()):
        path = out / shard["file"]
        if not path.exists() or path.stat().st_size != shard["bytes"]:
            remove_tree(out / ".cuvee")  # which says that it is there
            raise CuveeError(
                f"{path} was removed or changed while cuvee was at work: write it again with "
                "--resume (resume=True)."
            )
    write_whole(out / "manifest.json", lambda path: path.write_bytes(to_json(manifest)))
    remove_tree(out / ".cuvee")


def quarantine(data: Data, survey: Survey) -> bytes:
    """The records that could not be read, one JSON object a line: source, place, reason, sample."""
    found = [(source.name, rejected) for source, rejected in zip(data.sources, survey.rejected)]
    found += [(f"target {t.name}", rejected) for t, rejected in zip(data.targets, data.unread)]
    lines = [
        {"source": name, "place": r.place, "reason": r.reason, "sample": r.sample}
        for name, rejected in found
        for r in rejected
    ]
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)
