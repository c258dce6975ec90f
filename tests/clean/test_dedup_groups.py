"""Equal documents, and groups joined by pairs."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import clean
from cuvee.clean.components import Contents, Groups, digests
from cuvee.clean.exact import FORMS
from cuvee.core import CuveeError
from cuvee.testing.planted_copies import Listed

TEXTS = st.lists(st.text("aB 1.\n", max_size=4) | st.text(max_size=3), max_size=25)
PAIRS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


@settings(max_examples=150, deadline=None)
@given(PAIRS, st.integers(1, 5))
def test_groups_are_connected_components(pairs, at_once):
    groups = Groups(20)
    for i in range(0, len(pairs), at_once):
        some = np.array(pairs[i : i + at_once]).T
        groups.join(some[0], some[1])
    lowest = list(range(20))
    for _ in range(20):  # the lowest label spreads along the pairs
        for a, b in pairs:
            lowest[a] = lowest[b] = min(lowest[a], lowest[b])
    assert groups.roots(np.arange(20)).tolist() == lowest


def test_a_long_chain():
    n = 100_000
    order = np.random.default_rng(0).permutation(n - 1)
    groups = Groups(n)
    for some in np.array_split(order, 50):
        groups.join(some, some + 1)
    assert not groups.roots(np.arange(n)).any()


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_contents(texts):
    found = Contents.of(digests(pa.array(texts, pa.large_string())))
    assert len(found.first) == len(set(texts))
    for i, text in enumerate(texts):
        assert found.first[found.number[i]] == texts.index(text)


def formed(text, form):
    if form == "none":
        return text
    if form in ("case", "words"):
        text = text.lower()
    if form == "words":
        kinds = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in text)
        return " ".join(kinds.split(" ")).strip() and re.sub(" +", " ", kinds).strip(" ")
    return re.sub(" +", " ", "".join(" " if c in " \n" else c for c in text)).strip(" ")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text("aBé1. \n-中", max_size=5), max_size=25))
def test_exact_is_equality_of_the_form(form, texts):
    found = clean.load("exact", form=form).find(Listed(tuple(texts)))
    shown = [formed(text, form) or ("as it is", text) for text in texts]
    for i, one in enumerate(shown):
        for j, two in enumerate(shown):
            assert (found.canonical[i] == found.canonical[j]) == (one == two)


def test_exact_names_the_form():
    with pytest.raises(CuveeError, match=r"unknown form of text 'spaces'. Did you mean 'space'"):
        clean.load("exact", form="spaces")
