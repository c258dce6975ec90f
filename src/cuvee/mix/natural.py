"""Shares in proportion to the data at hand."""

from dataclasses import dataclass

from numpy.random import Generator

from cuvee.core import Estimate, Study, Trial


@dataclass(frozen=True, slots=True)
class Natural:
    """Shares proportional to the tokens that each source holds: all files thrown together.

    Fails when: the largest source is not the best one.
    """

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Proportional shares."""
        return Estimate(study.problem.fit(study.problem.available)[None], "share", "exact")
