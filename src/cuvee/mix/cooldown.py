"""Small sources often at first, as often as they come later."""

from dataclasses import dataclass

from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Problem, Shares, Study, Trial
from cuvee.mix.phases import Schedule, missing, overall, same


@dataclass(frozen=True, slots=True)
class Cooldown:
    """High temperature early, low temperature late: two phases of `available ** (1 / T)`.

    Small sources are learnt fast while they are repeated, and not by heart as they are left
    alone later. It asks for the one chain that it is about; the answer is the shares of all its
    tokens, and `schedule` says which when.

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
        """The first phase, then the second, which continues it."""
        for trial in self._chain(study):
            if left := missing(study, [trial]):
                return left
        return ()

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """Shares of all tokens of the schedule."""
        shares = study.problem.fit(overall(self.schedule(study)))
        return Estimate(shares[None], "share", "exact")

    def schedule(self, study: Study) -> Schedule:
        """Fraction of the tokens and shares of each phase."""
        problem = study.problem
        return (
            (self.switch, tempered(problem, self.early)),
            (1 - self.switch, tempered(problem, self.late)),
        )

    def _chain(self, study: Study) -> tuple[Trial, Trial]:
        problem, tokens = study.problem, study.problem.per_trial(1)
        first = same(study, Trial(tempered(problem, self.early), self.switch * tokens))
        last = Trial(tempered(problem, self.late), (1 - self.switch) * tokens, after=first)
        return first, last


def tempered(problem: Problem, temperature: float) -> Shares:
    """Shares proportional to a power of the sources' sizes, within the limits."""
    return problem.fit((problem.available / problem.available.max()) ** (1 / temperature))
