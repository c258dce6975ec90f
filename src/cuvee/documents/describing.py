"""What is known of each document: attributes are computed once, and kept beside the data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cuvee import engine as engines
from cuvee.attributes import Attribute, Scorer, load, prepare
from cuvee.core import CuveeError, check_names
from cuvee.core.apart import check_apart
from cuvee.core.data import Engine, Piece, Source, batches
from cuvee.core.methods import SETTING
from cuvee.core.threads import keep_memory
from cuvee.documents.outputs import Outputs, making, no_recipe
from cuvee.documents.sidecars import PLACE, Sidecar, key_column
from cuvee.engine import Progress, silent
from cuvee.question import target_name
from cuvee.sources import open_source
from cuvee.sources.part import sample
from cuvee.sources.table import holds_rows

SAMPLE_BYTES = 4 << 20
MOST_VALUES = 20
"""Different words of a column that a summary counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What was found out, in short; the columns lie in the folder.

    Args:
        folder: Where they were written.
        documents: Of each source.
        made: Pieces that were read.
        taken: Pieces of which all was known already.
        unread: Records of each source that are no documents, in the pieces read.
        columns: By source and column: `known` (documents), and `mean`, `least` and `most` of
            numbers, `share` of what is true, `counts` of words.
    """

    folder: Path
    documents: Mapping[str, int]
    made: int
    taken: int
    unread: Mapping[str, int]
    columns: Mapping[str, Mapping[str, Mapping[str, Any]]]

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee attributes --json` prints it."""
        return {
            "folder": str(self.folder), "documents": dict(self.documents),
            "pieces_read": self.made, "pieces_known_before": self.taken,
            "unread": dict(self.unread),
            "columns": {name: dict(found) for name, found in self.columns.items()},
        }  # fmt: skip

    def __str__(self) -> str:
        lines = []
        for name, columns in self.columns.items():
            unread = self.unread[name]
            more = f", {unread:,} records could not be read" if unread else ""
            lines.append(f"{name}: {self.documents[name]:,} documents{more}")
            lines += [f"  {column:<36} {_said(found)}" for column, found in columns.items()]
        return "\n".join(lines)


def attributes(
    sources: Any,
    of: str | Sequence[str],
    out: str | Path,
    *,
    reference: Any = None,
    text: str | Mapping[str, str] | None = None,
    sample_bytes: int = SAMPLE_BYTES,
    seed: int = 0,
    engine: str | Engine = "local",
    workers: int = 0,
    progress: Progress = silent,
) -> Described:
    """Find out about each document, and write it beside the data, which stays as it is.

    Args:
        sources: By name, as for `blend`; or one path or list of texts.
        of: Attributes, see `cuvee methods attributes`; settings may stand in the names:
            `"gopher:least_words=20"`.
        out: Folder; `cuvee.documents.sidecars.read_sidecar` reads it. What it holds already of
            the same content is taken; what it holds of other content is made again.
        reference: What attributes that learn are fitted to: text, as for a target. None: a sample
            of each source itself.
        text: Column or field that holds the text; one for all, or by source. None: found.
        sample_bytes: Most bytes of text that an attribute is fitted to.
        seed: Of the sample.
        engine: Where the work runs: "local", "ray", or an engine that is made already.
        workers: At a time; all cores by default. The answer does not depend on it.
        progress: Called after each finished piece.

    Returns:
        A summary of the columns.

    Raises:
        CuveeError: Unknown attribute, a source without text, no reference where one is needed.

    Example:
        >>> import tempfile
        >>> texts = ["a rose is a rose is a rose. " * 9, "colourless green ideas sleep furiously"]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = attributes({"verse": texts}, "compression", folder)
        >>> found.columns["verse"]["compression_ratio"]["most"] > 5
        True
    """
    methods = _methods(of)
    opened = open_all(sources, text)
    folder = _folder(out, sources, reference)
    given = None if reference is None else open_one("reference", reference, None)
    if sample_bytes < 1:
        raise CuveeError(f"sample_bytes must be at least 1, got {sample_bytes}.")
    runner = engines.load(engine, workers, progress)
    # Each file says what it was made of: that is the recipe, and what is finished stays.
    with making(Outputs("attributes", folder=folder, shared=True), no_recipe, runner):
        found = [
            _Work.of(s, methods, folder, given, sample_bytes, seed).done(runner) for s in opened
        ]  # fmt: skip
    names = [source.name for source in opened]
    return Described(
        folder, dict(zip(names, (one.documents for one in found))),
        sum(one.made for one in found), sum(one.taken for one in found),
        dict(zip(names, (one.unread for one in found))),
        dict(zip(names, ({n: s.result() for n, s in one.columns.items()} for one in found))),
    )  # fmt: skip


