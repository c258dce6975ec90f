"""A small problem for the transformer proxy, and runs on it."""

from functools import cache

import numpy as np

from cuvee import proxies
from cuvee.core import Trial, stream
from cuvee.core.data import Data
from cuvee.core.units import Words
from cuvee.testing.proxies import Texts, language, serial

TINY = "transformer:size=40k:context=16:vocabulary=300:target_tokens=600:draws=8:lr=0.01:batch=128"


@cache
def planted():
    return Data(
        (Texts("a", language(0, 120, 1)), Texts("b", language(1, 120, 1))),
        (Texts("t", language(0, 30, 2)), Texts("u", language(1, 30, 2))),
        Words(), serial,
    )  # fmt: skip


def prepared(settings=TINY, data=None):
    return proxies.load(settings).prepare(data or planted(), rng=stream(0, "proxy"))[0]


def run(trainer, trial):
    return trainer.run(trial, rng=stream(0, "trial"))


def half(tokens=3000, **more):
    return Trial(np.array([0.5, 0.5]), tokens, **more)


def state_of(trainer, trial):
    return trainer._state(trial, int(stream(0, "trial").integers(2**31)))
