"""From files to a pool: keys, sizes, columns and features of every document, in bounded memory."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Float32

from cuvee import features
from cuvee.core import CuveeError, stream
from cuvee.core.data import Engine, Piece, Source
from cuvee.core.files import explained, whole_file
from cuvee.core.ngrams import BUCKETS, hashed_ngrams
from cuvee.core.order import mixed
from cuvee.core.pool import Pool, Score
from cuvee.core.recipe import to_json, versions
from cuvee.core.threads import keep_memory
from cuvee.documents.scanning import Scan
from cuvee.sources.files import PIECE

SAMPLE = np.uint64(0x5EED)
CLASSES = 10_000
"""Different labels, at most."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the pool's records that say more than the text.

    Args:
        labels: Class of each document.
        quality: Number, higher is better.
        embeddings: Points: a column of lists of numbers, or a `.npy` file with one row for each
            document.
    """

    labels: str | None = None
    quality: str | None = None
    embeddings: str | None = None

    @property
    def wanted(self) -> list[str]:
        """Columns that are read from the records."""
        file = self.embeddings is not None and self.embeddings.endswith(".npy")
        names = [self.labels, self.quality, None if file else self.embeddings]
        return list(dict.fromkeys(name for name in names if name is not None))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pool must hold.

    Args:
        needs: Fields of `Pool`.
        columns: Where the records say more.
        feature: Name of a feature, for points that are not given.
        seed: Of the feature.
    """

    needs: frozenset[str]
    columns: Columns
    feature: str = "lsa"
    seed: int = 0


def pools(
    scanned: Scan, target: Scan | None, asked: Asked, engine: Engine, prints: Mapping[str, Any]
) -> tuple[Pool, Pool | None]:
    """The pool and the target, with what is asked for.

    Args:
        scanned: The pool.
        target: The target.
        asked: What they must hold.
        engine: Where features are computed.
        prints: Fingerprints of all content, under which points are kept.
    """
    both = [s for s in (scanned, target) if s is not None]
    known = _labels([_label_values(s, asked.columns) for s in both])
    points: list[np.ndarray | None] = [None for _ in both]
    if "points" in asked.needs:
        points = _points(both, asked, engine, prints)
    made = []
    for i, one in enumerate(both):
        counts = totals = None
        if "counts" in asked.needs and one.rows is None:
            counts, totals = partial(_count, one, engine), partial(_total, one, engine)
        quality = _numbers(one, asked.columns.quality) if i == 0 else None
        names = tuple(source.name for source in one.sources)
        made.append(
            Pool(
                one.keys, one.sizes, points[i], counts, known[i], quality, one.groups, names,
                totals,
            )
        )  # fmt: skip
    return made[0], made[1] if len(made) > 1 else None


def _label_values(one: Scan, columns: Columns) -> Sequence[Any] | None:
    if one.rows is not None and one.rows.y is not None:
        return one.rows.y.tolist()
    if columns.labels is None or columns.labels not in one.columns:
        return None
    return one.columns[columns.labels].to_pylist()


def _labels(values: Sequence[Sequence[Any] | None]) -> list[np.ndarray | None]:
    """Labels as numbers, the same for pool and target."""
    kinds = sorted({str(v) for some in values if some is not None for v in some if v is not None})
    if len(kinds) > CLASSES:
        raise CuveeError(f"--labels: {len(kinds)} different ones: expected classes.")
    number = {kind: i for i, kind in enumerate(kinds)}
    found: list[np.ndarray | None] = []
    for some in values:
        if some is not None and any(v is None for v in some):
            row = next(i for i, v in enumerate(some) if v is None)
            raise CuveeError(f"--labels: document {row + 1} has none: fill it in, or leave it out.")
        found.append(None if some is None else np.array([number[str(v)] for v in some], np.int64))
    return found


