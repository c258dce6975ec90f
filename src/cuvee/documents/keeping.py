"""Writing a part of some sources: the chosen documents with all of their columns."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from jaxtyping import Int64

from cuvee.core import CuveeError
from cuvee.core.data import Piece, Source
from cuvee.core.files import explained, whole_file, write_whole
from cuvee.core.recipe import to_json
from cuvee.documents.outputs import Work
from cuvee.documents.places import PARTS, beside, record_of
from cuvee.sources.jsonl import Jsonl
from cuvee.sources.memory import Memory
from cuvee.sources.records import column, records

SUFFIXES = (".parquet", ".jsonl", ".jsonl.zst")
ASKED = "asked.json"
ROWS = 10_000
"""Of a row group."""
GROUP = 64 << 20
"""Bytes of a row group, about."""
LOOSE = b"loose"
"""Said of a table whose records may lack fields."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Some documents of a source.

    Args:
        source: Which.
        counts: Documents of each of its pieces.
        rows: Numbers of those that are kept, over all pieces, rising.
        extra: Columns to add, one value for each kept document.
    """

    source: Source
    counts: tuple[int, ...]
    rows: Int64[np.ndarray, "kept"]
    extra: Mapping[str, np.ndarray]

    def mark(self) -> list[str]:
        """What changes with the documents, with the column that is read, and with what is added."""
        digest = hashlib.blake2b(self.rows.tobytes(), digest_size=16)
        for name, values in self.extra.items():
            digest.update(name.encode() + values.tobytes())
        text = getattr(self.source, "text", None) or getattr(
            getattr(self.source, "source", None), "text", None
        )
        return [self.source.name, digest.hexdigest(), str(text)]

    def parts(self) -> Iterator[tuple[Piece, np.ndarray, dict[str, np.ndarray]]]:
        """Each piece with kept documents: their numbers in it, and their extra values."""
        ends = np.concatenate([[0], np.cumsum(self.counts)])
        cuts = np.searchsorted(self.rows, ends)
        for i, piece in enumerate(self.source.pieces()):
            some = slice(int(cuts[i]), int(cuts[i + 1]))
            if some.start < some.stop:
                extra = {name: values[some] for name, values in self.extra.items()}
                yield piece, self.rows[some] - ends[i], extra


def check_out(out: str | Path, given: Sequence[Source] = ()) -> Path:
    """Where chosen documents are written.

    Args:
        out: A file that does not exist yet, or that was made by the same recipe.
        given: Sources that are read meanwhile.

    Raises:
        CuveeError: The suffix is none that can be written, or something lies there that cuvee did
            not write.
    """
    if "://" in str(out):
        raise CuveeError(f"--out {out}: chosen documents are written to this machine: give a path.")
    path = Path(out)
    if not path.name.endswith(SUFFIXES):
        raise CuveeError(f"--out {out}: expected a file that ends with {', '.join(SUFFIXES)}.")
    if path.exists() and not (record_of(path).exists() or beside(path).exists()):
        raise CuveeError(f"--out {out} exists: choose another name, or remove it.")
    for source in given:
        if str(path) in getattr(source, "paths", ()):
            raise CuveeError(f"--out {out} is read as {source.name}: choose another name.")
    return path


def write_kept(kept: Sequence[Kept], work: Work, settle: Callable[[], object]) -> int:
    """Write documents with all of their columns, in the order of the sources.

    Each piece's part is written beside the file first, and stays there until all is done: whoever
    is stopped and asks for the same again goes on there. Columns that hold several kinds of values
    are written as JSON text; of several sources the name is added as a column `source`. In JSON
    Lines, a field that a record of JSON does not have, or that is null, is left out.

    Args:
        kept: Of each source.
        work: Of which the file is one output.
        settle: Writes what else there is. The file comes last: where it is, all is there.

    Returns:
        Documents written.

    Raises:
        CuveeError: It cannot be written, or a column of the sources has the name of an added one.
    """
    count, out = sum(len(one.rows) for one in kept), work.outputs.file
    if out is None or work.folder is None or out in work.done:
        work.check()
        settle()
        return count
    folder = work.folder / PARTS
    _begin(folder, to_json([one.mark() for one in kept]))
    job = partial(_part, folder, len(kept) > 1)
    jobs = [(one.source, *part) for one in kept for part in one.parts()]
    named = work.plain(job, list(enumerate(jobs)), label="copying documents", holds=64 << 20)
    files = [folder / name for name in named]
    schema = common(files)
    work.check()
    settle()
    with whole_file(out) as temporary:
        return _joined(files, schema, temporary, out.name)


def _begin(folder: Path, asked: bytes) -> None:
    """The folder of parts; those of another question are removed."""
    mark = folder / ASKED
    with explained(folder):
        if folder.exists() and (not mark.exists() or mark.read_bytes() != asked):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        write_whole(mark, lambda path: path.write_bytes(asked))


def _part(
    folder: Path, names: bool, job: tuple[int, tuple[Source, Piece, np.ndarray, dict]]
) -> str:
    """Write the kept records of a piece; the name of its file."""
    number, (source, piece, rows, extra) = job
    path = folder / f"{number:06d}"
    if not path.exists():
        with whole_file(path) as temporary:
            _write_tables(temporary, _tables(source, piece, rows, extra, names))
    return path.name


def _tables(
    source: Source, piece: Piece, rows: np.ndarray, extra: dict[str, np.ndarray], names: bool
) -> Iterator[pa.Table]:
    first = done = 0
    loose = {b"cuvee": LOOSE} if _is_loose(source) else None
    for table in records(source, piece):
        stop = int(np.searchsorted(rows, first + len(table)))
        if stop > done:
            some = table.take(pa.array(rows[done:stop] - first))
            added = {"source": pa.array([source.name] * len(some))} if names else {}
            added |= {name: pa.array(values[done:stop]) for name, values in extra.items()}
            old = [name for name in added if name.startswith("choice_")]  # of an earlier choice
            some = some.drop_columns([name for name in old if name in some.column_names])
            for name, values in added.items():
                if name in some.column_names and name != "source":
                    raise CuveeError(
                        f"{source.name}: a column is called {name!r} already: rename it."
                    )
                if name not in some.column_names:
                    some = some.append_column(name, values)
            yield some.combine_chunks().replace_schema_metadata(loose)
        first += len(table)
        done = stop
    if done < len(rows):
        raise CuveeError(
            f"{piece.path or source.name}: it has fewer documents than a moment ago: it was "
            "changed while cuvee was at work."
        )


def _write_tables(path: Path, tables: Iterator[pa.Table]) -> None:
    """One Arrow stream after another, as schemas may differ."""
    with pa.OSFile(str(path), "wb") as file:
        for table in tables:
            with pa.ipc.new_stream(file, table.schema) as out:
                out.write_table(table)


def _read_tables(path: Path) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as file:
        while file.tell() < file.size():
            with pa.ipc.open_stream(file) as stream:
                yield stream.read_all()


def _is_loose(source: Any) -> bool:
    """Whether a record may lack a field that others have."""
    while source is not None:
        if isinstance(source, Jsonl | Memory):
            return True
        source = getattr(source, "source", None)
    return False


def common(files: Sequence[Path]) -> pa.Schema:
    """One schema for all tables; a field whose kinds do not go together is text, as JSON.

    Kinds go together if no value changes: whole numbers and fractions are fractions, unless one of
    the whole numbers is too large to be one.
    """
    kinds: dict[str, list[pa.DataType]] = {}
    for file in files:
        for table in _read_tables(file):
            for field in table.schema:
                known = kinds.setdefault(field.name, [])
                if field.type not in known:
                    known.append(field.type)
    return pa.schema([(name, _kind(name, types, files)) for name, types in kinds.items()])


def _kind(name: str, types: Sequence[pa.DataType], files: Sequence[Path]) -> pa.DataType:
    if len(types) == 1:
        return pa.string() if types[0] == pa.null() else types[0]
    try:
        schemas = [pa.schema([(name, kind)]) for kind in types]
        kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        for table in (table for file in files for table in _read_tables(file)):
            if name in table.column_names and table.schema.field(name).type != kind:
                table.column(name).cast(kind)  # refuses what would not stay the same
    except pa.ArrowException:
        return pa.string()
    return kind


def _joined(files: Sequence[Path], schema: pa.Schema, path: Path, name: str) -> int:
    """All parts in one file; how many documents there are."""
    count, lines = 0, not name.endswith(".parquet")

    def tables() -> Iterator[pa.Table]:
        nonlocal count
        for file in files:
            for table in _read_tables(file):
                count += len(table)
                # In JSON Lines a record has the fields of its source, and no others.
                own = pa.schema([f for f in schema if f.name in table.column_names])
                found = _cast(table, own if lines else schema)
                yield found.replace_schema_metadata(table.schema.metadata) if lines else found

    if lines:
        _write_lines(path, tables(), name)
    else:
        _write_parquet(path, schema, _grouped(tables()))
    return count


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        values = table.column(field.name)
        if values.type != field.type:
            try:
                values = values.cast(field.type)
            except pa.ArrowException:
                texts = [
                    v if v is None or isinstance(v, str) else orjson.dumps(v).decode()
                    for v in values.to_pylist()
                ]
                values = column(texts).cast(field.type)
        columns.append(values)
    return pa.table(columns, schema=schema)


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Tables of about a row group each."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= ROWS or sum(t.nbytes for t in waiting) >= GROUP:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _write_parquet(path: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for table in tables:
            out.write_table(table, row_group_size=2 * ROWS)


def _write_lines(path: Path, tables: Iterator[pa.Table], name: str) -> None:
    with path.open("wb") as raw:
        if name.endswith(".zst"):
            with zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False) as file:
                _lines(file, tables)
        else:
            _lines(raw, tables)


def _lines(file: Any, tables: Iterator[pa.Table]) -> None:
    for table in tables:
        loose = (table.schema.metadata or {}).get(b"cuvee") == LOOSE
        for batch in table.to_batches(max_chunksize=1000):
            rows = batch.to_pylist()
            if loose:
                rows = map(_filled, rows)
            file.write(b"".join(orjson.dumps(row, default=str) + b"\n" for row in rows))


def _filled(value: Any) -> Any:
    """Without the fields that are null; in a list a null is a value."""
    if isinstance(value, dict):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    return [_filled(one) for one in value] if isinstance(value, list) else value
