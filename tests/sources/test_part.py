"""Keys, held-out parts and samples."""

import pickle

import pyarrow as pa
import pytest

from cuvee.core.contents import document_keys
from cuvee.core.data import batches
from cuvee.core.errors import CuveeError
from cuvee.sources import memory, open_source
from cuvee.sources.memory import Memory
from cuvee.sources.part import Apart, Renamed, Without, hold_out, sample
from cuvee.testing.sources import CHECKS, PLANTS, Plant, documents

MANY = tuple(
    f"{i:05} is a document of some length: " + "lorem ipsum " * (i % 17) for i in range(3000)
)


def without(source, texts):
    return Without(source, Apart.of(batches(Memory("apart", tuple(texts)))))


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
    assert len(set(document_keys(pa.array(alike, pa.large_string())).tolist())) == 1
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
