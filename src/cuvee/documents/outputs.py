"""What a command makes of documents: all of it by one recipe, and by nobody else meanwhile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson

from cuvee.core import CuveeError
from cuvee.core.data import Engine, Source
from cuvee.core.files import explained, write_whole
from cuvee.core.recipe import Recipe, to_json, versions
from cuvee.documents.places import JOBS, Place, beside, plain, record_of
from cuvee.engine import Kept
from cuvee.question import IN_MEMORY

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a command writes.

    Args:
        command: Its name, under which the record has the summary.
        file: Of documents.
        folder: Of what is known of each document.
        report: The summary, JSON.
        shared: Whether the folder holds what others have found out, too.
    """

    command: str
    file: Path | None = None
    folder: Path | None = None
    report: Path | None = None
    shared: bool = False

    @property
    def places(self) -> tuple[Place, ...]:
        """One for each output; work is kept in the first."""
        found = []
        if self.file is not None:
            found.append(Place(self.file, beside(self.file), record_of(self.file)))
        if self.folder is not None:
            record = None if self.shared else self.folder / f"{self.command}.json"
            found.append(Place(self.folder, self.folder, record))
        if self.report is not None:
            found.append(Place(self.report, beside(self.report), None))
        return tuple(found)

    def __str__(self) -> str:
        return ", ".join(str(p) for p in (self.file, self.folder, self.report) if p is not None)


def check_new(folder: Path, command: str) -> None:
    """Refuse, before anything is read, a folder that holds what a command did not write.

    Raises:
        CuveeError: It does.
    """
    with explained(folder):
        ours = (folder / f"{command}.json").exists() or (folder / ".cuvee").exists()
        if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
            raise CuveeError(f"--attributes {folder}: expected a folder that is new or empty.")


def recipe_of(
    given: Mapping[str, Any], sources: Sequence[Source], settings: Mapping[str, Any],
    more: Mapping[str, Mapping[str, str]] | None = None,
) -> Recipe:  # fmt: skip
    """How to do it again with the sources as they are now.

    Args:
        given: Sources as the user named them.
        sources: The same, opened.
        settings: All else that decides; plain JSON values.
        more: Hashes of other content, by what it is.
    """
    named = {
        one.name: str(given[one.name]) if isinstance(given.get(one.name), str | Path) else IN_MEMORY
        for one in sources
    }
    text = {one.name: getattr(one, "text", None) for one in sources}
    prints = {f"source {one.name}": dict(one.fingerprint()) for one in sources}
    return Recipe(
        {"sources": named, "text": {n: str(v) for n, v in text.items() if v}, **settings},
        {**prints, **(more or {})}, versions(),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Work that nobody else does meanwhile.

    Args:
        outputs: What is made.
        engine: Where it runs.
        again: Reads the recipe once more.
        recipe: As it was read at first; None where no output needs one.
        folder: For parts of what is made; None if nothing is written.
        done: Outputs that were made before.
        made: The summary, if all of it was made before.
    """

    outputs: Outputs
    engine: Engine
    again: Callable[[], Recipe]
    recipe: Recipe | None = None
    folder: Path | None = None
    done: frozenset[Path] = frozenset()
    made: Mapping[str, Any] | None = None

    @property
    def plain(self) -> Engine:
        """The engine that keeps nothing, for jobs that write files."""
        return self.engine.engine if isinstance(self.engine, Kept) else self.engine

    def check(self, recipe: Recipe | None = None) -> None:
        """Whether all input is still what it was, before anything is written of it.

        Args:
            recipe: As the input was read; the one of the beginning by default.

        Raises:
            CuveeError: A file changed meanwhile.
        """
        before = recipe or self.recipe
        if before is None:
            return
        if changes := plain(self.again()).changes(plain(before)):
            raise CuveeError(
                f"the input changed while cuvee was at work: {changes[0]}. Start again."
            )

    def settle(self, summary: Mapping[str, Any]) -> None:
        """Write the records and the report."""
        said = orjson.loads(to_json(summary))
        for place in self.outputs.places:
            if place.record is not None and place.target not in self.done and self.recipe:
                recipe = orjson.loads(self.recipe.to_bytes())
                content = to_json({self.outputs.command: said, "recipe": recipe})
                write_whole(place.record, lambda path, new=content: path.write_bytes(new))
        self.report(said)

    def report(self, summary: Mapping[str, Any]) -> None:
        """Write the report, if one was asked for."""
        if self.outputs.report is not None:
            content = to_json(summary)
            write_whole(self.outputs.report, lambda path: path.write_bytes(content))


@dataclass(frozen=True, slots=True)
class Made:
    """What was made before, by the same recipe.

    Args:
        outputs: Which are there.
        summary: As it was then.
    """

    outputs: Outputs
    summary: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.outputs}: there already, made by the same recipe; nothing was done."


@dataclass(frozen=True, slots=True, eq=False)
class Order(Generic[Result]):
    """Something that is to be made.

    Args:
        outputs: Where.
        recipe: Reads all that decides about it.
        run: Makes it, and writes what is not there.
    """

    outputs: Outputs
    recipe: Callable[[], Recipe]
    run: Callable[[Work], Result]

    def make(self, engine: Engine) -> Result:
        """The result, also of what was made before; that is not written again."""
        with making(self.outputs, self.recipe, engine) as work:
            return self.run(work)

    def once(self, engine: Engine) -> Result | Made:
        """The same, unless it was made before. Finished jobs are kept until all is done."""
        with making(self.outputs, self.recipe, engine, keep=True) as work:
            if work.made is None:
                return self.run(work)
            work.report(work.made)
            return Made(self.outputs, work.made)


def no_recipe() -> Recipe:
    """Of outputs that say themselves what they were made of."""
    return Recipe({}, {}, {})


@contextmanager
def making(
    outputs: Outputs, recipe: Callable[[], Recipe], engine: Engine, *, keep: bool = False
) -> Iterator[Work]:
    """Outputs that nobody else makes meanwhile; what is kept of the work goes when all is done.

    Args:
        outputs: Which.
        recipe: Reads all that decides about them.
        engine: Where the work runs.
        keep: Keep results of jobs, for a command that is begun again after a kill.

    Raises:
        CuveeError: Another process makes one of them, or something else is there.
    """
    new: dict[Place, bool] = {}
    at_work = False
    with ExitStack() as stack:
        try:
            for place in outputs.places:
                new[place] = place.lock(stack)
            work = _claimed(outputs, recipe, engine, keep)
            at_work = True
            yield work
        except BaseException as error:
            for place, fresh in new.items():
                place.fail(error, new=fresh, at_work=at_work)
            raise
        for place in new:
            place.leave()


def _claimed(outputs: Outputs, recipe: Callable[[], Recipe], engine: Engine, keep: bool) -> Work:
    recorded = [place for place in outputs.places if place.record is not None]
    if not recorded:
        return Work(outputs, engine, recipe)
    asked = plain(recipe())
    done = frozenset(place.target for place in recorded if place.made(asked))
    first, made = recorded[0], None
    if len(done) == len(recorded) and not (outputs.shared and outputs.folder):
        made = first.summary(outputs.command)
    for place in recorded:
        if place.target not in done:
            place.begin(asked)
    kept = Kept(engine, first.inside / JOBS) if keep and made is None else engine
    return Work(outputs, kept, recipe, asked, first.inside, done, made)
