"""Hashes of content are what they are in plain Python, and tell documents apart."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core.contents import document_hashes, document_keys, hashed
from cuvee.core.order import mixed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab\x00é", min_size=1, max_size=20), min_size=1, max_size=12))
def test_equal_spans_have_equal_hashes_and_others_do_not(texts):
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    ends = np.cumsum([len(text.encode()) for text in texts])
    found = hashed(data, np.r_[0, ends[:-1]], ends)
    assert len(set(zip(found.tolist(), texts))) == len(set(texts)) == len(set(found.tolist()))


def test_documents_are_told_apart_by_every_byte():
    base = "x" * 5000
    texts = [base, base[:2500] + "y" + base[2501:], base + "x", "", base]
    keys = document_hashes(pa.array(texts, pa.large_string())).tolist()
    assert keys[3] == 0
    assert keys[0] == keys[4]
    assert len(set(keys)) == 4


def keys_of(texts):
    return document_keys(pa.array(texts, pa.large_string()))


def reference_key(text):
    """The definition, one document and one word at a time."""
    data = text.encode()
    n = len(data)
    key = mixed(np.array([n], np.uint64))
    for j in range(8):
        at = max(n - 8, 0) * j // 7
        word = int.from_bytes(data[at : at + 8], "little")
        key = mixed(key ^ np.array([word], np.uint64))
    return key[0]


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]))), cut=st.integers(0, 5))
def test_keys_follow_their_definition_in_slices_too(texts, cut):
    array = pa.array([*texts, "x" * 100], pa.large_string())[cut:]
    assert document_keys(array).tolist() == [reference_key(t) for t in array.to_pylist()]


def test_keys_are_the_same_everywhere():
    texts = ["", "a", "a document of more than sixty-four bytes: " + "b" * 99]
    assert keys_of(texts).tolist() == [
        15319756052910200700,
        8648226591150342384,
        4632324205378756214,
    ]


def test_keys_tell_short_documents_apart():
    ends = [chr(c) for c in range(32, 48)]
    texts = [a + "x" * n + b for n in range(63) for a in ends for b in ends]
    texts += ["a" * i + "b" + "a" * (63 - i) for i in range(64)] + ["\x00" * n for n in range(65)]
    keys = keys_of(texts)
    assert len(np.unique(keys)) == len(texts)
    assert abs(np.unpackbits(keys.view(np.uint8)).mean() - 0.5) < 0.005
