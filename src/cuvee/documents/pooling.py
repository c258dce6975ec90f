"""From files to a pool: keys, sizes, columns and features of every document, in bounded memory."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from cuvee.core import CuveeError
from cuvee.core.data import Engine, Piece, Source
from cuvee.core.ngrams import BUCKETS, hashed_ngrams
from cuvee.core.pool import Pool, Score
from cuvee.core.threads import keep_memory
from cuvee.documents.points import Asked, Columns, Points, points
from cuvee.documents.scanning import Scan
from cuvee.sources.files import PIECE

CLASSES = 10_000
"""Different labels, at most."""


def pools(
    scanned: Scan, target: Scan | None, asked: Asked, engine: Engine
) -> tuple[Pool, Pool | None]:
    """The pool and the target, with what is asked for.

    Args:
        scanned: The pool.
        target: The target.
        asked: What they must hold.
        engine: Where features are computed.
    """
    both = [s for s in (scanned, target) if s is not None]
    # What is not read of the pool need not be filled in there.
    read = [i > 0 or "labels" in asked.needs for i in range(len(both))]
    known = _labels(both, [_label_values(s, asked.columns) if r else None
                           for s, r in zip(both, read)])  # fmt: skip
    found: list[np.ndarray | None] = [None for _ in both]
    if "points" in asked.needs:
        found = points(scanned, target, asked, engine)
    made = []
    for i, one in enumerate(both):
        counts = totals = None
        if "counts" in asked.needs and one.rows is None:
            counts, totals = partial(_count, one, engine), partial(_total, one, engine)
        quality = _numbers(one, asked.columns) if i == 0 else None
        names = tuple(source.name for source in one.sources)
        made.append(
            Pool(
                one.keys, one.sizes, found[i], counts, known[i], quality, one.groups, names, totals
            )
        )
    return made[0], made[1] if len(made) > 1 else None


def _label_values(one: Scan, columns: Columns) -> Sequence[Any] | None:
    if one.rows is not None and one.rows.y is not None:
        return one.rows.y.tolist()
    if columns.labels is None or columns.labels not in one.columns:
        return None
    return one.columns[columns.labels].to_pylist()


def _labels(
    both: Sequence[Scan], values: Sequence[Sequence[Any] | None]
) -> list[np.ndarray | None]:
    """Labels as numbers, the same for pool and target."""
    kinds = sorted({str(v) for some in values if some is not None for v in some if v is not None})
    if len(kinds) > CLASSES:
        raise CuveeError(f"--labels: {len(kinds)} different ones: expected classes.")
    number = {kind: i for i, kind in enumerate(kinds)}
    found: list[np.ndarray | None] = []
    for one, some in zip(both, values):
        if some is not None and any(v is None for v in some):
            row = next(i for i, v in enumerate(some) if v is None)
            raise CuveeError(
                f"--labels: document {_number(one, row)} has none: fill it in, or leave it out."
            )
        found.append(None if some is None else np.array([number[str(v)] for v in some], np.int64))
    return found


def _number(one: Scan, row: int) -> int:
    """What a user calls a document, counted from 1."""
    return int(one.numbers(np.array([row]))[0]) + 1


def _numbers(one: Scan, columns: Columns) -> Float[np.ndarray, "documents"] | None:
    name = columns.quality
    if columns.rating is None:
        return None
    column = one.columns[columns.rating]
    try:
        values = pc.cast(column, pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise CuveeError(f"--quality {name}: expected numbers, got {column.type}.") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise CuveeError(
            f"--quality {name}: document {_number(one, bad[0])} has none: fill it in, or leave it "
            "out."
        )
    return values if columns.rating == name else -values


def _count(one: Scan, engine: Engine, of: Score) -> np.ndarray:
    """A score of every document's n-grams, block by block."""
    jobs = [(one.sources[i], piece) for i, piece in one.jobs]
    parts = list(engine(partial(_counted, of), jobs, label="scoring n-grams", holds=4 * PIECE))
    parts = [part for part in parts if len(part)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _total(one: Scan, engine: Engine, times: np.ndarray) -> Float[np.ndarray, "buckets"]:
    """Counts of n-grams of all documents together, each as often as it is told."""
    parts = [
        (one.sources[i], piece, times[a:b])
        for (i, piece), (a, b) in zip(one.jobs, pairwise(one.starts))
        if times[a:b].any()
    ]
    return sum(engine(_summed, parts, label="counting n-grams", holds=4 * PIECE), np.zeros(BUCKETS))


def _summed(job: tuple[Source, Piece, np.ndarray]) -> Float[np.ndarray, "buckets"]:
    keep_memory()
    source, piece, times = job
    total, first = np.zeros(BUCKETS), 0
    for batch in source.read(piece):
        often = times[first : first + len(batch.text)]
        first += len(often)
        if often.any():
            total += hashed_ngrams(batch.text).T @ often
    return total


def _counted(of: Score, job: tuple[Source, Piece]) -> np.ndarray:
    keep_memory()
    source, piece = job
    parts = [of(hashed_ngrams(batch.text)) for batch in source.read(piece) if len(batch.text)]
    return np.concatenate(parts) if parts else np.zeros(0)


__all__ = ["Asked", "Columns", "Points", "pools"]
