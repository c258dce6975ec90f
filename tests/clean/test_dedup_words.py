"""Words, characters and runs of them, against plain Python."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cuvee.clean.words import LONGEST, characters, words

TEXTS = st.lists(
    st.text("abAB01 .,\n-_é中“ ’😀\x00", max_size=60) | st.text(max_size=30), max_size=8
)


def array(texts):
    return pa.array(list(texts), pa.large_string())


def plain_words(text):
    """Start and bytes of each word, long ones cut."""
    data = text.encode()
    blank = re.compile(rb"\xe2[\x80\x81].|\xe3\x80.|\xc2.", re.DOTALL)
    shown = blank.sub(lambda m: b" " * len(m[0]), data)
    found = []
    for match in re.finditer(rb"[a-zA-Z0-9\x80-\xff]+", shown):
        for i in range(match.start(), match.end(), LONGEST):
            word = shown[i : min(i + LONGEST, match.end())].lower()
            while i < len(data) and data[i] & 0xC0 == 0x80:
                i += 1
            found.append((i, word))
    return found


def same_partition(ids, values):
    """Equal ids where equal values, and only there."""
    pairs = set(zip(ids, values))
    return len(pairs) == len(set(ids)) == len(set(values))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
@example(["0ÀÀ" + 5 * "𐀀", "0"])
@example(["0ÀÀ" + 5 * "𐀀"])
def test_words(texts):
    ids, values, sizes = [], [], []
    documents = []
    for tokens in words(array(texts)):
        for d in range(len(tokens.sizes)):
            some = slice(tokens.offsets[d], tokens.offsets[d + 1])
            documents.append(tokens.starts[some].tolist())
            ids += tokens.ids[some].tolist()
        sizes += tokens.sizes.tolist()
    expected = [plain_words(text) for text in texts]
    values = [word for one in expected for _, word in one]
    assert documents == [[start for start, _ in one] for one in expected]
    assert sizes == [len(text.encode()) for text in texts]
    assert same_partition(ids, values)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_characters(texts):
    ids, documents = [], []
    for tokens in characters(array(texts)):
        ids += tokens.ids.tolist()
        documents += np.diff(tokens.offsets).tolist()
    shown = [re.sub(r"[ \t\n\v\f\r]+", " ", text) for text in texts]
    lowered = ["".join(c.lower() if c.isascii() else c for c in text) for text in shown]
    assert documents == [len(text) for text in lowered]
    assert same_partition(ids, "".join(lowered))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_grams_are_equal_where_the_words_are(n):
    rng = np.random.default_rng(n)
    texts = [" ".join(rng.choice(list("abc"), int(rng.integers(0, 12)))) for _ in range(60)]
    for tokens in words(array(texts)):
        begins = np.flatnonzero(tokens.reach(n))
        expected = [w[i : i + n] for w in map(str.split, texts) for i in range(len(w) - n + 1)]
        assert len(begins) == len(expected)
        assert same_partition(tokens.grams(n)[begins].tolist(), [tuple(e) for e in expected])


def test_slices_and_long_documents():
    long = "word " * 60_000
    text = array(["skipped", long, "x y", long]).slice(1)
    found = list(words(text))
    assert sum(len(t.sizes) for t in found) == 3
    assert sum(len(t.ids) for t in found) == 120_002
