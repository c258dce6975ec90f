"""The folder of a dataset: who may write to it, and when it is finished."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from cuvee.core import CuveeError
from cuvee.core.data import Data, Survey
from cuvee.core.files import explained, write_whole
from cuvee.core.recipe import Recipe, to_json

try:
    import fcntl
except ModuleNotFoundError:  # not on Windows
    fcntl = None


def claim(out: Path, recipe: Recipe, *, resume: bool) -> Path:
    """Check that a folder is free for a dataset, or holds the beginnings of the same one.

    Args:
        out: The folder; made if it is missing.
        recipe: Of the dataset to write.
        resume: Accept a folder in which the same dataset was begun.

    Raises:
        CuveeError: It holds something else, or its recipe differs; the differences are named.
    """
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError
        # A run that was killed in its first moments leaves this, and nothing else.
        (out / ".recipe.json.tmp").unlink(missing_ok=True)
        found = sorted(entry.name for entry in out.iterdir() if entry.name != ".cuvee")
    if not found:
        return out
    if "recipe.json" not in found:
        raise CuveeError(f"{out} is not empty ({found[0]}, ...): choose a new or an empty folder.")
    differences = recipe.changes(Recipe.load(out / "recipe.json"))
    finished = "manifest.json" in found
    if not resume:
        state = "a finished dataset" if finished else "a dataset that was interrupted"
        hint = "" if finished or differences else ", or finish it with --resume (resume=True)"
        raise CuveeError(f"{out} holds {state}: choose another folder{hint}.")
    if differences:
        shown = "; ".join(differences[:3]) + ("; ..." if len(differences) > 3 else "")
        raise CuveeError(
            f"{out} cannot be resumed, it was begun otherwise: {shown}. Choose another folder."
        )
    return out


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Nobody else writes to the folder meanwhile; the lock goes with the process.

    Raises:
        CuveeError: Somebody else does.
    """
    with explained(out):
        (out / ".cuvee").mkdir(exist_ok=True)
        file = (out / ".cuvee" / "lock").open("w")
    with file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CuveeError(
                f"another process is writing to {out}: wait for it, or end it."
            ) from error
        yield


def check_unchanged(data: Data, recipe: Recipe) -> None:
    """Hash the sources again: what was written is what was counted.

    Raises:
        CuveeError: A file changed while cuvee was at work.
    """
    prints = data.engine(lambda s: dict(s.fingerprint()), data.sources, label="checking sources")
    for source, now in zip(data.sources, prints):
        before = recipe.fingerprints[f"source {source.name}"]
        for file in sorted({*before, *now}):
            if before.get(file) != now.get(file):
                raise CuveeError(
                    f"{file} of source {source.name!r} changed while cuvee was at work: "
                    f"start again, in another folder."
                )


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a finished dataset; what was temporary is dropped if it is still there."""
    shutil.rmtree(out / ".cuvee", ignore_errors=True)
    return orjson.loads((out / "manifest.json").read_bytes())


def finish(out: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest, which says that everything else is there, and drop what was temporary."""
    write_whole(out / "manifest.json", lambda path: path.write_bytes(to_json(manifest)))
    shutil.rmtree(out / ".cuvee", ignore_errors=True)


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
