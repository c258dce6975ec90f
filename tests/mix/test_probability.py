"""Whether the stated probability that the blend beats equal shares holds on fresh documents."""

from functools import cache

import numpy as np

import cuvee
from cuvee.testing.proxies import language

UNLIMITED = {"budget": "10k", "max_epochs": float("inf")}


@cache
def claims(kinds, seeds):
    """Per seed: stated probability, and how much the blend really gains on 500 fresh documents."""
    found = []
    for seed in range(seeds):
        sources = {
            f"s{i}": list(language(k, 150, 1000 + 10 * seed + i)) for i, k in enumerate(kinds)
        }
        answer = cuvee.blend(sources, target=list(language(1, 40, 5000 + seed)), **UNLIMITED)
        mixtures = [answer.shares.mean, np.full(len(kinds), 1 / len(kinds))]
        fresh = {"target": list(language(1, 500, 9000 + seed)), "target_tokens": 10**6}
        losses = cuvee.trial(sources, mixtures, budget="10k", **fresh).mean[:, 0]
        found.append((answer.probability_better("uniform"), losses[1] - losses[0]))
    return np.array(found).T


def test_sure_where_one_source_is_right():
    stated, gained = claims((1, 2, 3), 4)
    assert (stated > 0.99).all()
    assert (gained > 0.1).all()


def test_rarely_sure_where_all_sources_are_alike():
    stated, _ = claims((1, 1, 1), 16)
    assert (stated > 0.95).mean() <= 0.2


def test_stated_probability_is_the_real_one_where_all_sources_are_alike():
    """The shares are chosen on the documents they are judged on; the forecast allows for it."""
    stated, gained = claims((1, 1, 1), 16)
    assert stated.mean() < (gained > 0).mean() + 0.25