def open_all(sources: Any, text: str | Mapping[str, str] | None) -> list[Source]:
    """Sources of text by name; a single one may come without, and is called after its file.

    Raises:
        CuveeError: One cannot be opened, or holds rows of numbers.
    """
    if not isinstance(sources, Mapping):
        path = str(sources) if isinstance(sources, str | Path) else "*"
        sources = {"text" if has_magic(path) or "," in path else target_name(path): sources}
    check_names(list(sources), "source")
    by_name = text if isinstance(text, Mapping) else dict.fromkeys(sources, text)
    return [open_one(name, spec, by_name.get(name)) for name, spec in sources.items()]


def open_one(name: str, spec: Any, text: str | None) -> Source:
    """A source of text."""
    source = open_source(name, spec, text)
    if holds_rows(source):
        raise CuveeError(f"{name} holds rows of numbers: expected text.")
    return source


def _folder(out: str | Path, sources: Any, reference: Any) -> Path:
    if "://" in str(out):
        raise CuveeError(f"--out {out}: attributes are written on this machine: name a folder.")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise CuveeError(f"--out {out} is no folder: attributes fill one.")
    named = sources if isinstance(sources, Mapping) else {"text": sources}
    check_apart(folder, named, reference)
    return folder


def _methods(of: str | Sequence[str]) -> dict[str, Attribute]:
    """By the name of their folder."""
    names = of.split(",") if isinstance(of, str) else list(of)
    found: dict[str, Attribute] = {}
    for name in names:
        method = load(name.strip())
        key = name.strip() if ":" not in name else SETTING.split(name.strip())[0]
        key = type(method).__name__.lower() if ":" in key else key
        if key in found:
            raise CuveeError(f"--of names {key} twice: expected each attribute once.")
        found[key] = method
    return found


@dataclass(slots=True, eq=False)
class _Work:
    """One source on its way; counts as it goes.

    Args:
        source: Which.
        methods: By name.
        fit: Makes scorers of them, by name; not called if all is known already.
        sidecars: The same, where they are written.
        documents: Seen so far.
        made: Pieces read so far.
        taken: Pieces known before.
        unread: Records that are no documents, in the pieces read.
        columns: What was seen of each column.
    """

    source: Source
    methods: dict[str, Attribute]
    fit: Callable[[], dict[str, Scorer]]
    sidecars: dict[str, Sidecar]
    documents: int = 0
    made: int = 0
    taken: int = 0
    unread: int = 0
    columns: "dict[str, _Summary]" = field(default_factory=dict)

    @staticmethod
    def of(
        source: Source, methods: dict[str, Attribute], out: Path, reference: Source | None,
        most: int, seed: int,
    ) -> "_Work":  # fmt: skip
        """Ready to go."""
        content = dict(source.fingerprint())
        sidecars = {}
        for name, method in methods.items():
            made_by: dict[str, Any] = {"method": repr(method)}
            if method.learns:
                made_by["reference"] = [dict((reference or source).fingerprint()), most, seed]
            if method.learns == "reference" and reference is None:
                raise CuveeError(f"{name} looks for a reference in the texts: give --reference.")
            sidecars[name] = Sidecar.of(out, name, source, content, made_by)
        fit = partial(_fitted, source, methods, reference, most, seed)
        return _Work(source, methods, fit, sidecars)

    def done(self, engine: Engine) -> "_Work":
        """Every piece, as far as it is not known yet."""
        pieces = list(enumerate(self.source.pieces()))
        rows: dict[str, int] = {}
        for number, piece, tables in self._tables(pieces, engine):
            first = rows.get(piece.path, 0)
            known, keys, unread = tables
            self.unread += unread
            for name, table in known.items():
                if keys is not None:
                    table = self.sidecars[name].write(number, piece, first, keys, table)
                for column in table.column_names:
                    if column not in PLACE:
                        self.columns.setdefault(column, _Summary()).add(table.column(column))
            count = len(next(iter(known.values())))
            rows[piece.path] = first + count
            self.documents += count
        if not self.documents:
            raise CuveeError(f"{self.source.name}: no document was found: nothing to describe.")
        for sidecar in self.sidecars.values():
            sidecar.finish(len(pieces))
        return self

    def _tables(
        self, pieces: list[tuple[int, Piece]], engine: Engine
    ) -> "Iterator[tuple[int, Piece, tuple[dict[str, pa.Table], pa.Array | None, int]]]":
        """Of each piece in turn: what is known by method, with keys if it was found out now."""
        missing = [
            (number, piece) for number, piece in pieces if not self._all_known(number, piece)
        ]
        job = partial(_score, self.source, self.fit() if missing else {})
        results = engine(job, [p for _, p in missing], label="describing documents", holds=64 << 20)
        new = {number for number, _ in missing}
        self.made, self.taken = len(missing), len(pieces) - len(missing)
        for number, piece in pieces:
            if number in new:
                yield number, piece, next(results)
            else:
                known = {n: s.known(number, piece) for n, s in self.sidecars.items()}
                yield number, piece, ({n: t for n, t in known.items() if t is not None}, None, 0)

    def _all_known(self, number: int, piece: Piece) -> bool:
        return all(s.known(number, piece) is not None for s in self.sidecars.values())


