"""How far a number of one sample may be off, from leaving out groups of its rows.

Rows are dealt into groups. The number without each group says how much it varies; the number of
halves and of quarters, which groups make up too, says where it goes as rows are added. Where a
group can be summed up (moments, say) rows are read once, however many there are.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator
from scipy.special import stdtrit

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate

Number = Callable[[Int[np.ndarray, "some"]], float]
"""Groups in, the number of their rows out."""
GROUPS, DRAWS, DEALS, LEAST = 16, 200, 4, 32


def dealt(rows: int) -> list[slice]:
    """The rows of each group: one in so many.

    Raises:
        CuveeError: There are too few to deal.
    """
    if rows < LEAST:
        raise CuveeError(f"expected {LEAST} or more rows, got {rows}: give more.")
    return [slice(g, rows, GROUPS) for g in range(GROUPS)]


def of_groups(
    number: Number, *, rng: Generator, unit: str, rate: float | None = 1.0,
    slowest: float | None = None, doubt: float = 0.5, low: float = -np.inf, high: float = np.inf,
    notes: Sequence[str] = (),
) -> Estimate:  # fmt: skip
    """The number of a law, its interval, and in it what is not known of the bias.

    Args:
        number: Of some of the groups.
        rng: Of halves, quarters and draws.
        unit: Of the number.
        rate: The bias falls like rows to the power of -rate; None: the number is one of so many
            rows, and has no bias.
        slowest: Such a rate that is thought possible; half of it if None.
        doubt: Part of the correction for bias that may be wrong at least.
        low: The number cannot be less.
        high: It cannot be more.
        notes: Of the estimate.

    References: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981;
    Richardson's extrapolation.
    """
    every = np.arange(GROUPS)
    value, missed = number(every), 0.0
    sd = left_out_sd(np.array([number(np.delete(every, g)) for g in every]))
    if rate is not None:
        (half, error), (quarter, _) = parts(number, 2, rng), parts(number, 4, rng)
        plain = value
        value, missed, gain = extrapolated(value, half, quarter, rate, slowest or rate / 2)
        missed = max(missed, doubt * abs(value - plain))
        sd = float(np.hypot(sd, gain * error))
    return around(value, sd, missed, rng=rng, unit=unit, low=low, high=high, notes=notes)


def extrapolated(
    value: float, half: float, quarter: float, rate: float, slowest: float
) -> tuple[float, float, float]:
    """Where a number goes as rows are added, how far off that may be, and the weight of halves.

    Some biases fall more slowly than is expected of them (those of equal eigenvalues, like the root
    of the rows): the rate is that of the numbers themselves, where they tell one.
    """
    steps = half - quarter, value - half
    seen = steps[0] / steps[1] if steps[1] else 0.0
    own = float(np.clip(np.log2(seen), slowest, rate)) if seen > 0 else rate
    gain = 1 / (2**own - 1)
    limit = value + gain * steps[1]
    before = half + gain * steps[0]
    # What the extrapolation of smaller sizes missed; of larger ones it misses less.
    missed = max(abs(limit - before) / 2**own, abs(limit - value - steps[1] / (2**rate - 1)))
    return limit, missed, gain


def around(
    value: float, sd: float, missed: float = 0.0, *, rng: Generator, unit: str,
    low: float = -np.inf, high: float = np.inf, notes: Sequence[str] = (), freedom: int = GROUPS - 1
) -> Estimate:  # fmt: skip
    """Draws of Student's law around a value, and evenly what may be missed."""
    # Quantiles instead of random numbers: the interval then has no noise of its own.
    share = (np.arange(DRAWS) + 0.5) / DRAWS
    draws = value + sd * rng.permutation(stdtrit(freedom, share))
    draws = np.clip(draws + missed * rng.permutation(2 * share - 1), low, high)
    center = np.asarray(np.clip(value, low, high))
    return Estimate(draws, unit, "samples", center, notes=tuple(notes))


def left_out_sd(without: Float[np.ndarray, "groups"]) -> float:
    """Standard deviation of a number, from its values without each group."""
    many = len(without)
    return float(np.sqrt((many - 1) / many * ((without - without.mean()) ** 2).sum()))


def parts(number: Number, count: int, rng: Generator) -> tuple[float, float]:
    """Mean number of parts that make up the whole, dealt several times, and its error."""
    deals = [rng.permutation(GROUPS).reshape(count, -1) for _ in range(DEALS)]
    found = np.array([[number(np.sort(part)) for part in deal] for deal in deals]).mean(axis=1)
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(DEALS))


def of_rows(
    statistic: Callable[[Float[np.ndarray, "rows dims"]], float], points: np.ndarray
) -> Number:
    """The number of some groups, from one of an array of rows."""
    at = dealt(len(points))
    return lambda some: statistic(np.concatenate([points[at[g]] for g in some]))


def of_sets(
    number: Callable[[Int[np.ndarray, "rows"]], Number], rows: int, size: int, *, rng: Generator,
    unit: str, low: float = -np.inf, most: int = 4, notes: Sequence[str] = (),
) -> Estimate:  # fmt: skip
    """The mean number of sets of so many rows: what is a property of a set, not of a law.

    Args:
        number: Of the rows of a set, the number of some of its groups.
        rows: That there are.
        size: Of a set; the whole is one if it is no larger.
        rng: Of the sets.
        unit: Of the number.
        low: The number cannot be less.
        most: Sets that are looked at; they share no row.
        notes: Of the estimate.
    """
    size = min(size, rows)
    order, every = rng.permutation(rows), np.arange(GROUPS)
    values, squares = [], []
    for start in range(0, min(rows // size, most) * size, size):
        one = number(np.sort(order[start : start + size]))
        values.append(one(every))
        squares.append(left_out_sd(np.array([one(np.delete(every, g)) for g in every])) ** 2)
    sd = float(np.sqrt(np.mean(squares) / len(values)))
    return around(float(np.mean(values)), sd, rng=rng, unit=unit, low=low, notes=notes,
                  freedom=len(values) * (GROUPS - 1))  # fmt: skip


def some_rows(points: np.ndarray, most: int, rng: Generator) -> Float[np.ndarray, "rows dims"]:
    """All rows, or so many random ones, as 64-bit numbers."""
    if len(points) <= most:
        return np.asarray(points, np.float64)
    return np.asarray(points[np.sort(rng.permutation(len(points))[:most])], np.float64)
