"""The index of a mixed dataset: what is taken of each source, and nothing of its text.

`index/pieces.parquet` has a row for each piece of each source: where it lies, how many documents
it holds and how many are drawn from it. `index/<number of the source>.parquet` has a row for each
drawn document, in the order of the source. No row group goes over the end of a piece, so what is
taken of a piece can be looked up without the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from cuvee.core import CuveeError
from cuvee.core.files import make_folder, sha256, whole_file
from cuvee.export.drawing import drawn, shard_of
from cuvee.export.job import Job, Stretch, manifest, stretches
from cuvee.export.plan import Draw

GROUP = 1 << 17
"""Drawn documents of a row group, at most."""
DICTIONARY = ["epoch", "tokens", "cut"]
PIECES = pa.schema(
    {
        "source": pa.int64(),
        "path": pa.large_string(),
        "start": pa.int64(),
        "stop": pa.int64(),
        "documents": pa.int64(),
        "drawn": pa.int64(),
    }
)
TAKEN = pa.schema(
    {
        "row": pa.int64(),
        "epoch": pa.uint32(),
        "tokens": pa.uint32(),
        "cut": pa.bool_(),
        "place": pa.float64(),
    }
)


@dataclass(frozen=True, slots=True)
class Index:
    """No shards but an index: the mixture is streamed from the sources whenever it is read."""

    suffix: ClassVar[str] = ".parquet"

    def write(self, table: pa.Table, path: Path) -> None:
        """There is nothing to write: an index holds no text."""
        raise CuveeError(f"{path}: an index has no shards, expected a format such as parquet.")


def write_index(job: Job) -> dict[str, Any]:
    """Write the index, and return the manifest.

    The piece that holds the document that is cut, at most one of each source, is read once more:
    only then it is known how many tokens are left of it.
    """
    make_folder(job.out / "index")
    pieces = stretches(job)
    by_source = {i: list(some) for i, some in groupby(pieces, key=lambda s: s.source)}
    items = [(i, by_source.get(i, [])) for i in range(len(job.data.sources))]
    listed = list(job.data.engine(partial(_write_pieces, job), [pieces], label="listing pieces"))
    results = list(job.data.engine(partial(_write, job), items, label="writing the index"))
    files = [*listed, *(entry for entry, _ in results)]
    windows = np.sum([counts for _, counts in results], axis=0)
    totals = [(int(counts[0].sum()), int(counts[1].sum())) for _, counts in results]
    return {
        **manifest(job, totals),
        "text_bytes": job.text_bytes,
        "windows": [{"documents": int(d), "tokens": int(t)} for d, t in windows.T],
        "index": files,
    }


def _write(
    job: Job, item: tuple[int, Sequence[Stretch]]
) -> tuple[dict[str, Any], Int[np.ndarray, "2 shards"]]:
    """The index of one source; its entry of the manifest, and documents and tokens by shard."""
    i, pieces = item
    name = f"index/{i}.parquet"
    with whole_file(job.out / name) as temporary:
        with pq.ParquetWriter(
            temporary, TAKEN, compression="zstd", use_dictionary=DICTIONARY,  # type: ignore[arg-type]
            column_encoding={"row": "DELTA_BINARY_PACKED", "place": "BYTE_STREAM_SPLIT"},
        ) as writer:  # fmt: skip
            for piece in pieces:
                taken = job.draws[i].between(piece.first, piece.first + piece.count)
                for start in range(0, len(taken.row), GROUP):
                    table = _table(taken.part(slice(start, start + GROUP)))
                    writer.write_table(table, row_group_size=GROUP)
        entry = _entry(name, temporary)
    draw, tokens = job.draws[i], job.draws[i].take.astype(np.int64)
    for k in np.flatnonzero(draw.cut):
        tokens[k] = _tokens_of(job, pieces, draw.part(slice(k, k + 1)))
    shard = shard_of(draw.place, job.shards)
    counts = np.zeros((2, job.shards), np.int64)
    np.add.at(counts[0], shard, 1)
    np.add.at(counts[1], shard, tokens)
    return entry, counts


def _tokens_of(job: Job, pieces: Sequence[Stretch], one: Draw) -> int:
    """Tokens that a document really has once it is cut."""
    row = int(one.row[0])
    piece = next(p for p in pieces if p.first <= row < p.first + p.count)
    found = drawn(job.data, piece, one)
    return int(next(found)["tokens"][0].as_py())


def _table(draw: Draw) -> pa.Table:
    columns = (draw.row.astype(np.int64), draw.epoch.astype(np.uint32),
               draw.take.astype(np.uint32), draw.cut, draw.place)  # fmt: skip
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=TAKEN)


def _write_pieces(job: Job, pieces: Sequence[Stretch]) -> dict[str, Any]:
    taken = [len(job.draws[p.source].between(p.first, p.first + p.count).row) for p in pieces]
    columns = {
        "source": [p.source for p in pieces],
        "path": [p.at.path for p in pieces],
        "start": [p.at.start for p in pieces],
        "stop": [p.at.stop for p in pieces],
        "documents": [p.count for p in pieces],
        "drawn": taken,
    }
    name = "index/pieces.parquet"
    with whole_file(job.out / name) as temporary:
        pq.write_table(pa.table(columns, PIECES), temporary, compression="zstd")
        return _entry(name, temporary)


def _entry(name: str, written: Path) -> dict[str, Any]:
    return {"file": name, "sha256": sha256(written), "bytes": written.stat().st_size}
