"""Cutting text into units, against a reference that loops in Python."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.slow import DOCS, join_bytes, slow_cut, slow_hash

from cuvee.core import cutting
from cuvee.core.cutting import batches, cut, text_buffers


@settings(deadline=None, max_examples=400)
@given(DOCS, st.sampled_from([1, 3, 8, 16, 20]), st.sampled_from(["run", "each"]), st.booleans())
@example([b"a  b", b"", b" ", b"\n ", b"x"], 16, "run", False)
@example([b" internationalisation ("], 16, "each", False)
def test_cut_matches_reference(docs, max_bytes, punctuation, lead):
    data, offsets = join_bytes(docs, b"ab " if lead else b"")
    got = cut(data, offsets, max_bytes=max_bytes, punctuation=punctuation)
    expected = [slow_cut(d, max_bytes, punctuation) for d in docs]
    raw = data.tobytes()
    spans = [raw[a:b] for a, b in zip(got.bounds[:-1], got.bounds[1:])]
    assert [spans[a:b] for a, b in zip(got.offsets[:-1], got.offsets[1:])] == expected
    assert got.ids.size == sum(map(len, expected))
    assert got.ids.tolist() == [slow_hash(span) for span in spans]
    assert len(set(got.ids.tolist())) == len(set(spans))


def test_hash_is_fixed():
    """Users may store hashes: a change, here and in `slow_hash`, must be noticed."""
    data, offsets = join_bytes([b"the cat", "é".encode() * 8, b"\0", b"\0\0"])
    assert cut(data, offsets, max_bytes=16).ids.tolist() == [
        17994415377985430698,
        2064908414825212095,
        16393473510254910753,
        16294208416658607535,
        7960286522194355700,
    ]


def test_hash_bits_are_even():
    rng = np.random.default_rng(0)
    data = rng.integers(97, 123, 200_000).astype(np.uint8)
    hashes = cut(data, np.arange(0, data.size + 1, 10), max_bytes=16).ids
    bits = (hashes[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02
    assert np.unique(hashes).size == hashes.size


@pytest.mark.parametrize("make", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_text_buffers(make):
    texts = ["", "drop", "a b", None, "naïve", "", "tail"]
    whole = pa.array([t and t.encode() for t in texts], pa.binary()).cast(make)
    for array in (whole, whole[2:], whole[1:3], whole[4:6], whole[:0], whole[3:4]):
        data, offsets = text_buffers(array)
        got = [data[a:b].tobytes() for a, b in itertools.pairwise(offsets)]
        assert got == [v if isinstance(v, bytes) else (v or "").encode() for v in array.to_pylist()]


def test_text_buffers_hides_null_bytes_and_copies_nothing():
    hidden = pa.Array.from_buffers(
        pa.string(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([0, 1, 5], "<i4")),
                         pa.py_buffer(b"agone")],
    )  # fmt: skip
    data, offsets = text_buffers(hidden)
    assert data[offsets[0] : offsets[-1]].tobytes() == b"a"
    plain = pa.array(["abc", "def"])
    assert text_buffers(plain)[0].ctypes.data == plain.buffers()[2].address
    with pytest.raises(TypeError):
        text_buffers(pa.array([1, 2]))


@settings(deadline=None)
@given(DOCS, st.integers(1, 50))
def test_batches_hold_every_document_once(docs, batch_bytes):
    _, offsets = join_bytes(docs)
    runs = list(batches(offsets, batch_bytes))
    assert [o for run in runs for o in run[:-1]] == offsets[:-1].tolist()
    assert all(run[-1] - run[0] <= batch_bytes or run.size == 2 for run in runs)


@settings(deadline=None, max_examples=200)
@given(DOCS, st.integers(4, 40))
def test_long_documents_are_cut_in_pieces(docs, piece_bytes):
    data, offsets = join_bytes(docs)
    whole = cut(data, offsets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "BATCH_BYTES", piece_bytes)
        pieces = cut(data, offsets)
    for field in ("ids", "offsets", "bounds"):
        assert np.array_equal(getattr(whole, field), getattr(pieces, field))


@pytest.mark.parametrize("options", [{"max_bytes": 0}, {"punctuation": "none"}])
def test_bad_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        cut(np.empty(0, np.uint8), [0], **options)
