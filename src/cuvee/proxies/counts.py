"""The count proxy: n-gram counts add up over sources, so one pass gives every mixture's loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Outcome, Trial
from cuvee.core.data import Cut, Data, Survey
from cuvee.proxies.ngrams import Counter, Index, Pattern
from cuvee.proxies.smoothed import Smoothing, TargetModel, passages, tables, target_model
from cuvee.proxies.target_text import cut_all, groups


@dataclass(frozen=True, slots=True)
class Counts:
    """Expected loss of an n-gram model of the mixture: every mixture, every budget, one pass.

    One pass counts, in every source, the n-grams that occur in the targets; memory is bounded by
    the targets. `cuvee.proxies.smoothed` has the formulas. The shorter context weighs much (k of
    hundreds of tokens): a network learns a rare n-gram slowly, too.

    Args:
        order: Longest n-gram.
        k: Weight of the shorter context, in tokens, for n-grams of two units and more.
        k_unigram: Weight of the uniform distribution, in tokens.
        vocabulary: Units that the uniform distribution spreads over.
        repeats: Passages after which further ones are worth little.
        draws: Resamples of the target documents behind the stated spread.

    Fails when: the loss depends on what no n-gram can see (long-range structure, arithmetic);
    targets are so small that their n-grams are an accident; training is unstable, so that losses
    differ from run to run for reasons other than the mixture.

    References: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
    Modeling", Computer Speech & Language 13, 1999; MacKay and Peto, "A hierarchical Dirichlet
    language model", Natural Language Engineering 1, 1995 (this smoothing); Church and Gale,
    "Poisson mixtures", Natural Language Engineering 1, 1995 (words come in bursts); Muennighoff
    et al., "Scaling Data-Constrained Language Models", arXiv 2305.16264, 2023 (repeats).
    """

    order: int = 3
    k: float = 400.0
    k_unigram: float = 4e4
    vocabulary: float = 2e5
    repeats: float = 15.4
    draws: int = 40

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 8 or self.draws < 1:
            raise CuveeError("counts: order must lie in 1..8 and draws be at least 1.")
        if not min(self.k, self.k_unigram, self.vocabulary, self.repeats) > 0:
            raise CuveeError("counts: k, k_unigram, vocabulary and repeats must be above 0.")

    def prepare(self, data: Data, *, rng: Generator) -> tuple["CountTrainer", Survey]:
        """One pass over the sources."""
        chain: tuple[Pattern, ...] = tuple(tuple(range(1, m)) for m in range(1, self.order + 1))
        cuts = [cut_all(data.units, target) for target in data.targets]
        index = Index(*_joined(cuts), chain)
        survey, counted = data.survey(lambda: Counter(index))
        counts = tables(counted, chain)
        models, resamples, start = [], [], 0
        for cut in cuts:
            where = slice(start, start + len(cut.ids))
            group = groups(cut)
            models.append(target_model(index, counts, where, group))
            n = int(group.max()) + 1
            resamples.append(rng.multinomial(n, np.full(n, 1 / n), size=self.draws))
            start = where.stop
        k = (self.k_unigram, *[self.k] * (self.order - 1))
        trainer = CountTrainer(
            tuple(s.name for s in data.sources), tuple(t.name for t in data.targets),
            survey.available, tuple(models), tuple(resamples),
            Smoothing(k, self.vocabulary, self.repeats),
        )  # fmt: skip
        return trainer, survey


@dataclass(frozen=True, slots=True, eq=False)
class CountTrainer:
    """Losses of mixtures from counts; what `Counts.prepare` returns.

    Args:
        sources: Names.
        targets: Names.
        available: Tokens of each source.
        models: One per target.
        resamples: How often each draw takes each group of target text, per target.
        smoothing: Settings of the model.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    available: Float[np.ndarray, "sources"]
    models: tuple[TargetModel, ...]
    resamples: tuple[Int[np.ndarray, "draws groups"], ...]
    smoothing: Smoothing

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Expected losses; nothing is random, and the spread is that of the target documents.

        The state of a run is the tokens seen of each source, so continuing one is exact.
        """
        each = np.divide(
            trial.tokens,
            self.available,
            out=np.zeros(len(self.available)),
            where=self.available > 0,
        )  # fmt: skip - passages that a share of 1 makes
        seen = passages(trial.seen(), self.available, self.smoothing.repeats)
        centers, draws, slopes, slope_draws, log_probs = [], [], [], [], []
        for model, picks in zip(self.models, self.resamples):
            tokens, taken = model.tokens.sum(), picks @ model.tokens
            if trial.gradient == "mean":
                logp, dsum = model.gradient(seen, self.smoothing)
                slopes.append(-dsum * each / tokens)
            elif trial.gradient == "draws":
                logp, dlogp = model.slope(seen, self.smoothing)
                dlogp = dlogp * each
                slopes.append(-dlogp.sum(axis=0) / tokens)
                slope_draws.append(-(picks @ dlogp) / taken[:, None])
            else:
                logp = model.log_likelihood(seen, self.smoothing)
            centers.append(-logp.sum() / tokens)
            draws.append(-(picks @ logp) / taken)
            if trial.per_token:
                log_probs.append(model.per_token(seen, self.smoothing))
        return Outcome(
            _losses(np.stack(draws, axis=1), np.array(centers), self._measured()),
            cost=trial.cost(),
            gradient=np.stack(slopes) if slopes else None,
            gradient_draws=np.stack(slope_draws, axis=1) if slope_draws else None,
            log_probs=tuple(log_probs) if trial.per_token else None,
        )

    def _measured(self) -> bool:
        """Whether every target has enough text to resample."""
        return all(len(model.tokens) > 1 for model in self.models)


def _losses(draws: np.ndarray, center: np.ndarray, measured: bool) -> Estimate:
    if not measured:
        return Estimate(center[None], "nats per token", "none")
    return Estimate(draws, "nats per token", "target documents", center)


def _joined(cuts: Sequence[Cut]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and document offsets of all targets, one behind the other."""
    lengths = np.concatenate([np.diff(cut.offsets) for cut in cuts])
    return np.concatenate([cut.ids for cut in cuts]), np.r_[0, np.cumsum(lengths)]
