"""How sources differ and overlap: planted copies are found, and a part is said to be one."""

import numpy as np
import pyarrow as pa
import pytest

from cuvee import engine as engines
from cuvee import likeness
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.likeness import Likeness, frequent, parts_of
from cuvee.sources.memory import Memory

LETTERS = "abcdefghijklmnopq"


def texts(count, words, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(words, 40)) for _ in range(count)]


FLORA = [f"{a}{b}leaf" for a in LETTERS for b in LETTERS]
FAUNA = [f"{a}{b}beak" for a in LETTERS for b in LETTERS]
A, B = texts(60, FLORA, 1), texts(50, FAUNA, 2)
C = [*texts(45, FLORA, 3), *A[:6], A[6] + " more", *A[:2]]


def looked(sources, workers=1):
    found = tuple(Memory(name, tuple(content)) for name, content in sources.items())
    runner = engines.load("local", workers)
    data = Data(found, (), Words(), runner)
    sizes = tuple(sum(len(t.encode()) for t in content) for content in sources.values())
    return Likeness(data, sizes, tuple(range(len(found))), 0, runner).to_dict()


def test_planted_copies_and_differences_are_found():
    said = looked({"a": A, "b": B, "c": C})
    copies = said["copies"]["documents"]
    assert copies["a"] == {"a": 0, "b": 0, "c": 7}
    assert copies["c"] == {"a": 9, "b": 0, "c": 4}
    far = {tuple(p["sources"]): p for p in said["difference"]["pairs"]}
    assert far["a", "b"]["mean"] > 0.6
    assert far["a", "c"]["mean"] < 0.05
    assert far["a", "b"]["low"] <= far["a", "b"]["mean"] <= far["a", "b"]["high"]
    assert said["sample"]["a"] == {"bytes": sum(map(len, A)), "documents": 60, "whole": True}
    assert said["left_out"] == {}


def test_workers_change_nothing():
    sources = {"a": A, "b": B, "c": C}
    assert looked(sources) == looked(sources, workers=2)


def test_a_source_of_few_documents_is_left_out_of_what_halves_must_judge():
    said = looked({"a": A, "b": B, "tiny": B[:3]})
    assert said["left_out"] == {"tiny": "fewer than 32 documents"}
    assert [p["sources"] for p in said["difference"]["pairs"]] == [["a", "b"]]
    assert said["copies"]["documents"]["tiny"]["b"] == 3


def test_of_large_sources_a_part_is_read_and_small_ones_whole(monkeypatch):
    monkeypatch.setattr(likeness, "LOOK", 4000)
    said = looked({"a": A, "tiny": B[:3]})
    assert said["sample"]["tiny"]["whole"]
    assert not said["sample"]["a"]["whole"]
    assert 0 < said["sample"]["a"]["bytes"] <= 4000
    (part, whole) = parts_of(
        [Memory("a", tuple(A)), Memory("tiny", tuple(B[:3]))], [99_999, 900], 0
    )
    read = pa.chunked_array([b.text for p in part.pieces() for b in part.read(p)]).to_pylist()
    assert read == A[: len(read)]
    assert whole.pieces() == whole.source.pieces()


def test_a_document_longer_than_the_part_is_still_read(monkeypatch):
    monkeypatch.setattr(likeness, "LOOK", 10)
    said = looked({"a": A, "b": B})
    assert said["sample"]["a"]["documents"] == 1


def test_only_the_most_important_sources_are_compared(monkeypatch):
    monkeypatch.setattr(likeness, "MOST", 2)
    said = looked({"a": A, "b": B, "c": C})
    assert said["left_out"] == {"c": "not among the largest"}


def test_words_that_are_not_told_apart_count_as_one(monkeypatch):
    from scipy.sparse import csr_array

    monkeypatch.setattr(likeness, "WORDS", 3)
    counts = csr_array(np.array([[5.0, 0, 1, 2], [4, 1, 0, 0]]))
    (found,) = frequent([counts])
    np.testing.assert_array_equal(found, [[5, 2, 1], [4, 0, 1]])


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare_is_said(count):
    assert "not_computed" in looked({"a": A} if count else {})