def _numbers(one: Scan, name: str | None) -> Float[np.ndarray, "documents"] | None:
    if name is None:
        return None
    column = one.columns[name]
    try:
        values = pc.cast(column, pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise CuveeError(f"--quality {name}: expected numbers, got {column.type}.") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise CuveeError(
            f"--quality {name}: document {bad[0] + 1} has none ({values[bad[0]]}): fill it in, or "
            "leave it out."
        )
    return values


def _points(
    both: Sequence[Scan], asked: Asked, engine: Engine, prints: Mapping[str, Any]
) -> list[np.ndarray | None]:
    if both[0].rows is not None:
        return [None if s.rows is None else s.rows.x.astype(np.float32) for s in both]
    given = asked.columns.embeddings
    if given is not None:
        own = _given(both[0], given)
        if len(both) == 1:
            return [own]
        if given not in both[1].columns:
            raise CuveeError(
                f"--embeddings {given}: the target has no such column, so that pool and target "
                "cannot be compared: add it to the target's records."
            )
        return [own, _lists(both[1], given)]
    feature = features.load(asked.feature)
    # What was read, and not only from where: another column of the same files is other text.
    read = [hashlib.blake2b(one.keys.tobytes(), digest_size=16).hexdigest() for one in both]
    key = {
        "prints": dict(prints), "read": read, "feature": repr(feature), "seed": asked.seed,
        "stamp": getattr(feature, "stamp", str)(),
    }  # fmt: skip
    places = [_place({**key, "of": which}) for which, _ in zip(("pool", "target"), both)]
    if not all(place.exists() for place in places):
        texts = sampled(both[0], getattr(feature, "documents", 1), engine)
        fitted = feature.fit(texts, rng=stream(asked.seed, "features"))
        for one, place in zip(both, places):
            if not place.exists():
                _compute(one, fitted, engine, place)
    return [np.load(place, mmap_mode="r", allow_pickle=False) for place in places]


def _given(one: Scan, name: str) -> Float32[np.ndarray, "documents dims"]:
    if not name.endswith(".npy"):
        return _lists(one, name)
    try:
        points = np.load(name, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CuveeError(
            f"--embeddings {name}: expected a .npy file of numbers: {error}."
        ) from error
    shape = getattr(points, "shape", ())  # an archive of arrays under such a name has none
    if len(shape) != 2 or points.dtype.kind not in "fiu" or shape[0] != len(one):
        raise CuveeError(
            f"--embeddings {name}: expected {len(one)} rows of numbers, one for each document, got "
            f"shape {shape}."
        )
    return np.asarray(points, np.float32)


def _lists(one: Scan, name: str) -> Float32[np.ndarray, "documents dims"]:
    """A column of lists of numbers, all of one length."""
    parts = []
    for chunk in one.columns[name].chunks:
        kind = chunk.type
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or
                pa.types.is_fixed_size_list(kind)):  # fmt: skip
            raise CuveeError(f"--embeddings {name}: expected lists of numbers, got {kind}.")
        lengths = (
            pc.call_function("list_value_length", [chunk])
            .fill_null(-1)
            .to_numpy(zero_copy_only=False)
        )
        odd = np.flatnonzero(lengths != lengths[:1])
        if len(odd) or (lengths < 1).any():
            raise CuveeError(
                f"--embeddings {name}: expected lists of one length, got {lengths[:1]} and "
                f"{lengths[odd[:1]]}."
            )
        values = pc.cast(pc.call_function("list_flatten", [chunk]), pa.float32()).to_numpy(
            zero_copy_only=False
        )
        parts.append(values.reshape(len(chunk), -1))
    if len({part.shape[1] for part in parts}) != 1:
        raise CuveeError(f"--embeddings {name}: expected lists of one length.")
    return np.concatenate(parts)


def sampled(one: Scan, documents: int, engine: Engine) -> list[str]:
    """Texts of some documents, chosen by content: the same whatever the order of files."""
    ranks = mixed(one.keys ^ SAMPLE)
    _, first = np.unique(ranks, return_index=True)  # of copies one
    picked = np.sort(first[:documents])
    starts = one.starts
    cuts = np.searchsorted(picked, starts)
    wanted = [picked[i:j] - a for a, (i, j) in zip(starts, pairwise(cuts))]
    jobs = [
        (one.sources[i], piece, rows) for (i, piece), rows in zip(one.jobs, wanted) if len(rows)
    ]
    found = [text for part in engine(_texts, jobs, label="sampling the pool") for text in part]
    return [found[i] for i in np.argsort(ranks[picked], kind="stable")]


def _texts(job: tuple[Source, Piece, np.ndarray]) -> list[str]:
    """Texts of some documents of a piece."""
    source, piece, rows = job
    texts: list[str] = []
    first = 0
    for batch in source.read(piece):
        here = rows[(rows >= first) & (rows < first + len(batch.text))] - first
        texts += batch.text.take(pa.array(here)).to_pylist()
        first += len(batch.text)
    return texts


def _place(key: Mapping[str, Any]) -> Path:
    """File in which points are kept, named by all that decides about them."""
    home = os.environ.get("CUVEE_CACHE") or Path.home() / ".cache" / "cuvee"
    digest = hashlib.blake2b(to_json({**key, "versions": versions()}), digest_size=16).hexdigest()
    return Path(home) / "features" / f"{digest}.npy"


def _compute(
    one: Scan, fitted: Callable[[pa.LargeStringArray], np.ndarray], engine: Engine, path: Path
) -> None:
    """Keep the points of all documents in a file."""
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    jobs = [(one.sources[i], piece) for i, piece in one.jobs]
    parts = engine(partial(_featured, fitted), jobs, label="computing features", holds=4 * PIECE)
    with whole_file(path, shared=True) as temporary:
        _save(parts, one.starts, temporary)


def _save(parts: Iterator[np.ndarray], starts: Sequence[int], path: Path) -> None:
    out = None
    for (a, b), part in zip(pairwise(starts), parts):
        if out is None:
            shape = (starts[-1], part.shape[1])
            out = np.lib.format.open_memmap(str(path), "w+", np.float32, shape)
        out[a:b] = part
    if out is not None:
        out.flush()


def _featured(
    fitted: Callable[[pa.LargeStringArray], np.ndarray], job: tuple[Source, Piece]
) -> Float32[np.ndarray, "documents dims"]:
    keep_memory()
    source, piece = job
    none = fitted(pa.array([""], pa.large_string()))[:0]
    return np.concatenate([none, *(fitted(batch.text) for batch in source.read(piece))])


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
