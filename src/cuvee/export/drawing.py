"""The documents drawn from a piece of a source, and their order in the mixed dataset.

Whoever writes shards and whoever streams from an index both go through these functions, so the
same documents come out in the same order.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, UInt

from cuvee.core.data import Batch, Data, Source, checked
from cuvee.export.folder import Changed
from cuvee.export.job import Stretch
from cuvee.export.plan import Draw

DRAWN = pa.schema(
    {
        "id": pa.large_string(),
        "text": pa.large_string(),
        "tokens": pa.uint32(),
        "place": pa.float64(),
    }
)
"""A drawn document that has not found its shard yet."""
DOCUMENT = pa.schema(
    {
        "id": pa.large_string(),
        "text": pa.large_string(),
        "source": pa.large_string(),
        "tokens": pa.uint32(),
    }
)
"""A document of the mixed dataset."""
_Numbered = tuple[Int[np.ndarray, "documents"], pa.LargeStringArray]
_Pick = Callable[..., Iterator[tuple[int, Batch]]]


def drawn(
    data: Data, piece: Stretch, draw: Draw, *, whole: bool = False
) -> Iterator[pa.RecordBatch]:
    """The documents drawn from one piece, in its order.

    Args:
        data: Sources and units.
        piece: As it was surveyed.
        draw: What is taken of it.
        whole: Read on after the last document taken, to see that there are still so many.

    Raises:
        Changed: The piece has other documents now.
    """
    source, done = data.sources[piece.source], 0
    rows = draw.row.astype(np.int64) - piece.first
    for numbers, text in _documents(source, piece, rows, data.strict):
        if len(numbers):
            lo, done = np.searchsorted(rows, [numbers[0], numbers[-1] + 1])
            if done > lo:
                at = pa.array(np.searchsorted(numbers, rows[lo:done]))
                yield _taken(data, source.name, text.take(at), draw.part(slice(lo, done)))
        if not whole and done == len(rows):
            return


def _documents(
    source: Source, piece: Stretch, wanted: Int[np.ndarray, "taken"], strict: bool
) -> Iterator[_Numbered]:
    """Documents of a piece, those that are wanted at least, and their numbers in it."""
    pick: _Pick | None = getattr(source, "pick", None)
    if pick is not None and piece.gaps is not None:
        yield from _picked(source.name, pick, piece, piece.gaps, np.unique(wanted))
        return
    seen = 0
    for batch in checked(source.read(piece.at), strict):
        yield np.arange(seen, seen + len(batch.text)), batch.text
        seen += len(batch.text)
    if seen != piece.count:
        raise _changed(source.name, piece, str(seen))


def _picked(
    name: str,
    pick: _Pick,
    piece: Stretch,
    gaps: UInt[np.ndarray, "gaps"],
    wanted: Int[np.ndarray, "wanted"],
) -> Iterator[_Numbered]:
    """The wanted documents only: most are not drawn, and those need not be parsed."""
    # The record of a document: its number, and the gaps before it. Gap g follows `gaps[g] - g`.
    before = gaps.astype(np.int64) - np.arange(len(gaps))
    records = wanted + np.searchsorted(before, wanted, side="right")
    seen = 0
    for many, batch in pick(piece.at, records):
        lo, hi = np.searchsorted(records, [seen, seen + many])
        if len(batch.text) != hi - lo:
            raise _changed(name, piece, "others")
        yield wanted[lo:hi], batch.text
        seen += many
    if seen != piece.count + len(gaps):
        raise _changed(name, piece, str(seen - len(gaps)))


def _changed(name: str, piece: Stretch, now: str) -> Changed:
    return Changed(
        f"source {name!r} changed while cuvee was at work: {piece.at.path or 'a piece'} "
        f"had {piece.count} documents, now {now}. Start again."
    )


def _taken(data: Data, name: str, text: pa.LargeStringArray, draw: Draw) -> pa.RecordBatch:
    """Drawn documents under their names, the last one of a source cut."""
    tokens = draw.take.astype(np.uint32)
    cut = np.flatnonzero(draw.cut)
    if len(cut):
        texts = text.to_pylist()
        for k in cut:
            texts[k] = data.units.head(texts[k], int(draw.take[k]))
            cut_text = pa.array([texts[k]], pa.large_string())
            tokens[k] = sum(len(c.ids) for c in data.units.cut(cut_text))
        text = pa.array(texts, pa.large_string())
    rows = zip(draw.row.tolist(), draw.epoch.tolist())
    ids = [f"{name}/{r}" + (f"#{e + 1}" if e else "") for r, e in rows]
    columns = [pa.array(ids, pa.large_string()), text, pa.array(tokens), pa.array(draw.place)]
    return pa.RecordBatch.from_arrays(columns, schema=DRAWN)


def shard_of(place: Float[np.ndarray, "taken"], shards: int) -> Int[np.ndarray, "taken"]:
    """The shard that each place lies in."""
    return np.minimum(place * shards, shards - 1).astype(np.int64)


def ordered(parts: Iterable[tuple[str, pa.RecordBatch]]) -> pa.Table:
    """The documents of a shard in order, from (source, documents) pairs in order of the sources.

    Parts from an iterator are let go as soon as they are in one block: two copies at most.
    """
    tables = [DRAWN.empty_table().append_column("source", pa.array([], pa.large_string()))]
    for name, part in parts:
        names = pa.array([name] * len(part), pa.large_string())
        tables.append(pa.Table.from_batches([part]).append_column("source", names))
    table = pa.concat_tables(tables).combine_chunks()
    del tables, parts
    pa.default_memory_pool().release_unused()
    # Stable: documents at the same place keep the order of sources and pieces.
    order = np.argsort(table["place"].to_numpy(), kind="stable")
    return table.select(DOCUMENT.names).take(pa.array(order))
