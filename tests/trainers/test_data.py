"""The layouts of the written data, parsed here by their definition, and by readers at hand.

That these layouts are the stacks' own was held against their writers: evidence/trainers.
"""

import hashlib
import json
import struct
from itertools import pairwise

import datasets
import numpy as np
import pytest

from cuvee import trainers
from cuvee.core import CuveeError
from cuvee.testing.trainers import EOS, PLANTED, Planted, save_tokenizer
from cuvee.trainers.encoding import encoder

MIXED = PLANTED["strange names"]
LONG = Planted(drawn=(900, 900, 100))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    path = save_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    return {"tokenizer": str(path), "eos": EOS}


def digest(folder, names="*"):
    files = sorted(path for path in folder.glob(names) if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def read_mds(folder):
    index = json.loads((folder / "index.json").read_text())
    assert index["version"] == 2
    for shard in index["shards"]:
        content = (folder / shard["raw_data"]["basename"]).read_bytes()
        assert len(content) == shard["raw_data"]["bytes"]
        count = struct.unpack_from("<I", content)[0]
        assert count == shard["samples"]
        ends = struct.unpack_from(f"<{count + 1}I", content, 4)
        assert ends[-1] == len(content)
        for start, stop in pairwise(ends):
            sizes = struct.unpack_from("<3I", content, start)
            start += 12
            values = []
            for size in sizes:
                values.append(content[start : start + size].decode())
                start += size
            assert start + 8 == stop
            yield dict(
                zip(shard["column_names"], [*values, *struct.unpack_from("<q", content, start)])
            )


@pytest.mark.parametrize("size", [1024, 2**26])
def test_mds_layout(size, tmp_path):
    trainers.load("mds", size=size).write(MIXED.dataset(), tmp_path)
    rows = MIXED.table().to_pylist()
    assert list(read_mds(tmp_path)) == rows
    shards = sorted(tmp_path.glob("*.mds"))
    assert (len(shards) > 5) == (size == 1024)
    assert all(path.stat().st_size <= size for path in shards)


def test_mds_is_as_its_own_writer_made_it(tmp_path):
    """The bytes that the library made too when the evidence was recorded."""
    trainers.load("mds", size=4096).write(Planted().dataset(), tmp_path)
    assert digest(tmp_path) == "eb4e0e6378179d10"


def test_a_document_longer_than_a_shard_has_one_of_its_own(tmp_path):
    planted = Planted(("a", "b"), (0.5, 0.5), (1, 50), (5, 5), (5, 5))
    trainers.load("mds", size=1024).write(planted.dataset(), tmp_path)
    long = Planted(("a",), (1.0,), (50,), (3,), (3,))
    texts = [row["text"] for row in read_mds(tmp_path)]
    assert texts == planted.table()["text"].to_pylist()
    (tmp_path / "l").mkdir()
    trainers.load("litdata", size=1024).write(long.dataset(), tmp_path / "l")
    index = json.loads((tmp_path / "l" / "index.json").read_text())
    assert sum(chunk["chunk_size"] for chunk in index["chunks"]) == 3


def read_litdata(folder):
    for chunk in json.loads((folder / "index.json").read_text())["chunks"]:
        content = (folder / chunk["filename"]).read_bytes()
        count = struct.unpack_from("<I", content)[0]
        ends = struct.unpack_from(f"<{count + 1}I", content, 4)
        assert (ends[-1], count) == (chunk["chunk_bytes"], chunk["chunk_size"])
        yield from (content[a:b] for a, b in pairwise(ends))


def test_litdata_texts(tmp_path):
    trainers.load("litdata", size=2048).write(MIXED.dataset(), tmp_path)
    found = []
    for sample in read_litdata(tmp_path):
        size, _ = struct.unpack_from("<2I", sample)
        found.append((sample[8 : 8 + size].decode(), sample[8 + size :].decode()))
    table = MIXED.table()
    assert found == list(zip(table["text"].to_pylist(), table["source"].to_pylist()))


def test_litdata_tokens(tmp_path, settings):
    trainers.load("litdata", size=2048, **settings).write(MIXED.dataset(), tmp_path)
    ids = encoder("litdata", settings["tokenizer"], "", EOS).documents(MIXED.dataset())
    found = [np.frombuffer(sample, "<i4") for sample in read_litdata(tmp_path)]
    assert all(map(np.array_equal, found, ids))
    chunks = json.loads((tmp_path / "index.json").read_text())["chunks"]
    assert sum(chunk["dim"] for chunk in chunks) == sum(map(len, found))


def test_litdata_says_when_its_content_changed(tmp_path):
    """Or LitData would go on with the copy in its cache."""
    stamps = set()
    for name in ("three sources", "a tiny share"):
        (tmp_path / name).mkdir()
        trainers.load("litdata").write(PLANTED[name].dataset(), tmp_path / name)
        stamps.add(json.loads((tmp_path / name / "index.json").read_text())["updated_at"])
    assert len(stamps) == 2


def test_saved_dataset_is_read_by_its_library(tmp_path):
    trainers.load("datasets", size=1024).write(LONG.dataset(), tmp_path)
    back = datasets.load_from_disk(str(tmp_path))
    assert back.to_list() == LONG.table().to_pylist()
    assert len(list(tmp_path.glob("*.arrow"))) > 1
    assert back.features["tokens"].dtype == "uint32"
    assert len(back.filter(lambda row: row["source"] == "books", keep_in_memory=True)) == 100


def test_indexed_layout(tmp_path, settings):
    trainers.load("megatron_indexed", **settings).write(MIXED.dataset(), tmp_path)
    ids = list(encoder("x", settings["tokenizer"], "", EOS).documents(MIXED.dataset()))
    idx = (tmp_path / "mixed_text_document.idx").read_bytes()
    tokens = np.fromfile(tmp_path / "mixed_text_document.bin", "<u2")
    assert idx[:9] == b"MMIDIDX\x00\x00"
    assert struct.unpack_from("<QBQQ", idx, 9) == (1, 8, len(ids), len(ids) + 1)
    lengths = np.frombuffer(idx, "<i4", len(ids), 34)
    first = np.frombuffer(idx, "<i8", len(ids), 34 + lengths.nbytes)
    last = np.frombuffer(idx, "<i8", len(ids) + 1, 34 + lengths.nbytes + first.nbytes)
    assert 34 + lengths.nbytes + first.nbytes + last.nbytes == len(idx)
    assert last.tolist() == list(range(len(ids) + 1))
    for one, start, length in zip(ids, first, lengths):
        assert np.array_equal(tokens[start // 2 : start // 2 + length], one)


def test_indexed_is_as_its_own_writer_made_it(tmp_path, settings):
    trainers.load("megatron_indexed", **settings).write(Planted().dataset(), tmp_path)
    assert digest(tmp_path, "mixed_*") == "cf54ce1707549480"


@pytest.mark.parametrize("form", ["npy", "raw"])
def test_tokens_come_back(form, tmp_path, settings):
    trainers.load("tokens", form=form, size=20_000, **settings).write(LONG.dataset(), tmp_path)
    meta = json.loads((tmp_path / "metadata.json").read_text())
    load = np.load if form == "npy" else lambda path: np.fromfile(path, meta["dtype"])
    found = [load(tmp_path / one["file"]) for one in meta["files"]]
    ids = list(encoder("tokens", settings["tokenizer"], "", EOS).documents(LONG.dataset()))
    assert np.array_equal(np.concatenate(found), np.concatenate(ids))
    assert [len(one) for one in found] == [one["tokens"] for one in meta["files"]]
    assert found[0].dtype == np.uint16
    assert meta["documents"] == len(ids) == sum(LONG.drawn)
    assert all(one[-1] == meta["eos_id"] for one in found)


def test_separators(tmp_path, settings):
    both = encoder("tokens", settings["tokenizer"], EOS, EOS)
    none = encoder("tokens", settings["tokenizer"], "", "none")
    for one, bare in zip(both.documents(MIXED.dataset()), none.documents(MIXED.dataset())):
        assert np.array_equal(one, [256, *bare, 256])


def test_a_text_cannot_end_its_document(settings):
    """A text that quotes the separator is text."""
    planted = Planted((f"{EOS}x", "b"), (0.5, 0.5), (2, 2), (3, 3), (3, 3))
    for ids in encoder("tokens", settings["tokenizer"], "", EOS).documents(planted.dataset()):
        assert np.count_nonzero(ids == 256) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"tokenizer": ""}, "needs a tokenizer"), ({"tokenizer": "none.json"}, "no such file"),
     ({"eos": ""}, "special tokens of this tokenizer: <eos>"), ({"eos": "</s>"}, "no token '</s>'"),
     ({"bos": "<s>"}, "no token '<s>'")],
)  # fmt: skip
def test_tokenizers_that_do_not_fit(change, message, tmp_path, settings):
    for name in ("tokens", "megatron_indexed"):
        with pytest.raises(CuveeError, match=message):
            trainers.load(name, **(settings | change)).write(MIXED.dataset(), tmp_path)


def test_a_file_that_is_no_tokenizer(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(CuveeError, match="is not a tokenizer"):
        encoder("tokens", str(tmp_path / "t.json"), "", "none")
