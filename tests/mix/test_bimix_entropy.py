"""Shares from entropies that the problem knows."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.core import CuveeError, Problem, Study
from cuvee.mix.bimix_entropy import BimixEntropy

PROBLEM = Problem.of(["a", "b", "c"], ["t"], [1e6] * 3, 10**6)
FACTS = {"entropy": {"conditional": np.array([1.0, 2.0, 1.0]), "shannon": np.zeros(3)}}


def test_shares_are_in_proportion():
    study = Study(replace(PROBLEM, facts=FACTS))
    answer = BimixEntropy().recommend(study, rng=np.random.default_rng(0))
    assert np.allclose(answer.mean, [0.25, 0.5, 0.25])
    assert answer.spread == "exact"
    assert BimixEntropy().propose(study, rng=np.random.default_rng(0)) == ()


def test_sources_without_any_surprise_get_equal_shares():
    study = Study(replace(PROBLEM, facts=FACTS))
    answer = BimixEntropy(measure="shannon").recommend(study, rng=np.random.default_rng(0))
    assert np.allclose(answer.mean, 1 / 3)


def test_without_text_it_says_so():
    with pytest.raises(CuveeError, match="sources' text"):
        BimixEntropy().recommend(Study(PROBLEM), rng=np.random.default_rng(0))
    wrong = replace(PROBLEM, facts={"entropy": {"conditional": np.ones(2)}})
    with pytest.raises(CuveeError, match="3 entropies"):
        BimixEntropy().recommend(Study(wrong), rng=np.random.default_rng(0))
    with pytest.raises(CuveeError, match="measure"):
        BimixEntropy(measure="renyi")
