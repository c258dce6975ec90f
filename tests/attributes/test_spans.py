"""N-grams and look-ups are what they are in plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.attributes.lookup import Lookup
from cuvee.attributes.spans import grams, later, lowered, repeats

NUMBERS = st.integers(0, 2**64 - 1)


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, max_size=50, unique=True), st.lists(NUMBERS, max_size=50))
def test_look_up_finds_each_key_and_nothing_else(keys, others):
    keys = np.sort(np.array(keys, np.uint64))
    wanted = np.concatenate([keys, np.array(others, np.uint64), keys + np.uint64(1)])
    numbers = {int(key): i for i, key in enumerate(keys)}
    found = Lookup.of(keys).find(wanted)
    assert found.tolist() == [numbers.get(int(x), -1) for x in wanted]


def test_look_up_of_keys_that_begin_alike():
    keys = np.arange(1000, dtype=np.uint64) * np.uint64(3)
    found = Lookup.of(keys).find(np.arange(3000, dtype=np.uint64))
    assert np.array_equal(found, np.where(np.arange(3000) % 3, -1, np.arange(3000) // 3))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(1, 20))
def test_equal_runs_have_equal_hashes_and_others_do_not(letters, n):
    ids = np.array([hash_of(letter) for letter in letters], np.uint64)
    found = grams(ids, n)
    runs = ["".join(letters[i : i + n]) for i in range(len(letters) - n + 1)]
    assert len(found) == len(runs)
    assert len(set(found.tolist())) == len(set(runs))
    assert len(set(zip(found.tolist(), runs))) == len(set(runs))


def hash_of(letter):
    return {"a": 0x123456789ABCDEF0, "b": 0x0FEDCBA987654321}[letter]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_repeats_are_grouped_in_order(pairs):
    pairs = sorted(pairs, key=lambda pair: pair[0])
    document, key = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    places, group = repeats(document, key.astype(np.uint64))
    assert set(places.tolist()) == {i for i, p in enumerate(pairs) if pairs.count(p) > 1}
    assert set(places[later(group)].tolist()) == {i for i, p in enumerate(pairs) if p in pairs[:i]}
    assert (np.diff(group) >= 0).all()
    assert all(a < b for a, b, same in zip(places, places[1:], np.diff(group) == 0) if same)


def test_small_letters_are_those_of_latin():
    text = "AZ az ÀÖ×ØÞß ÿ Ж 9[`{ Ā"
    small = lowered(np.frombuffer(text.encode(), np.uint8)).tobytes().decode()
    assert small == "".join(c.lower() if ord(c) < 256 else c for c in text)
