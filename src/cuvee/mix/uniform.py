"""Equal shares."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cuvee.core import Estimate, Study, Trial


@dataclass(frozen=True, slots=True)
class Uniform:
    """Equal shares of all sources, as far as the limits allow: the mixture to beat.

    Fails when: sources differ much in worth; it costs nothing to be shown the difference.
    """

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Equal shares."""
        problem = study.problem
        return Estimate(problem.fit(np.ones(len(problem.sources)))[None], "share", "exact")
