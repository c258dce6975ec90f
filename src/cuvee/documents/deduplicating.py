"""Documents, or passages of them, that stand more than once: found, explained, left out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from cuvee import clean
from cuvee import engine as engines
from cuvee import sources as room
from cuvee.core import CuveeError, check_names, unknown
from cuvee.core.apart import check_apart
from cuvee.core.copies import Deduper, Found
from cuvee.core.data import Engine, Piece, Source, checked
from cuvee.documents.duplicates import Deduped, Place, explain, write_attributes
from cuvee.documents.keeping import Kept, check_out, write_kept
from cuvee.documents.outputs import Order, Outputs, Work, check_new, recipe_of
from cuvee.documents.rewriting import Rewritten
from cuvee.documents.trimming import Trim
from cuvee.engine import Progress, silent
from cuvee.question import target_name
from cuvee.sources.table import holds_rows

Result = TypeVar("Result")
HOLDS = 64 << 20
"""Bytes that a job keeps in memory, about."""


@dataclass(slots=True)
class Reading:
    """All documents of some sources, as a method goes through them; a running state.

    Args:
        sources: In order; so are the numbers of their documents.
        engine: Where the work runs.
        strict: Refuse records that are no documents.
        pieces: Number of the source, and the piece.
        counts: Documents of each piece, once it has been read.
        unread: Records of each source that are no documents.
    """

    sources: tuple[Source, ...]
    engine: Engine
    strict: bool
    pieces: list[tuple[int, Piece]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pieces = [(i, piece) for i, s in enumerate(self.sources) for piece in s.pieces()]

    def __call__(
        self, job: Callable[[pa.LargeStringArray], Result], *, label: str
    ) -> Iterator[Result]:
        """Results of a job on all documents, some at a time, in order."""
        before, self.counts, self.unread = self.counts, [], [0] * len(self.sources)
        items = [(self.sources[i], piece) for i, piece in self.pieces]
        found = self.engine(partial(_piece, job, self.strict), items, label=label, holds=HOLDS)
        for (i, piece), (count, bad, results) in zip(self.pieces, found):
            if before and before[len(self.counts)] != count:
                where = piece.path or self.sources[i].name
                raise CuveeError(f"{where} was changed while cuvee was at work: run it again.")
            self.counts.append(count)
            self.unread[i] += bad
            yield from results

    def counted(self, source: int) -> tuple[int, ...]:
        """Documents of each piece of a source."""
        return tuple(n for (i, _), n in zip(self.pieces, self.counts) if i == source)

    @property
    def ends(self) -> Int64[np.ndarray, "sources+1"]:
        """Number of the first document of each source, and one past the last of all."""
        each = [sum(self.counted(i)) for i in range(len(self.sources))]
        return np.r_[0, np.cumsum(each, dtype=np.int64)]

    def place(self, document: int) -> Place:
        """Where a document stands."""
        ends = np.cumsum(self.counts)
        at = int(np.searchsorted(ends, document, side="right"))
        i, piece = self.pieces[at]
        within = document - (int(ends[at - 1]) if at else 0)
        return Place(self.sources[i], piece, within, document - int(self.ends[i]))


def _piece(
    job: Callable[[pa.LargeStringArray], Any], strict: bool, item: tuple[Source, Piece]
) -> tuple[int, int, list[Any]]:
    """Documents and rejects of a piece, and the job's results."""
    source, piece = item
    count, bad, results = 0, 0, []
    for batch in checked(source.read(piece), strict):
        bad += len(batch.rejected)
        count += len(batch.text)
        if len(batch.text):
            results.append(job(batch.text))
    return count, bad, results


def dedup(
    sources: Any,
    *,
    method: str | Deduper = "minhash",
    out: str | Path | None = None,
    attributes: str | Path | None = None,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
    text: str | Mapping[str, str] | None = None,
    strict: bool = False,
    examples: int = 5,
) -> Deduped:
    """Find documents that stand more than once, and write what stays.

    Args:
        sources: By name as for `blend`; or a path, or several, each then called as its file is.
        method: `exact`, `minhash` or `spans`, with settings as in `minhash:threshold=0.7`, or a
            method that is made already.
        out: File of what stays, with all of its columns: `.parquet`, `.jsonl` or `.jsonl.zst`.
            Beside it lies `NAME.json`: the summary and the recipe. What is there already by the
            same recipe is left as it is.
        attributes: New folder for a Parquet file for each source that says of every document what
            became of it; the data stay as they are.
        engine: Where the work runs: "local", "ray", or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished piece.
        text: Column or field that holds the text; one for all, or by source. None: found.
        strict: Stop at the first record that cannot be read, instead of counting it.
        examples: Of the largest groups, or longest passages, so many are shown with their text.

    Returns:
        What was found: print it, or look at `kept`, `found` and `examples`.

    Raises:
        CuveeError: Something is wrong with the input; the message says what to do.

    Example:
        >>> print(dedup({"verse": ["a rose", "is a rose", "a rose"]}, method="exact"))
        exact: 2 of 3 documents stay; 1 went, in 1 group.
    """
    made = order(
        sources, method=method, out=out, attributes=attributes, text=text, strict=strict,
        examples=examples,
    )  # fmt: skip
    return made.make(engines.load(engine, workers, progress))


