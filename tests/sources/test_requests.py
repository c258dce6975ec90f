"""How much is asked of a server, and how often, to read what lies on it."""

import gzip
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.sources.remote_world import web_server

from cuvee.core import remote
from cuvee.sources import open_source
from cuvee.sources.folder import Folder
from cuvee.testing.sources import documents
from cuvee.testing.trainers import EOS, save_tokenizer
from cuvee.trainers.encoding import encoder


def test_a_large_column_is_asked_for_in_parts():
    chance = np.random.default_rng(0)
    texts = ["".join(map(chr, chance.integers(97, 123, 10_000))) for _ in range(1200)]
    sink = pa.BufferOutputStream()
    small = {"compression": "none", "use_dictionary": False, "write_batch_size": 20}
    pq.write_table(pa.table({"text": texts}), sink, **small)  # pages of about a megabyte
    content = sink.getvalue().to_pybytes()
    with web_server({"/a.parquet": content}) as site:
        assert documents(open_source("s", f"{site.address}/a.parquet")) == texts
        largest = max(size for _, size in site.sent)
        assert largest <= remote.AHEAD + (2 << 20), "the column came at once"
        assert sum(size for _, size in site.sent) < len(content) + 2 * remote.AHEAD
    assert len(content) > 2 * remote.AHEAD


def test_small_row_groups_are_fetched_together():
    texts = [f"some words {i}" for i in range(20_000)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts, "id": range(20_000)}), sink, row_group_size=10)
    content = sink.getvalue().to_pybytes()
    with web_server({"/a.parquet": content}) as site:
        assert documents(open_source("s", f"{site.address}/a.parquet")) == texts
        assert len(site.sent) < 60
        assert sum(size for _, size in site.sent) < 5 * len(content)


def test_small_compressed_files_are_fetched_once():
    files = {f"/{i}.txt.gz": gzip.compress(f"document {i}".encode()) for i in range(5)}
    files["/plain.txt"] = b"plain"
    with web_server(files) as site:
        source = Folder("s", tuple(site.address + name for name in files))
        pieces = source.pieces()
        site.sent.clear()
        texts = [t for p in pieces for b in source.read(p) for t in b.text.to_pylist()]
        assert sorted(texts) == [*(f"document {i}" for i in range(5)), "plain"]
        assert sum(size for _, size in site.sent) == sum(map(len, files.values()))


def test_a_tokenizer_for_exports_may_lie_on_a_server(tmp_path):
    path = save_tokenizer(tmp_path)
    with web_server({"/t/tokenizer.json": path.read_bytes()}) as site:
        far = encoder("tokens", f"{site.address}/t/tokenizer.json", "", EOS)
    near = encoder("tokens", str(path), "", EOS)
    assert far.describe() == near.describe()
    assert far.loaded.encode("some words").ids == near.loaded.encode("some words").ids


def test_the_end_of_the_oldest_arrow_streams_is_four_bytes():
    table = pa.table({"text": ["one", "two", "three"]})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True)
    with pa.ipc.new_stream(sink, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=1)
    content = sink.getvalue().to_pybytes()
    assert content[:4] != b"\xff\xff\xff\xff"
    assert content.endswith(struct.pack("<I", 0))
    with web_server({"/a.arrow": content}) as site:
        assert documents(open_source("s", f"{site.address}/a.arrow")) == ["one", "two", "three"]
