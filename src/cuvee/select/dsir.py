"""Importance resampling with hashed n-grams."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.sparse import csr_array

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota

MEANING = "log importance weight"
ENOUGH = 10
"""N-grams of the target for each bucket, from which on it needs no prior."""


@dataclass(frozen=True, slots=True)
class Dsir:
    """Resamples the pool so that its words and pairs of words are spread as in the target.

    A row's weight is how much likelier a bag-of-n-grams model of the target finds its n-grams than
    one of the pool does. Gumbel noise on the log weights turns the best k of them into a sample
    without replacement. Two passes over the n-grams, which are streamed; what is kept is a few
    numbers a row.

    Args:
        top_k: Take the highest weights, without noise.
        smoothing: Added to every probability before the logarithm.
        laplace: Added to every bucket's count in the target.
        prior: Counts added to the target in all, spread over the buckets as those of the pool are,
            for targets of less than some million words: an n-gram that the target lacks by chance
            then says little. 0 as published. `cuvee choose` takes 10,000 where no method is named.
        shortest: Rows of fewer words come last, whatever their weight. The paper leaves out
            documents of fewer than 100; here none, as pools may consist of short ones.
        separate: Resample for each source of the target by itself, as much as its part of the
            target's n-grams; otherwise all are one target.

    Fails when: quality does not show in single words and pairs of them; the target is small and has
    no prior: each n-gram that it lacks counts some 9 nats against a document, so that the shortest
    documents come first; long documents have the largest weights on either side, as their log
    weights are sums over n-grams, so that a small k of a large pool is the same with and without
    noise.

    References: Xie, Santurkar, Ma and Liang, "Data Selection for Language Models via Importance
    Resampling", 2023, https://arxiv.org/abs/2302.03169. The prior: Zhai and Lafferty, "A study of
    smoothing methods for language models applied to information retrieval", ACM Transactions on
    Information Systems 22(2), 2004, https://doi.org/10.1145/984321.984322
    """

    top_k: bool = False
    smoothing: float = 1e-8
    laplace: float = 0.0
    prior: float = 0.0
    shortest: int = 0
    separate: bool = False

    needs: ClassVar[tuple[str, ...]] = ("counts",)
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        if not self.smoothing > 0:
            raise CuveeError(f"dsir: smoothing must be above 0, got {self.smoothing}.")
        if min(self.laplace, self.prior, self.shortest) < 0:
            raise CuveeError(
                f"dsir: laplace, prior and shortest must be 0 or more, got {self.laplace}, "
                f"{self.prior} and {self.shortest}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """The highest weights, with noise; `scores` are the weights of all rows."""
        if target is None:
            raise CuveeError("dsir: there is no target: give --target.")
        held = pool.total()[None]
        wanted, parts = self._targets(target, held)
        found = pool.score(Weigh(self._logs(wanted) - self._logs(held)))
        weights, words = found[:, :-1].T, found[:, -1]
        noise = 0.0 if self.top_k else rng.gumbel(size=len(pool))
        late = np.flatnonzero(words < self.shortest)
        notes = [] if self.prior or self.laplace else _small(wanted)
        if len(late):
            notes.append(f"{len(late)} rows have fewer than {self.shortest} words and come last.")
        if len(parts) > 1:
            return self._each(weights, parts, noise, late, pool, k, notes)
        order = weights[0] + noise
        order[late] -= np.ptp(order) + 1
        return Choice.best(weights[0], pool, k, MEANING, order, notes=tuple(notes))

    def _targets(
        self, target: Pool, held: Float[np.ndarray, "1 buckets"]
    ) -> tuple[Float[np.ndarray, "targets buckets"], Float[np.ndarray, "targets"]]:
        """Counts of each target, and its part of all."""
        groups = target.groups if self.separate else None
        if groups is None:
            wanted = target.total()[None]
        else:
            wanted = np.stack([target.total((groups == g) * 1) for g in np.unique(groups)])
        if not wanted.sum():
            raise CuveeError("dsir: the target has no words: give one with text.")
        wanted = wanted[wanted.sum(axis=1) > 0]
        spread = self.prior * held / max(held.sum(), 1)
        return wanted + self.laplace + spread, wanted.sum(axis=1) / wanted.sum()

    def _logs(self, counts: Float[np.ndarray, "some buckets"]) -> np.ndarray:
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return np.log(counts / total + self.smoothing)

    def _each(
        self,
        weights: Float[np.ndarray, "targets rows"],
        parts: Float[np.ndarray, "targets"],
        noise: Float[np.ndarray, "rows"] | float,
        late: Int[np.ndarray, "some"],
        pool: Pool,
        k: Quota,
        notes: list[str],
    ) -> Choice:
        """For one target after the other, each as much as its part, from what is left."""
        whole = k.rows or k.tokens or 0
        edges = np.r_[0, np.round(np.cumsum(parts) * whole)].astype(np.int64)
        rows, group = np.zeros(0, np.int64), np.zeros(0, np.int64)
        # What no document of a target's part fits into goes to the largest target.
        for g, end in [*enumerate(edges[1:]), (int(np.argmax(parts)), whole)]:
            share = end - (len(rows) if k.rows is not None else int(pool.sizes[rows].sum()))
            if share < 1:
                continue
            order = weights[g] + noise
            order[late] -= np.ptp(order) + 1
            ranked = np.argsort(-order, kind="stable")
            ranked = ranked[~np.isin(ranked, rows)]
            own = Quota(rows=int(share)) if k.rows is not None else Quota(tokens=int(share))
            more = own.fill(ranked, pool.sizes)
            rows, group = np.r_[rows, more], np.r_[group, np.full(len(more), g)]
        return Choice(
            rows, weights[group, rows], MEANING, group, "target", scores=weights.max(axis=0),
            notes=tuple(notes),
        )  # fmt: skip


def _small(wanted: Float[np.ndarray, "targets buckets"]) -> list[str]:
    """A warning where the target lacks most n-grams by chance."""
    least = int(wanted.sum(axis=1).min())
    if least >= ENOUGH * wanted.shape[1]:
        return []
    return [
        f"the target has {least:,} n-grams: those that it lacks count much against a document, so "
        "that short ones come first. prior=10000 takes them to be as frequent as in the pool."
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Weigh:
    """Of each row of a block: its log weight for each target, and its words.

    Args:
        gain: What one more of each bucket adds to the log weight, by target.
    """

    gain: Float[np.ndarray, "targets buckets"]

    def __call__(self, counts: csr_array) -> Float[np.ndarray, "rows values"]:
        """The words are counted as published: half of the 1- and 2-grams together, rounded up."""
        grams = np.asarray(counts.sum(axis=1), np.float64)
        return np.column_stack([counts @ self.gain.T, (grams + 1) // 2])
