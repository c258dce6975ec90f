"""Shares in proportion to how unpredictable each source is."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Study, Trial

Measure = Literal["conditional", "shannon", "joint", "von_neumann"]


@dataclass(frozen=True, slots=True)
class BimixEntropy:
    """Shares in proportion to an entropy of each source's tokens; nothing is trained.

    Args:
        measure: `shannon` (of single tokens), `joint` (of neighbours), `conditional` (of a token
            after its neighbour, which its authors found best) or `von_neumann` (of the spectrum
            of which tokens stand together).

    Fails when: a source is unpredictable because it is noise.

    References: Ge et al., "BiMix: A Bivariate Data Mixing Law for Language Model Pretraining",
    arXiv 2405.14908, 2024 (its training-free proxies).
    """

    needs: ClassVar[tuple[str, ...]] = ("entropy",)
    measure: Measure = "conditional"

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise CuveeError(
                f"bimix_entropy: measure must be one of {get_args(Measure)}, got {self.measure!r}."
            )

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Entropies as shares."""
        problem = study.problem
        known = problem.facts.get("entropy")
        if known is None:
            raise CuveeError(
                "bimix_entropy needs the sources' text, from which it takes their entropies, and "
                "a table of runs has none: give the sources, or choose another method."
            )
        entropies = np.maximum(np.asarray(known[self.measure], dtype=float), 0)
        if entropies.shape != (len(problem.sources),) or not np.isfinite(entropies).all():
            raise CuveeError(
                f"bimix_entropy: expected {len(problem.sources)} entropies, got {entropies}."
            )
        wish = entropies if entropies.any() else np.ones(len(entropies))
        return Estimate(problem.fit(wish)[None], "share", "exact")
