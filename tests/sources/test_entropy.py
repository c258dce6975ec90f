"""Entropies of tokens against hand computation."""

import numpy as np

from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.engine.local import Local
from cuvee.sources.entropy import entropy
from cuvee.sources.memory import Memory


def measured(*texts):
    sources = tuple(Memory(f"s{i}", tuple(t)) for i, t in enumerate(texts))
    return entropy(Data(sources, (), Words(), Local()))


def test_a_text_of_one_token_has_none():
    found = measured([" a" * 50])
    assert all(np.isclose(values, 0).all() for values in found.values())


def test_two_tokens_by_turns_are_foreseen():
    found = measured([" a b" * 200])
    assert np.isclose(found["shannon"][0], np.log(2))
    assert np.isclose(found["conditional"][0], 0, atol=1e-6)
    assert np.isclose(found["joint"][0], np.log(2), atol=1e-3)
    assert np.isclose(found["von_neumann"][0], np.log(2), atol=1e-3)


def test_tokens_at_random_are_not():
    words = np.random.default_rng(0).choice([" a", " b", " c", " d"], 20_000)
    found = measured(["".join(words)], [" a b c d" * 5000])
    assert np.allclose(found["shannon"], np.log(4), atol=0.01)
    assert np.isclose(found["conditional"][0], np.log(4), atol=0.01)
    assert found["conditional"][1] < 0.01
    assert np.isclose(found["joint"][0], 2 * np.log(4), atol=0.01)
    # All four are followed by the same: one state; each by another: four.
    assert found["von_neumann"][0] < 0.1
    assert np.isclose(found["von_neumann"][1], np.log(4), atol=0.01)


def test_documents_do_not_run_into_each_other():
    apart = measured([" a b"] * 1 + [" c d"] * 1)
    assert np.isclose(apart["joint"][0], np.log(2))
    assert np.isclose(apart["conditional"][0], 0)
