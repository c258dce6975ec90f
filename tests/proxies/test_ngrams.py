"""Counting n-grams, against a reference that loops in Python."""

import pickle
from collections import Counter as Tally
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.slow import DOCS, UNIT_DOCS, join_bytes, join_units, slow_cut, slow_events

from cuvee.core import cutting
from cuvee.core.cutting import cut, text_buffers
from cuvee.core.data import Cut
from cuvee.proxies import ngrams
from cuvee.proxies.ngrams import Counter, Index
from cuvee.proxies.tables import FIRST_ID, START, KeyTable

PATTERNS = [(), (1,), (1, 2), (1, 2, 3), (2,), (1, 3), (2, 3), (4,)]


def index_of(units, patterns):
    return Index(units.ids, units.offsets, patterns)


def count(index, units):
    counter = Counter(index)
    counter.add(units)
    return counter


@settings(deadline=None)
@given(st.sets(st.integers(0, 2**64 - 1), max_size=300), st.sets(st.integers(0, 2**64 - 1)))
@example({0, 1, 2**63}, {0})
def test_key_table(keys, others):
    table = KeyTable(np.array(list(keys), dtype=np.uint64))
    ids = table.find(np.array(list(keys), dtype=np.uint64))
    assert ids.tolist() == list(range(FIRST_ID, FIRST_ID + len(keys)))
    absent = np.array(list(others - keys), dtype=np.uint64)
    assert not table.find(absent).any()


def test_key_table_with_all_keys_in_one_slot(monkeypatch):
    monkeypatch.setattr(KeyTable, "_home", lambda self, keys: np.full(keys.size, self._wrap))
    table = KeyTable(np.arange(50, dtype=np.uint64))
    found = table.find(np.arange(60, dtype=np.uint64))
    assert found.tolist() == [*range(FIRST_ID, FIRST_ID + 50), *[0] * 10]


def assert_same_sums(total, expected):
    """Sparse counts that were added up, against the dense ones of a single counter."""
    assert set(total.events) == set(total.contexts) == set(total.documents) != set()
    for pattern in total.events:
        for kind in ("events", "documents", "contexts"):
            dense = getattr(expected, kind)(pattern)
            assert getattr(total, kind)[pattern].toarray()[0].tolist() == dense.tolist()


def assert_same_counts(index, target_docs, source_docs, counts):
    targets = slow_events(target_docs, index.tables)
    sources = slow_events(source_docs, index.tables)
    for pattern in index.tables:
        by_event = Tally(sources[pattern])
        by_context = Tally(context for context, _ in sources[pattern])
        events, contexts = counts.events(pattern), counts.contexts(pattern)
        event_ids, context_ids = index.event_ids[pattern], index.context_ids[pattern]
        at = targets[pattern]
        assert events[event_ids].tolist() == [by_event[e] for e in at]
        assert contexts[context_ids].tolist() == [by_context[c] for c, _ in at]
        held = Tally(e for doc in source_docs for e in set(slow_events([doc], [pattern])[pattern]))
        assert counts.documents(pattern)[event_ids].tolist() == [held[e] for e in at]
        # One id per event, none left over, nothing counted twice.
        assert len(set(event_ids.tolist())) == len(set(at)) == events.size - FIRST_ID
        assert events.sum() == sum(by_event[e] for e in set(at))
        assert len(set(zip(context_ids.tolist(), (c for c, _ in at)))) == len({c for c, _ in at})
        assert (index.event_contexts(pattern)[event_ids] == context_ids).all()
    assert counts.n_units == sum(map(len, source_docs))


@settings(deadline=None, max_examples=400)
@given(UNIT_DOCS, UNIT_DOCS, st.lists(st.sampled_from(PATTERNS), min_size=1))
@example([[1]], [[1], []], [(2, 3)])
@example([], [[1]], [(1,)])
@example([[1, 2]], [], [(1, 2, 3)])
def test_count_matches_reference(target_docs, source_docs, patterns):
    index = index_of(join_units(target_docs), patterns)
    counts = count(index, join_units(source_docs))
    assert_same_counts(index, target_docs, source_docs, counts)


