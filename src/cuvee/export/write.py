"""Writing the mixed dataset: a shuffle in two passes, in bounded memory, that can be resumed.

First every piece of every source is read once, and the documents drawn from it are put into spill
files, one record batch for each output shard. Then every shard collects its batches, sorts them
and is written under its final name. Both passes are independent jobs, so the bytes do not depend
on the number of workers, and a job whose file exists is not done again.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from cuvee.contracts import Format
from cuvee.core.data import Data, Survey
from cuvee.core.files import is_remote, make_folder, sha256, whole_file, write_whole
from cuvee.export.drawing import DRAWN, drawn, ordered, shard_of
from cuvee.export.index import Index, write_index
from cuvee.export.job import Job, Stretch, manifest, planned, stretches

SPILL_BYTES = 32 * 2**20
"""Text that one job holds before it writes a spill file."""
LAST = ".last.arrow"
"""How the last spill file of a piece ends: its name says that all are there. A file of its own that
says so would have to be forced to disk as well, for each piece."""
SHARD_BYTES = 64 * 2**20
"""About how much text a shard holds, unless something else is asked for."""


def write_dataset(
    out: Path,
    data: Data,
    survey: Survey,
    shares: np.ndarray,
    tokens: int,
    *,
    format: Format,
    seed: int,
    shard_bytes: int = SHARD_BYTES,
) -> dict[str, Any]:
    """Write the shards of a mixture, or finish writing them.

    Args:
        out: Folder; what it holds of the same dataset already is kept.
        data: Sources and units.
        survey: Of these sources.
        shares: Of the tokens, by source.
        tokens: Of the whole dataset.
        format: Of the shards.
        seed: Decides which documents are drawn and their order.
        shard_bytes: About how much text a shard holds.

    Returns:
        The manifest: what was asked, what was written, and a hash of every file.

    Raises:
        CuveeError: A source changed, or the folder cannot be written.
    """
    job = planned(
        out, data, survey, shares, tokens, format=format, seed=seed, shard_bytes=shard_bytes
    )
    if isinstance(format, Index):
        return write_index(job)
    for folder in (job.spill, out / "data"):
        make_folder(folder)
    chunks = [c for found in _spill_all(job) for c in found]
    gather = partial(_gather, job, chunks)
    results = data.engine(gather, range(job.shards), label="writing shards", holds=4 * shard_bytes)
    shards = list(results)
    sums = [[shard["by_source"].get(source.name, [0, 0]) for shard in shards]
            for source in data.sources]  # fmt: skip
    totals = [(sum(s[0] for s in some), sum(s[1] for s in some)) for some in sums]
    files = [{k: v for k, v in shard.items() if k != "by_source"} for shard in shards]
    return {**manifest(job, totals), "shards": files}


def _spill_all(job: Job) -> Iterator[list[tuple[int, str]]]:
    label, holds = "drawing documents", 4 * SPILL_BYTES  # read, taken, sorted, written
    return job.data.engine(partial(_spill, job), stretches(job), label=label, holds=holds)


def _spill(job: Job, piece: Stretch) -> list[tuple[int, str]]:
    """Draw the documents of one piece; returns (source, spill file) pairs."""
    i = piece.source
    draw = job.draws[i].between(piece.first, piece.first + piece.count)
    if not len(draw.row):
        return []
    start, names = f"{piece.source}-{piece.piece}", []
    if there := _spilled(job, start):
        return [(i, name) for name in there]
    rows: list[pa.RecordBatch] = []
    held = 0
    for part in drawn(job.data, piece, draw, whole=True):
        if held > SPILL_BYTES:
            names.append(f"{start}-{len(names)}.arrow")
            _write_spill(job, job.spill / names[-1], rows)
            rows, held = [], 0
        rows.append(part)
        held += part.nbytes
    names.append(f"{start}-{len(names)}{LAST}")
    _write_spill(job, job.spill / names[-1], rows)
    return [(i, name) for name in names]


def _spilled(job: Job, start: str) -> list[str]:
    """The spill files of a piece, if all are there: the name of the last one says so."""
    names: list[str] = []
    while (job.spill / (name := f"{start}-{len(names)}.arrow")).exists():
        names.append(name)
    last = f"{start}-{len(names)}{LAST}"
    return [*names, last] if (job.spill / last).exists() else []


def _write_spill(job: Job, path: Path, rows: Sequence[pa.RecordBatch]) -> None:
    table = pa.Table.from_batches(rows, DRAWN)
    shard = shard_of(table["place"].to_numpy(), job.shards)
    order = np.argsort(shard, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    edges = np.searchsorted(shard[order], np.arange(job.shards + 1))
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, DRAWN, options=options) as writer,
    ):
        for lo, hi in pairwise(edges):
            part = table.slice(lo, hi - lo).combine_chunks().to_batches()
            writer.write_batch(part[0] if part else pa.RecordBatch.from_pylist([], DRAWN))


def _gather(job: Job, chunks: list[tuple[int, str]], shard: int) -> dict[str, Any]:
    """Write one shard, unless it is there; returns its row of the manifest."""
    path = job.out / job.shard_name(shard)
    note = job.spill / f"shard-{shard:05d}.json"
    if path.exists() and note.exists():
        return orjson.loads(note.read_bytes())
    table = ordered(_of_shard(job, chunks, shard))
    with whole_file(path) as temporary:
        job.format.write(table, temporary)
        digest, size = sha256(temporary), temporary.stat().st_size
    source, tokens = table["source"].to_pylist(), table["tokens"].to_numpy().astype(np.int64)
    sums: dict[str, list[int]] = {}
    for name, n in zip(source, tokens):
        total = sums.setdefault(name, [0, 0])
        total[0] += 1
        total[1] += int(n)
    row = {
        "file": job.shard_name(shard), "sha256": digest, "bytes": size,
        "documents": len(table), "tokens": int(tokens.sum()), "by_source": sums,
    }  # fmt: skip
    write_whole(note, lambda temporary: temporary.write_bytes(orjson.dumps(row)))
    return row


def _of_shard(
    job: Job, chunks: list[tuple[int, str]], shard: int
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The documents of a shard in each spill file, and their source."""
    for i, name in chunks:
        with _mapped(job.spill / name) as file:
            yield job.data.sources[i].name, pa.ipc.open_file(file).get_batch(shard)


def _mapped(path: Path) -> Any:
    """A spill file for reading some of it."""
    return path.open("rb") if is_remote(path) else pa.memory_map(str(path))
