"""What every source must do. Run by our tests, and by authors of sources on their own.

A check takes a `Plant`, which writes known documents in the source's format, and an empty folder.
"""

import csv
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cuvee.contracts import Source
from cuvee.core.errors import CuveeError
from cuvee.core.rows import Rows, decode, encode
from cuvee.sources import load

DOCUMENTS = (
    "plain words",
    "Grüße, 世界, 🎻 and \u2028 line separators \x85",
    "a \x00 NUL, a \ttab, a \\ and \\n",
    'he said "yes, no"\nand left\r\nfor good\n',
    " spaces at the ends ",
    *(f"document {i}: " + "lorem ipsum, " * i for i in range(40)),
)
"""Text that formats like to spoil; none is empty, as a file of no bytes holds no document."""
ROWS = tuple(encode(Rows(np.random.default_rng(0).normal(size=(45, 3)), 1 + np.arange(45) % 4)))
"""Rows of a table, as documents."""
LARGEST = 4 << 20


@dataclass(frozen=True, slots=True)
class Plant:
    """Writes known content in one format.

    Args:
        good: (folder, documents) -> source of just these.
        bad: (folder, documents) -> source of these and of records that are no documents, and the
            number of such records.
        splits: Whether a file can be read in several pieces.
        documents: Known documents that this format can hold.
        large: Others, of some 6 MB.
        other: A document that differs by one character from the one given.
    """

    good: Callable[[Path, Sequence[str]], Source]
    bad: Callable[[Path, Sequence[str]], tuple[Source, int]]
    splits: bool = True
    documents: tuple[str, ...] = DOCUMENTS
    large: tuple[str, ...] = ("many words " * 50_000,) * 12
    other: Callable[[str], str] = lambda document: document[:-1] + "!"


def documents(source: Source) -> list[str]:
    """All documents, piece by piece."""
    return [text for piece in source.pieces() for text in _piece(source, piece)]


def _piece(source: Source, piece) -> list[str]:
    return [text for batch in source.read(piece) for text in batch.text.to_pylist()]


def check_documents_come_back_in_order(plant: Plant, folder: Path) -> None:
    """The same documents whichever the format, each exactly once."""
    assert documents(plant.good(folder, plant.documents)) == list(plant.documents)


def check_good_records_are_not_rejected(plant: Plant, folder: Path) -> None:
    """Nothing is rejected where nothing is wrong."""
    source = plant.good(folder, plant.documents)
    assert not [bad for p in source.pieces() for b in source.read(p) for bad in b.rejected]


def check_rejects_are_counted_exactly(plant: Plant, folder: Path) -> None:
    """A bad record costs no good one, is counted once, and says where it stands and why."""
    source, count = plant.bad(folder, plant.documents)
    rejected = [bad for p in source.pieces() for b in source.read(p) for bad in b.rejected]
    assert documents(source) == list(plant.documents)
    assert len(rejected) == count
    assert all(bad.place and bad.reason for bad in rejected)
    assert all(len(bad.sample) <= 1000 and bad.sample.isprintable() for bad in rejected)
    assert len({bad.place for bad in rejected}) == count


def check_reading_twice_gives_the_same(plant: Plant, folder: Path) -> None:
    """A source is not used up."""
    source = plant.good(folder, plant.documents)
    assert source.pieces() == source.pieces()
    assert documents(source) == documents(source)


def check_pieces_can_be_read_in_any_order_at_once(plant: Plant, folder: Path) -> None:
    """Threads, backwards, and readers that stop early do not disturb each other."""
    source = plant.good(folder, plant.documents)
    pieces = source.pieces()
    for piece in pieces:
        next(iter(source.read(piece)), None)
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(lambda piece: _piece(source, piece), reversed(pieces)))
    assert [text for texts in reversed(backwards) for text in texts] == list(plant.documents)


def check_batches_are_clean(plant: Plant, folder: Path) -> None:
    """Large strings, valid, no nulls, a few megabytes at most."""
    source = plant.good(folder, [*plant.documents, *plant.large])
    for piece in source.pieces():
        for batch in source.read(piece):
            batch.text.validate(full=True)
            assert batch.text.type == pa.large_string()
            assert batch.text.null_count == 0
            assert batch.text.nbytes <= LARGEST


