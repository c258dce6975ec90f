"""Any text survives any format; lines are found wherever blocks and pieces fall."""

import csv
import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core.data import Piece
from cuvee.sources import lines as line_module
from cuvee.sources import open_source
from cuvee.sources.lines import piece_blocks, split_lines
from cuvee.testing.sources import documents

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20)


def as_lines(texts):
    return [orjson.dumps({"text": text}) + b"\n" for text in texts]


def zst(parts):
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in parts)


def gz(parts):
    return b"".join(gzip.compress(part) for part in parts)


def write_csv(path, texts):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "n"], *([text, 1] for text in texts)])


def write_stream(path, texts):
    table = pa.table({"text": texts})
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def write_feather(path, texts):
    table = pa.table({"text": pa.array(texts).dictionary_encode()})
    with pa.ipc.new_file(str(path), table.schema, options=pa.ipc.IpcWriteOptions(
        compression="zstd", emit_dictionary_deltas=True
    )) as writer:  # fmt: skip
        writer.write_table(table, max_chunksize=3)


def write_parquet(path, texts, **kind):
    pq.write_table(pa.table({"text": pa.array(texts, **kind)}), path, row_group_size=3)


WRITERS = {
    "a.jsonl": lambda p, t: p.write_bytes(b"".join(as_lines(t))),
    "ascii.json": lambda p, t: p.write_text("\n".join(json.dumps({"text": x}) for x in t)),
    "bom.ndjson": lambda p, t: p.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(as_lines(t))),
    "a.jsonl.zst": lambda p, t: p.write_bytes(zst(as_lines(t))),
    "a.jsonl.gz": lambda p, t: p.write_bytes(gz(as_lines(t))),
    "a.csv": write_csv,
    "a.arrow": write_stream,
    "a.feather": write_feather,
    "a.parquet": write_parquet,
    "bytes.pq": lambda p, t: write_parquet(p, [x.encode() for x in t], type=pa.binary()),
    "large.parquet": lambda p, t: write_parquet(p, t, type=pa.large_string()),
}


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_any_text_comes_back(name, texts):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        WRITERS[name](path, texts)
        assert documents(open_source("s", path)) == texts


@settings(max_examples=40, deadline=None)
@given(texts=TEXTS)
def test_any_text_comes_back_from_memory(texts):
    assert documents(open_source("s", lambda: iter(texts))) == texts
    assert documents(open_source("s", [{"id": 1, "body": text} for text in texts])) == texts


@settings(max_examples=300, deadline=None)
@given(data=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\n\n"])), cuts=st.data())
def test_lines_do_not_depend_on_blocks(data, cuts):
    whole = b"".join(data)
    places = sorted(cuts.draw(st.lists(st.integers(0, len(whole)))))
    blocks = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)])]
    expected = whole.split(b"\n")
    found = [line for some in split_lines(blocks) for line in some]
    assert found == (expected if expected[-1] else expected[:-1])


@settings(max_examples=200, deadline=None)
@given(data=st.data(), block=st.integers(1, 9))
def test_lines_do_not_depend_on_pieces(data, block):
    whole = b"".join(data.draw(st.lists(st.sampled_from([b"a", b"bcd", b"\n", b"\r\n"]))))
    places = sorted(data.draw(st.sets(st.integers(1, max(len(whole) - 1, 1)))))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_module, "BLOCK", block)
        path = Path(folder) / "a.txt"
        path.write_bytes(whole)
        pieces = [Piece(str(path), a, b) for a, b in zip([0, *places], [*places, len(whole)])]
        parts = [b"".join(piece_blocks(p)) for p in pieces if p.stop > p.start]
    assert b"".join(parts) == whole
    assert all(part.endswith(b"\n") for part in parts[:-1] if part and not whole.endswith(part))
    assert all(
        part.count(b"\n") >= 1 for part in parts[:-1] if part and part != whole[-len(part) :]
    )
