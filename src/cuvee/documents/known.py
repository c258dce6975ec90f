"""What side-car files say of the documents of a pool: qualities and labels without a column."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from cuvee.core import CuveeError, unknown
from cuvee.core.data import Source
from cuvee.documents.describing import open_all
from cuvee.documents.scanning import Scan
from cuvee.documents.sidecars import PLACE, read_pieces
from cuvee.sources import open_source


def attribute_of(folder: str | Path, column: str) -> str | None:
    """The attribute whose name a column begins with; None: none of those that lie there.

    Raises:
        CuveeError: No attributes lie there.
    """
    place = Path(folder)
    names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    if not names:
        raise CuveeError(f"{folder}: no attributes lie there: run `cuvee attributes` with --out.")
    return max((n for n in names if column.startswith(f"{n}_")), key=len, default=None)


def known_values(
    folder: str | Path, sources: Mapping[str, Any], text_of: Callable[[str], str | None],
    pool: Scan, attribute: str, column: str,
) -> pa.ChunkedArray:  # fmt: skip
    """A column of an attribute, for the documents of a pool.

    Args:
        folder: As given to `cuvee attributes --out`.
        sources: As given for the pool.
        text_of: Text column of a source.
        pool: What was found of them.
        attribute: Its name.
        column: One of its columns.

    Raises:
        CuveeError: There is nothing of it, or it was made of other content.
    """
    chunks: list[pa.Array] = []
    for i, (name, spec) in enumerate(sources.items()):
        source = _described(Path(folder) / attribute, name, spec, text_of(name), len(sources) == 1)
        held: list[pa.Array] = []
        for table in read_pieces(folder, attribute, source):
            if column not in table.column_names:
                raise unknown(
                    "attribute", column, [n for n in table.column_names if n not in PLACE]
                )
            held += table.column(column).chunks
        values = pa.chunked_array(held) if held else pa.chunked_array([pa.nulls(0)])
        chunks += values.filter(pa.array(pool.readable(i))).chunks
    return pa.chunked_array(chunks)


def _described(place: Path, name: str, spec: Any, text: str | None, alone: bool) -> Source:
    """The source under the name that `cuvee attributes` gave it; one alone needs none."""
    if alone and not (place / name).is_dir():
        return open_all(spec, text)[0]
    return open_source(name, spec, text)
