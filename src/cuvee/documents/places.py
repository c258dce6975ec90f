"""A file or a folder that is made: begun, gone on with after a kill, or finished already.

While it is made, a folder `.cuvee` lies in `.NAME.work` beside a file, or in the folder that is
made. It holds the lock, the recipe, finished jobs and finished parts. With the recipe's removal the
work is finished. The record of what is finished has the recipe, too: the same command once more
finds that all is there, and another one is told what differs.
"""

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cuvee import export
from cuvee.core import CuveeError
from cuvee.core.errors import Broken
from cuvee.core.files import explained, remove_tree, write_whole
from cuvee.core.leftovers import sweep
from cuvee.core.recipe import Recipe

RECIPE, JOBS, PARTS = "recipe.json", "jobs", "parts"
"""In `.cuvee`."""
SHOWN = 3
"""Differences that are named."""


def beside(file: Path) -> Path:
    """Folder in which the work on a file is kept until it is done."""
    return file.with_name(f".{file.name}.work")


def record_of(file: Path) -> Path:
    """Beside a file: what it holds in short, and its recipe."""
    return file.with_name(f"{file.name}.json")


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder that is made.

    Args:
        target: Itself.
        home: Folder that holds `.cuvee` meanwhile.
        record: Summary and recipe, once it is made; None: it is made anew each time.
    """

    target: Path
    home: Path
    record: Path | None

    @property
    def inside(self) -> Path:
        """What is kept while it is made."""
        return self.home / ".cuvee"

    @property
    def is_there(self) -> bool:
        """Whether there is a file, or anything in the folder."""
        if self.target != self.home:
            return self.target.exists()
        return any(path != self.inside for path in self.target.iterdir())

    def lock(self, stack: ExitStack) -> bool:
        """Keep others out until the end of the stack; whether its home is new.

        Raises:
            CuveeError: Another process is at work there.
        """
        new = not self.home.exists()
        try:
            stack.enter_context(export.locked(self.home))
        except CuveeError as error:
            if isinstance(error, Broken) and new:
                for folder in (self.inside, self.home):
                    with suppress(OSError):  # it was not made
                        folder.rmdir()
            # Said of what the user named.
            raise type(error)(str(error).replace(str(self.home), str(self.target))) from error
        if self.target == self.home and self.record is None:
            sweep(self.home)
        return new

    def made(self, recipe: Recipe) -> bool:
        """Whether it was made already by the same recipe; else it can be begun, or gone on with.

        Raises:
            CuveeError: Something else is there.
        """
        record = self.record
        if record is None or self._begun(recipe):
            return False
        made = _loaded(record, "recipe")
        if self.is_there:
            old = made or _loaded(self.inside / RECIPE)
            differences = [] if old is None else recipe.changes(old)
            if old is None or differences:
                raise self._refusal(differences)
            return True
        if made is None and record.exists():
            raise CuveeError(f"{record} exists, and is no record of cuvee: choose another name.")
        return False

    def summary(self, command: str) -> dict[str, Any]:
        """What the record says of work that is finished."""
        content = b"{}" if self.record is None else self.record.read_bytes()
        return orjson.loads(content).get(command, {})

    def begin(self, recipe: Recipe) -> None:
        """Begin, or go on with what was begun by the same recipe; all other remains are dropped."""
        if self.record is not None and not self._begun(recipe):
            for part in (JOBS, PARTS):
                remove_tree(self.inside / part)
            write_whole(self.inside / RECIPE, lambda path: path.write_bytes(recipe.to_bytes()))

    def _begun(self, recipe: Recipe) -> bool:
        begun = _loaded(self.inside / RECIPE)
        return begun is not None and not recipe.changes(begun)

    def _refusal(self, differences: list[str]) -> CuveeError:
        if not differences and self.target == self.home:
            return CuveeError(f"{self.target}: expected a folder that is new or empty.")
        if not differences:
            return CuveeError(f"--out {self.target} exists: choose another name, or remove it.")
        shown = "; ".join(differences[:SHOWN]) + ("; ..." if len(differences) > SHOWN else "")
        return CuveeError(
            f"{self.target} is there, made otherwise: {shown}. Choose another name, or remove it."
        )

    def leave(self, *, new: bool = True) -> None:
        """Remove all that was kept; the recipe first, as without it there is nothing to go on.

        Args:
            new: Remove its home, too, if nothing is in it.
        """
        with explained(self.target):
            (self.inside / RECIPE).unlink(missing_ok=True)
            remove_tree(self.inside)
        if new:
            with suppress(OSError):  # there is something in it, as there should be
                self.home.rmdir()

    def fail(self, error: BaseException, *, new: bool, at_work: bool) -> None:
        """Leave nothing behind where nothing was done; what is finished stays.

        Args:
            error: What happened.
            new: Whether its home was made for this.
            at_work: Whether it was more than a look at what is there.
        """
        if at_work and isinstance(error, CuveeError) and not isinstance(error, Broken):
            for part in (JOBS, PARTS):  # other input is other work
                remove_tree(self.inside / part)
        kept = {path.name for path in self.inside.iterdir()} if self.inside.exists() else set()
        idle = at_work and not kept & {JOBS, PARTS} and not self.is_there
        if RECIPE not in kept or idle:
            self.leave(new=new)


def _loaded(path: Path, part: str = "") -> Recipe | None:
    """A recipe, or one in a part of a file; None if there is none."""
    try:
        content = orjson.loads(path.read_bytes())
        content = content[part] if part else content
        return Recipe(content["settings"], content["fingerprints"], content["versions"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def plain(recipe: Recipe) -> Recipe:
    """As it is read back."""
    content = orjson.loads(recipe.to_bytes())
    return Recipe(content["settings"], content["fingerprints"], content["versions"])