def check_picklable(plant: Plant, folder: Path) -> None:
    """Other processes can read it."""
    copy = pickle.loads(pickle.dumps(plant.good(folder, plant.documents)))
    assert documents(copy) == list(plant.documents)


def check_frozen(plant: Plant, folder: Path) -> None:
    """A value; its name is the user's."""
    source = plant.good(folder, plant.documents)
    assert source.name == "planted"
    try:
        source.name = "other"  # type: ignore[misc]
    except (FrozenInstanceError, AttributeError):
        return
    raise AssertionError("the source can be changed")


def check_fingerprint_follows_the_content(plant: Plant, folder: Path) -> None:
    """Equal for a copy elsewhere, other after one changed character."""
    documents = plant.documents
    changed = (*documents[:-1], plant.other(documents[-1]))
    places = [folder / name for name in ("first", "copy", "changed")]
    for place in places:
        place.mkdir()
    first, copy, other = (
        sorted(plant.good(place, docs).fingerprint().values())
        for place, docs in zip(places, (documents, documents, changed))
    )
    assert first
    assert first == copy
    assert first != other


def check_lost_files_are_told_in_one_line(plant: Plant, folder: Path) -> None:
    """A CuveeError, never what a library raised; a source without files still reads."""
    source = plant.good(folder, plant.documents)
    pieces = source.pieces()
    shutil.rmtree(folder)
    for use in (source.pieces, lambda: [_piece(source, p) for p in pieces], source.fingerprint):
        try:
            use()
        except CuveeError as error:
            assert "\n" not in str(error)
            assert str(folder) in str(error)


CHECKS = {name: check for name, check in list(globals().items()) if name.startswith("check_")}


def check_source(plant: Plant) -> None:
    """Every check, each in an empty folder; raises AssertionError at the first that fails."""
    for check in CHECKS.values():
        with tempfile.TemporaryDirectory() as folder:
            check(plant, Path(folder))


def _parquet_table(texts: Sequence[object], path: Path) -> str:
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.binary())})
    pq.write_table(table, path, row_group_size=7)
    return str(path)


def _parquet(folder: Path, texts: Sequence[str]) -> Source:
    return load("parquet", name="planted", paths=(_strings_table(texts, folder / "a.parquet"),))


def _strings_table(texts: Sequence[str], path: Path) -> str:
    pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path, row_group_size=7)
    return str(path)


def _parquet_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    path = _parquet_table(_spoiled(texts), folder / "a.parquet")
    return load("parquet", name="planted", paths=(path,), text="text"), 4


def _spoiled(texts: Sequence[str]) -> list[bytes | None]:
    return [None, *(t.encode() for t in texts[:9]), b"\xff", b"\xed\xa0\x80",
            *(t.encode() for t in texts[9:]), None]  # fmt: skip


def _stream(texts: Sequence[object], kind: pa.DataType, path: Path) -> str:
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, kind)})
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return str(path)


def _arrow(folder: Path, texts: Sequence[str]) -> Source:
    path = _stream(texts, pa.string(), folder / "a.arrow")
    return load("arrow", name="planted", paths=(path,))


def _arrow_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    path = _stream(_spoiled(texts), pa.binary(), folder / "a.arrow")
    return load("arrow", name="planted", paths=(path,), text="text"), 4


