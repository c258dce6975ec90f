"""Test text must not be trained on: what of it stands in the sources, and documents without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from cuvee import engine as engines
from cuvee.attributes.overlap import Overlap, Tests
from cuvee.core import CuveeError
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine, Piece, Source, batches
from cuvee.core.recipe import Recipe
from cuvee.core.threads import keep_memory
from cuvee.documents.describing import open_all
from cuvee.documents.excising import Excise, stretches
from cuvee.documents.keeping import Kept, check_out, write_kept
from cuvee.documents.leaks import Found, Leaks, Passage
from cuvee.documents.outputs import Order, Outputs, Work, recipe_of
from cuvee.documents.rewriting import Rewritten
from cuvee.documents.sidecars import Sidecar, key_column, text_of
from cuvee.engine import Progress, silent

EXCERPTS = 1000
"""Documents of a piece of which a shared passage is kept for the report."""
EXCERPT = 240
"""Bytes of it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as contamination, and what is done about it.

    Args:
        n: Words of an n-gram.
        shortest: Words of the shortest test document that is looked for.
        share: Part of a test document's n-grams that a document must hold to be contaminated; 0:
            one of them is enough.
        common: An n-gram that stands in more documents than this is no sign of a leak; 0: any is.
        cut: Take the shared passages out of a document, instead of leaving it out; what then has
            fewer words than an n-gram is left out.
    """

    n: int = 13
    shortest: int = 8
    share: float = 0.0
    common: int = 0
    cut: bool = False

    def __post_init__(self) -> None:
        Overlap(self.n, self.shortest)
        if not 0 <= self.share <= 1:
            raise CuveeError(f"share must lie between 0 and 1, got {self.share}.")
        if self.common < 0:
            raise CuveeError(f"common must be 0 (no limit) or more documents, got {self.common}.")

    def settings(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def decontaminate(
    sources: Any,
    against: Any,
    *,
    out: str | Path | None = None,
    attributes: str | Path | None = None,
    report: str | Path | None = None,
    rule: Rule | None = None,
    text: str | Mapping[str, str] | None = None,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Leaks:
    """Find the test text that stands in the sources, and write the documents without it.

    Args:
        sources: By name, as for `blend`; or one path or list of texts.
        against: Test text by name; or one path or list of texts.
        out: File for the clean documents with all of their columns, `.parquet` or `.jsonl(.zst)`.
            Beside it lies `NAME.json`: the summary and the recipe. What is there already by the
            same recipe is left as it is.
        attributes: Folder for what is known of each document, instead of or beside `out`.
        report: File for the report, JSON.
        rule: What counts as contamination; `Rule()` by default.
        text: Column or field that holds the text; one for all, or by name. None: found.
        engine: Where the work runs: "local", "ray", or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished piece.

    Returns:
        Which test documents leaked, and where to.

    Raises:
        CuveeError: No test document is long enough, no document is left to write, or a file
            cannot be read or written.

    Example:
        >>> test = ["the quick brown fox jumps over the lazy dog while the cat looks on, bored"]
        >>> leaks = decontaminate({"web": [f"as they say, {test[0]}, and so on", "clean"]}, test)
        >>> leaks.whole, leaks.contaminated["web"].tolist()
        (1, [0])
    """
    made = order(
        sources, against, out=out, attributes=attributes, report=report, rule=rule, text=text
    )  # fmt: skip
    return made.make(engines.load(engine, workers, progress))


def order(
    sources: Any,
    against: Any,
    *,
    out: str | Path | None = None,
    attributes: str | Path | None = None,
    report: str | Path | None = None,
    rule: Rule | None = None,
    text: str | Mapping[str, str] | None = None,
) -> Order[Leaks]:
    """What `decontaminate` does, ready to be done."""
    rule = rule or Rule()
    by_name = text if isinstance(text, Mapping) else None
    opened = open_all(sources, _columns_of(sources, text))
    against = against if isinstance(against, Mapping | str | Path) else {"test": against}
    targets = open_all(
        against, _columns_of(against, by_name or (None if isinstance(text, Mapping) else text))
    )
    given = sources if isinstance(sources, Mapping) else {one.name: sources for one in opened}
    return Order(
        _outputs(given, against, opened, out, attributes, report),
        partial(_recipe, given, opened, targets, rule),
        partial(_decontaminate, opened, targets, rule),
    )


def _recipe(
    given: Mapping[str, Any], opened: list[Source], targets: list[Source], rule: Rule
) -> Recipe:
    prints = {f"against {one.name}": dict(one.fingerprint()) for one in targets}
    columns = {one.name: str(text_of(one)) for one in targets if text_of(one)}
    settings = {"rule": rule.settings(), "text of against": columns}
    return recipe_of(given, opened, settings, prints)


def _decontaminate(opened: list[Source], targets: list[Source], rule: Rule, work: Work) -> Leaks:
    """Look for the tests, and write what is to be written."""
    file, folder = work.outputs.file, work.outputs.folder
    texts, unread = zip(*map(_joined, targets))
    tests = Overlap(rule.n, rule.shortest).fit(pa.concat_arrays(texts))
    found = _scan(opened, tests, work.engine, folder is not None)
    names = [target.name for target in targets]
    leaks = Leaks.of(found, tests, names, texts, unread, rule.share, rule.common)
    kept = [] if file is None else _clean(leaks, tests, rule, work.engine)
    if file is not None and not any(len(one.rows) for one in kept):
        raise CuveeError(
            "every document holds test text, and nothing would be left: is a test one of the "
            "sources? If not, allow more with --share or --common, or use --cut."
        )

    def settle() -> None:
        if folder is not None:
            against = {t.name: dict(t.fingerprint()) for t in targets}
            _beside(folder, leaks, found, {"rule": rule.settings(), "against": against})
        work.settle(leaks.to_dict() | {"rule": rule.settings()})

    write_kept(kept, work, settle)
    return leaks


def _columns_of(given: Any, text: Any) -> Any:
    """Text columns of those names that are given here: others belong to the other side."""
    if not isinstance(text, Mapping) or not isinstance(given, Mapping):
        return text
    return {name: text.get(name) for name in given}


def _outputs(
    given: Mapping[str, Any], against: Any, opened: list[Source], out: Any, attributes: Any,
    report: Any,
) -> Outputs:  # fmt: skip
    """Where to write, once nothing is in the way."""
    file = None if out is None else check_out(out, opened)
    folder, told = (None if path is None else Path(path) for path in (attributes, report))
    for one in (file, told):
        if one is not None:
            check_apart(one, given, against, file=True)
    if folder is not None:
        check_apart(folder, given, against)
    return Outputs("decontaminate", file, folder, told, shared=True)


def _joined(target: Source) -> tuple[pa.LargeStringArray, int]:
    """All test documents of a target, and how many of its records are none.

    Raises:
        CuveeError: There is none.
    """
    found = list(batches(target))
    chunks = [batch.text for batch in found]
    text = pa.chunked_array(chunks, pa.large_string()).combine_chunks()
    if isinstance(text, pa.ChunkedArray):  # no chunks at all
        text = pa.array([], pa.large_string())
    if not len(text):
        raise CuveeError(f"{target.name}: expected test documents, found none: give others.")
    return text, sum(len(batch.rejected) for batch in found)


def _scan(opened: list[Source], tests: Tests, engine: Engine, keys: bool) -> list[Found]:
    """One pass over every source."""
    jobs = [(source, piece) for source in opened for piece in source.pieces()]
    results = engine(partial(_find, tests, keys), jobs, label="looking for test text")
    parts: dict[str, list[Found]] = {source.name: [] for source in opened}
    for (source, _), part in zip(jobs, results):
        parts[source.name].append(part)
    found = [Found.joined(source, parts[source.name]) for source in opened]
    for one in found:
        if not sum(one.counts):
            raise CuveeError(f"{one.source.name}: no document was found: nothing to look through.")
    return found


def _find(tests: Tests, keys: bool, job: tuple[Source, Piece]) -> Found:
    """The n-grams of the tests in a piece, each once a document, and passages of the first few."""
    keep_memory()
    source, piece = job
    rows, grams, marks = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    passages: dict[int, Passage] = {}
    count = unread = 0
    for batch in source.read(piece):
        unread += len(batch.rejected)
        hits = tests.find(batch.text)
        size = len(tests.lookup)
        both = np.unique(hits.row * size + hits.gram)
        rows.append(both // size + count)
        grams.append(both % size)
        if keys:
            marks.append(key_column(batch.text))
        best: dict[int, tuple[int, int]] = {}
        for row, start, stop in zip(*stretches(hits)):
            if stop - start > best.get(row, (0, 0))[1]:
                best[row] = (start, stop - start)
        for row, (start, length) in best.items():
            if len(passages) < EXCERPTS:
                data = batch.text[row].as_py().encode()[start : start + min(length, EXCERPT)]
                passages[row + count] = Passage(data.decode(errors="ignore"), length)
        count += len(batch.text)
    held = pa.chunked_array(marks, pa.uint64()) if keys else None
    row, gram = np.concatenate(rows), np.concatenate(grams)
    return Found(source, (piece,), (count,), row, gram, passages, held, unread)


def _clean(leaks: Leaks, tests: Tests, rule: Rule, engine: Engine) -> list[Kept]:
    """The documents that are clean, or are made so; the leaks note how many that are."""
    kept = []
    for one in leaks.found:
        name, total = one.source.name, sum(one.counts)
        gone, source = leaks.contaminated[name], one.source
        if rule.cut and len(gone):
            excise = Excise(gone, tests, leaks.counted)
            source = Rewritten.of(source, one.pieces, one.counts, excise)
            gone = gone[_left(source, excise, engine) < rule.n]
        rows = np.setdiff1d(np.arange(total), gone)
        leaks.kept[name] = len(rows)
        kept.append(Kept(source, one.counts, rows, {}))
    return kept


def _left(source: Rewritten, excise: Excise, engine: Engine) -> Int64[np.ndarray, "documents"]:
    """Words of each mended document."""
    job = partial(_words_left, source, excise)
    results = engine(job, source.touched(), label="cutting test text")
    return np.concatenate([np.zeros(0, np.int64), *results])


def _words_left(source: Rewritten, excise: Excise, piece: Piece) -> Int64[np.ndarray, "documents"]:
    first, left = source.places[piece][0], []
    for batch in source.read(piece):
        rows = excise.among(first, first + len(batch.text))
        left += [len(text.split()) for text in batch.text.take(pa.array(rows)).to_pylist()]
        first += len(batch.text)
    return np.array(left, np.int64)


def _beside(out: Path, leaks: Leaks, found: list[Found], made_by: dict) -> None:
    """Side-car files, one for each piece."""
    for one in found:
        source = one.source
        table = leaks.table(source.name)
        sidecar = Sidecar.of(out, "decontaminate", source, dict(source.fingerprint()), made_by)
        parts = zip(one.places(), one.counts)
        for number, ((piece, first, before), count) in enumerate(parts):
            keys = pa.array([], pa.uint64()) if one.keys is None else one.keys.slice(first, count)
            sidecar.write(number, piece, before, keys, table.slice(first, count))
        sidecar.finish(len(one.counts))


__all__ = ["Leaks", "Rule", "decontaminate"]
