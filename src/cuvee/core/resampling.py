"""How far a number of samples may be off: their chance, and the bias of their size.

A number such as a distance of two samples is off in two ways. It varies from sample to sample, and
it is biased: two samples of one law are never at distance 0. A bootstrap shows the first only, and
makes the second worse. Here samples are halved instead. Halves vary as much about the whole as the
whole does about the truth; and what the number does from a quarter to a half to all of the rows
says where it is going.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.estimate import Bound, Estimate

Statistic = Callable[..., float]
"""Arrays of rows in, a number out."""
DRAWS, NULLS = 60, 40


def resampled(
    statistic: Statistic, samples: Sequence[np.ndarray], *, rng: Generator, unit: str,
    paired: bool = False, rate: float = 1.0, floor: float | None = 0.0, draws: int = DRAWS,
    nulls: int = NULLS, bound: Bound = "",
) -> Estimate:  # fmt: skip
    """A number of one or two samples, with an interval that its bias is part of.

    Args:
        statistic: Called with one array for each sample.
        samples: One or two arrays of rows.
        rng: Of the halves.
        unit: Of the number.
        paired: The rows of both samples belong together (dependence), and are drawn together.
        rate: The bias falls like n to the power of -rate.
        floor: The number cannot be less.
        draws: Halves.
        nulls: Values under no difference, or no dependence; of one sample there are none.
        bound: As of `Estimate`.

    References: Politis, Romano and Wolf, "Subsampling", 1999; Wu, "On the asymptotics of the
    jackknife histogram", Annals of Statistics 18, 1990; Richardson's extrapolation.
    """
    value = statistic(*samples)
    halves = _parts(statistic, samples, 2, draws, paired, rng)
    quarters = _parts(statistic, samples, 4, max(draws // 4, 8), paired, rng)
    gain = 1 / (2**rate - 1)
    half = halves.mean()
    limit = value + gain * (value - half)
    before = half + gain * (half - quarters.mean())
    # What the extrapolation of the smaller sizes missed; of the larger ones it misses less.
    missed = abs(limit - before) / 2**rate
    chance = rng.uniform(-1, 1, draws) * missed
    found = limit + (halves - half) + chance
    center = limit if floor is None else max(limit, floor)
    if floor is not None:
        found = np.maximum(found, floor)
    none = _nulls(statistic, samples, nulls, paired, rng) if len(samples) == 2 and nulls else None
    return Estimate(found, unit, "samples", np.asarray(center), bound, none)


def _parts(
    statistic: Statistic, samples: Sequence[np.ndarray], part: int, draws: int, paired: bool,
    rng: Generator,
) -> Float[np.ndarray, "draws"]:  # fmt: skip
    """The number of parts of the samples, each row once."""
    found = np.empty(draws)
    for i in range(draws):
        if paired:
            rows = np.sort(rng.permutation(len(samples[0]))[: max(len(samples[0]) // part, 2)])
            found[i] = statistic(*(sample[rows] for sample in samples))
            continue
        picked = [np.sort(rng.permutation(len(s))[: max(len(s) // part, 2)]) for s in samples]
        found[i] = statistic(*(sample[rows] for sample, rows in zip(samples, picked)))
    return found


def _nulls(
    statistic: Statistic, samples: Sequence[np.ndarray], draws: int, paired: bool, rng: Generator
) -> Float[np.ndarray, "draws"]:
    """The number of samples that are exchanged at random, or of which one is shuffled."""
    a, b = samples
    found = np.empty(draws)
    for i in range(draws):
        if paired:
            found[i] = statistic(a, b[rng.permutation(len(b))])
            continue
        both = np.concatenate([a, b])[rng.permutation(len(a) + len(b))]
        found[i] = statistic(both[: len(a)], both[len(a) :])
    return found
