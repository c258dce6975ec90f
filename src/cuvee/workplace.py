"""Where a piece of work is done: by which engine, in which folder, together with whom."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuvee import engine as engines
from cuvee import export
from cuvee import sources as room
from cuvee.core import CuveeError, remote
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine, Source
from cuvee.core.errors import Broken
from cuvee.core.files import is_remote, remove_tree
from cuvee.core.recipe import to_json, versions
from cuvee.core.run_files import table_files
from cuvee.engine import Kept, Progress
from cuvee.engine.roll import Roll
from cuvee.question import Question


@dataclass(frozen=True, slots=True)
class Means:
    """What there is to work with.

    Args:
        engine: A name in `cuvee.engine.METHODS`.
        workers: At a time; 0: all cores.
        address: Of a cluster; "": this machine.
        rank: Number of this process among those that do the work together, from 0.
        world: How many there are.
    """

    engine: str = "local"
    workers: int = 0
    address: str = ""
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.world < 1 or not 0 <= self.rank < self.world:
            raise CuveeError(
                f"expected --rank from 0 to --world less 1, got rank {self.rank} of {self.world}."
            )
        if self.address and self.engine == "local":
            raise CuveeError(f"--address {self.address} is of a cluster: add --engine ray.")

    def start(self, progress: Progress) -> Engine:
        """The engine."""
        settings = {"address": self.address} if self.address else {}
        return engines.load(self.engine, self.workers, progress, **settings)


@contextmanager
def at_work(
    means: Means,
    question: Question,
    folder: Path | None,
    progress: Progress,
    work: Mapping[str, Any],
) -> Iterator[Engine]:
    """An engine that keeps what it has done in a folder, until all of the work is done.

    Args:
        means: What there is to work with.
        question: What is asked: another one does not get this one's results.
        folder: Which nobody else may work in; None: nothing is kept.
        progress: Called after each finished job.
        work: What else decides about the work, by name: the command, its mixtures, methods.

    Raises:
        CuveeError: Somebody else works there, or there is no folder for several processes.
    """
    if folder is None:
        if means.world > 1:
            raise CuveeError("--rank and --world need --out: processes share the work there.")
        yield means.start(progress)
        return
    check_apart(folder, question.sources, question.target)
    try:
        asked = _asked(question) | dict(work) | {"world": means.world}
    except CuveeError as error:
        Roll(folder / ".cuvee" / "ranks", means.rank, means.world).fail(str(error))
        raise
    name = hashlib.blake2b(to_json(asked), digest_size=8).hexdigest()
    new = not folder.exists()
    engine = means.start(progress)
    with export.locked(folder, means.rank):
        inside = folder / ".cuvee"
        roll = Roll.join(inside / "ranks", means.rank, means.world, asked)
        kept = Kept(engine, inside / "jobs" / name, roll)
        try:
            yield kept
            kept.leave()
        except BaseException as error:
            if isinstance(error, Broken) and means.rank and (folder / "manifest.json").exists():
                return  # a process that comes late finds all done
            roll.fail(str(error) or type(error).__name__)
            if means.world == 1:
                # Other input is another piece of work: what was kept of this one is of no use.
                began = (folder / "recipe.json").exists() and not isinstance(error, export.Refused)
                if isinstance(error, CuveeError) and not isinstance(error, Broken) and not began:
                    remove_tree(kept.folder)
                _tidy(folder, new)
            raise
        if means.rank == 0:
            remove_tree(inside)
            _drop_empty(folder)


def _tidy(folder: Path, new: bool) -> None:
    """Leave no empty folder behind where nothing was done."""
    inside = folder / ".cuvee"
    if is_remote(folder):
        return
    with suppress(OSError):  # there are results in it, or it is not there
        (inside / "jobs").rmdir()
    if any((inside / part).exists() for part in ("jobs", "spill")):
        return
    remove_tree(inside)
    if new:
        _drop_empty(folder)


def _drop_empty(folder: Path) -> None:
    if not is_remote(folder):
        with suppress(OSError):  # there is something in it, or it is gone already
            folder.rmdir()


def _asked(question: Question) -> dict[str, Any]:
    """What is asked of which files, as they are now, by which versions."""
    texts = [room.open_source(n, s, question.text_of(n)) for n, s in question.sources.items()]
    for name, spec in _targets(question):
        with suppress(CuveeError):  # said better when the question is opened
            texts.append(room.open_source(name, spec, question.text_of(name)))
    tables = [str(file) for table in question.tables for file in table_files(table)]
    others = [str(question.tokenizer)] if question.tokenizer else []
    files = {file: _stamp(file) for file in (*_files(texts), *tables, *others)}
    return {"settings": question.settings(), "files": files, "versions": versions()}


def _stamp(file: str) -> list[str]:
    """What changes with a file, without reading it; of a folder, of the files in it."""
    if "://" in file:
        return [str(remote.about(file, fresh=True))]
    path = Path(file)
    if not path.exists():
        return []  # said when it is read
    inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [f"{s.st_size} {s.st_mtime_ns} {s.st_ino}" for s in (p.stat() for p in inside)]


def _targets(question: Question) -> Iterator[tuple[str, Any]]:
    """Targets that are files of their own."""
    wanted = question.target
    given = wanted if isinstance(wanted, dict) else {"target": wanted}
    for name, spec in given.items():
        if isinstance(spec, str) and spec not in question.sources:
            yield name, spec


def _files(sources: Sequence[Source]) -> Iterator[str]:
    for source in sources:
        yield from getattr(source, "paths", ())
