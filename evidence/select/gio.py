"""Does gradient information find the target's own rows, and does it stop by itself?

Ten times one digit is the target: 60 unlabelled images of it. The pool holds its other images (114
to 123), and as many of other digits, at random. Rows are taken until the divergence rises; the
score is the part of them that shows the target's digit. Then two digits are the target at once,
once with every descent from the target's mean and once from a random target point.
"""

import itertools

import numpy as np
from sklearn.datasets import load_digits

from cuvee.core.order import mixed
from cuvee.core.pool import Pool, Quota
from cuvee.select import choose
from cuvee.select.gio import Gio
from cuvee.testing.evidence import Finding

TARGET = 60


def run() -> Finding:
    single = [one((digit,), "mean") for digit in range(10)]
    pairs = list(itertools.pairwise(range(10)))
    several = {begin: [one(pair, begin) for pair in pairs] for begin in ("mean", "jump")}
    hits, stops, parts = (np.array([s[i] for s in single]) for i in (0, 1, 2))
    before = parts < 1
    two = {begin: float(np.mean([s[0] for s in found])) for begin, found in several.items()}
    both = {begin: float(np.mean([s[3] for s in found])) for begin, found in several.items()}
    return Finding(
        claim="Greedy kNN-KL towards an unlabelled target: >= 90% of the picks are target-like "
        "from a 50/50 pool (mean over 10 digits); the divergence falls, then the method stops by "
        "itself before the pool is used up.",
        measured=f"{hits.mean():.1%} of the picks until the stop show the target's digit (lowest "
        f"{hits.min():.1%}); it stops by itself for {before.sum()} of 10 digits, after "
        f"{stops.min():.0f} to {stops.max():.0f} of {2 * 114} to {2 * 123} rows. With two digits "
        f"as the target {two['mean']:.1%} of the picks are of either (from random target points "
        f"{two['jump']:.1%}), and the rarer of the two has {both['mean']:.0%} "
        f"({both['jump']:.0%}) of these.",
        holds=bool(hits.mean() >= 0.9 and before.all()),
        numbers={
            "target_like": hits.tolist(), "stopped_after_rows": stops.tolist(),
            "part_of_the_pool_used": parts.tolist(), "two_digits_target_like": two,
            "two_digits_part_of_the_rarer": both,
        },
    )  # fmt: skip


def one(kinds: tuple[int, ...], begin: str) -> tuple[float, int, float, float]:
    """Target-like part of the picks, their number, their part of the pool, the rarer kind's."""
    data, rng = load_digits(), np.random.default_rng(kinds)
    own = rng.permutation(np.flatnonzero(np.isin(data.target, kinds)))
    rest = rng.permutation(np.flatnonzero(~np.isin(data.target, kinds)))[: len(own) - TARGET]
    rows = np.r_[own[TARGET:], rest]
    points = (data.data / 16).astype(np.float32)
    pool, target = (
        Pool(mixed(part.astype(np.uint64)), np.ones(len(part), np.int64), points[part])
        for part in (rows, own[:TARGET])
    )
    found = choose(Gio(begin=begin), pool, Quota(rows=len(pool)), target=target)
    rises = np.flatnonzero(found.score < 0)
    stop = int(rises[0]) if len(rises) else len(pool)
    picked = data.target[rows[found.rows[:stop]]]
    like = np.isin(picked, kinds)
    rarer = min(np.mean(picked[like] == kind) for kind in kinds) if len(kinds) > 1 else 1.0
    return float(like.mean()), stop, stop / len(pool), float(rarer)