def order(
    sources: Any,
    *,
    method: str | Deduper = "minhash",
    out: str | Path | None = None,
    attributes: str | Path | None = None,
    report: str | Path | None = None,
    text: str | Mapping[str, str] | None = None,
    strict: bool = False,
    examples: int = 5,
) -> Order[Deduped]:
    """What `dedup` does, ready to be done; `report` is a file for the summary."""
    given = _given(sources)
    opened = _opened(given, text)
    finder = clean.load(method) if isinstance(method, str) else method
    if not callable(getattr(finder, "find", None)):
        raise CuveeError(f"method: expected exact, minhash or spans, got {method!r}.")
    name = method if isinstance(method, str) else type(method).__name__.lower()
    settings = asdict(finder) if is_dataclass(finder) else repr(finder)  # type: ignore[arg-type]
    asked = {"method": name, "settings": settings, "strict": strict, "examples": examples}
    return Order(
        _outputs(out, attributes, report, given, opened),
        partial(recipe_of, given, opened, asked),
        partial(_dedup, opened, finder, name, strict, examples),
    )


def _dedup(
    opened: tuple[Source, ...], finder: Deduper, name: str, strict: bool, examples: int, work: Work
) -> Deduped:
    """Find, explain, and write what is to be written."""
    reading = Reading(opened, work.engine, strict)
    found = finder.find(reading)
    if not len(found):
        raise CuveeError("no document was found in any source: nothing to compare.")
    answer = explain(name, found, reading, examples)

    def settle() -> None:
        folder = work.outputs.folder
        if folder is not None and folder not in work.done:
            write_attributes(folder, found, reading)
        work.settle(answer.to_dict())

    write_kept([] if work.outputs.file is None else _kept(found, reading), work, settle)
    return answer


def _given(sources: Any) -> Mapping[str, Any]:
    """Sources by name."""
    if isinstance(sources, str | Path):
        sources = [sources]
    if isinstance(sources, Sequence):
        if not all(isinstance(path, str | Path) for path in sources):
            raise CuveeError('expected paths, or sources by name: {"web": "web/*.parquet", ...}.')
        sources = named([str(path) for path in sources])
    if not isinstance(sources, Mapping):
        kind = type(sources).__name__
        raise CuveeError(f'sources: expected a path or {{"web": "web/*.parquet"}}, got a {kind}.')
    check_names(list(sources), "source")
    return sources


def _opened(sources: Mapping[str, Any], text: str | Mapping[str, str] | None) -> tuple[Source, ...]:
    by_name = text if isinstance(text, Mapping) else dict.fromkeys(sources, text)
    for name in by_name:
        if name not in sources:
            raise unknown("source in text", name, sources)
    opened = tuple(room.open_source(n, spec, by_name.get(n)) for n, spec in sources.items())
    for one in opened:
        if holds_rows(one):
            raise CuveeError(f"{one.name!r} holds rows of numbers: only text is compared.")
    return opened


def named(paths: Sequence[str]) -> dict[str, str]:
    """Paths by the names of their files, or folders; of equal names the later ones get a number.

    Args:
        paths: `PATH`, or `NAME=PATH`.

    Raises:
        CuveeError: A given name is taken already.
    """
    found: dict[str, str] = {}
    for path in paths:
        name, equals, rest = path.partition("=")
        if equals and name and not Path(path).exists():
            if name in found:
                raise CuveeError(f"two sources are called {name!r}: give each its own name.")
            found[name] = rest
            continue
        base = name = _called(path)
        several = 1
        while name in found:
            several += 1
            name = f"{base}-{several}"
        found[name] = path
    return found


def _called(path: str) -> str:
    """What a file, a folder or a glob is called."""
    parts = [part for part in Path(path).parts if any(c.isalnum() for c in part)]
    while len(parts) > 1 and has_magic(parts[-1]):
        parts.pop()
    name = target_name(parts[-1]) if parts else "text"
    return "text" if has_magic(name) else re.sub(r"[,=\n]", "-", name)


def _outputs(
    out: str | Path | None,
    attributes: str | Path | None,
    report: str | Path | None,
    given: Mapping[str, Any],
    opened: tuple[Source, ...],
) -> Outputs:
    """Where to write, once nothing is in the way."""
    file = None if out is None else check_out(out, opened)
    folder, told = (None if path is None else Path(path) for path in (attributes, report))
    for one in (file, told):
        if one is not None:
            check_apart(one, given, file=True)
    if folder is not None:
        check_apart(folder, given)
        check_new(folder, "dedup")
    return Outputs("dedup", file, folder, told)


def _kept(found: Found, reading: Reading) -> list[Kept]:
    """What stays of each source."""
    ends, kept = reading.ends, []
    for i, source in enumerate(reading.sources):
        rows = np.flatnonzero(found.kept[ends[i] : ends[i + 1]])
        counts = reading.counted(i)
        if found.cuts is not None:
            trim, start = Trim(found.cuts), int(ends[i])
            source = Rewritten.of(source, source.pieces(), counts, trim, start)
        kept.append(Kept(source, counts, rows, {}))
    return kept


__all__ = ["Deduped", "dedup", "named"]
