"""An interpolated n-gram model whose counts are a weighted sum over sources.

For one target, each level m holds the distinct events (h, w) that occur in it, h being the m-1
units before w. With f_i the number of passages through source i,

    p_m(w | h) = (E_m(h, w) f + k p_{m-1}(w | h')) / (C_m(h) f + k)

where E counts the event and C the context in each whole source, h' is h without its first unit,
and level 0 is uniform. k is the weight of the shorter context in tokens: an event counts for as
much as the shorter context says once its context was seen k times.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

from cuvee.proxies.ngrams import Index, Pattern


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The distinct events of one order that occur in a target.

    Args:
        events: Occurrences of each event in each source.
        contexts: Occurrences of each distinct context in each source.
        context: Row of `contexts` of each event.
        lower: Row of the level below of each event.
    """

    events: csr_array
    contexts: csr_array
    context: Int[np.ndarray, "events"]
    lower: Int[np.ndarray, "events"]


@dataclass(frozen=True, slots=True, eq=False)
class TargetModel:
    """The model of one target.

    Args:
        levels: From unigrams up.
        use: How often each event of the top level occurs in each group of target text.
        tokens: Of each group.
        vocabulary: Units that the uniform distribution spreads over.
    """

    levels: tuple[Level, ...]
    use: csr_array
    tokens: Float[np.ndarray, "groups"]
    vocabulary: float

    def log_likelihood(
        self, passages: Float[np.ndarray, "sources"], k: Float[np.ndarray, "levels"]
    ) -> Float[np.ndarray, "groups"]:
        """Sum of log probabilities of each group, after so many passages through each source."""
        p = np.array([1 / self.vocabulary])
        for level, weight in zip(self.levels, k):
            total = level.contexts @ passages + weight
            p = (level.events @ passages + weight * p[level.lower]) / total[level.context]
        return self.use @ np.log(p)

    def slope(
        self, passages: Float[np.ndarray, "sources"], k: Float[np.ndarray, "levels"]
    ) -> tuple[Float[np.ndarray, "groups"], Float[np.ndarray, "groups sources"]]:
        """The same, and its derivative with respect to the passages.

        dp_m = (E - p_m C + k dp_{m-1}) / (C f + k), level by level.
        """
        p = np.array([1 / self.vocabulary])
        dp = np.zeros((1, len(passages)))
        for level, weight in zip(self.levels, k):
            total = (level.contexts @ passages + weight)[level.context]
            p = (level.events @ passages + weight * p[level.lower]) / total
            dp = weight * dp[level.lower]
            dp += level.events.toarray()
            dp -= p[:, None] * level.contexts.toarray()[level.context]
            dp /= total[:, None]
        return self.use @ np.log(p), self.use @ (dp / p[:, None])


def target_model(
    index: Index,
    events: dict[Pattern, csr_array],
    contexts: dict[Pattern, csr_array],
    chain: tuple[Pattern, ...],
    where: slice,
    group: Int[np.ndarray, "positions"],
    vocabulary: float,
) -> TargetModel:
    """The rows of an index that one target uses.

    Args:
        index: Of all targets.
        events: Occurrences in each source by id, for each pattern.
        contexts: The same for contexts.
        chain: Patterns from () up; each falls back to the one before.
        where: Positions of the target.
        group: Group of each of these positions, from 0 without gaps.
        vocabulary: Of the uniform distribution.
    """
    levels: list[Level] = []
    below = np.zeros(len(group), np.int64)
    for pattern in chain:
        ids, row = np.unique(index.event_ids[pattern][where], return_inverse=True)
        first = np.unique(row, return_index=True)[1]
        ctx_ids, ctx_row = np.unique(index.context_ids[pattern][where][first], return_inverse=True)
        levels.append(
            Level(events[pattern][ids], contexts[pattern][ctx_ids], ctx_row, below[first])
        )
        below = row
    shape = (int(group.max()) + 1, len(levels[-1].context))
    use = csr_array((np.ones(len(group)), (group, below)), shape=shape)
    return TargetModel(tuple(levels), use, np.bincount(group).astype(float), vocabulary)
