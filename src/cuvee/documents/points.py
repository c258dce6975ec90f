"""Points of documents: given by the user, or computed once and kept."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32

from cuvee import features
from cuvee.core import CuveeError, stream
from cuvee.core.data import Engine, Piece, Source
from cuvee.core.files import whole_file
from cuvee.core.leftovers import sweep
from cuvee.core.order import mixed
from cuvee.core.recipe import to_json, versions
from cuvee.core.threads import keep_memory
from cuvee.documents.scanning import Scan
from cuvee.sources.files import PIECE

SAMPLE = np.uint64(0x5EED)
FILE = ".npy"


@dataclass(frozen=True, slots=True)
class Columns:
    """What says more of documents than their text.

    Args:
        labels: Class of each document of the pool, and of the target where it has the column.
        quality: Number, higher is better; `-NAME`: lower is better.
        embeddings: Points: a column of lists of numbers, or a `.npy` file with one row for each
            document.
        target_embeddings: The same of the target; by default the same column.
        attributes: Folder that `cuvee attributes` has written, in which labels and quality are
            looked for.
    """

    labels: str | None = None
    quality: str | None = None
    embeddings: str | None = None
    target_embeddings: str | None = None
    attributes: str | None = None

    @property
    def rating(self) -> str | None:
        """The column of quality."""
        return None if self.quality is None else self.quality.removeprefix("-")

    @property
    def of_pool(self) -> list[str]:
        """Columns of the pool."""
        return _columns(self.labels, self.rating, self.embeddings)

    @property
    def of_target(self) -> list[str]:
        """Columns of the target, which may lack any of them."""
        return _columns(self.labels, self.target_embeddings or self.embeddings)


def _columns(*names: str | None) -> list[str]:
    return list(dict.fromkeys(n for n in names if n is not None and not n.endswith(FILE)))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pool must hold.

    Args:
        needs: Fields of `Pool`.
        columns: Where more is said of documents than their text.
        feature: Name of a feature, for points that are not given.
        seed: Of the feature.
        prints: Fingerprints of all content, under which points are kept.
    """

    needs: frozenset[str]
    columns: Columns
    feature: str = "lsa"
    seed: int = 0
    prints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of a pool and of its target, where they have to be computed: in which files.

    Args:
        both: The pool, and the target if there is one.
        places: Of each, a file.
        feature: Which makes them.
        seed: Of the feature.
    """

    both: tuple[Scan, ...]
    places: tuple[Path, ...]
    feature: Any
    seed: int

    @staticmethod
    def of(scanned: Scan, target: Scan | None, asked: Asked) -> "Points":
        """Where they are, or will be."""
        both = (scanned,) if target is None else (scanned, target)
        feature = features.load(asked.feature)
        # What was read, and not only from where: another column of the same files is other text.
        read = [hashlib.blake2b(s.keys.tobytes(), digest_size=16).hexdigest() for s in both]
        key = {
            "prints": dict(asked.prints), "read": read, "feature": repr(feature),
            "seed": asked.seed, "stamp": getattr(feature, "stamp", str)(),
        }  # fmt: skip
        places = tuple(place_of({**key, "of": one}) for one, _ in zip(("pool", "target"), both))
        return Points(both, places, feature, asked.seed)

    def made(self, engine: Engine) -> list[np.ndarray]:
        """All of them, mapped into memory; computed if they are not there."""
        if not all(place.exists() for place in (*self.places, self._note)):
            make_room(self._note.parent)
            begin = time.perf_counter()
            texts = sampled(self.both[0], getattr(self.feature, "documents", 1), engine)
            fitted = self.feature.fit(texts, rng=stream(self.seed, "features"))
            for one, place in zip(self.both, self.places):
                if not place.exists():
                    compute(one, fitted, engine, place)
            took = orjson.dumps({"seconds": time.perf_counter() - begin})
            with whole_file(self._note, shared=True) as temporary:
                temporary.write_bytes(took)
        return [np.load(place, mmap_mode="r", allow_pickle=False) for place in self.places]

    @property
    def seconds(self) -> float:
        """That they took when they were computed, maybe in another run; 0 if nobody noted it."""
        try:
            return float(orjson.loads(self._note.read_bytes())["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    @property
    def _note(self) -> Path:
        return self.places[0].with_suffix(".json")


def points(
    scanned: Scan, target: Scan | None, asked: Asked, engine: Engine
) -> list[np.ndarray | None]:
    """Points of the pool, and of the target if there is one.

    Raises:
        CuveeError: Given ones do not fit the documents.
    """
    both = [s for s in (scanned, target) if s is not None]
    if scanned.rows is not None:
        return [None if s.rows is None else s.rows.x.astype(np.float32) for s in both]
    own = asked.columns.embeddings
    if own is None:
        return [*Points.of(scanned, target, asked).made(engine)]
    if target is None:
        return [_given(scanned, own, "--embeddings")]
    theirs = asked.columns.target_embeddings
    if theirs is None and own.endswith(FILE):
        raise CuveeError(
            f"--embeddings {own} is of the pool only: give the target's as --target-embeddings, a "
            ".npy file or a column of its records."
        )
    name = theirs or own
    if not name.endswith(FILE) and name not in target.columns:
        raise CuveeError(
            f"--embeddings {name}: the target has no such column, so that pool and target cannot "
            "be compared: add it to the target's records."
        )
    flag = "--target-embeddings" if theirs else "--embeddings"
    return [_given(scanned, own, "--embeddings"), _given(target, name, flag)]


def _given(one: Scan, name: str, flag: str) -> Float32[np.ndarray, "documents dims"]:
    """Points that the user has."""
    found = _rows(one, name, flag) if name.endswith(FILE) else lists(one.columns[name], name, flag)
    for start in range(0, len(found), 65_536):  # mapped: a block at a time
        block = found[start : start + 65_536]
        if not np.isfinite(block).all():
            row = start + int(np.argwhere(~np.isfinite(block))[0][0])
            number = int(one.numbers(np.array([row]))[0])
            raise CuveeError(
                f"{flag} {name}: numbers of document {number + 1} are not finite: fill in what is "
                "missing, or leave the document out."
            )
    return found


def _rows(one: Scan, name: str, flag: str) -> Float32[np.ndarray, "documents dims"]:
    """Of a file, with a row for each document that was given, those set apart included."""
    try:
        found = np.load(name, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise CuveeError(f"{flag} {name}: cannot be read: {error.strerror}.") from error
    except (ValueError, EOFError) as error:
        raise CuveeError(
            f"{flag} {name}: expected a .npy file of numbers, and this is none: write it with "
            "numpy.save."
        ) from error
    shape = getattr(found, "shape", ())  # an archive of arrays under such a name has none
    many = sum(one.given)
    if len(shape) != 2 or found.dtype.kind not in "fiu" or shape[0] != many:
        raise CuveeError(
            f"{flag} {name}: expected {many} rows of numbers, one for each document, got shape "
            f"{shape}."
        )
    if many > len(one):
        found = found[one.numbers(np.arange(len(one)))]
    return np.asarray(found, np.float32)


def lists(column: pa.ChunkedArray, name: str, flag: str) -> Float32[np.ndarray, "documents dims"]:
    """A column of lists of numbers, all of one length."""
    parts = []
    for chunk in column.chunks:
        kind = chunk.type
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or
                pa.types.is_fixed_size_list(kind)):  # fmt: skip
            raise CuveeError(f"{flag} {name}: expected lists of numbers, got {kind}.")
        lengths = (
            pc.call_function("list_value_length", [chunk])
            .fill_null(0)
            .to_numpy(zero_copy_only=False)
        )
        if (lengths < 1).any() or (lengths != lengths[:1]).any():
            raise CuveeError(
                f"{flag} {name}: expected lists of one length, got {lengths.min()} to "
                f"{lengths.max()} numbers."
            )
        flat = pc.call_function("list_flatten", [chunk])
        try:
            values = pc.cast(flat, pa.float32()).to_numpy(zero_copy_only=False)
        except pa.ArrowException as error:
            raise CuveeError(f"{flag} {name}: expected numbers, got {flat.type}.") from error
        parts.append(values.reshape(len(chunk), -1))
    if len({part.shape[1] for part in parts}) != 1:
        raise CuveeError(f"{flag} {name}: expected lists of one length.")
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


def place_of(key: Mapping[str, Any]) -> Path:
    """File in which points are kept, named by all that decides about them."""
    home = os.environ.get("CUVEE_CACHE") or Path.home() / ".cache" / "cuvee"
    digest = hashlib.blake2b(to_json({**key, "versions": versions()}), digest_size=16).hexdigest()
    return Path(home) / "features" / f"{digest}.npy"


def make_room(folder: Path) -> None:
    """The folder of the points, without what killed processes left.

    Raises:
        CuveeError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CuveeError(
            f"points cannot be kept in {folder}: {error.strerror}: name another folder as "
            "CUVEE_CACHE."
        ) from error
    sweep(folder)


def compute(
    one: Scan, fitted: Callable[[pa.LargeStringArray], np.ndarray], engine: Engine, path: Path
) -> None:
    """Keep the points of all documents in a file."""
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
