"""Small sources often at first, as often as they come later."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Study, Trial
from cuvee.core.mixture import nearest
from cuvee.mix.phases import Schedule, overall
from cuvee.mix.temperature import tempered


@dataclass(frozen=True, slots=True)
class Cooldown:
    """High temperature early, low temperature late: two phases of `available ** (1 / T)`.

    Small sources are learnt fast while they are repeated, and not by heart as they are left
    alone later. It asks for no runs; the answer is the shares of all tokens, and `schedule` says
    which when. All limits, epochs too, hold for the whole schedule, not for each phase.

    Args:
        early: Temperature of the first phase.
        late: Temperature of the second; 1 is natural.
        switch: Fraction of the tokens at which it changes.

    Fails when: a source's size says nothing about its worth; a small source is the target.

    References: Li et al., "Upsample or Upweight? Balanced Training on Heavily Imbalanced
    Datasets", arXiv 2410.04579, 2024.
    """

    early: float = 5.0
    late: float = 1.0
    switch: float = 0.5

    def __post_init__(self) -> None:
        if not min(self.early, self.late) > 0 or not 0 < self.switch < 1:
            raise CuveeError("cooldown: temperatures must be above 0, switch between 0 and 1.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """Asks for nothing."""
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Shares of all tokens of the schedule."""
        shares = study.problem.fit(overall(self.schedule(study)))
        return Estimate(shares[None], "share", "exact")

    def schedule(self, study: Study) -> Schedule:
        """Fraction of the tokens and shares of each phase.

        What the limits leave of a source is parted between the phases as its wish was.
        """
        problem, part = study.problem, self.switch
        early, late = (tempered(problem.available, t) for t in (self.early, self.late))
        wish = part * early + (1 - part) * late
        whole = problem.fit(wish)
        parted = whole * early / np.maximum(wish, 1e-300)
        first = nearest(parted, np.zeros(len(whole)), np.minimum(whole / part, 1))
        second = np.maximum(whole - part * first, 0)
        return (part, first), (1 - part, second / second.sum())
