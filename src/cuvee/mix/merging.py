"""Modular training and merging: score a mixture by the average of models of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Outcome, Problem, Shares, Study, Trial

DESIGN_SEED = 13


@dataclass(frozen=True, slots=True)
class Merging:
    """Trains one model per source from a common start, and searches over weights of their mean.

    A first run on the natural shares is the seed of all models, so that their parameters can be
    averaged. Each source's model continues it on that source alone, for as many tokens as the
    others. A mixture is judged by the model whose parameters are the weighted mean: nothing more
    is trained, however many mixtures are looked at. The search draws weights at random, then
    closer and closer around the best; equal weights of every pair and of all models are among
    the first.

    Args:
        warmup: Part of each model's tokens that the common first run takes.
        merges: Weights tried in each round.
        rounds: Of the search; each is four times as close around the best as the one before.
        answer: "seen": shares of all that the best mean's models saw, the first run included;
            "weights": the weights themselves, as if the budget continued the first run.

    Fails when: the models drift so far apart that their mean is worse than each (a warm-up too
    short, runs too long); sources help each other only when seen together; with "seen", no share
    can be less than the first run's part of it. No spread of the shares is stated.

    References: Na, Magnusson, Jha, Sherborne, Strubell, Dodge and Dasigi, "Scalable Data Ablation
    Approximations for Language Models through Modular Training and Merging", arXiv 2410.15661,
    2024; Wang et al., "MergeMix: Optimizing Mid-Training Data Mixtures via Learnable Model
    Merging", arXiv 2601.17858, 2026.
    """

    warmup: float = 0.2
    merges: int = 16
    rounds: int = 4
    answer: str = "seen"

    def __post_init__(self) -> None:
        if not 0 < self.warmup < 1:
            raise CuveeError(f"merging: warmup must lie between 0 and 1, got {self.warmup}.")
        if self.merges < 1 or self.rounds < 1:
            raise CuveeError("merging: merges and rounds must be at least 1.")
        if self.answer not in ("seen", "weights"):
            raise CuveeError(f"merging: answer is seen or weights, got {self.answer!r}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """The seed model, the models of the sources, then round after round of their means."""
        known, models = study.known(), self._models(study.problem)
        start = models[0].after
        for asked in ([start], models):
            if new := tuple(t for t in asked if t is not None and t.key() not in known):
                return new
        return self._search(study.problem, models, known)[1]

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The best weights tried, or the shares of what their models saw."""
        if self.propose(study, rng=rng):
            raise CuveeError("merging is not finished: run the trials that it proposes first.")
        problem = study.problem
        best, _ = self._search(problem, self._models(problem), study.known())
        return Estimate(problem.fit(best)[None], "share", "none")

    def _models(self, problem: Problem) -> list[Trial]:
        """One model per source; each continues the first run."""
        k = len(problem.sources)
        each = problem.per_trial(k + 1)
        start = Trial(problem.fit(problem.available), self.warmup * each, horizon=each)
        return [Trial(row, (1 - self.warmup) * each, after=start) for row in np.eye(k)]

    def _search(
        self, problem: Problem, models: list[Trial], known: Mapping[tuple[object, ...], Outcome]
    ) -> tuple[Shares, tuple[Trial, ...]]:
        """The answer of the best mean so far, and the means of the first unfinished round."""
        k, rng = len(models), default_rng(DESIGN_SEED)
        pairs = np.array([a + b for a, b in combinations(np.eye(k), 2)]).reshape(-1, k)
        wished = np.vstack(
            [np.eye(k), np.ones(k), pairs[: self.merges], _draw(rng, k, self.merges)]
        )
        best, lowest, weights = np.ones(k) / k, np.inf, np.ones(k) / k
        for turn in range(self.rounds):
            if turn:
                closer = 4.0**-turn
                wished = (1 - closer) * weights + closer * _draw(rng, k, self.merges)
            # What is allowed stays allowed: the first run obeys the limits as well.
            options = np.unique(problem.fit(wished), axis=0)
            means = [_mean(models, w) for w in options]
            found = [known.get(mean.key()) for mean in means]
            if new := tuple(mean for mean, outcome in zip(means, found) if outcome is None):
                return best, new
            scores = [problem.objective.score(o.losses.mean) for o in found if o is not None]
            i = int(np.argmin(scores))
            if scores[i] < lowest:
                lowest, weights = scores[i], options[i]
                best = weights if self.answer == "weights" else means[i].shares
        return best, ()


def _draw(rng: Generator, k: int, count: int) -> Float[np.ndarray, "count sources"]:
    return rng.dirichlet(np.ones(k), size=count)


def _mean(models: list[Trial], weights: Shares) -> Trial:
    """The model whose parameters are the weighted mean of those of the models that count."""
    merge = tuple((float(w), model) for w, model in zip(weights, models) if w > 0)
    seen = np.sum([w * model.seen() for w, model in merge], axis=0)
    return Trial(seen / seen.sum(), float(seen.sum()), merge=merge)
