"""Whole records: row for row what `read` gives, with every column."""

import gzip
import json

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard

from cuvee.core.data import batches
from cuvee.core.errors import CuveeError
from cuvee.sources import open_source
from cuvee.sources.part import Apart, Without
from cuvee.sources.records import records

ROWS = [
    {
        "id": i,
        "text": f"document {i} " * (1 + i % 7),
        "meta": {"score": i / 4},
        "tag": "a" if i % 2 else None,
    }
    for i in range(500)
]
ODD = [{"id": 1, "text": None}, {"id": 2, "text": "one"}, {"text": 5}, {"id": "x", "text": "two"}]


def in_step(source):
    """The records, once found to be the documents, row by row."""
    found = []
    for piece in source.pieces():
        texts = [t for batch in source.read(piece) for t in batch.text.to_pylist()]
        rows = [row for table in records(source, piece) for row in table.to_pylist()]
        only = [row for table in records(source, piece, ["text"]) for row in table.to_pylist()]
        for row, alone, text in zip(rows, only, texts, strict=True):
            assert row["text"] in (text, text.encode())
            assert alone == {"text": row["text"]}
        found += rows
    return found


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream", "jsonl", "gz", "zst", "memory"])
def test_every_column_is_there(tmp_path, kind):
    table, path = pa.Table.from_pylist(ROWS), tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=60)
    elif kind == "arrow":
        pyarrow.feather.write_feather(table, path, chunksize=70)
    elif kind == "stream":
        path = tmp_path / "a.arrow"
        with pa.ipc.new_stream(path, table.schema) as out:
            out.write_table(table, max_chunksize=70)
    elif kind == "gz":
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(gzip.compress(jsonl(ROWS)))
    elif kind == "zst":
        path = tmp_path / "a.jsonl.zst"
        path.write_bytes(zstandard.compress(jsonl(ROWS)))
    elif kind == "jsonl":
        path.write_bytes(jsonl(ROWS))
    source = open_source("s", ROWS if kind == "memory" else str(path))
    assert in_step(source) == ROWS


def test_what_is_no_document_is_no_record(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        jsonl(ODD) + b'{"text": NaN}\nbroken\n\n{"text":"three","x":NaN}\n'
    )
    found = in_step(open_source("s", str(tmp_path / "a.jsonl")))
    assert [row["text"] for row in found] == ["one", "two", "three"]
    assert [row["id"] for row in found] == ["2", '"x"', None]  # of several kinds: as JSON
    table = pa.table({"text": pa.array([b"a", None, b"\xff", b"b"]), "n": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = in_step(open_source("s", str(tmp_path / "a.parquet")))
    assert [row["n"] for row in found] == [1, 4]


def test_csv(tmp_path):
    (tmp_path / "a.csv").write_text('text,n\none,1\n"two, and",2\nthree\nfour,4\n')
    found = in_step(open_source("s", str(tmp_path / "a.csv")))
    assert [tuple(row.values()) for row in found] == [
        ("one", "1"),
        ("two, and", "2"),
        ("four", "4"),
    ]


def test_plain_text_has_one_column(tmp_path):
    (tmp_path / "a.txt").write_text("some words")
    source = open_source("s", str(tmp_path / "a.txt"))
    assert in_step(source) == [{"text": "some words"}]
    with pytest.raises(CuveeError, match="unknown column 'id'"):
        list(records(source, source.pieces()[0], ["id"]))


def test_without_some_documents(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=90)
    source = open_source("s", str(path))
    gone = Apart.of(batches(open_source("t", [ROWS[3]["text"], ROWS[200]["text"]])))
    found = in_step(Without(source, gone))
    assert len(found) < len(ROWS)
    assert ROWS[3] not in found


def test_a_column_that_is_not_there(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    source = open_source("s", str(tmp_path / "a.parquet"))
    with pytest.raises(CuveeError, match=r"a\.parquet: unknown column 'idd'.*Did you mean 'id'"):
        list(records(source, source.pieces()[0], ["idd"]))
