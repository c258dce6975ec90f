"""The model against its formula, written with dictionaries."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from cuvee.attributes.perplexity import Perplexity
from cuvee.core import CuveeError
from cuvee.core.contents import document_hashes
from cuvee.core.units import Words
from cuvee.testing.planted_texts import language

SMALL = Perplexity(order=3, k=5.0, k_unigram=20.0, vocabulary=1000.0)


def array(texts):
    return pa.array(texts, pa.large_string())


def units(text):
    return [int(u) for cut in Words().cut(array([text])) for u in cut.ids]


def by_hand(text, others, s):
    """Nats per token of a text under the counts of other texts."""
    events, contexts = Counter(), Counter()
    for other in others:
        ids = ["^"] * s.order + units(other)
        for i in range(s.order, len(ids)):
            for m in range(s.order):
                context = tuple(ids[i - m : i])
                events[m, context, ids[i]] += 1
                contexts[m, context] += 1
    ids, total = ["^"] * s.order + units(text), 0.0
    for i in range(s.order, len(ids)):
        p = 1 / s.vocabulary
        for m in range(s.order):
            context = tuple(ids[i - m : i])
            k = s.k if m else s.k_unigram
            p = (events[m, context, ids[i]] + k * p) / (contexts[m, context] + k)
        total -= math.log(p)
    return total / (len(ids) - s.order)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equal_to_the_formula(order):
    method = Perplexity(order=order, k=5.0, k_unigram=20.0, vocabulary=1000.0)
    reference = [*language(1, 12, 0), "one two", "one"]
    texts = [*language(1, 5, 3), *reference[:4], "one two three one two", "x"]
    got = method.fit(array(reference)).score(array(texts)).column("perplexity_nats").to_pylist()
    keys, mine = document_hashes(array(reference)), document_hashes(array(texts))
    middle = np.unique(keys)[len(keys) // 2]
    for text, key, value in zip(texts, mine, got):
        others = [r for r, k in zip(reference, keys) if (k >= middle) != (key >= middle)]
        assert value == pytest.approx(by_hand(text, others, method), rel=1e-6)


def test_nothing_is_scored_by_what_has_read_it():
    texts = language(1, 200, 0)
    seen = SMALL.fit(array(texts)).score(array(texts)).column("perplexity_nats").to_numpy()
    fresh = language(1, 200, 1)
    new = SMALL.fit(array(texts)).score(array(fresh)).column("perplexity_nats").to_numpy()
    error = np.hypot(seen.std(), new.std()) / np.sqrt(200)
    assert abs(seen.mean() - new.mean()) < 4 * error, (seen.mean(), new.mean())


def test_copies_in_the_reference_do_not_help():
    texts = language(1, 100, 0)
    once = SMALL.fit(array(texts)).score(array(texts[:1])).column("perplexity_nats")[0].as_py()
    more = array([*texts, *[texts[0]] * 50])
    again = SMALL.fit(more).score(array(texts[:1])).column("perplexity_nats")[0].as_py()
    assert again == pytest.approx(once)


def test_other_text_is_less_expected():
    fitted = SMALL.fit(array(language(1, 100, 0)))
    like = fitted.score(array(language(1, 50, 5))).column("perplexity_nats").to_numpy()
    unlike = fitted.score(array(language(2, 50, 5))).column("perplexity_nats").to_numpy()
    assert like.max() < unlike.min()


@pytest.mark.parametrize("texts", [[], ["one document"], ["the same", "the same"], ["", "x"]])
def test_too_small_a_reference_is_one_line(texts):
    with pytest.raises(CuveeError, match="2 or more different documents"):
        Perplexity().fit(array(texts))


@pytest.mark.parametrize("wrong", [{"order": 0}, {"order": 9}, {"k": 0.0}, {"vocabulary": -1.0}])
def test_wrong_settings_are_one_line(wrong):
    with pytest.raises(CuveeError) as error:
        Perplexity(**wrong)
    assert "\n" not in str(error.value)