def _fitted(
    source: Source, methods: Mapping[str, Attribute], reference: Source | None, most: int, seed: int
) -> dict[str, Scorer]:
    """The scorers; those that learn a manner do so from a sample, those that look for all of it."""
    learns = {method.learns for method in methods.values()}
    texts: dict[str, pa.LargeStringArray | None] = {"": None}
    if "reference" in learns and reference is not None:
        texts["reference"] = _joined(reference)
    if "sample" in learns:
        texts["sample"] = _joined(sample(reference or source, most, seed, cut=False))
    return {name: prepare(method, texts[method.learns]) for name, method in methods.items()}


def _joined(source: Source) -> pa.LargeStringArray:
    chunks = [batch.text for batch in batches(source)]
    return pa.chunked_array(chunks, pa.large_string()).combine_chunks()


def _score(
    source: Source, scorers: Mapping[str, Scorer], piece: Piece
) -> tuple[dict[str, pa.Table], pa.Array, int]:
    """Everything of a piece, in one reading of it; and how many records could not be read."""
    keep_memory()
    nothing = pa.array([], pa.large_string())
    found = {name: [scorer.score(nothing)] for name, scorer in scorers.items()}
    keys, unread = [key_column(nothing)], 0
    for batch in source.read(piece):
        unread += len(batch.rejected)
        keys.append(key_column(batch.text))
        for name, scorer in scorers.items():
            found[name].append(scorer.score(batch.text))
    tables = {name: pa.concat_tables(parts).combine_chunks() for name, parts in found.items()}
    return tables, pa.concat_arrays(keys), unread


@dataclass(slots=True, eq=False)
class _Summary:
    """A column, seen in parts."""

    documents: int = 0
    total: float = 0.0
    least: float = np.inf
    most: float = -np.inf
    kind: str = "number"
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, column: pa.ChunkedArray) -> None:
        """One more part."""
        known = column.drop_null()
        self.documents += len(known)
        if pa.types.is_string(column.type):
            self.kind = "words"
            for entry in known.value_counts().to_pylist():
                name = entry["values"]
                self.counts[name] = self.counts.get(name, 0) + entry["counts"]
            return
        self.kind = "truth" if pa.types.is_boolean(column.type) else "number"
        if len(known):
            numbers = known.cast(pa.float64())
            self.total += pc.sum(numbers).as_py()  # type: ignore[attr-defined]
            ends = pc.min_max(numbers).as_py()  # type: ignore[attr-defined]
            self.least, self.most = min(self.least, ends["min"]), max(self.most, ends["max"])

    def result(self) -> dict[str, Any]:
        """In plain JSON values."""
        mean = self.total / self.documents if self.documents else None
        if self.kind == "words":
            most = sorted(self.counts.items(), key=lambda entry: (-entry[1], entry[0]))
            return {"known": self.documents, "counts": dict(most[:MOST_VALUES])}
        if self.kind == "truth":
            return {"known": self.documents, "share": mean}
        some = self.documents > 0
        return {
            "known": self.documents, "mean": mean,
            "least": self.least if some else None, "most": self.most if some else None,
        }  # fmt: skip


def _said(found: Mapping[str, Any]) -> str:
    """A column's summary in a line."""
    if not found["known"]:
        return "not known of any"
    if "counts" in found:
        most = list(found["counts"].items())[:6]
        return ", ".join(f"{name or 'none'} {count:,}" for name, count in most)
    if "share" in found:
        return f"{found['share']:.1%}"
    return f"mean {found['mean']:.4g}, from {found['least']:.4g} to {found['most']:.4g}"


__all__ = ["Described", "attributes", "open_all", "open_one"]
