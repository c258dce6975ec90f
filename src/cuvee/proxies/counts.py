"""The count proxy: n-gram counts add up over sources, so one pass gives every mixture's loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.sparse import csr_array

from cuvee.core import CuveeError, Estimate, Outcome, Trial
from cuvee.core.data import Cut, Data, Source, Survey, Units
from cuvee.proxies.ngrams import Counter, Index, Pattern
from cuvee.proxies.smoothed import TargetModel, target_model

FEW_DOCUMENTS = 20
"""With fewer target documents than this, passages are resampled instead."""
PASSAGE = 250
"""Tokens of a passage."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Interpolated n-gram model of the mixture: losses of every mixture at every budget.

    One pass counts, in every source, the n-grams that occur in the targets; memory is bounded by
    the targets. A mixture's expected counts are the sources' counts times the passages made
    through each; going through a source again adds counts but no n-gram that was not there.

    Args:
        order: Longest n-gram.
        k: Weight of the shorter context, in tokens.
        draws: Resamples of the target documents behind the stated spread.

    Fails when: the loss depends on what no n-gram can see (long-range structure, arithmetic);
    targets are so small that their n-grams are an accident.

    References: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language
    Modeling", Computer Speech & Language 13, 1999; MacKay and Peto, "A hierarchical Dirichlet
    language model", Natural Language Engineering 1, 1995 (this smoothing).
    """

    order: int = 3
    k: float = 100.0
    draws: int = 40

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 8 or not self.k > 0 or self.draws < 1:
            raise CuveeError("counts: order must lie in 1..8, k above 0 and draws be at least 1.")

    def prepare(self, data: Data, *, rng: Generator) -> tuple["CountTrainer", Survey]:
        """One pass over the sources."""
        chain: tuple[Pattern, ...] = tuple(tuple(range(1, m)) for m in range(1, self.order + 1))
        cuts = [_cut_all(data.units, target) for target in data.targets]
        index = Index(*_joined(cuts), chain)
        survey, counters = data.survey(lambda: Counter(index))
        events = {p: csr_array(np.stack([c.events(p) for c in counters], 1)) for p in chain}
        contexts = {p: csr_array(np.stack([c.contexts(p) for c in counters], 1)) for p in chain}
        vocabulary = float(len(index.tables[()]))
        models, resamples, start = [], [], 0
        for cut in cuts:
            where = slice(start, start + len(cut.ids))
            group = _groups(cut)
            models.append(target_model(index, events, contexts, chain, where, group, vocabulary))
            n = int(group.max()) + 1
            resamples.append(rng.multinomial(n, np.full(n, 1 / n), size=self.draws))
            start = where.stop
        trainer = CountTrainer(
            tuple(s.name for s in data.sources), tuple(t.name for t in data.targets),
            survey.available, tuple(models), tuple(resamples), np.full(self.order, self.k),
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
        k: Weight of the shorter context at each level.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    available: Float[np.ndarray, "sources"]
    models: tuple[TargetModel, ...]
    resamples: tuple[Int[np.ndarray, "draws groups"], ...]
    k: Float[np.ndarray, "levels"]

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Expected losses; nothing is random, and the spread is that of the target documents.

        The state of a run is the tokens seen of each source, so continuing one is exact.
        """
        passages = trial.seen() / self.available
        centers, draws, slopes, slope_draws = [], [], [], []
        for model, picks in zip(self.models, self.resamples):
            taken = picks @ model.tokens
            if trial.gradient:
                logp, dlogp = model.slope(passages, self.k)
                # A share is worth `tokens / available` passages.
                dlogp = dlogp * (trial.tokens / self.available)
                slopes.append(-dlogp.sum(axis=0) / model.tokens.sum())
                slope_draws.append(-(picks @ dlogp) / taken[:, None])
            else:
                logp = model.log_likelihood(passages, self.k)
            centers.append(-logp.sum() / model.tokens.sum())
            draws.append(-(picks @ logp) / taken)
        return Outcome(
            _losses(np.stack(draws, axis=1), np.array(centers), self._measured()),
            cost=trial.tokens,
            gradient=np.stack(slopes) if slopes else None,
            gradient_draws=np.stack(slope_draws, axis=1) if slopes else None,
        )

    def _measured(self) -> bool:
        """Whether every target has enough text to resample."""
        return all(len(model.tokens) > 1 for model in self.models)


def _losses(draws: np.ndarray, center: np.ndarray, measured: bool) -> Estimate:
    if not measured:
        return Estimate(center[None], "nats per token", "none")
    return Estimate(draws, "nats per token", "target documents", center)


def _cut_all(units: Units, target: Source) -> Cut:
    """All documents of a target."""
    ids, lengths = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for piece in target.pieces():
        for batch in target.read(piece):
            for cut in units.cut(batch.text):
                ids.append(cut.ids)
                lengths.append(np.diff(cut.offsets))
    joined = np.concatenate(ids)
    if not len(joined):
        raise CuveeError(f"target {target.name!r} has no text: expected documents with words.")
    return Cut(joined, np.r_[0, np.cumsum(np.concatenate(lengths))])


def _joined(cuts: Sequence[Cut]) -> tuple[np.ndarray, np.ndarray]:
    """Ids and document offsets of all targets, one behind the other."""
    lengths = np.concatenate([np.diff(cut.offsets) for cut in cuts])
    return np.concatenate([cut.ids for cut in cuts]), np.r_[0, np.cumsum(lengths)]


def _groups(cut: Cut) -> Int[np.ndarray, "tokens"]:
    """What is resampled together: a document, or a passage where documents are few."""
    lengths = np.diff(cut.offsets)
    lengths = lengths[lengths > 0]
    if len(lengths) >= FEW_DOCUMENTS:
        return np.repeat(np.arange(len(lengths)), lengths)
    size = min(PASSAGE, max(1, int(lengths.sum()) // FEW_DOCUMENTS))
    within = np.concatenate([np.arange(n) // size for n in lengths])
    document = np.repeat(np.arange(len(lengths)), lengths)
    return np.unique(np.stack([document, within]), axis=1, return_inverse=True)[1].ravel()
