"""What is known of documents, written beside them: the data itself stays as it is.

Under `FOLDER/<attribute>/<source>/` there is one Parquet file for each piece of the source, with a
row for each of its documents, in their order: the file that the document is in (`path`), its number
among the documents of that file (`row`), a key of its content (`key`), and what is known. Each file
says in its metadata of which content, by which settings it was made: so what is there already is
taken, and what belongs to other content is made again.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.core import CuveeError
from cuvee.core.contents import document_hashes
from cuvee.core.data import Piece, Source
from cuvee.core.files import explained, whole_file
from cuvee.core.recipe import versions
from cuvee.sources.files import fingerprint

PLACE = ("path", "row", "key")
"""Columns that say which document a row is about."""
MARK = b"cuvee"
PART = re.compile(r"\d{6}\.parquet")


def key_column(text: pa.LargeStringArray) -> pa.Array:
    """A key of each document's content: equal text, equal key."""
    return pa.array(document_hashes(text))


@dataclass(frozen=True, slots=True, eq=False)
class Sidecar:
    """The files of one attribute of one source.

    Args:
        folder: `FOLDER/<attribute>/<source>`.
        source: What is described.
        made_by: Settings, and whatever else decides about the columns; plain JSON values.
        content: Hash of each file of the source.
    """

    folder: Path
    source: Source
    made_by: Mapping[str, Any]
    content: Mapping[str, str]

    @staticmethod
    def of(
        out: Path, attribute: str, source: Source, content: Mapping[str, str],
        made_by: Mapping[str, Any],
    ) -> "Sidecar":  # fmt: skip
        """Below a folder."""
        folder = out / attribute / _folder_name(source.name)
        made = {**made_by, "text": text_of(source), "cuvee": versions()["cuvee"]}
        return Sidecar(folder, source, made, content)

    def path(self, number: int) -> Path:
        """Of the file of a piece."""
        return self.folder / f"{number:06d}.parquet"

    def mark(self, piece: Piece) -> bytes:
        """What the file of a piece was made of, and how."""
        whole = hashlib.blake2b(orjson.dumps(sorted(self.content.items())), digest_size=16)
        content = self.content.get(piece.path) or f"blake2b:{whole.hexdigest()}"
        return orjson.dumps(
            {
                "content": content, "start": piece.start, "stop": min(piece.stop, 2**53),
                "made_by": self.made_by,
            },
            option=orjson.OPT_SORT_KEYS,
        )  # fmt: skip

    def known(self, number: int, piece: Piece) -> pa.Table | None:
        """What is there already of a piece, if it was made of the same in the same way."""
        path = self.path(number)
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException):
            return None  # damaged: it is made again
        return table if (table.schema.metadata or {}).get(MARK) == self.mark(piece) else None

    def write(
        self, number: int, piece: Piece, row: int, keys: pa.Array, known: pa.Table
    ) -> pa.Table:
        """The file of a piece.

        Args:
            number: Of the piece.
            piece: Itself.
            row: Documents of the same file in the pieces before.
            keys: Of its documents' content.
            known: A row for each document.
        """
        place = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(known), np.int32)), pa.array([piece.path or self.source.name])
        )
        rows = pa.array(np.arange(row, row + len(known)))
        table = pa.table(dict(zip(PLACE, (place, rows, keys))) | _columns(known))
        table = table.replace_schema_metadata({MARK: self.mark(piece)})
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path(number), shared=True) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        return table

    def finish(self, pieces: int) -> None:
        """Remove files of pieces that the source does not have any more."""
        keep = {self.path(number).name for number in range(pieces)}
        for path in self.folder.glob("*.parquet"):
            if PART.fullmatch(path.name) and path.name not in keep:
                path.unlink()


def read_sidecar(folder: str | Path, attribute: str, source: Source) -> pa.Table:
    """What is known of every document of a source, in their order.

    Args:
        folder: As given to `cuvee attributes --out`.
        attribute: Its name.
        source: As it is now.

    Raises:
        CuveeError: There is nothing of it, or it was made of other content.
    """
    return pa.concat_tables(list(read_pieces(folder, attribute, source)))


def read_pieces(folder: str | Path, attribute: str, source: Source) -> Iterator[pa.Table]:
    """As `read_sidecar`, piece by piece."""
    place = Path(folder) / attribute / _folder_name(source.name)
    sidecar = Sidecar(place, source, {}, dict(source.fingerprint()))
    for number, piece in enumerate(source.pieces()):
        path = sidecar.path(number)
        if not path.is_file():
            raise CuveeError(
                f"{path}: no such file: run `cuvee attributes` on {source.name} with "
                f"--of {attribute} and --out {place.parent.parent}."
            )
        try:
            table = pq.read_table(path)
            made = orjson.loads((table.schema.metadata or {})[MARK])
            now = orjson.loads(sidecar.mark(piece))
        except (OSError, pa.ArrowException, KeyError, orjson.JSONDecodeError) as error:
            raise CuveeError(f"{path} is no file of attributes that cuvee wrote.") from error
        column = made.get("made_by", {}).get("text") == text_of(source)
        if not column or any(made.get(p) != now[p] for p in ("content", "start", "stop")):
            raise CuveeError(
                f"{path}: {source.name} has changed since its attributes were written, or another "
                "column is read: run `cuvee attributes` again."
            )
        yield table.replace_schema_metadata(None)


def files_of(folder: str | Path, attribute: str, source: Source) -> Mapping[str, str]:
    """Hashes of all files that say of a source what an attribute is."""
    place = Path(folder) / attribute / _folder_name(source.name)
    return fingerprint(map(str, sorted(place.glob("*.parquet"))))


def text_of(source: Source) -> str | None:
    """The column that a source reads, if it has several."""
    found = getattr(source, "text", None)
    return found if isinstance(found, str) else None


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns))


def _folder_name(source: str) -> str:
    """A source's name as that of a folder."""
    if source in ("", ".", "..") or "/" in source or "\\" in source or "\0" in source:
        raise CuveeError(f"{source!r} can be no name of a folder: call the source something else.")
    return source


__all__ = ["PLACE", "Sidecar", "files_of", "key_column", "read_pieces", "read_sidecar"]
