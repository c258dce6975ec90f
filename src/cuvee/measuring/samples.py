"""From what a user writes to samples: numbers, columns of tables, or text."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuvee import features
from cuvee import sources as room
from cuvee.core import CuveeError, stream
from cuvee.core.contents import document_hashes
from cuvee.core.data import Engine, Piece, Source
from cuvee.core.sample import BLOCKS, Sample, block_counts
from cuvee.core.threads import keep_memory
from cuvee.core.units import Words
from cuvee.documents.points import compute, lists, make_room, place_of, sampled
from cuvee.documents.scanning import Scan, scan
from cuvee.measuring.columns import Columns, read_columns
from cuvee.sources.files import PIECE
from cuvee.sources.table import MOST_CLASSES, holds_rows, is_table

if TYPE_CHECKING:
    from scipy.sparse import csr_array

VIEWS = frozenset({"points", "labels", "symbols", "texts"})
SYMBOLS = 1 << 18
"""Columns into which words are hashed."""
DOCUMENTS = 4096
"""Texts of a source that are kept for measures of text."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How data sets are to be looked at.

    Args:
        columns: Of tables of numbers.
        features: What turns documents into points.
        labels: Column of documents with their class.
        embeddings: Column of documents with their points.
        text: Column of the text.
        seed: Of everything random.
        takes: Views that are needed.
    """

    columns: Columns = field(default_factory=Columns)
    features: str = "lsa"
    labels: str | None = None
    embeddings: str | None = None
    text: str | Mapping[str, str] | None = None
    seed: int = 0
    takes: frozenset[str] = VIEWS


def samples(specs: Mapping[str, Any], asked: Asked, engine: Engine) -> list[Sample]:
    """Data sets, by name, to be measured together.

    Args:
        specs: Arrays, `.npy` and `.npz` files, tables with named columns, or sources of text.
        asked: How to look at them.
        engine: Where documents are gone through.

    Raises:
        CuveeError: One cannot be read, or numbers are to be measured against text.
    """
    found = {name: _numbers(name, spec, asked) for name, spec in specs.items()}
    texts = {name: spec for name, spec in specs.items() if found[name] is None}
    if texts and len(texts) < len(specs):
        given = next(name for name, sample in found.items() if sample is not None)
        raise CuveeError(
            f"{given} holds numbers and {next(iter(texts))} text: expected the same kind of both; "
            "give the text's features as numbers, too, or name the columns of the table."
        )
    if texts:
        return _documents(texts, asked, engine)
    return _same_classes([sample for sample in found.values() if sample is not None])


def columns_of(name: str, spec: Any, asked: Asked) -> list[Sample]:
    """Two groups of columns of one table: its `x` and its `y`.

    Raises:
        CuveeError: The table cannot be read, or has no such columns.
    """
    if not asked.columns.x:
        raise CuveeError("columns are measured against columns: name both, with x and y.")
    both = (asked.columns.x, asked.columns.y)
    names = [", ".join(columns) for columns in both]
    return _same_classes(
        [_of_arrays(n, read_columns(name, spec, c), None) for n, c in zip(names, both)]
    )


def _numbers(name: str, spec: Any, asked: Asked) -> Sample | None:
    """A sample of numbers or of classes; None if the data are text."""
    if isinstance(spec, Sample):
        return replace(spec, name=name)
    if isinstance(spec, str | os.PathLike):
        if asked.columns.x:
            return _of_arrays(name, read_columns(name, spec, asked.columns.x), None)
        if Path(spec).suffix == ".npy":
            return _of_arrays(name, _loaded(name, spec), None)
        if Path(spec).suffix != ".npz":
            return None
    elif not is_table(spec):
        values = spec if hasattr(spec, "__array__") else None
        if values is None and isinstance(spec, Sequence) and not isinstance(spec, str | bytes):
            plain = spec[:1] and isinstance(spec[0], int | float | np.number)
            values = np.asarray(spec) if plain else None
        if values is None:
            return None
        return _of_arrays(name, np.asarray(values), None)
    elif hasattr(spec, "__array__") and len(getattr(spec, "shape", ())) == 2:
        return _of_arrays(name, np.asarray(spec), None)
    source = room.open_source(name, spec)
    if not holds_rows(source):
        return None
    from cuvee.sources.table import read_rows

    rows = read_rows(source)
    return _of_arrays(name, rows.x, rows.y)


def _loaded(name: str, path: Any) -> np.ndarray:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        said = "there is none" if isinstance(error, FileNotFoundError) else str(error)
        raise CuveeError(f"{name}: expected a .npy file of numbers, {path}: {said}.") from error
    if not isinstance(values, np.ndarray):
        raise CuveeError(f"{name}: {path} is an archive of arrays: expected one array.")
    return values


def _of_arrays(name: str, x: np.ndarray, y: np.ndarray | None) -> Sample:
    """Points, and a class for each; a vector of classes is classes only."""
    if not len(x):
        raise CuveeError(f"{name}: no rows: expected some hundreds.")
    if x.ndim == 1 and _is_classes(x):
        labels = np.unique(x, return_inverse=True)[1].astype(np.int64)
        return replace(Sample.of_labels(labels, name), kinds=tuple(np.unique(x).tolist()))
    if x.ndim not in (1, 2) or x.dtype.kind not in "fiub":
        raise CuveeError(
            f"{name}: expected rows of numbers, one or two axes, got shape {x.shape} of {x.dtype}."
        )
    sample = Sample.of_points(x if x.dtype.kind == "f" else x.astype(np.float64), name)
    if y is None or (y.dtype.kind == "f"):
        return sample
    kinds, labels = np.unique(y, return_inverse=True)
    labels = labels.astype(np.int64)
    return replace(sample, labels=labels, symbols=block_counts(labels), kinds=tuple(kinds.tolist()))


def _is_classes(x: np.ndarray) -> bool:
    """Whole numbers of which there are few, text, true and false: as for labels of tables."""
    if x.dtype.kind in "UOSb":
        return True
    return x.dtype.kind in "iu" and len(np.unique(x)) <= max(MOST_CLASSES, len(x) / 2)


def _same_classes(found: list[Sample]) -> list[Sample]:
    """The same number for the same class in all samples."""
    kinds = sorted({kind for s in found for kind in s.kinds}, key=lambda k: (str(type(k)), k))
    if not kinds:
        return found
    number = {kind: i for i, kind in enumerate(kinds)}
    made = []
    for sample in found:
        if sample.labels is None:
            made.append(sample)
            continue
        to = np.array([number[kind] for kind in sample.kinds], np.int64)
        labels = to[sample.labels]
        symbols = block_counts(labels, len(kinds))
        made.append(replace(sample, labels=labels, symbols=symbols, kinds=tuple(kinds)))
    return made


def _documents(specs: Mapping[str, Any], asked: Asked, engine: Engine) -> list[Sample]:
    """Samples of text: what is asked for of each, from as few passes as it takes."""
    text = asked.text
    opened = [
        room.open_source(name, spec, text.get(name) if isinstance(text, Mapping) else text)
        for name, spec in specs.items()
    ]
    wanted = [c for c in (asked.labels, asked.embeddings) if c is not None]
    scans = [scan([source], Words(), engine, wanted, False) for source in opened]
    for one, name in zip(scans, specs):
        if not len(one) or not one.sizes.any():
            raise CuveeError(f"{name} has no text: expected documents.")
    made = [Sample(name, size=len(one)) for name, one in zip(specs, scans)]
    if "points" in asked.takes:
        points = _points(scans, asked, engine)
        made = [replace(s, points=p) for s, p in zip(made, points)]
    if "labels" in asked.takes and asked.labels is not None:
        classes = [_labels(one, asked.labels) for one in scans]
        named = _same_classes([_of_arrays(s.name, c, None) for s, c in zip(made, classes)])
        made = [replace(s, labels=c.labels, kinds=c.kinds) for s, c in zip(made, named)]
    if "symbols" in asked.takes:
        made = [replace(s, symbols=_symbols(one, engine)) for s, one in zip(made, scans)]
    if "texts" in asked.takes:
        texts = [tuple(sampled(one, DOCUMENTS, engine)) for one in scans]
        made = [replace(s, texts=t) for s, t in zip(made, texts)]
    return made


def _labels(one: Scan, column: str) -> np.ndarray:
    """Names of the classes of documents."""
    values = one.columns[column].to_pylist()
    if None in values:
        row = int(one.numbers(np.array([values.index(None)]))[0])
        raise CuveeError(
            f"--labels {column}: document {row + 1} has none: fill it in, or leave it out."
        )
    return np.array([str(value) for value in values])


def _points(scans: Sequence[Scan], asked: Asked, engine: Engine) -> Iterable[np.ndarray]:
    """Points of all documents: a given column, or a feature that is fitted to all alike."""
    if asked.embeddings is not None:
        return [
            lists(one.columns[asked.embeddings], asked.embeddings, "--embeddings") for one in scans
        ]
    feature = features.load(asked.features)
    read = [hashlib.blake2b(one.keys.tobytes(), digest_size=16).hexdigest() for one in scans]
    key = {
        "read": read, "feature": repr(feature), "seed": asked.seed, "room": "measure",
        "stamp": getattr(feature, "stamp", str)(),
    }  # fmt: skip
    places = [place_of({**key, "of": i}) for i in range(len(scans))]
    if not all(place.exists() for place in places):
        make_room(places[0].parent)
        some = max(1, getattr(feature, "documents", 1) // len(scans))
        texts = [text for one in scans for text in sampled(one, some, engine)]
        fitted = feature.fit(texts, rng=stream(asked.seed, "features"))
        for one, place in zip(scans, places):
            if not place.exists():
                compute(one, fitted, engine, place)
    return [np.load(place, mmap_mode="r", allow_pickle=False) for place in places]


def _symbols(one: Scan, engine: Engine) -> "csr_array":
    """How often each word stands in each block of documents."""
    jobs = [(one.sources[i], piece) for i, piece in one.jobs]
    parts = list(engine(_counted, jobs, label="counting words", holds=4 * PIECE))
    return sum(parts[1:], parts[0])


def _counted(job: tuple[Source, Piece]) -> "csr_array":
    """Of one piece; a document's block is decided by its content."""
    from scipy.sparse import coo_array, csr_array

    keep_memory()
    source, piece = job
    total = csr_array((BLOCKS, SYMBOLS))
    for batch in source.read(piece):
        blocks = (document_hashes(batch.text) % np.uint64(BLOCKS)).astype(np.int64)
        first = 0
        for cut in Words().cut(batch.text):
            sizes = np.diff(cut.offsets)
            block = np.repeat(blocks[first : first + len(sizes)], sizes)
            first += len(sizes)
            word = (cut.ids % np.uint64(SYMBOLS)).astype(np.int64)
            ones = np.ones(len(word))
            total = total + csr_array(coo_array((ones, (block, word)), shape=total.shape))
    return total
