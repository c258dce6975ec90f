"""What was learned from some rows is judged on the others: the numbers of learned measures.

A network that has seen a row scores it too well, so half of the rows teach and the other half
judges, and then the other way round. One more network is taught by half as many rows: what it
loses says what more rows would still bring. One is taught rows whose partners were shuffled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.special import ndtri

from cuvee.core.estimate import Bound, Estimate

Role = Literal["all", "half", "null"]
DRAWS = 400
MOST = 40_000
"""Rows that are used; of more, some at random."""
GAIN = (-0.5, 5.0)
"""What more rows would bring lies between, in units of what the second half of the rows brought."""
CHANCE = 1.3
"""Networks vary, too. With both, intervals of 90% held the truth of Gaussian pairs in 35 of 40
samples of 2,000 rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one network learns from, and is judged by.

    Args:
        role: "all": of half of the rows; "half": of half of those; "null": of shuffled partners.
        learn: Rows.
        stop: Rows that say when to stop.
        judge: Rows.
        shuffle: Stream of the shuffling.
    """

    role: Role
    learn: Int64[np.ndarray, "some"]
    stop: Int64[np.ndarray, "fewer"]
    judge: Int64[np.ndarray, "others"]
    shuffle: Int64[np.ndarray, "rows groups"] | None = None


def plan(rows: int, groups: int, nulls: int, rng: Generator) -> tuple[Run, ...]:
    """Networks to be trained side by side.

    Args:
        rows: Of the sample.
        groups: Of columns, that are shuffled apart from each other.
        nulls: Networks of shuffled rows.
        rng: Of the halves.
    """
    order = rng.permutation(rows)
    first, second = order[: rows // 2], order[rows // 2 : 2 * (rows // 2)]
    stop = max(rows // 16, 2)
    half = stop + max((len(second) - stop) // 2, 2)
    made = [
        Run("all", second[stop:], second[:stop], first),
        Run("all", first[stop:], first[:stop], second),
        Run("half", second[stop:half], second[:stop], first),
    ]
    for _ in range(nulls):
        apart = np.stack([rng.permutation(rows) for _ in range(groups)], axis=1)
        made.append(Run("null", second[stop:], second[:stop], first, apart))
    return tuple(made)


def concluded(
    runs: Sequence[Run], values: Float[np.ndarray, "runs"], errors: Float[np.ndarray, "runs"], *,
    unit: str, rng: Generator, bound: Bound = "", apart: Float[np.ndarray, "runs"] | None = None,
    floor: float = 0.0, notes: Sequence[str] = (),
) -> Estimate:  # fmt: skip
    """The number of all runs, with its interval.

    Args:
        runs: As planned.
        values: Of each run, on the rows that judge.
        errors: Their standard errors.
        unit: Of the number.
        rng: Of the draws.
        bound: As of `Estimate`.
        apart: Another value of each run, which would be the same had nothing to be learned.
        floor: The number cannot be less.
        notes: As of `Estimate`.
    """
    whole = [i for i, run in enumerate(runs) if run.role == "all"]
    half = next(i for i, run in enumerate(runs) if run.role == "half")
    nulls = [i for i, run in enumerate(runs) if run.role == "null"]
    value = float(values[whole].mean())
    # The two networks judge different rows, so that their difference says more than the errors.
    chance = np.hypot(errors[whole].mean(), np.ptp(values[whole]) / 2) / np.sqrt(len(whole))
    gain = float(values[whole[0]] - values[half])
    found = value + CHANCE * chance * rng.standard_normal(DRAWS)
    # Learning makes information larger; where it became smaller that was chance, either way.
    found += gain * rng.uniform(*(GAIN if gain > 0 or floor < 0 else (-1, 1)), DRAWS)
    if apart is not None:
        found += (apart[whole].mean() - value) * rng.uniform(-1.5, 1.5, DRAWS)
    null = None
    if nulls:
        picked = rng.choice(nulls, DRAWS)
        null = values[picked] + errors[picked] * rng.standard_normal(DRAWS)
        null = np.maximum(null, floor)
    found, center = np.maximum(found, floor), np.asarray(max(value, floor))
    return Estimate(found, unit, "samples", center, bound, null, tuple(notes))


def tied_scores(points: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows dims"]:
    """Each column through its ranks to a Gaussian one; equal values stay equal.

    What columns say about each other does not change, and no tail is too heavy to learn from.
    """
    made = np.empty(points.shape, np.float32)
    for j in range(points.shape[1]):
        _, kind, count = np.unique(points[:, j], return_inverse=True, return_counts=True)
        middle = np.cumsum(count) - count / 2
        made[:, j] = ndtri(middle / len(points))[kind]
    return made


def laid_out(
    groups: Sequence[Float[np.ndarray, "rows dims"]], rng: Generator
) -> list[Float[np.ndarray, "rows dims"]]:
    """Scores of each group of columns, the rows in an order that only ranks decide; of more than
    MOST rows some.
    """
    rows = len(groups[0])
    if rows > MOST:
        some = np.sort(rng.permutation(rows)[:MOST])
        groups = [points[some] for points in groups]
    scores = [tied_scores(points) for points in groups]
    order = np.lexsort(np.concatenate(scores, axis=1).T)
    return [group[order] for group in scores]
