"""Bad files, each with what must come of it: documents and rejects to the number, or an error.

A case writes one file or folder and says what was planted in it.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

GOOD = tuple(f"document {i} says that all is well, more or less, in line {i}" for i in range(30))
BOMB = 48 << 20
"""Bytes that a bomb unpacks to."""


@dataclass(frozen=True)
class Case:
    """A bad file.

    Args:
        name: Of the file; its suffix decides the format.
        write: Writes it.
        documents: Planted; None if the source must be refused.
        rejects: Planted.
        refused: Words of the refusal.
    """

    name: str
    write: Callable[[Path], object]
    documents: Sequence[str] | None = GOOD
    rejects: int = 0
    refused: str = ""


def lines(*extra: bytes, end: bytes = b"\n", texts: Sequence[str] = GOOD) -> bytes:
    """JSON Lines of the good documents, with other lines in the middle."""
    good = [json.dumps({"id": 7, "text": text}).encode() for text in texts]
    return end.join([*good[:9], *extra, *good[9:]]) + end


def rows(*extra: Sequence[object], separator: str = ",", end: str = "\n") -> bytes:
    """The same as CSV."""
    out = io.StringIO()
    good = [[7, text] for text in GOOD]
    table = [["id", "text"], *good[:9], *extra, *good[9:]]
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(table)
    return out.getvalue().encode(errors="surrogateescape")


def data(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def parquet(*columns: Any, name: str = "text", **settings: Any) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        arrays = columns or (pa.array(GOOD),)
        pq.write_table(pa.table({name: arrays[0]}), path, **settings)

    return write


def stream(array: Any, rows: int = 7) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        table = pa.table({"text": array})
        new = pa.ipc.new_stream if path.suffix == ".arrow" else pa.ipc.new_file
        with new(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)

    return write


def zst(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def _folder(files: dict[str, bytes]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)

    return write


def _saved(state: object, **more: Any) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.mkdir()
        stream(pa.array(GOOD))(path / "a.arrow")
        (path / "state.json").write_text(state if isinstance(state, str) else json.dumps(state))
        for name, content in more.items():
            (path / f"{name}.json").write_text(content)

    return write


def _npz(**arrays: Any) -> Callable[[Path], object]:
    return lambda path: np.savez(path, **arrays)


def _flag_encrypted(path: Path) -> None:
    parquet()(path)
    content = path.read_bytes()
    path.write_bytes(b"PARE" + content[4:-4] + b"PARE")


def _two_schemas(path: Path) -> None:
    path.mkdir()
    parquet(pa.array(GOOD[:10]))(path / "a.parquet")
    parquet(pa.array(GOOD[10:]), name="content")(path / "b.parquet")


def _no_text_in_one(path: Path) -> None:
    path.mkdir()
    parquet()(path / "a.parquet")
    parquet(pa.array([1, 2]), name="text")(path / "b.parquet")


MIXED = [None, *(t.encode() for t in GOOD), b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf", None]
"""Five records that are no text."""
SURROGATE = b'{"text": "\\ud800"}'
JSONL = (
    Case("crlf.jsonl", data(lines(b"", b"\r", end=b"\r\n"))),
    Case("lone-cr.jsonl", data(lines(end=b"\r")), None, refused="expected JSON Lines"),
    Case("cr-inside.jsonl", data(lines(b'{"text":\r"a"}\r')),
         (*GOOD[:9], "a", *GOOD[9:])),
    Case("nul.jsonl", data(lines(b'{"text": "a\0b"}', b"\0" * 99)), GOOD, 2),
    Case("escaped-nul.jsonl", data(lines(b'{"text": "a\\u0000b"}')),
         (*GOOD[:9], "a\0b", *GOOD[9:])),
    Case("bom.jsonl", data(b"\xef\xbb\xbf" + lines())),
    Case("bom-inside.jsonl", data(lines(b'\xef\xbb\xbf{"text": "a"}')), GOOD, 1),
    Case("utf16.jsonl", data(lines().decode().encode("utf-16")), None, refused="JSON Lines"),
    Case("latin1.jsonl", data(lines(b'{"text": "gr\xfc\xdfe"}', b'{"t\xff": 1}')), GOOD, 2),
    Case("duplicate-ids.jsonl", data(lines() + lines()), (*GOOD, *GOOD)),
    Case("duplicate-keys.jsonl", data(lines(b'{"text": "a", "text": "b"}')),
         (*GOOD[:9], "b", *GOOD[9:])),
    Case("deep.jsonl", data(lines(b"[" * 100_000, b'{"text": ' + b"[" * 100_000,
                                  b'{"a":' * 100_000, b'{"text":"a","n":NaN,"b":' + b"[" * 99_999)),
         GOOD, 4),
    Case("huge-numbers.jsonl", data(lines(
        b'{"text": 1e999}', b'{"text": -' + b"9" * 50_000 + b"}", b'{"n": 1e-9999, "text": null}',
        b'{"text": NaN}', b'{"text": -Infinity}')), GOOD, 5),
    Case("surrogates.jsonl", data(lines(SURROGATE, b'{"text": "\\udfff\\ud800"}',
                                        b'{"text": "\xed\xa0\x80"}')), GOOD, 3),
    Case("pair.jsonl", data(lines(b'{"text": "\\ud83c\\udfbb"}')),
         (*GOOD[:9], "🎻", *GOOD[9:])),
    Case("kinds.jsonl", data(lines(b"[]", b"{}", b"3", b'"text"', b"null", b"true", b'{"text": []}',
                                   b'{"text": {"text": "a"}}', b'{"Text": "a"}')), GOOD, 9),
    Case("cut-line.jsonl", data(lines()[:-20]), GOOD[:-1], 1),
    Case("two-values.jsonl", data(lines(b'{"text": "a"}{"text": "b"}')), GOOD, 1),
    Case("array.json", data(json.dumps([{"text": t} for t in GOOD]).encode()), None,
         refused="expected JSON Lines"),
    Case("empty.jsonl", data(b""), None, refused="nothing to read"),
    Case("blank.jsonl", data(b"\n \r\n\t\n"), None, refused="expected JSON Lines"),
    Case("long-line.jsonl", data(lines(b'{"text": "' + b"a" * (8 << 20) + b'"}')),
         (*GOOD[:9], "a" * (8 << 20), *GOOD[9:])),
    Case("cut.jsonl.gz", data(gzip.compress(lines())[:-9]), None, refused="cut short"),
    Case("cut.jsonl.zst", data(zst(lines())[:-9]), None, refused="cut short"),
    Case("members.jsonl.gz", data(gzip.compress(lines()) + gzip.compress(lines(b"no"))),
         (*GOOD, *GOOD), 1),
    Case("garbage-behind.jsonl.gz", data(gzip.compress(lines()) + b"garbage"), None,
         refused="damaged"),
    Case("garbage-behind.jsonl.zst", data(zst(lines()) + b"garbage"), None, refused="damaged"),
    Case("bomb.jsonl.gz", data(gzip.compress(lines() + b" " * BOMB, 9)), GOOD),
    Case("bomb.jsonl.zst", data(zst(lines() + b" " * BOMB)), GOOD),
)  # fmt: skip
CSV = (
    Case("crlf.csv", data(rows(end="\r\n"))),
    Case("lone-cr.csv", data(rows(end="\r")), None, refused="header is not CSV"),
    Case("bom.csv", data(b"\xef\xbb\xbf" + rows())),
    Case("utf16.csv", data(rows().decode().encode("utf-16")), None, refused="text"),
    Case("nul.csv", data(rows([1, "a\0b"])), (*GOOD[:9], "a\0b", *GOOD[9:])),
    Case("latin1.csv", data(rows([1, "gr\udcfc\udcdfe"], [1, "\udced\udca0\udc80"])), GOOD, 2),
    Case("widths.csv", data(rows([1], [1, 2, 3], ["a"] * 500)), GOOD, 3),
    Case("lost-quote.csv", data(rows() + b'8,"open\n9,last\n'), (*GOOD, "last"), 1),
    Case("cut.csv", data(rows() + b"8"), GOOD, 1),
    Case("two-text-columns.csv", data(b"text,text\na,b\n"), ("a",)),
    Case("header-only.csv", data(b"id,text\n"), ()),
    Case("semicolons.csv", data(rows(separator=";")), None, refused="columns apart by ','"),
    Case("crlf.tsv", data(rows(separator="\t", end="\r\n"))),
    Case("commas.tsv", data(rows()), None, refused="columns apart by"),
    Case("cut.csv.gz", data(gzip.compress(rows())[:-9]), None, refused="cut short"),
    Case("bomb.tsv.zst", data(zst(rows(separator="\t") + b"\n" * (BOMB // 64)))),
)  # fmt: skip
PARQUET = (
    Case("bytes.parquet", parquet(pa.array(MIXED, pa.binary())), GOOD, 5),
    Case("nulls.parquet", parquet(pa.array([None, *GOOD, None])), GOOD, 2),
    Case("dictionary.parquet", parquet(pa.array([*GOOD, None, *GOOD]).dictionary_encode()),
         (*GOOD, *GOOD), 1),
    Case("groups.parquet", parquet(row_group_size=1)),
    Case("ints.parquet", parquet(pa.array(range(30))), None, refused="no column|should hold text"),
    Case("lists.parquet", parquet(pa.array([[t] for t in GOOD])), None, refused="no column"),
    Case("nested.parquet", parquet(pa.array([{"text": t} for t in GOOD])), None,
         refused="no column"),
    Case("null-type.parquet", parquet(pa.nulls(30)), None, refused="no column"),
    Case("no-groups.parquet", parquet(pa.array([], pa.string())), ()),
    Case("encrypted.parquet", _flag_encrypted, None, refused="expected a Parquet file"),
    Case("bomb.parquet", parquet(pa.array(["a" * (1 << 20)] * (BOMB >> 20))),
         ("a" * (1 << 20),) * (BOMB >> 20)),
    Case("schemas-parquet", _two_schemas),
    Case("no-text-parquet", _no_text_in_one, None, refused="b.parquet: .*text"),
    Case("bytes.arrow", stream(pa.array(MIXED, pa.binary())), GOOD, 5),
    Case("dictionary.arrow", stream(pa.array([*GOOD, None]).dictionary_encode(), 99), GOOD, 1),
    Case("ints.feather", stream(pa.array(range(30))), None, refused="no column"),
    Case("views.feather", stream(pa.array([*GOOD, None], pa.string_view())), GOOD, 1),
)  # fmt: skip
OTHER = (
    Case("nul.txt", data(b"a\0b"), ("a\0b",)),
    Case("bom.txt", data(b"\xef\xbb\xbfwords"), ("words",)),
    Case("utf16.txt", data("words".encode("utf-16")), None, refused="not UTF-8 text"),
    Case("latin1.txt", data(b"gr\xfc\xdfe"), None, refused="not UTF-8 text"),
    Case("cr.txt", data(b"one\rtwo\r"), ("one\rtwo\r",)),
    Case("folder", _folder({"a.py": b"a", "b.py": b"\xff", "c.bin": b"\0\x80", "d.py": b"d",
                            "empty": b"", "e.py": "e".encode("utf-16")}), ("a", "d"), 3),
    Case("saved", _saved({"_data_files": [{"filename": "a.arrow"}]})),
    Case("saved-outside", _saved({"_data_files": [{"filename": "../secret.arrow"}]}), None,
         refused="names of Arrow files beside it"),
    Case("saved-absolute", _saved({"_data_files": [{"filename": "/secret.arrow"}]}), None,
         refused="names of Arrow files beside it"),
    Case("saved-odd", _saved({"_data_files": [{"file": 3}, 4]}), None, refused="beside it"),
    Case("saved-deep", _saved("[" * 100_000), None, refused="no JSON"),
    Case("saved-splits", _saved({}, dataset_dict='{"splits": 3}'), None, refused="without a split"),
    Case("objects.npz", _npz(x=np.array([{"a": 1}, None])), None, refused="Python objects"),
    Case("nan.npz", _npz(x=np.array([[1.0, np.nan]])), None, refused="finite"),
    Case("flat.npz", _npz(x=np.arange(3.0)), None, refused="rows, features"),
    Case("surrogates.npz", _npz(x=np.eye(2), y=np.array(["a", "\ud800"])), None,
         refused="no Unicode text"),
    Case("not.npz", data(b"PK\x03\x04" + b"\0" * 99), None, refused="numpy.savez wrote"),
)  # fmt: skip
CASES = {case.name: case for case in (*JSONL, *CSV, *PARQUET, *OTHER)}
