"""As equal as an epoch cap allows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Shares, Study, Trial


@dataclass(frozen=True, slots=True)
class Unimax:
    """Equal shares, but no source gone through more often than `epochs` times.

    From the smallest source on, each gets an equal part of the budget that is left, or `epochs`
    passages over itself if that is less. Where the whole budget is more than that many passages
    over everything, shares are natural. The paper counts characters, here it is tokens; the
    problem's own limits hold on top.

    Args:
        epochs: Most passages over one source; the paper tries 1, 5 and 10.

    Fails when: a source's size says nothing about its worth; sizes are so uneven that the cap
    decides everything.

    References: Chung et al., "UniMax: Fairer and more Effective Language Sampling for
    Large-Scale Multilingual Pretraining", arXiv 2304.09151, 2023, algorithm 1.
    """

    epochs: float = 1.0

    def __post_init__(self) -> None:
        if not self.epochs > 0:
            raise CuveeError(f"unimax: epochs must be above 0, got {self.epochs}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Capped equal shares."""
        problem = study.problem
        shares = unimax(problem.available, float(problem.tokens), self.epochs)
        return Estimate(problem.fit(shares)[None], "share", "exact")


def unimax(available: Float[np.ndarray, "sources"], budget: float, epochs: float) -> Shares:
    """Shares by the paper's algorithm 1."""
    given, left = np.zeros(len(available)), budget
    order = np.argsort(available, kind="stable")
    for place, i in enumerate(order):
        given[i] = min(left / (len(order) - place), epochs * available[i])
        left -= given[i]
    return given / given.sum()
