"""Single records of a piece: the same documents as reading all of it gives, without the others."""

import gzip
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pytest

from cuvee.core.data import Data, batches
from cuvee.core.units import Words
from cuvee.sources import hashed, open_source, parquet
from cuvee.sources.arrays import array_records
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Without
from cuvee.testing.proxies import serial
from cuvee.testing.sources import DOCUMENTS, PLANTS, documents

APART = (*DOCUMENTS[:2], DOCUMENTS[8], DOCUMENTS[-1])


def packed(folder, texts):
    """The bad lines, in a file that is one piece."""
    _, count = PLANTS["jsonl"].bad(folder, texts)
    path = folder / "b.jsonl.gz"
    path.write_bytes(gzip.compress((folder / "a.jsonl").read_bytes()))
    return open_source("planted", str(path), "text"), count


BAD = {"jsonl": PLANTS["jsonl"].bad, "jsonl.gz": packed, "parquet": PLANTS["parquet"].bad}


@pytest.fixture
def small(monkeypatch):
    """Several pieces a file, and several batches a piece."""
    for name in ("files", "parquet"):
        monkeypatch.setattr(f"cuvee.sources.{name}.PIECE", 9000)
    for name in ("files", "lines", "parquet", "arrays"):
        monkeypatch.setattr(f"cuvee.sources.{name}.BLOCK", 1500)


def surveyed(source):
    """The source without some documents, and their numbers among the records of each piece."""
    apart = Without(source, Apart.of(batches(Memory("apart", APART))))
    survey, _ = Data((apart,), (), Words(), serial).survey()
    return apart, survey


def picked(source, piece, records):
    """What was picked, and the records of the piece."""
    found = list(source.pick(piece, np.asarray(records, np.int64)))
    ends = list(accumulate(many for many, _ in found))
    for end, (many, batch) in zip(ends, found):
        assert len(batch.text) + len(batch.rejected) == np.sum(
            (np.asarray(records) >= end - many) & (np.asarray(records) < end)
        )
    texts = [text for _, batch in found for text in batch.text.to_pylist()]
    return texts, sum(len(batch.rejected) for _, batch in found), ends[-1] if ends else 0


@pytest.mark.parametrize("name", BAD)
def test_any_documents_can_be_picked(tmp_path, small, name):
    source, bad = BAD[name](tmp_path, DOCUMENTS)
    apart, survey = surveyed(source)
    assert survey.quarantined == (bad,)
    assert survey.left_out == (len(APART),)
    assert sum(map(len, survey.gaps[0])) == bad + len(APART)
    pieces, rng = apart.pieces(), np.random.default_rng(0)
    assert len(pieces) == 1 if name == "jsonl.gz" else len(pieces) > 1
    for piece, gaps, lengths in zip(pieces, survey.gaps[0], survey.lengths[0]):
        texts = [text for batch in apart.read(piece) for text in batch.text.to_pylist()]
        assert len(texts) == len(lengths)
        records = np.delete(np.arange(len(texts) + len(gaps)), gaps)
        assert picked(apart, piece, records) == (texts, 0, len(texts) + len(gaps))
        assert picked(apart, piece, []) == ([], 0, len(texts) + len(gaps))
        for _ in range(20):
            some = np.flatnonzero(rng.random(len(texts)) < rng.random())
            assert picked(apart, piece, records[some])[0] == [texts[i] for i in some]


@pytest.mark.parametrize("name", BAD)
def test_gaps_are_the_rejected_and_the_set_apart(tmp_path, small, name):
    source, bad = BAD[name](tmp_path, DOCUMENTS)
    apart, survey = surveyed(source)
    texts, rejected = [], 0
    for piece, gaps in zip(apart.pieces(), survey.gaps[0]):
        some, many, _ = picked(apart, piece, gaps)
        texts, rejected = [*texts, *some], rejected + many
    assert rejected == bad
    assert sorted(texts) == sorted(APART)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_binary(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_records_of_every_kind_of_column(kind):
    array = pa.array(["a", None, "ü", "a", "long enough for a view of its own"])
    array = array.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else array
    array = array.cast(kind)[1:]
    found = array_records(array, np.array([1, 3]))
    assert found.text.to_pylist() == ["ü", "long enough for a view of its own"]
    assert not found.rejected
    lost = array_records(array, np.array([0, 2]))
    assert lost.text.to_pylist() == ["a"]
    assert (len(lost.rejected), lost.gaps) == (1, (0,))
    assert len(array_records(array, np.zeros(0, np.int64)).text) == 0


def test_sources_that_cannot_pick_say_so(tmp_path):
    source = PLANTS["memory"].good(tmp_path, DOCUMENTS)
    assert Without(source, Apart.of(())).pick is None


def test_the_longest_value_is_looked_for_once(tmp_path, monkeypatch):
    looked = []
    real = parquet.longest_value
    monkeypatch.setattr(parquet, "longest_value", lambda array: looked.append(1) or real(array))
    monkeypatch.setattr(parquet, "_LONGEST", {})
    monkeypatch.setattr(hashed, "SETTLED", -1)
    source = PLANTS["parquet"].good(tmp_path, DOCUMENTS)
    assert documents(source) == documents(source)
    once = len(looked)
    assert once > 1, "several row groups"
    PLANTS["parquet"].good(tmp_path, DOCUMENTS[1:])
    assert documents(source) == list(DOCUMENTS[1:])
    assert len(looked) == 2 * once
    monkeypatch.setattr(hashed, "SETTLED", 10**12)
    assert documents(source) == documents(source)
    assert len(looked) == 4 * once, "a file that was just written may change within a tick"
