"""The expected loss of an n-gram model trained on a sample of each source.

An n-gram that the sampled training text does not hold cannot help, however often it would occur
on average; training text is a few documents, and words come in bursts. So the loss is the mean
over what the sample may hold, not the loss at the mean counts.

Going f times through a source (f below 1: a random part of its documents) gives

    expected count of an event   c = sum_i g(f_i) C_i,     g(f) = f up to 1, then fading
    chance that it is there      P = 1 - prod_i (1 - f_i)^B_i

with C_i its occurrences in source i and B_i the documents of source i that hold it. Repeating a
source adds to c, ever less, and nothing to P. With h the expected count of the context, level by
level from the uniform distribution a_0 = 1/V up, for an event that is there

    a_m = (c/P + k a_{m-1}) / (h + k)   =   s a_{m-1} (1 + u),   s = k / (h + k),
                                                                 u = c / (P k a_{m-1})

and an event that is not there has s a_{m-1}. A higher event is there only if the lower ones are,
so the expected log probability is a plain sum over levels:

    E log p = log(1/V) + sum_m [ log s_m + P_m log(1 + u_m) ].
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array, vstack

from cuvee.proxies.ngrams import Counted, Index, Pattern

FLOOR = 1e-3
"""Tokens that even a source of no share counts for, so that its gradient is alive."""
MOST = 0.999
"""Part of a source beyond which its rarest events count as seen; keeps log(1 - f) finite."""


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Settings of the model.

    Args:
        k: Weight of the shorter context in tokens, level by level from unigrams.
        vocabulary: Units that the uniform distribution spreads over.
        repeats: Passages after which further ones are worth little: extra passages e count as
            `repeats * (1 - exp(-e / repeats))`.
    """

    k: tuple[float, ...]
    vocabulary: float
    repeats: float


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """What a mixture means for each source, and the derivatives with respect to `f`.

    Args:
        weight: g(f), the factor of the counts.
        absence: -log(1 - f), the factor of the documents.
        dweight: Derivative of `weight`.
        dabsence: Derivative of `absence`.
    """

    weight: Float[np.ndarray, "sources"]
    absence: Float[np.ndarray, "sources"]
    dweight: Float[np.ndarray, "sources"]
    dabsence: Float[np.ndarray, "sources"]