@settings(deadline=None)
@given(DOCS, DOCS)
def test_text_matches_reference(target_docs, source_docs):
    data, offsets = join_bytes(target_docs)
    targets = cut(data, offsets)
    index = index_of(targets, PATTERNS)
    sources = cut(*join_bytes(source_docs))
    counts = count(index, sources)
    slow = [[slow_cut(d) for d in docs] for docs in (target_docs, source_docs)]
    assert_same_counts(index, *slow, counts)


@settings(deadline=None)
@given(DOCS, DOCS, st.data())
def test_any_split_into_batches_and_workers_counts_the_same(target_docs, source_docs, data):
    targets = cut(*join_bytes(target_docs))
    index = index_of(targets, PATTERNS)
    text, offsets = join_bytes(source_docs)
    whole = cut(text, offsets)
    expected = count(index, whole)

    cuts = sorted(data.draw(st.lists(st.integers(0, len(source_docs)), max_size=4)))
    workers = [Counter(index), Counter(pickle.loads(pickle.dumps(index)))]
    for a, b in zip([0, *cuts], [*cuts, len(source_docs)]):
        part = cut(text, offsets[a : b + 1])
        workers[data.draw(st.integers(0, 1))].add(part)
    assert workers[0].n_units + workers[1].n_units == expected.n_units
    assert_same_sums(workers[0].result() + workers[1].result(), expected)


@settings(deadline=None, max_examples=300)
@given(DOCS, DOCS, st.integers(4, 40), st.integers(1, 9))
def test_long_documents_in_pieces(target_docs, source_docs, piece_bytes, block_units):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "BATCH_BYTES", piece_bytes)
        patch.setattr(ngrams, "BLOCK_UNITS", block_units)
        test_text_matches_reference.hypothesis.inner_test(target_docs, source_docs)


@settings(deadline=None, max_examples=100)
@given(DOCS, DOCS)
def test_many_documents_and_ids_need_wide_pairs(target_docs, source_docs):
    assert [ngrams._narrowest(bits) for bits in (32, 33)] == [np.uint32, np.uint64]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_narrowest", lambda bits: np.uint64)
        test_text_matches_reference.hypothesis.inner_test(target_docs, source_docs)


def test_a_text_counted_in_itself():
    texts = pa.array(["the cat sat on the mat. " * 3, "", "the", "the cat"])
    own = cut(*text_buffers(texts))
    index = index_of(own, [(1, 2)])
    counts = count(index, own)
    for pattern, ids in index.event_ids.items():
        assert (counts.events(pattern) == np.bincount(ids, minlength=2)).all()
    assert counts.contexts((1,))[START] == 3


@pytest.mark.parametrize("bad", [(0,), (2, 1), (-1,), (1, 1)])
def test_bad_patterns(bad):
    with pytest.raises(ValueError, match="increasing"):
        Index(np.empty(0, np.uint64), [0], [bad])


def test_threads_count_the_same_as_one_after_the_other():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["a", "bc", "def", "1"], 40)).encode() for _ in range(400)]
    data, offsets = join_bytes(texts)
    index = index_of(cut(data, offsets[:50]), PATTERNS)
    parts = [cut(data, offsets[i : i + 11]) for i in range(0, 400, 10)]
    expected = Counter(index)
    for part in parts:
        expected.add(part)
    with ThreadPoolExecutor(4) as pool:
        results = [c.result() for c in pool.map(lambda part: count(index, part), parts)]
    total = results[0]
    for result in results[1:]:
        total = total + result
    assert_same_sums(total, expected)


def test_empty_cuts_count_nothing():
    index = index_of(join_units([[1, 2]]), [(1,)])
    counter = count(index, Cut(np.zeros(0, np.uint64), np.zeros(1, np.int64)))
    counter.add(join_units([[], []]))
    assert counter.n_units == 0
    assert not counter.events((1,)).any()
    assert_same_sums(counter.result(), counter)
