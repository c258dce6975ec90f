"""Does a dataset fit on the disk and into memory? Asked once the sources are counted."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from cuvee.contracts import Format
from cuvee.core.capacity import check_disk, check_memory, free_disk
from cuvee.core.data import Data, Survey
from cuvee.export.drawing import DOCUMENT

PLENTY = 3.0
"""Bytes of disk for a byte of text that always do: nothing is measured then."""
LEAST = 0.8
"""Part of what a sample says that is needed at least."""
SAMPLE = 4 << 20
"""Bytes of text that are written to see how well they pack."""
SHUFFLING, DRAWING = 24, 45
"""Bytes of any document of a source, and of each that is drawn, while one source is drawn from."""


def check_room(
    out: Path, data: Data, survey: Survey, shares: np.ndarray, tokens: int, format: Format
) -> None:
    """Refuse a dataset that does not fit, before any of it is written.

    Args:
        out: Its folder; what that holds already counts.
        data: Sources.
        survey: Of these sources.
        shares: Of the tokens, by source.
        tokens: Of the dataset.
        format: Of the shards.

    Raises:
        CuveeError: With what is needed at least, and what is free.
    """
    available = np.maximum(survey.available, 1.0)
    epochs = shares * tokens / available
    documents = np.array([sum(map(len, pieces)) for pieces in survey.lengths])
    check_memory(LEAST * float((documents * (SHUFFLING * (shares > 0) + DRAWING * epochs)).max()))
    text = float((np.array(survey.text_bytes) * epochs).sum())
    free = free_disk(out)
    if free is not None and free < PLENTY * text:
        check_disk(out, LEAST * text * _packed(data, shares, format))


def _packed(data: Data, shares: np.ndarray, format: Format) -> float:
    """Bytes of disk for a byte of text: of shards, and of what is written on the way."""
    parts = [*_some(data, shares)]
    table = pa.concat_tables([DOCUMENT.empty_table(), *parts])
    text = max(sum(part["text"].nbytes for part in parts), 1)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    with tempfile.TemporaryDirectory(prefix="cuvee-") as folder:
        path = Path(folder, "sample")
        format.write(table, path)
        return (sink.tell() + path.stat().st_size) / text


def _some(data: Data, shares: np.ndarray) -> Iterator[pa.Table]:
    """The first documents of each source, as many as its share."""
    for source, share in zip(data.sources, shares):
        left = int(SAMPLE * share)
        for piece in source.pieces()[:1] if left else ():
            for batch in source.read(piece):
                count = len(batch.text)
                names = [f"{source.name}/{i}" for i in range(count)]
                columns = [names, batch.text, [source.name] * count, [0] * count]
                yield pa.table(dict(zip(DOCUMENT.names, columns)), DOCUMENT)
                left -= batch.text.nbytes
                if left <= 0:
                    break
