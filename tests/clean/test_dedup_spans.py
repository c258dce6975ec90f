"""Passages against a plain search through all runs of words."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import clean
from cuvee.clean.spans import Spans, _extreme, _fingerprints
from cuvee.clean.words import words
from cuvee.core import CuveeError
from cuvee.testing.clean import stays
from cuvee.testing.planted_copies import Listed, made

WORDS = st.lists(st.sampled_from("abc"), max_size=14)
DOCUMENTS = st.lists(WORDS, min_size=1, max_size=7).map(lambda ds: [" ".join(d) for d in ds])


def rank(text):
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return tuple(int.from_bytes(digest[i : i + 8], "little") for i in (0, 8))


def plain(texts, n):
    """Which words of each document are left, equal documents once."""
    left, first = {}, {}
    for text in sorted(set(texts), key=rank):
        run = text.split()
        cut = [False] * len(run)
        for i in range(len(run) - n + 1):
            window = tuple(run[i : i + n])
            if first.setdefault(window, (text, i)) != (text, i):
                cut[i : i + n] = [True] * n
        left[text] = [word for word, gone in zip(run, cut) if not gone]
    return left


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.integers(2, 5), st.integers(1, 4))
def test_what_stays_is_what_a_plain_search_leaves(texts, n, batch):
    listed = Listed(tuple(texts), batch)
    found = Spans(words=n).find(listed)
    expected = Counter(
        tuple(some) for text, some in plain(texts, n).items() if some or not text.split()
    )
    assert Counter(tuple(t.split()) for t in stays(found, listed).elements()) == expected


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.integers(2, 5))
def test_no_run_is_left_twice_and_no_word_is_lost(texts, n):
    listed = Listed(tuple(texts))
    found = Spans(words=n).find(listed)
    assert found.cuts is not None
    runs = Counter()
    for i in np.flatnonzero(found.kept):
        data, end = texts[i].encode(), 0
        cuts = found.cuts.documents == i
        ends = [*zip(found.cuts.starts[cuts], found.cuts.stops[cuts]), (len(data), len(data))]
        for start, stop in ends:  # runs across a cut are new ones
            some = data[end:start].split()
            runs.update(tuple(some[j : j + n]) for j in range(len(some) - n + 1))
            end = stop
    assert max(runs.values(), default=1) == 1
    left = {w for text in stays(found, listed) for w in text.split()}
    assert left == {w for text in texts for w in text.split()}


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, st.integers(2, 6))
def test_equal_runs_have_a_fingerprint_in_common(texts, n):
    """What winnowing promises, for each run of n words."""
    short = n // 2
    by_run = {}
    for tokens in words(pa.array(texts, pa.large_string())):
        hashes, chosen = _fingerprints(tokens, n)
        for begin in np.flatnonzero(tokens.reach(n)).tolist():
            inside = np.arange(begin, begin + n - short + 1)
            prints = set(hashes[inside[chosen[inside]]].tolist())
            assert prints
            run = tuple(tokens.ids[begin : begin + n].tolist())
            by_run[run] = by_run.get(run, prints) & prints
    assert all(by_run.values())


@pytest.mark.parametrize("width", [1, 2, 3, 7, 26])
def test_extremes(width):
    values = np.random.default_rng(0).integers(0, 100, 40).astype(np.uint64)
    found = _extreme(np.minimum, values, width, np.uint64(1000))
    assert found.tolist() == [min(values[i : i + width].tolist()) for i in range(40)]


def test_winnowing_chooses_few():
    rng = np.random.default_rng(1)
    text = pa.array([" ".join(made(rng, 5000))], pa.large_string())
    chosen = np.concatenate([_fingerprints(tokens, 50)[1] for tokens in words(text)])
    assert 0.06 < chosen.mean() < 0.09  # 2 / 27 in the mean


def test_case_and_punctuation_do_not_count_and_separators_go_with_the_passage():
    rng = np.random.default_rng(2)
    passage = made(rng, 60)
    one = "Begin: " + ", ".join(passage) + "; end one."
    two = "Start! " + "\n".join(passage).upper() + "\n\nfinish two."
    listed = Listed((one, two))
    texts = set(stays(Spans().find(listed), listed))
    assert texts in ({one, "Start! finish two."}, {"Begin: end one.", two})


def test_a_cut_never_splits_a_character():
    rng = np.random.default_rng(3)
    signs = [chr(c) for c in [*range(0xE0, 0x17F), *range(0x4E00, 0x4F00)]]
    passage = "".join(rng.choice(signs, 2000))
    listed = Listed(tuple(a + passage + b for a, b in (("", " x"), ("é ", "é"), ("a é ", " yy"))))
    found = stays(Spans(words=5).find(listed), listed)
    assert all("\ufffd" not in text for text in found)
    assert sum(map(len, found)) < 1.1 * len(passage)


def test_a_rest_that_is_too_short_goes():
    rng = np.random.default_rng(4)
    passage = " ".join(made(rng, 60))
    texts = tuple(f"{word} {passage}" for word in ("one", "two", "three"))
    assert Spans().find(Listed(texts)).kept.sum() == 3
    found = Spans(least=20).find(Listed(texts))
    assert found.kept.sum() == 1
    assert np.isnan(found.similarity[~found.kept]).all()
    assert len(np.unique(found.canonical)) == 1
    periodic = Listed(("na " * 300,))
    assert Spans(least=20).find(periodic).kept.all()


@pytest.mark.parametrize(("name", "value"), [("words", 1), ("least", -1)])
def test_bad_settings(name, value):
    with pytest.raises(CuveeError, match=rf"{name}: expected .* got {value}"):
        clean.load("spans", **{name: value})
