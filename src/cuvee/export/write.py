"""Writing the mixed dataset: a shuffle in two passes, in bounded memory, that can be resumed.

First every piece of every source is read once, and the documents drawn from it are put into spill
files, one record batch for each output shard. Then every shard collects its batches, sorts them
and is written under its final name. Both passes are independent jobs, so the bytes do not depend
on the number of workers, and a job whose file exists is not done again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from cuvee.contracts import Format
from cuvee.core import CuveeError
from cuvee.core.data import Batch, Data, Piece, Survey, checked
from cuvee.core.files import sha256, whole_file, write_whole
from cuvee.export.plan import Draw, draw, whole_tokens

SPILL_BYTES = 32 * 2**20
"""Text that one job holds before it writes a spill file."""

SPILLED = pa.schema(
    {
        "id": pa.large_string(),
        "text": pa.large_string(),
        "tokens": pa.uint32(),
        "place": pa.float64(),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """All that the jobs of one dataset share.

    Args:
        out: Folder of the dataset.
        data: Sources and units.
        survey: Tokens of each document, as the sources were surveyed.
        draws: What is taken of each source.
        shards: How many files the dataset has.
        format: Of the shards.
    """

    out: Path
    data: Data
    survey: Survey
    draws: tuple[Draw, ...]
    shards: int
    format: Format

    @property
    def spill(self) -> Path:
        """Folder of the spill files; gone when the dataset is finished."""
        return self.out / ".cuvee" / "spill"

    def shard_name(self, shard: int) -> str:
        """File of a shard, relative to the dataset."""
        return f"data/part-{shard:05d}{self.format.suffix}"


def write_dataset(
    out: Path,
    data: Data,
    survey: Survey,
    shares: np.ndarray,
    tokens: int,
    *,
    format: Format,
    seed: int,
    shard_bytes: int = 64 * 2**20,
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
    names = [source.name for source in data.sources]
    asked = whole_tokens(shares, tokens)
    draws = tuple(
        draw(np.concatenate([np.zeros(0, np.uint32), *pieces]), int(n), name, seed)
        for pieces, n, name in zip(survey.lengths, asked, names)
    )
    available = survey.available
    size = sum(n * b / max(a, 1) for n, b, a in zip(asked, survey.text_bytes, available))
    job = Job(out, data, survey, draws, max(1, round(size / shard_bytes)), format)
    for folder in (job.spill, out / "data"):
        folder.mkdir(parents=True, exist_ok=True)
    chunks = [c for found in _spill_all(job) for c in found]
    gather = partial(_gather, job, chunks)
    results = data.engine(gather, range(job.shards), label="writing shards", holds=4 * shard_bytes)
    return _manifest(job, list(results))


def _spill_all(job: Job) -> Iterator[list[tuple[int, str]]]:
    items = []
    for i, (source, lengths) in enumerate(zip(job.data.sources, job.survey.lengths)):
        first = 0
        for j, (piece, sizes) in enumerate(zip(source.pieces(), lengths)):
            items.append((i, j, piece, first, len(sizes)))
            first += len(sizes)
    label, holds = "drawing documents", 4 * SPILL_BYTES  # read, taken, sorted, written
    return job.data.engine(partial(_spill, job), items, label=label, holds=holds)


def _spill(job: Job, item: tuple[int, int, Piece, int, int]) -> list[tuple[int, str]]:
    """Draw the documents of one piece; returns (source, spill file) pairs."""
    i, j, piece, first, count = item
    draws = job.draws[i]
    mine = slice(*np.searchsorted(draws.row, [first, first + count]))
    if mine.start == mine.stop:
        return []
    marker = job.spill / f"{i}-{j}.json"
    if marker.exists():
        return [(i, name) for name in orjson.loads(marker.read_bytes())]
    names: list[str] = []
    rows: list[pa.RecordBatch] = []
    held, seen = 0, first

    def flush() -> None:
        names.append(f"{i}-{j}-{len(names)}.arrow")
        _write_spill(job, job.spill / names[-1], rows)
        rows.clear()

    source = job.data.sources[i]
    for batch in checked(source.read(piece), job.data.strict):
        stop = min(seen + len(batch.text), first + count)
        lo, hi = np.searchsorted(draws.row, [seen, stop])
        if hi > lo:
            rows.append(_rows(job, i, batch, slice(lo, hi), seen))
            held += rows[-1].nbytes
        seen += len(batch.text)
        if held > SPILL_BYTES:
            flush()
            held = 0
    if seen != first + count:
        raise CuveeError(
            f"source {source.name!r} changed while cuvee was at work: {piece.path or 'a piece'} "
            f"had {count} documents, now {seen - first}. Start again."
        )
    if rows:
        flush()
    write_whole(marker, lambda path: path.write_bytes(orjson.dumps(names)))
    return [(i, name) for name in names]


def _rows(job: Job, i: int, batch: Batch, mine: slice, first: int) -> pa.RecordBatch:
    """The drawn documents of a batch."""
    draws, source = job.draws[i], job.data.sources[i]
    row, epoch, take = draws.row[mine], draws.epoch[mine], draws.take[mine]
    text = batch.text.take(pa.array(row - first))
    cut = np.flatnonzero(draws.cut[mine])
    tokens = take.astype(np.uint32)
    if len(cut):
        texts = text.to_pylist()
        for k in cut:
            texts[k] = job.data.units.head(texts[k], int(take[k]))
            cut_text = pa.array([texts[k]], pa.large_string())
            tokens[k] = sum(len(c.ids) for c in job.data.units.cut(cut_text))
        text = pa.array(texts, pa.large_string())
    names = [f"{source.name}/{r}" + (f"#{e + 1}" if e else "") for r, e in zip(row, epoch)]
    columns = [pa.array(names, pa.large_string()), text, tokens, draws.place[mine]]
    return pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=SPILLED)


def _write_spill(job: Job, path: Path, rows: Sequence[pa.RecordBatch]) -> None:
    table = pa.Table.from_batches(rows, SPILLED)
    shard = np.minimum(table["place"].to_numpy() * job.shards, job.shards - 1).astype(np.int64)
    order = np.argsort(shard, kind="stable")
    table = table.take(pa.array(order)).combine_chunks()
    edges = np.searchsorted(shard[order], np.arange(job.shards + 1))
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, SPILLED, options=options) as writer,
    ):
        for lo, hi in pairwise(edges):
            part = table.slice(lo, hi - lo).combine_chunks().to_batches()
            writer.write_batch(part[0] if part else pa.RecordBatch.from_pylist([], SPILLED))


def _gather(job: Job, chunks: list[tuple[int, str]], shard: int) -> dict[str, Any]:
    """Write one shard, unless it is there; returns its row of the manifest."""
    path = job.out / job.shard_name(shard)
    note = job.spill / f"shard-{shard:05d}.json"
    if path.exists() and note.exists():
        return orjson.loads(note.read_bytes())
    parts = []
    for i, name in chunks:
        with pa.memory_map(str(job.spill / name)) as file:
            part = pa.ipc.open_file(file).get_batch(shard)
        names = pa.array([job.data.sources[i].name] * len(part), pa.large_string())
        parts.append(pa.Table.from_batches([part]).append_column("source", names))
    table = pa.concat_tables(parts) if parts else SPILLED.empty_table()
    if "source" not in table.column_names:
        table = table.append_column("source", pa.array([], pa.large_string()))
    # Stable: documents at the same place keep the order of sources and pieces.
    order = np.argsort(table["place"].to_numpy(), kind="stable")
    table = table.take(pa.array(order)).select(["id", "text", "source", "tokens"])
    write_whole(path, lambda temporary: job.format.write(table, temporary))
    source, tokens = table["source"].to_pylist(), table["tokens"].to_numpy().astype(np.int64)
    sums: dict[str, list[int]] = {}
    for name, n in zip(source, tokens):
        total = sums.setdefault(name, [0, 0])
        total[0] += 1
        total[1] += int(n)
    row = {
        "file": job.shard_name(shard), "sha256": sha256(path), "bytes": path.stat().st_size,
        "documents": len(table), "tokens": int(tokens.sum()), "by_source": sums,
    }  # fmt: skip
    write_whole(note, lambda temporary: temporary.write_bytes(orjson.dumps(row)))
    return row


def _manifest(job: Job, shards: list[dict[str, Any]]) -> dict[str, Any]:
    written = sum(s["tokens"] for s in shards)
    sources = {}
    for i, source in enumerate(job.data.sources):
        sums = [s["by_source"].get(source.name, [0, 0]) for s in shards]
        tokens = sum(s[1] for s in sums)
        available = float(job.survey.available[i])
        sources[source.name] = {
            "tokens_asked": job.draws[i].asked,
            "tokens_written": tokens,
            "share_written": tokens / max(written, 1),
            "documents": sum(s[0] for s in sums),
            "tokens_available": int(available),
            "epochs": tokens / available if available else 0.0,
            "quarantined": job.survey.quarantined[i],
            "left_out_as_target": job.survey.left_out[i],
        }
    files = [{k: v for k, v in shard.items() if k != "by_source"} for shard in shards]
    return {"unit": job.data.units.name, "tokens": written, "sources": sources, "shards": files}
