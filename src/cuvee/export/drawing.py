"""The documents drawn from a piece of a source, and their order in the mixed dataset.

Whoever writes shards and whoever streams from an index both go through these functions, so the
same documents come out in the same order.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from cuvee.core.data import Batch, Data, Piece, checked
from cuvee.export.folder import Changed
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


def drawn(
    data: Data, i: int, piece: Piece, first: int, count: int, draw: Draw, *, whole: bool = False
) -> Iterator[pa.RecordBatch]:
    """The documents drawn from one piece, in its order.

    Args:
        data: Sources and units.
        i: Which source.
        piece: Of it.
        first: Number of the piece's first document, counted over the source.
        count: Documents that the piece had when it was surveyed.
        draw: What is taken of this piece.
        whole: Read on after the last document taken, to see that there are still so many.

    Raises:
        Changed: The piece has another number of documents now.
    """
    source, seen = data.sources[i], first
    for batch in checked(source.read(piece), data.strict):
        stop = min(seen + len(batch.text), first + count)
        lo, hi = np.searchsorted(draw.row, [seen, stop])
        if hi > lo:
            yield _taken(data, source.name, batch, draw.part(slice(lo, hi)), seen)
        seen += len(batch.text)
        if not whole and (not len(draw.row) or seen > draw.row[-1]):
            return
    if seen != first + count:
        raise Changed(
            f"source {source.name!r} changed while cuvee was at work: {piece.path or 'a piece'} "
            f"had {count} documents, now {seen - first}. Start again."
        )


def _taken(data: Data, name: str, batch: Batch, draw: Draw, first: int) -> pa.RecordBatch:
    """The drawn documents of a batch."""
    text = batch.text.take(pa.array(draw.row - first))
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
