"""Keys, held-out parts and samples."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.core.data import batches
from cuvee.core.errors import CuveeError
from cuvee.sources import memory, open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Renamed, Without, document_keys, hold_out, mixed, sample
from cuvee.testing.sources import CHECKS, PLANTS, Plant, documents

MANY = tuple(
    f"{i:05} is a document of some length: " + "lorem ipsum " * (i % 17) for i in range(3000)
)


def without(source, texts):
    return Without(source, Apart.of(batches(Memory("apart", tuple(texts)))))


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


@pytest.mark.parametrize("check", CHECKS)
def test_parts_are_sources(check, tmp_path):
    if check == "check_frozen":
        return
    leave = "left out " * 5

    def bad(folder, texts):
        source, count = PLANTS["jsonl"].bad(folder, [leave, *texts, leave])
        return Renamed(without(source, [leave]), "planted"), count

    def good(folder, texts):
        return Renamed(without(PLANTS["jsonl"].good(folder, [leave, *texts]), [leave]), "planted")

    CHECKS[check](Plant(good, bad), tmp_path)


def test_held_out_documents_are_gone_from_the_rest(monkeypatch):
    monkeypatch.setattr(memory, "PIECE", 5000)
    source = Memory("web", (*MANY, "", *MANY[:50]))
    target, whole = hold_out(source, 10_000, seed=0)
    held = documents(target)
    assert documents(whole) == held
    rest = without(source, held)
    assert 10_000 <= sum(map(len, held)) < 11_000
    assert len(set(held)) == len(held)
    left_out = sum(b.left_out for p in rest.pieces() for b in rest.read(p))
    assert left_out == len(documents(source)) - len(documents(rest))
    assert "" not in held
    assert set(documents(rest)) == set(documents(source)) - set(held)
    assert rest.fingerprint().keys() == {"memory", "without"}
    assert documents(pickle.loads(pickle.dumps(rest))) == documents(rest)
    again, _ = hold_out(source, 10_000, seed=0)
    other, _ = hold_out(source, 10_000, seed=1)
    assert documents(again) == held != documents(other)


def test_held_out_is_at_most_a_fraction():
    source = Memory("web", MANY)
    total = sum(map(len, MANY))
    target, _ = hold_out(source, total, most=0.1, seed=0)
    assert 0.09 * total < sum(map(len, documents(target))) <= 0.1 * total
    target, _ = hold_out(Memory("two", ("a" * 900, "b")), 10, seed=0)
    assert documents(target) == ["b"]


def test_copies_of_a_held_out_document_count_as_taken():
    source = Memory("web", (*(["the same"] * 4000), *MANY[:400]))
    for seed in range(20):
        target, _ = hold_out(source, 2000, most=0.1, seed=seed)
        assert "the same" not in documents(target)
        assert len(documents(without(source, documents(target)))) > 4300


def test_documents_of_one_key_are_told_apart():
    """Long documents that differ between the eight words only share a fast key, no more."""
    alike = tuple("a" * 99 + f"{i:04}" + "b" * 200 for i in range(1000))
    assert len(set(keys_of(alike).tolist())) == 1
    source = Memory("web", (*alike, *MANY))
    rest = documents(without(source, alike[:10]))
    assert set(rest) == {*alike[10:], *MANY}


@pytest.mark.parametrize("texts", [("only",), ("only", "only", ""), ("", "")])
def test_one_document_cannot_be_held_out(texts):
    with pytest.raises(CuveeError, match="give --target"):
        hold_out(Memory("s", texts), 10, seed=0)


def test_sample():
    source = Memory("t", ("", *MANY, *MANY[:9]))
    assert documents(sample(source, 10**9, 0)) == [*MANY, *MANY[:9]]
    some = documents(sample(source, 20_000, 0))
    assert 20_000 <= sum(map(len, some)) < 21_000
    assert [text for text in MANY if text in set(some)] == list(dict.fromkeys(some))
    # The choice ignores order and pieces.
    backwards = documents(sample(open_source("t", list(MANY[::-1])), 20_000, 0))
    assert len(set(backwards) ^ set(some)) <= 2
    with pytest.raises(CuveeError, match="no document"):
        sample(Memory("t", ("",)), 10, 0)


LONG = "".join(f"word{i} é " for i in range(70_000))


@pytest.mark.parametrize("wanted", [1, 5000, 100_000])
@pytest.mark.parametrize("long", [LONG, LONG.replace(" ", ""), LONG.replace(" ", "\n")])
def test_long_documents_are_cut_to_what_is_wanted(wanted, long):
    longs = [f"{i} {long}" for i in range(12)]
    for texts in ([longs[0], "b"], longs, [*longs[:2], *MANY]):
        source = Memory("s", texts)
        used, whole = hold_out(source, wanted, seed=0)
        part = sample(source, wanted, 0)
        cut, full, taken = documents(used), documents(whole), documents(part)
        assert len(cut) == len(full)
        assert all(a.startswith(b) and b for a, b in zip(full, cut))
        assert set(full) <= set(texts)
        assert all(any(text.startswith(t) for text in texts) for t in taken)
        for found in (cut, taken):
            assert sum(len(t.encode()) for t in found) <= wanted + 600
        assert sum(len(t.encode()) for t in taken) >= min(wanted, 500)
        assert set(documents(without(source, full))) == set(texts) - set(full)


def test_a_long_document_does_not_drive_out_short_ones():
    """Whatever its rank, a document of nine tenths of the source is not held out."""
    for seed in range(20):
        used, whole = hold_out(Memory("s", [LONG * 5, *MANY]), 5000, seed=seed)
        assert documents(used) == documents(whole)
        assert sum(map(len, documents(used))) >= 5000
