"""Signatures and groups of MinHash, against plain Python and all pairs."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import clean
from cuvee.clean import minhash
from cuvee.clean.minhash import Minhash, shingles, sign, similarity
from cuvee.clean.words import words
from cuvee.core import CuveeError
from cuvee.core.copies import Found
from cuvee.testing.planted_copies import Listed, made


def grams(text, n):
    found = text.split()
    return {tuple(found[i : i + n]) for i in range(max(len(found) - n + 1, min(len(found), 1)))}


@pytest.mark.parametrize("n", [1, 3, 5])
def test_shingles_are_the_runs_of_words(n):
    rng = np.random.default_rng(n)
    texts = [" ".join(rng.choice(list("abcd"), int(rng.integers(0, 9)))) for _ in range(80)]
    every = {}
    for tokens in words(pa.array(texts, pa.large_string())):
        hashes, offsets = shingles(tokens, n)
        for i, text in enumerate(texts):
            mine = hashes[offsets[i] : offsets[i + 1]].tolist()
            runs = text.split()
            expected = [tuple(runs[j : j + n]) for j in range(max(len(runs) - n + 1, bool(runs)))]
            assert len(mine) == len(expected)
            for run, value in zip(expected, mine):
                assert every.setdefault(run, value) == value
    assert len(set(every.values())) == len(every)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=9), max_size=12), st.integers(1, 6))
def test_signatures_are_minima(documents, block):
    factors, shifts = np.array([[3, 2**31 + 1], [7, 2**32 - 1]], np.uint32)
    hashes = np.array([h for one in documents for h in one], np.uint32)
    offsets = np.r_[0, np.cumsum([len(one) for one in documents], dtype=int)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minhash, "BLOCK", block)
        found = [row.tolist() for some in sign(hashes, offsets, factors, shifts) for row in some]
    pairs = list(zip(factors.tolist(), shifts.tolist()))
    assert found == [
        [min(((h * a + b) % 2**32 for h in one), default=2**32 - 1) for a, b in pairs]
        for one in documents
    ]


def test_similarity_estimates_jaccard():
    """Errors as binomial theory has them; at 5 sd, this fails by chance once in 10^6."""
    rng = np.random.default_rng(2)
    errors = []
    texts = []
    for _ in range(150):
        one = made(rng, 150)
        two = list(one)
        for at in rng.integers(0, 150, int(rng.integers(1, 12))):
            two[at] = "".join(made(rng, 1))
        texts += [" ".join(one), " ".join(two)]
    _, signatures = minhash._collected(Minhash(permutations=256), Listed(tuple(texts), 50))
    at = np.arange(0, len(texts), 2)
    for i, found in zip(at, similarity(signatures, at, at + 1)):
        a, b = grams(texts[i], 5), grams(texts[i + 1], 5)
        true = len(a & b) / len(a | b)
        errors.append((found - true) / np.sqrt(true * (1 - true) / 256))
    assert abs(np.mean(errors)) < 5 / np.sqrt(150)
    assert abs(np.std(errors) - 1) < 5 / np.sqrt(300)


def test_groups_are_those_of_all_pairs():
    """The same as components of all pairs that share a band and are alike."""
    rng = np.random.default_rng(4)
    base = [made(rng, 60) for _ in range(6)]
    texts = []
    for _ in range(120):
        words_ = list(base[int(rng.integers(6))])
        for at in rng.integers(0, 60, int(rng.integers(0, 5))):
            words_[at] = "".join(made(rng, 1))
        texts.append(" ".join(words_))
    method = Minhash(threshold=0.7, permutations=32)
    _, signatures = minhash._collected(method, Listed(tuple(texts)))
    bands, rows = method.shape
    parts = signatures[:, : bands * rows].reshape(len(texts), bands, rows)
    label = list(range(len(texts)))
    for _ in range(20):
        for i in range(len(texts)):
            for j in range(i):
                meets = (parts[i] == parts[j]).all(axis=1).any()
                if meets and (signatures[i] == signatures[j]).mean() >= 0.7:
                    label[i] = label[j] = min(label[i], label[j])
    found: Found = method.find(Listed(tuple(texts)))
    assert 6 < len(set(label)) < 100
    for i in range(len(texts)):
        for j in range(i):
            assert (label[i] == label[j]) == (found.canonical[i] == found.canonical[j])


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_any_order_and_batches_keep_the_same_texts(random, batch):
    rng = np.random.default_rng(7)
    base = made(rng, 40)
    texts = [" ".join(base[: int(n)]) for n in rng.integers(20, 41, 30)] * 2
    first = Minhash(threshold=0.6).find(Listed(tuple(texts)))
    mixed = random.sample(texts, len(texts))
    second = Minhash(threshold=0.6).find(Listed(tuple(mixed), batch))
    assert sorted(texts[i] for i in np.flatnonzero(first.kept)) == sorted(
        mixed[i] for i in np.flatnonzero(second.kept)
    )


def test_crowds_are_compared_with_some():
    """A bucket of many documents that are not alike costs no more than so many pairs each."""
    rng = np.random.default_rng(8)
    same = made(rng, 30)
    texts = tuple(" ".join([*made(rng, 30), *same]) for _ in range(400))
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minhash, "CROWD", 3)
        counted = minhash.similarity

        def counting(signatures, a, b):
            calls.append(len(a))
            return counted(signatures, a, b)

        patch.setattr(minhash, "similarity", counting)
        found = Minhash(bands=128).find(Listed(texts, 100))
    assert found.kept.all()
    assert 400 < sum(calls) <= 3 * 128 * 400


def test_characters_find_text_without_spaces():
    rng = np.random.default_rng(9)
    signs = [chr(c) for c in range(0x4E00, 0x5E00)]
    texts = ["".join(rng.choice(signs, 300)) for _ in range(20)]
    changed = tuple(text[:150] + "好" + text[151:] for text in texts)
    method = clean.load("minhash:unit=characters:size=5")
    found = method.find(Listed((*texts, *changed)))
    assert np.array_equal(found.canonical[:20], found.canonical[20:])
    assert len(np.unique(found.canonical)) == 20


@pytest.mark.parametrize(("threshold", "least"), [(0.5, 0.99), (0.8, 0.99), (0.95, 0.99)])
def test_bands_miss_few_at_the_threshold(threshold, least):
    bands, rows = Minhash(threshold=threshold).shape
    assert bands * rows <= 128
    assert 1 - (1 - threshold**rows) ** bands >= least
    assert Minhash(bands=10).shape == (10, 12)
    assert Minhash(threshold=1).shape == (1, 128)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"threshold": 0}, "threshold: expected above 0 to 1, got 0"),
        ({"threshold": 1.5}, "threshold: expected above 0 to 1, got 1.5"),
        ({"permutations": 0}, "permutations: expected 1 or more, got 0"),
        ({"bands": 200}, "bands: expected 0 to 128"),
        ({"unit": "word"}, "Did you mean 'words'"),
    ],
)
def test_bad_settings(settings_, message):
    with pytest.raises(CuveeError, match=message):
        clean.load("minhash", **settings_)
