"""Hashed n-grams against a plain reference, and what is special to importance resampling."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from cuvee.core import CuveeError
from cuvee.core.cutting import BATCH_BYTES
from cuvee.core.ngrams import hashed_ngrams
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose
from cuvee.select.dsir import Dsir
from cuvee.testing.planted_pools import POOLS

TOKEN = re.compile(rb"[a-z0-9_\x80-\xff]+|[^a-z0-9_\x80-\xff\s\x1c-\x1f]+")
LETTERS = "aBz09_ \n\t.,!-ÄéßЖ中’\x1c\x00"


def array(*texts):
    return pa.array(texts, pa.large_string())


def bucket(gram, buckets, cache):
    """Of a gram, from a text that consists of it: what its shorter grams do not account for."""
    if gram not in cache:
        table = hashed_ngrams(array(b" ".join(gram).decode()), buckets, len(gram))
        left = table.toarray()[0]
        for n in range(1, len(gram)):
            for i in range(len(gram) - n + 1):
                left[bucket(gram[i : i + n], buckets, cache)] -= 1
        assert left.sum() == 1
        assert left.min() >= 0
        cache[gram] = int(np.argmax(left))
    return cache[gram]


def plain(texts, buckets, n):
    counts, cache = np.zeros((len(texts), buckets)), {}
    for row, text in enumerate(texts):
        words = TOKEN.findall(text.lower().encode())
        for length in range(1, n + 1):
            for i in range(len(words) - length + 1):
                counts[row, bucket(tuple(words[i : i + length]), buckets, cache)] += 1
    return counts


@given(st.lists(st.text(LETTERS, max_size=30), max_size=6), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_counts_are_those_of_the_reference(texts, n):
    table = hashed_ngrams(array(*texts), 97, n)
    assert table.shape == (len(texts), 97)
    assert table.dtype == np.float32
    assert np.array_equal(table.toarray(), plain(texts, 97, n))


def test_slices_long_documents_and_many_batches_change_nothing():
    rng = np.random.default_rng(0)
    words = np.array(["so", "Many", "words,", "(and)", "über", "one_more", "x" * 40, "2026"])
    texts = [" ".join(words[rng.integers(8, size=n)]) for n in (3, 0, 60_000, 5, 200_000, 1, 900)]
    whole = array("before", *texts, "after")
    assert sum(map(len, texts)) > BATCH_BYTES
    table = hashed_ngrams(whole.slice(1, len(texts)))
    for row, text in enumerate(texts):
        one = hashed_ngrams(array(text))
        assert (table[[row]] != one).nnz == 0
    sizes = table.sum(axis=1)
    assert sizes[1] == 0
    assert sizes[0] == 2 * len(TOKEN.findall(texts[0].lower().encode())) - 1


def test_case_and_kinds_of_characters():
    def same(a, b):
        return (hashed_ngrams(array(a)) != hashed_ngrams(array(b))).nnz == 0

    assert same("Über ÉTÉ", "über été")
    assert same("it's  so", "it ' s\tso")
    assert same("a\u2019b", "A\u2019B")
    assert not same("ab", "a b")
    assert not same("a b", "b a")
    assert not same("a1", "a 1")


def test_buckets_are_used_evenly():
    words = array(" ".join(f"word{i}" for i in range(20_000)))
    counts = hashed_ngrams(words, 100, 1).toarray()[0]
    # Chi-squared with 99 degrees of freedom: above 160 about once in 10^4.
    assert ((counts - 200) ** 2 / 200).sum() < 160


def test_wrong_sizes_are_refused():
    with pytest.raises(CuveeError, match="1 or more buckets"):
        hashed_ngrams(array("a"), 0)


def pool_of(table, sizes=None, groups=None):
    table, n = csr_array(np.asarray(table, np.float32)), len(table)

    def stream(of):
        return np.concatenate([of(table[i : i + 2]) for i in range(0, n, 2)])

    sizes = np.ones(n, np.int64) if sizes is None else np.asarray(sizes)
    return Pool(
        np.arange(n, dtype=np.uint64), sizes, counts=stream, groups=groups,
        totals=lambda times: times.astype(float) @ table,
    )  # fmt: skip


def test_weights_are_the_published_ones():
    planted = POOLS["target"]
    pool, target = planted.pool().pool, planted.target()
    raw, wanted = (p.score(lambda b: b.toarray()).astype(float) for p in (pool, target))
    p, q = (c.sum(axis=0) / c.sum() for c in (raw, wanted))
    weights = raw @ (np.log(q + 1e-8) - np.log(p + 1e-8))
    found = choose(Dsir(top_k=True), pool, Quota(rows=50), target=target)
    assert np.allclose(found.scores, weights, rtol=1e-6, atol=1e-6)
    assert np.array_equal(np.sort(found.rows), np.sort(np.argsort(-weights)[:50]))
    assert (np.diff(found.score) <= 0).all()


def test_one_row_is_drawn_in_proportion_to_its_weight():
    rows = np.array([[8, 2], [6, 4], [5, 5], [1, 9]])
    pool, target = pool_of(rows), pool_of([[6, 4]])
    q, p = np.array([0.6, 0.4]), rows.sum(axis=0) / rows.sum()
    weights = np.exp(rows @ (np.log(q + 1e-8) - np.log(p + 1e-8)))
    seeds = 1500
    drawn = np.zeros(4)
    for seed in range(seeds):
        drawn[choose(Dsir(), pool, Quota(rows=1), target=target, seed=seed).rows[0]] += 1
    expected = seeds * weights / weights.sum()
    # Chi-squared with 3 degrees of freedom: above 21 about once in 10^4.
    assert ((drawn - expected) ** 2 / expected).sum() < 21


def test_short_rows_come_last():
    pool = pool_of([[3, 0], [9, 9], [0, 3], [20, 0], [5, 0]])
    found = choose(Dsir(top_k=True, shortest=5), pool, Quota(rows=5), target=pool_of([[9, 1]]))
    assert found.rows[0] == 3
    assert set(found.rows[2:].tolist()) == {0, 2, 4}
    assert "3 rows have fewer than 5 words" in found.notes[1]


def test_smoothing_of_the_target_softens_what_it_lacks():
    pool, target = pool_of([[1, 0, 1], [1, 1, 0]]), pool_of([[50, 50, 0]])
    hard, soft = (
        choose(Dsir(top_k=True, laplace=laplace), pool, Quota(rows=2), target=target)
        for laplace in (0, 1)
    )
    assert hard.score[1] < soft.score[1] < soft.score[0]


def test_a_prior_keeps_a_small_target_from_taking_the_shortest():
    """Every document has n-grams that a target of one document lacks; long ones have more."""
    rng = np.random.default_rng(0)
    kinds = np.arange(200) % 2
    sizes = rng.integers(10, 200, 200)
    spread = rng.dirichlet(np.ones(500), 2)
    pool = pool_of([rng.multinomial(n, spread[kind]) for n, kind in zip(sizes, kinds)])
    target = pool_of([rng.multinomial(100, spread[0])])
    plain, prior = (
        choose(Dsir(top_k=True, prior=p), pool, Quota(rows=20), target=target) for p in (0, 500)
    )
    assert sizes[plain.rows].mean() < 0.4 * sizes.mean()
    assert "the target has 100 n-grams" in plain.notes[0]
    assert not prior.notes
    assert (kinds[prior.rows] == 0).all()
    assert sizes[prior.rows].mean() > sizes.mean()


def test_a_prior_says_nothing_where_the_target_does():
    pool, target = pool_of([[1, 0, 1], [1, 1, 0]]), pool_of([[5e7, 5e7, 1e7]])
    one, other = (
        choose(Dsir(top_k=True, prior=p), pool, Quota(rows=2), target=target).score
        for p in (0, 10_000)
    )
    assert np.allclose(one, other, atol=1e-2)
    assert not np.array_equal(one, other)


def test_separate_targets_get_their_parts():
    planted = POOLS["target"]
    made, target = planted.pool(), planted.target()
    heavy = np.flatnonzero((target.groups == 0) | (np.arange(len(target)) % 3 == 0))
    target = target.take(heavy)
    parts = np.array([target.total((target.groups == g) * 1).sum() for g in (0, 1)])
    found = choose(Dsir(separate=True, top_k=True), made.pool, Quota(rows=40), target=target)
    assert len(np.unique(found.rows)) == 40
    assert np.bincount(found.group)[0] == round(40 * parts[0] / parts.sum())
    assert np.mean(made.kinds[found.rows] == found.group) > 0.9
    tokens = choose(Dsir(separate=True), made.pool, Quota(tokens=1500), target=target)
    assert 1300 < made.pool.sizes[tokens.rows].sum() <= 1500
    assert len(np.unique(tokens.rows)) == len(tokens)


def test_mistakes_are_named():
    pool, target = pool_of([[1, 0]]), pool_of([[0, 0]])
    with pytest.raises(CuveeError, match="the target has no words"):
        choose(Dsir(), pool, Quota(rows=1), target=target)
    for wrong in ({"smoothing": 0}, {"laplace": -1}, {"prior": -1}, {"shortest": -1}):
        with pytest.raises(CuveeError, match="dsir: "):
            Dsir(**wrong)
    with pytest.raises(CuveeError, match="have no text"):
        choose(Dsir(), replace(pool, totals=None), Quota(rows=1), target=pool)


def test_totals_of_a_part_count_repeated_rows():
    pool = POOLS["copies"].pool().pool
    rows = pool.score(lambda block: block.toarray())
    part = pool.take(np.array([3, 3, 7])).take(np.array([0, 1, 2, 2]))
    assert np.array_equal(part.total(), 2 * rows[3] + 2 * rows[7])
    assert np.array_equal(part.total(np.array([1, 0, 0, 5])), rows[3] + 5 * rows[7])