def passages(
    seen: Float[np.ndarray, "sources"], available: Float[np.ndarray, "sources"], repeats: float
) -> Passages:
    """From tokens seen of each source; a source without tokens contributes nothing."""
    f = np.divide(seen + FLOOR, available, out=np.zeros(len(seen)), where=available > 0)
    extra, part = np.maximum(f - 1, 0), np.minimum(f, MOST)
    weight = np.minimum(f, 1) - repeats * np.expm1(-extra / repeats)
    dweight = np.where(f < 1, 1.0, np.exp(-extra / repeats))
    return Passages(weight, -np.log1p(-part), dweight, np.where(f < MOST, 1 / (1 - part), 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The events of one order that occur both in a target and in a source, and their contexts.

    Args:
        events: Occurrences of each event in each source.
        documents: Documents of each source that hold it; same sparsity.
        contexts: Occurrences of each context in each source.
        context: Row of `contexts` of each event.
        lower: Row of the level below of each event.
        use: Occurrences of each event in each group of target text.
        context_use: Occurrences of each context there.
        event_at: Event at each token of the target; -1 if no source holds it.
        context_at: Context of each token, likewise.
    """

    events: csr_array
    documents: csr_array
    contexts: csr_array
    context: Int[np.ndarray, "events"]
    lower: Int[np.ndarray, "events"]
    use: csr_array
    context_use: csr_array
    event_at: Int[np.ndarray, "tokens"]
    context_at: Int[np.ndarray, "tokens"]


@dataclass(frozen=True, slots=True, eq=False)
class TargetModel:
    """The model of one target.

    Args:
        levels: From unigrams up.
        tokens: Of each group of target text.
    """

    levels: tuple[Level, ...]
    tokens: Float[np.ndarray, "groups"]

    def log_likelihood(self, seen: Passages, smoothing: Smoothing) -> Float[np.ndarray, "groups"]:
        """Expected sum of log probabilities of each group."""
        total = -self.tokens * np.log(smoothing.vocabulary)
        a = np.array([1 / smoothing.vocabulary])
        for level, k in zip(self.levels, smoothing.k):
            s = k / (level.contexts @ seen.weight + k)
            present = -np.expm1(-(level.documents @ seen.absence))
            below = a[level.lower]
            u = (level.events @ seen.weight) / (present * k * below)
            total += level.context_use @ np.log(s) + level.use @ (present * np.log1p(u))
            a = s[level.context] * below * (1 + u)
        return total

    def per_token(self, seen: Passages, smoothing: Smoothing) -> Float[np.ndarray, "tokens"]:
        """Expected log-probability of each token, in the order of the text."""
        total = np.full(len(self.levels[0].event_at), -np.log(smoothing.vocabulary))
        a = np.array([1 / smoothing.vocabulary])
        for level, k in zip(self.levels, smoothing.k):
            s = k / (level.contexts @ seen.weight + k)
            present = -np.expm1(-(level.documents @ seen.absence))
            below = a[level.lower]
            u = (level.events @ seen.weight) / (present * k * below)
            # An appended 0 is what the index -1 finds.
            total += np.append(np.log(s), 0.0)[level.context_at]
            total += np.append(present * np.log1p(u), 0.0)[level.event_at]
            a = s[level.context] * below * (1 + u)
        return total

    def gradient(
        self, seen: Passages, smoothing: Smoothing
    ) -> tuple[Float[np.ndarray, "groups"], Float[np.ndarray, "sources"]]:
        """The same, and the derivative of its sum with respect to the passages f.

        Backwards through the levels; `to_x` is the derivative of the sum with respect to x.
        """
        total = -self.tokens * np.log(smoothing.vocabulary)
        a, tape = np.array([1 / smoothing.vocabulary]), []
        for level, k in zip(self.levels, smoothing.k):
            h = level.contexts @ seen.weight + k
            present = -np.expm1(-(level.documents @ seen.absence))
            below, c = a[level.lower], level.events @ seen.weight
            u = c / (present * k * below)
            gain = np.log1p(u)
            total += level.context_use @ np.log(k / h) + level.use @ (present * gain)
            tape.append((h, present, c, u, gain, len(a)))
            a = (k / h)[level.context] * below * (1 + u)
        to_weight, to_absence = np.zeros(len(seen.weight)), np.zeros(len(seen.weight))
        to_log_a = np.zeros(len(a))
        for level, (h, present, c, u, gain, size) in zip(self.levels[::-1], tape[::-1]):
            often = level.use.sum(axis=0)
            to_log_u = (often * present + to_log_a) * u / (1 + u)
            to_log_s = level.context_use.sum(axis=0)
            to_log_s += np.bincount(level.context, to_log_a, len(h))
            to_weight += (to_log_u / c) @ level.events - (to_log_s / h) @ level.contexts
            to_present = often * gain - to_log_u / present
            to_absence += (to_present * (1 - present)) @ level.documents
            to_log_a = np.bincount(level.lower, to_log_a - to_log_u, size)
        return total, to_weight * seen.dweight + to_absence * seen.dabsence

    def slope(
        self, seen: Passages, smoothing: Smoothing
    ) -> tuple[Float[np.ndarray, "groups"], Float[np.ndarray, "groups sources"]]:
        """The same, and the derivative of each group's with respect to the passages f.

        Forwards through the levels: dearer than `gradient`, but for every group at once. `da` is
        the derivative of log a; the others are named after what they derive.
        """
        total = -self.tokens * np.log(smoothing.vocabulary)
        a, da = np.array([1 / smoothing.vocabulary]), np.zeros((1, len(seen.weight)))
        dtotal = np.zeros((len(self.tokens), len(seen.weight)))
        for level, k in zip(self.levels, smoothing.k):
            h = level.contexts @ seen.weight + k
            dlog_s = level.contexts.toarray() * (-seen.dweight / h[:, None])
            absence = level.documents @ seen.absence
            missing, present = np.exp(-absence), -np.expm1(-absence)
            below, c = a[level.lower], level.events @ seen.weight
            scale = 1 / (present * k * below)
            u = c * scale
            dpresent = level.documents.toarray() * (seen.dabsence * missing[:, None])
            dlow = da[level.lower]
            du = level.events.toarray() * (seen.dweight * scale[:, None])
            du -= u[:, None] * (dpresent / present[:, None] + dlow)
            du /= (1 + u)[:, None]
            gain = np.log1p(u)
            total += level.context_use @ np.log(k / h) + level.use @ (present * gain)
            dtotal += level.context_use @ dlog_s
            dtotal += level.use @ (dpresent * gain[:, None] + present[:, None] * du)
            a = (k / h)[level.context] * below * (1 + u)
            da = dlog_s[level.context] + dlow + du
        return total, dtotal


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Counts by id and source, of one pattern."""

    events: csr_array
    documents: csr_array
    contexts: csr_array


def tables(counted: list[Counted], chain: tuple[Pattern, ...]) -> dict[Pattern, Tables]:
    """The counts of all sources side by side."""

    def beside(rows: list[csr_array]) -> csr_array:
        return csr_array(vstack(rows).T.tocsr().astype(float))

    return {
        p: Tables(
            beside([c.events[p] for c in counted]),
            beside([c.documents[p] for c in counted]),
            beside([c.contexts[p] for c in counted]),
        )
        for p in chain
    }


def target_model(
    index: Index,
    counts: dict[Pattern, Tables],
    where: slice,
    group: Int[np.ndarray, "positions"],
) -> TargetModel:
    """The rows of an index that one target uses.

    Args:
        index: Of all targets.
        counts: By pattern, from unigrams up; each falls back to the one before.
        where: Positions of the target.
        group: Group of each of these positions, from 0 without gaps.
    """
    groups = int(group.max()) + 1
    levels: list[Level] = []
    below = np.zeros(len(group), np.int64)
    for pattern, table in counts.items():
        event, context = index.event_ids[pattern][where], index.context_ids[pattern][where]
        ids, row = _known(event, table.events)
        ctx_ids, ctx_row = _known(context, table.contexts)
        there, ctx_there = row >= 0, ctx_row >= 0
        first = np.zeros(len(ids), np.int64)
        first[row[there]] = np.flatnonzero(there)
        levels.append(
            Level(
                table.events[ids], table.documents[ids], table.contexts[ctx_ids],
                ctx_row[first], below[first],
                _tally(group[there], row[there], (groups, len(ids))),
                _tally(group[ctx_there], ctx_row[ctx_there], (groups, len(ctx_ids))),
                row.astype(np.int32), ctx_row.astype(np.int32),
            )
        )  # fmt: skip
        below = row
    return TargetModel(tuple(levels), np.bincount(group).astype(float))


def _known(
    ids: Int[np.ndarray, "positions"], counts: csr_array
) -> tuple[Int[np.ndarray, "rows"], Int[np.ndarray, "positions"]]:
    """The distinct ids that some source holds, and the place of each position's id; else -1."""
    distinct, row = np.unique(ids, return_inverse=True)
    held = np.diff(counts.indptr)[distinct] > 0
    place = np.where(held, np.cumsum(held) - 1, -1)
    return distinct[held], place[row]


def _tally(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """How often each pair occurs."""
    return csr_array((np.ones(len(row)), (row, column)), shape=shape)
