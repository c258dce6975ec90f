"""How far a number of samples may be off: their chance, and the bias of their size.

A number such as a distance of two samples is off in two ways. It varies from sample to sample, and
it is biased: two samples of one law are never at distance 0. A bootstrap shows the first only, and
makes the second worse. Here samples are halved instead. Halves vary as much about the whole as the
whole does about the truth; what the number does from a quarter to a half to all of the rows says
where it is going; and two halves of one sample show what there is between samples of one law.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator

from cuvee.core.estimate import Bound, Estimate

Statistic = Callable[..., float]
"""Arrays of rows in, a number out."""
Rows = Int64[np.ndarray, "some"]
DRAWS, NULLS, SPLITS = 60, 40, 40
LEVEL = 0.95
"""Of one side of the interval that is usually looked at."""


def resampled(
    statistic: Statistic, samples: Sequence[np.ndarray], *, rng: Generator, unit: str,
    paired: bool = False, rate: float = 1.0, floor: float | None = 0.0, draws: int = DRAWS,
    nulls: int = NULLS, bound: Bound = "", splits: int | None = None, doubt: float = 0.0,
) -> Estimate:  # fmt: skip
    """A number of one or two samples, with an interval that its bias is part of.

    For a distance of two samples `contrasted` is better.

    Args:
        statistic: Called with one array for each sample.
        samples: One or two arrays of rows.
        rng: Of the halves.
        unit: Of the number.
        paired: The rows of both samples belong together (dependence), and are drawn together.
        rate: The bias falls like n to the power of -rate.
        floor: The number cannot be less.
        draws: Of the answer.
        nulls: Values under no difference, or no dependence; of one sample there are none.
        bound: As of `Estimate`.
        splits: Pairs of halves that are looked at; half as many as draws if None.
        doubt: Part of the extrapolation that may be wrong at least.

    References: Politis, Romano and Wolf, "Subsampling", 1999; Wu, "On the asymptotics of the
    jackknife histogram", Annals of Statistics 18, 1990; Richardson's extrapolation.
    """
    value = statistic(*samples)
    pairs = [_pair(statistic, samples, paired, rng) for _ in range(splits or max(draws // 2, 4))]
    halves = np.array([(first[0], second[0]) for first, second in pairs])
    quarters = np.array([(first[1], second[1]) for first, second in pairs])
    gain = 1 / (2**rate - 1)
    half = halves.mean()
    limit = value + gain * (value - half)
    before = half + gain * (half - quarters.mean())
    # What the extrapolation of the smaller sizes missed; of the larger ones it misses less.
    missed = max(abs(limit - before) / 2**rate, doubt * abs(limit - value))
    none = _nulls(statistic, samples, nulls, paired, rng) if len(samples) == 2 and nulls else None
    # Other splits of the same rows would have given another mean of the halves.
    sd = np.hypot(chance(halves), gain * halves.mean(axis=1).std(ddof=1) / np.sqrt(len(halves)))
    return around(
        limit, float(sd), missed, rng=rng, unit=unit, floor=floor, draws=draws, bound=bound,
        null=none,
    )  # fmt: skip


def contrasted(
    statistic: Statistic, a: np.ndarray, b: np.ndarray, *, rng: Generator, unit: str,
    cap: int | None = None, rate: float = 1.0, floor: float | None = 0.0,
    ceiling: float | None = None, splits: int = SPLITS, draws: int = DRAWS, nulls: int = NULLS,
) -> Estimate:  # fmt: skip
    """A distance of two samples, less what there is between halves of one and the same.

    The distance of two laws of one shape and of widths s and t is too large by s t times what it is
    too large by between samples of one law of width 1 (for squared 2-Wasserstein distances this is
    exact): so the geometric mean of the two samples' own distances is taken off. Where the laws
    are the same, nothing is left but chance, whatever the size.

    Args:
        statistic: Of two arrays of rows.
        a: Rows.
        b: Other rows.
        rng: Of the halves.
        unit: Of the number.
        cap: Rows, at most, of which the statistic is taken; of more rows blocks are looked at.
        rate: What is left of the bias falls like n to the power of -rate.
        floor: The number cannot be less.
        ceiling: Nor more.
        splits: Pairs of halves; of each the statistic is taken twelve times, four of them of
            halves and eight of quarters.
        draws: Of the answer.
        nulls: Values under no difference: labels of the rows are exchanged.
    """
    found = contrast(statistic, a, b, rng=rng, cap=cap, rate=rate, splits=splits)
    none = None
    if nulls:
        none = exchanged(statistic, a, b, cap, nulls, rng)
        if cap is None or max(len(a), len(b)) <= cap:
            none += found.limit - statistic(a, b)
        else:
            # One look at some rows varies more than the mean of many looks at all.
            none = none.mean() + (none - none.mean()) / (2 * np.sqrt(found.blocks))
            none += found.limit - found.across
    return around(
        found.limit, found.sd, found.missed, rng=rng, unit=unit, floor=floor, ceiling=ceiling,
        draws=draws, null=none, squared=True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contrast:
    """What halves of two samples say of their distance.

    Args:
        limit: The distance.
        sd: Of its chance.
        missed: Its bias may be as large, either way.
        across: The number between halves as it comes, its bias included.
        blocks: Of rows that were looked at, one after the other.
        rows: Of the smaller sample that were looked at.
    """

    limit: float
    sd: float
    missed: float
    across: float
    blocks: int
    rows: int


def contrast(
    statistic: Statistic, a: np.ndarray, b: np.ndarray, *, rng: Generator, cap: int | None = None,
    rate: float = 1.0, splits: int = SPLITS,
) -> Contrast:  # fmt: skip
    """As `contrasted`, in its parts."""
    least = min(len(a), len(b))
    blocks = 1 if cap is None else int(np.clip(least // (2 * cap), 1, splits))
    orders = [rng.permutation(len(x)) for x in (a, b)]
    found = np.empty((splits, 3, 5))
    for i in range(splits):
        parts = [_quarters(order, i % blocks, cap, rng) for order in orders]
        found[i] = _tree(statistic, a, b, parts)
    large, small = _less(found[:, 0].mean(axis=0)), _less(found[:, 1:].mean(axis=(0, 1)))
    limit = large + (large - small) / (2**rate - 1)
    own = np.array([[_less(half) for half in split[1:]] for split in found])
    rows = least if cap is None else min(least, 2 * cap * blocks)
    sd = chance(own, apart=blocks > 1) / np.sqrt(blocks)
    if blocks == 1:  # other splits of the same rows would have given another mean
        whole = np.array([_less(split[0]) for split in found])
        each = whole + (whole - own.mean(axis=1)) / (2**rate - 1)
        sd = np.hypot(sd, each.std(ddof=1) / np.sqrt(splits))
    across = float(found[:, 0, 0].mean())
    return Contrast(limit, float(sd), abs(limit - large), across, blocks, rows)


def around(
    limit: float, sd: float, missed: float, *, rng: Generator, unit: str,
    floor: float | None = None, ceiling: float | None = None, draws: int = DRAWS,
    bound: Bound = "", null: np.ndarray | None = None, notes: tuple[str, ...] = (),
    squared: bool = False,
) -> Estimate:  # fmt: skip
    """An estimate from its middle, the spread of chance, and a bias of unknown sign.

    Args:
        limit: The middle.
        sd: Of chance.
        missed: The bias may be as large, either way.
        rng: Of the draws' order.
        unit: Of the number.
        floor: The number cannot be less.
        ceiling: Nor more.
        draws: How many.
        bound: As of `Estimate`.
        null: As of `Estimate`.
        notes: As of `Estimate`.
        squared: It is the square of something whose chance is even, as of a distance that is not
            near 0: the interval then reaches farther up than down.
    """
    from scipy.special import ndtri

    level = (np.arange(draws) + 0.5) / draws
    step = sd * ndtri(level)
    if squared and limit > -2 * step[0] / 3:
        step += step**2 / (4 * limit)
    found = limit + step + missed * rng.permutation(2 * level - 1)
    found = rng.permutation(found)
    low, high = (-np.inf if floor is None else floor), (np.inf if ceiling is None else ceiling)
    center = np.clip(limit, low, high)
    return Estimate(
        np.clip(found, low, high), unit, "samples", np.asarray(center), bound, null, notes
    )


def chance(halves: Float[np.ndarray, "splits 2"], *, apart: bool = False) -> float:
    """How much the number of all rows varies, from the numbers of both halves of some splits.

    Half the difference of two halves varies as the whole does, as far as rows add up to the
    number. As far as pairs of rows do, it varies four times as much in variance, three too many,
    and the mean of two halves shows how much that is.

    Args:
        halves: Numbers of both halves of each split.
        apart: Whether splits are of different rows: their means then vary by these, too.
    """
    from scipy.special import ndtri, stdtrit

    odd = np.mean(((halves[:, 0] - halves[:, 1]) / 2) ** 2)
    even = np.var(halves.mean(axis=1), ddof=1)
    # A spread that is known from few splits: as much wider as Student's interval.
    wider = stdtrit(len(halves) - 1, LEVEL) / ndtri(LEVEL)
    return float(np.sqrt(odd if apart else max(odd - even, even)) * wider)


def _pair(
    statistic: Statistic, samples: Sequence[np.ndarray], paired: bool, rng: Generator
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of each of two halves that have no row in common: the number, and that of its half."""
    if paired:
        orders = [rng.permutation(len(samples[0]))] * len(samples)
    else:
        orders = [rng.permutation(len(sample)) for sample in samples]
    found = []
    for side in (0, 1):
        halves = [o[: len(o) // 2] if side == 0 else o[len(o) // 2 :] for o in orders]
        halves = [h if len(h) > 1 else o[:2] for h, o in zip(halves, orders)]
        quarters = [h[: max(len(h) // 2, 2)] for h in halves]
        found.append(tuple(
            statistic(*(s[np.sort(rows)] for s, rows in zip(samples, part)))
            for part in (halves, quarters)
        ))  # fmt: skip
    return found[0], found[1]


def _quarters(order: Rows, block: int, cap: int | None, rng: Generator) -> list[Rows]:
    """Four parts of a block of rows, as large as one another; of fewer than eight, some twice."""
    if cap is not None and len(order) > 2 * cap:
        order = order[block * 2 * cap :][: 2 * cap]
    mixed = rng.permutation(order)
    mixed = np.resize(mixed, 8) if len(mixed) < 8 else mixed
    quarter = len(mixed) // 4
    return [np.sort(mixed[i * quarter : (i + 1) * quarter]) for i in range(4)]


def _tree(
    statistic: Statistic, a: np.ndarray, b: np.ndarray, parts: list[list[Rows]]
) -> Float[np.ndarray, "three five"]:
    """Of the whole by halves, and of each half by quarters: as `_contrast`."""
    (p, q, r, s), (t, u, v, w) = ([x[rows] for rows in part] for x, part in zip((a, b), parts))
    both = np.concatenate
    return np.stack([
        _contrast(statistic, both([p, q]), both([r, s]), both([t, u]), both([v, w])),
        _contrast(statistic, p, q, t, u),
        _contrast(statistic, r, s, v, w),
    ])  # fmt: skip


def _contrast(
    statistic: Statistic, a: np.ndarray, aa: np.ndarray, b: np.ndarray, bb: np.ndarray
) -> Float[np.ndarray, "five"]:
    """The number between samples, within each, and within each at the smaller one's size."""
    across = (statistic(a, b) + statistic(aa, bb)) / 2
    own, other = statistic(a, aa), statistic(b, bb)
    size = min(len(a), len(b))
    return np.array([
        across, own, other,
        own if len(a) == size else statistic(a[:size], aa[:size]),
        other if len(b) == size else statistic(b[:size], bb[:size]),
    ])  # fmt: skip


def _less(found: Float[np.ndarray, "five"]) -> float:
    """What is between samples less what would be if they differed in width only."""
    across, own, other, a, b = found.tolist()
    if min(a, b, own, other) <= 0:
        return across - (own + other) / 2
    wider = np.sqrt(a / b)
    return float(across - (own / wider + other * wider) / 2)


def exchanged(
    statistic: Statistic, a: np.ndarray, b: np.ndarray, cap: int | None, draws: int, rng: Generator
) -> Float[np.ndarray, "draws"]:
    """The number of samples whose rows are exchanged at random."""
    rows = [len(a), len(b)] if cap is None else [min(len(a), cap), min(len(b), cap)]
    found = np.empty(draws)
    for i in range(draws):
        drawn = rng.permutation(len(a) + len(b))[: sum(rows)]
        both = [_either(a, b, np.sort(d)) for d in (drawn[: rows[0]], drawn[rows[0] :])]
        found[i] = statistic(*both)
    return found


def _either(a: np.ndarray, b: np.ndarray, rows: Rows) -> np.ndarray:
    """Some rows of both, counted on from the first to the second."""
    return np.concatenate([a[rows[rows < len(a)]], b[rows[rows >= len(a)] - len(a)]])


def _nulls(
    statistic: Statistic, samples: Sequence[np.ndarray], draws: int, paired: bool, rng: Generator
) -> Float[np.ndarray, "draws"]:
    """The number of samples that are exchanged at random, or of which one is shuffled."""
    a, b = samples
    if not paired:
        return exchanged(statistic, a, b, None, draws, rng)
    return np.array([statistic(a, b[rng.permutation(len(b))]) for _ in range(draws)])
