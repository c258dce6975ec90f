"""Shares that a BPE tokenizer was trained on, from the order of its merges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.optimize import linprog
from scipy.sparse import csr_array

from cuvee.core import CuveeError, Estimate
from cuvee.mix.merge_list import MergeList, Sample
from cuvee.mix.pair_counts import History, follow, weigh

UNIT = "share of bytes"
PER = 1e6
"""Counts are taken per so many bytes of text: a scale that the solver likes."""
STILL, CALM = 1e-4, 3
"""Shares that move by less than this in so many rounds in a row have settled."""
DRAW_STILL, DRAW_CALM = 1e-3, 1
"""The same for a resample, which tells the spread only."""


@dataclass(frozen=True, slots=True)
class MergeInference:
    """Finds the shares under which each merge was the commonest pair of its time.

    When a BPE tokenizer learns a merge, that pair is the commonest one in its training text. With
    counts from samples of the sources, every other pair at every step gives one linear
    inequality on the shares. Slack for each merge and for each pair takes up what samples get
    wrong; the shares that need the least slack in all are the answer. Inequalities are added to
    the linear program as they are found broken.

    Args:
        merges: Steps looked at, from the first merge on.
        competitors: Broken inequalities added for a step in one round, the worst ones first.
        rounds: Most rounds of solving and looking for broken inequalities.
        tolerance: Excess over the merge's count, as a fraction of it, that counts as broken.
        draws: Resamples of the samples' documents behind the spread; 0 for none. They keep to
            the pairs that mattered for the answer.

    Fails when: the training text had a source that is not given, or unlike its sample; two
    sources have the same words; the samples are small (with a megabyte each, shares are off by
    half a percentage point, at times by several); the merges were reordered, or not learned by
    counting.

    References: Hayase, Liu, Choi, Oh and Smith, "Data Mixture Inference: What do BPE Tokenizers
    Reveal about their Training Data?", arXiv 2407.16607, 2024.
    """

    merges: int = 1000
    competitors: int = 10
    rounds: int = 40
    tolerance: float = 1e-3
    draws: int = 10

    def __post_init__(self) -> None:
        if min(self.merges, self.competitors, self.rounds) < 1 or self.draws < 0:
            raise CuveeError("merges, competitors and rounds must be above 0, draws 0 or more.")
        if not self.tolerance > 0:
            raise CuveeError(f"the tolerance must be above 0, got {self.tolerance}.")


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """Shares, and how well they explain the merges.

    Args:
        shares: Of the bytes of training text, by source.
        steps: Merges that were used; those that no sample has tell nothing.
        unseen: Merges left out because no sample has their pair at their time.
        slack: Total slack as a fraction of the merges' counts: 0 if the shares explain the order
            of the merges entirely.
        settled: Whether the shares stood still when the search for broken inequalities ended.
    """

    shares: Estimate
    steps: int
    unseen: int
    slack: float
    settled: bool


def infer_shares(
    learned: MergeList,
    samples: Sequence[Sample],
    settings: MergeInference | None = None,
    *,
    rng: Generator,
) -> Inference:
    """Shares of the bytes that a tokenizer was trained on.

    Args:
        learned: The tokenizer.
        samples: Text of each source.
        settings: Of the method.
        rng: For the spread.

    Raises:
        CuveeError: Fewer than two samples, one without text, or none that has any of the merges.
    """
    settings = settings or MergeInference()
    if len(samples) < 2:
        raise CuveeError(f"expected samples of at least 2 sources, got {len(samples)}.")
    if any(not sum(s.sizes) for s in samples):
        raise CuveeError("expected text in every sample; one is empty.")
    totals = [s.total for s in samples]
    words = {w: i for i, w in enumerate(dict.fromkeys(w for total in totals for w in total))}
    history = follow(list(words), learned.merges[: settings.merges], learned.alphabet)
    sizes = np.array([sum(s.sizes) for s in samples])
    columns = [history.counts(row) for row in weigh(words, totals)]
    program = _Program.of(history, np.stack(columns, axis=1) / sizes * PER)
    if not program.alive.any():
        raise CuveeError("no text has any of the tokenizer's merges: are these its sources?")
    best = program.solve(settings, _Rows.none(), np.full(len(samples), 1 / len(samples)))
    draws = _resampled(program, best, samples, words, settings, rng)
    shares = (
        Estimate(draws, UNIT, "bootstrap", center=best.shares)
        if len(draws) > 1
        else Estimate(best.shares[None], UNIT, "none")
    )
    counts = program.merge @ best.shares
    used = int(program.alive.sum())
    return Inference(
        shares, used, len(program.alive) - used, float(best.slack / counts.sum()), best.settled
    )


def _resampled(
    program: "_Program",
    best: "_Solved",
    samples: Sequence[Sample],
    words: dict[str, int],
    settings: MergeInference,
    rng: Generator,
) -> Float[np.ndarray, "draws sources"]:
    """The answer from resampled groups of documents, on the pairs that mattered."""
    if not settings.draws or any(len(s.sizes) < 2 for s in samples):
        return best.shares[None]
    pairs = program.history.pair
    mattered = np.union1d(pairs[best.rows.record], pairs[program.history.merged[program.alive]])
    part = program.history.only(mattered)
    place = np.cumsum(np.isin(pairs, mattered)) - 1
    rows = _Rows(place[best.rows.record], best.rows.step)
    tables = [
        (np.stack([part.counts(row) for row in weigh(words, s.counts)], axis=1), np.array(s.sizes))
        for s in samples
    ]
    draws = []
    for _ in range(settings.draws):
        columns = []
        for table, sizes in tables:
            groups = rng.integers(len(sizes), size=len(sizes))
            columns.append(table[:, groups].sum(axis=1) / sizes[groups].sum() * PER)
        again = _Program.of(part, np.stack(columns, axis=1))
        draws.append(again.solve(settings, rows, best.shares, DRAW_STILL, DRAW_CALM).shares)
    return np.array(draws)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Inequalities: the pair of `record` is not commoner than the merge of `step`."""

    record: Int[np.ndarray, "rows"]
    step: Int[np.ndarray, "rows"]

    @staticmethod
    def none() -> "_Rows":
        return _Rows(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """An optimum: shares, the inequalities behind them, total slack."""

    shares: Float[np.ndarray, "sources"]
    rows: _Rows
    slack: float
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Program:
    """The linear program.

    Args:
        history: Which records there are, and when they hold.
        count: Of each record, per `PER` bytes, by source.
        merge: Count of the merged pair, by step and source.
        alive: Steps whose pair stands in some sample.
    """

    history: History
    count: Float[np.ndarray, "records sources"]
    merge: Float[np.ndarray, "steps sources"]
    alive: np.ndarray

    @staticmethod
    def of(history: History, count: Float[np.ndarray, "records sources"]) -> "_Program":
        """Of counts per record."""
        merge = np.where((history.merged >= 0)[:, None], count[history.merged], 0.0)
        return _Program(history, count, merge, merge.max(axis=1) > 0)

    def solve(
        self,
        settings: MergeInference,
        rows: _Rows,
        shares: np.ndarray,
        still: float = STILL,
        calm: int = CALM,
    ) -> _Solved:
        """Least total slack, over the inequalities that turn out to be broken."""
        of_step, of_pair = np.zeros(len(self.merge)), np.zeros(int(self.history.pair[-1]) + 1)
        slack, rounds_still = 0.0, 0
        for turn in range(settings.rounds):
            if turn or not len(rows.step):
                new = self.broken(settings, rows, shares, of_step, of_pair)
                if not len(new.step):
                    return _Solved(shares, rows, slack, True)
                rows = _Rows(np.append(rows.record, new.record), np.append(rows.step, new.step))
            before = shares
            shares, of_step, of_pair, slack = self.optimum(rows)
            rounds_still = rounds_still + 1 if np.abs(shares - before).max() < still else 0
            if rounds_still == calm:
                return _Solved(shares, rows, slack, True)
        return _Solved(shares, rows, slack, False)

    def broken(
        self,
        settings: MergeInference,
        rows: _Rows,
        shares: np.ndarray,
        of_step: np.ndarray,
        of_pair: np.ndarray,
    ) -> _Rows:
        """For every record the step that it exceeds most, if it exceeds one; the worst by step."""
        history, steps = self.history, len(self.merge)
        merged = self.merge @ shares
        allowed = np.where(self.alive, merged + of_step, np.inf)
        step = _lowest(allowed, history.first, history.stop)
        excess = self.count @ shares - of_pair[history.pair] - allowed[step]
        record = np.flatnonzero(excess > settings.tolerance * np.maximum(merged[step], 1e-6))
        known = history.pair[rows.record] * steps + rows.step
        record = record[~np.isin(history.pair[record] * steps + step[record], known)]
        record = record[np.lexsort((-excess[record], step[record]))]
        begins = np.flatnonzero(np.diff(step[record], prepend=-1))
        rank = np.arange(len(record)) - np.repeat(begins, np.diff(begins, append=len(record)))
        record = record[rank < settings.competitors]
        return _Rows(record, step[record])

    def optimum(self, rows: _Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Shares, slack of each step, slack of each pair, total slack."""
        n, k = len(rows.step), self.count.shape[1]
        pairs, pair = np.unique(self.history.pair[rows.record], return_inverse=True)
        steps, step = np.unique(rows.step, return_inverse=True)
        excess = self.count[rows.record] - self.merge[rows.step]
        row, width = np.arange(n), k + len(steps) + len(pairs)
        values = np.concatenate([excess.ravel(), -np.ones(2 * n)])
        places = np.concatenate([np.tile(np.arange(k), n), k + step, k + len(steps) + pair])
        table = csr_array((values, (np.concatenate([np.repeat(row, k), row, row]), places)),
                          shape=(n, width))  # fmt: skip
        is_share = (np.arange(width) < k).astype(float)
        found = linprog(
            1 - is_share, A_ub=table, b_ub=np.zeros(n), A_eq=csr_array(is_share[None]), b_eq=[1.0],
            bounds=(0, None), method="highs-ds",
        )  # fmt: skip
        if found.x is None:
            raise CuveeError(f"the linear program of the merges was not solved: {found.message}")
        shares = np.clip(found.x[:k], 0, None)
        of_step, of_pair = np.zeros(len(self.merge)), np.zeros(int(self.history.pair[-1]) + 1)
        of_step[steps], of_pair[pairs] = np.split(found.x[k:], [len(steps)])
        return shares / shares.sum(), of_step, of_pair, float(found.fun)


def _lowest(
    values: Float[np.ndarray, "n"],
    first: Int[np.ndarray, "ranges"],
    stop: Int[np.ndarray, "ranges"],
) -> Int[np.ndarray, "ranges"]:
    """Index of the lowest value in each range `first:stop`, by a table of powers of two."""
    table, width = [np.arange(len(values))], 1
    while 2 * width <= len(values):
        left, right = table[-1][:-width], table[-1][width:]
        table.append(np.where(values[left] <= values[right], left, right))
        width *= 2
    level = np.frexp(stop - first)[1] - 1
    found = np.empty(len(first), np.int64)
    for i in np.unique(level):
        these = level == i
        left, right = table[i][first[these]], table[i][stop[these] - 2**i]
        found[these] = np.where(values[left] <= values[right], left, right)
    return found