def save_dataset(folder: Path, texts: Sequence[object], kind: pa.DataType) -> str:
    """A folder as `datasets.Dataset.save_to_disk` lays it out, made without that library."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    half = len(texts) // 2
    for file, part in zip(files, (texts[:half], texts[half:])):
        _stream(part, kind, folder / file)
    state = {"_data_files": [{"filename": file} for file in files], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    features = {"text": {"dtype": "string", "_type": "Value"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return str(folder)


def _saved(folder: Path, texts: Sequence[str]) -> Source:
    return load("saved", name="planted", paths=(save_dataset(folder / "d", texts, pa.string()),))


def _saved_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    path = save_dataset(folder / "d", _spoiled(texts), pa.binary())
    return load("saved", name="planted", paths=(path,), text="text"), 4


def _jsonl(folder: Path, texts: Sequence[str]) -> Source:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps({"id": 1, "text": t}) + "\n" for t in texts))
    return load("jsonl", name="planted", paths=(str(path),))


def _jsonl_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    good = [json.dumps({"text": t}, ensure_ascii=False).encode() for t in texts]
    bad = [b'{"text": 1}', b'{"text": null}', b'{"other": "x"}', b"[1]", b'"text"', b"3", b"null",
           b'{"text": "cut', b'{"text": "\xff"}', b'{"text": "\\ud800"}', b"x" * 500,
           b"[" * 9000]  # fmt: skip
    blank = [b"", b"  ", b"\r"]
    path = folder / "a.jsonl"
    path.write_bytes(b"\r\n".join([*good[:9], *bad, *blank, *good[9:], b"{"]))
    return load("jsonl", name="planted", paths=(str(path),), text="text"), len(bad) + 1


def _csv_rows(folder: Path, rows: Sequence[Sequence[object]]) -> str:
    path = folder / "a.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([["id", "text"], *rows])
    return str(path)


def _csv(folder: Path, texts: Sequence[str]) -> Source:
    path = _csv_rows(folder, list(enumerate(texts)))
    return load("csv", name="planted", paths=(path,))


def _csv_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    rows: list[Sequence[object]] = list(enumerate(texts))
    bad = [["one"], ["one", "two", "three"], ["1", "\udcff"]]
    path = _csv_rows(folder, [*rows[:9], *bad, *rows[9:]])
    return load("csv", name="planted", paths=(path,)), 3


def _files(folder: Path, texts: Sequence[bytes]) -> tuple[str, ...]:
    paths = [folder / f"{i:05}.txt" for i in range(len(texts))]
    for path, text in zip(paths, texts):
        path.write_bytes(text)
    return tuple(str(path) for path in paths)


def _text(folder: Path, texts: Sequence[str]) -> Source:
    paths = _files(folder, [t.encode() for t in texts])
    return load("text", name="planted", paths=paths)


def _text_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    spoiled = [text for text in _spoiled(texts) if text is not None]
    return load("text", name="planted", paths=_files(folder, spoiled)), 2


def _folder(folder: Path, texts: Sequence[str]) -> Source:
    _files(folder, [t.encode() for t in texts])
    return load("folder", name="planted", paths=(str(folder),))


def _folder_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    _files(folder, [text for text in _spoiled(texts) if text is not None])
    return load("folder", name="planted", paths=(str(folder),)), 2


def _memory(folder: Path, texts: Sequence[str]) -> Source:
    return load("memory", name="planted", items=tuple(texts))


def _memory_bad(folder: Path, texts: Sequence[str]) -> tuple[Source, int]:
    items = (None, *({"text": t} for t in texts[:9]), 3, "\ud800", {"other": 1}, *texts[9:])
    return load("memory", name="planted", items=items, text="text"), 4


def _npz(folder: Path, texts: Sequence[str]) -> Source:
    rows, half = decode([t.encode() for t in texts]), len(texts) // 2
    paths = tuple(str(folder / name) for name in ("a.npz", "b.npz"))
    for path, part in zip(paths, (slice(None, half), slice(half, None))):
        np.savez(path, x=rows.x[part], y=rows.labels[part])
    return load("npz", name="planted", paths=paths)


def _table(folder: Path, texts: Sequence[str]) -> Source:
    rows = decode([t.encode() for t in texts])
    return load("table", name="planted", x=rows.x, y=rows.y)


def _rows_plant(good: Callable[[Path, Sequence[str]], Source], splits: bool) -> Plant:
    """Of tables, which reject no record: a bad number is an error."""
    return Plant(
        good, lambda folder, texts: (good(folder, texts), 0), splits, ROWS, ROWS * 2000,
        lambda row: row[:-1] + "0}",
    )  # fmt: skip


PLANTS = {
    "parquet": Plant(_parquet, _parquet_bad),
    "jsonl": Plant(_jsonl, _jsonl_bad),
    "arrow": Plant(_arrow, _arrow_bad),
    "csv": Plant(_csv, _csv_bad, splits=False),
    "text": Plant(_text, _text_bad),
    "folder": Plant(_folder, _folder_bad),
    "saved": Plant(_saved, _saved_bad),
    "memory": Plant(_memory, _memory_bad),
    "npz": _rows_plant(_npz, splits=False),
    "table": _rows_plant(_table, splits=True),
}
