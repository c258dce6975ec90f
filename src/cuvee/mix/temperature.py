"""Shares between natural and equal."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Shares, Study, Trial


@dataclass(frozen=True, slots=True)
class Temperature:
    """Shares proportional to `available ** (1 / temperature)`: 1 is natural, large is uniform.

    Args:
        temperature: Above 0; multilingual models commonly use 3 to 5.

    Fails when: a source's size says nothing about its worth.

    References: Devlin et al., "Multilingual BERT", 2018 (exponent 0.7); Conneau et al.,
    "Unsupervised Cross-lingual Representation Learning at Scale", arXiv 1911.02116, 2019.
    """

    temperature: float = 3.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise CuveeError(f"temperature must be above 0, got {self.temperature}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Tempered shares."""
        problem = study.problem
        shares = problem.fit(tempered(problem.available, self.temperature))
        return Estimate(shares[None], "share", "exact")


def tempered(available: np.ndarray, temperature: float) -> Shares:
    """Shares proportional to a power of the sources' sizes, whatever the limits."""
    wish = (available / available.max()) ** (1 / temperature)
    return wish / wish.sum()
