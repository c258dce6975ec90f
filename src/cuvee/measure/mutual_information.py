"""Mutual information of two groups of columns, by what fits them best."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.special import stdtrit

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.core.threads import one_thread
from cuvee.measure.columns import no_dependence, varying
from cuvee.measure.elliptical import Law, Views, best_law, bound, fitted, held_out
from cuvee.measure.ksg import local_information
from cuvee.measure.residual import Training, learned

LEAST = 60
SQUARES = 4
"""Columns of a group up to which the network is given their products, too."""
DRAWS = 400
CHANCE, SPREAD = 2.0, 1.5
"""Standard errors by which neighbours must be ahead to count; and what rows that are neighbours of
each other add to their standard error."""
ONWARD, STEPS = 2.5, 6.0
"""What neighbours would still gain with more rows, in units of what a doubling brought: what is
added to the number, and how much more there may be."""
MORE, GAINS, AGREED = 0.25, 0.8, 0.1
"""The same of a network, in units of what it gained; and where neighbours agree with it."""
LEFT_OVER, FORM, TAILS = 0.06, 0.04, 0.1
"""What may be wrong with a law: in units of its optimism, and of what it says; and how much more a
law with heavy tails may say, as a few rows carry much of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What the number is made of, in nats.

    Args:
        law: The elliptical law that fits best.
        closed: Bound by that law on rows that it was not fitted to, its bias taken off.
        optimism: How much more the law says of the rows that it was fitted to.
        gain: What the network adds on rows that it has not seen.
        near: By nearest neighbours.
        step: What the last doubling of the rows added to that, beyond chance.
        sds: Standard errors of `closed + gain` and of `near`.
    """

    law: Law
    closed: float
    optimism: float
    gain: float
    near: float
    step: float
    sds: tuple[float, float]


@dataclass(frozen=True, slots=True)
class MutualInformation:
    """The automatic choice: a Gaussian or Student law, a network for what it misses, neighbours.

    Three estimates that are each too small where they do not fit, so that the largest is taken.
    The first is a closed form: an elliptical law of the columns, or of their ranks, whichever says
    more, judged on rows that it was not fitted to. The second adds a small network to it, which
    counts only by what it gains on rows that it has not seen. The third is the estimator of
    Kraskov et al. on columns that are whitened by the law, carried on to more rows. The interval
    reaches farther up the more there is that the law does not explain.

    Args:
        folds: Parts of the rows; each is judged by what was learned from the others.
        steps: Of training of a network, at most; 0 leaves the network out.
        neighbours: Which neighbour sets the scale.
        rows: That are looked at, at most; of more, so many are drawn.
        nulls: Shuffles of the rows behind the value under independence; networks, which find
            nothing to learn there, are left out of these.

    Fails when: much of the dependence is neither elliptical nor in a few columns: a network of some
    thousand rows then finds a part of it only. The interval says so by its width, the number does
    not.

    References: Czyż et al., "Beyond normal: on the evaluation of mutual information estimators",
    NeurIPS 2023; Kraskov, Stögbauer and Grassberger, "Estimating mutual information", Physical
    Review E 69, 2004; van den Oord, Li and Vinyals, "Representation learning with contrastive
    predictive coding", 2018.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation", "swap")
    folds: int = 4
    steps: int = 800
    neighbours: int = 3
    rows: int = 10_000
    nulls: int = 6

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise CuveeError(f"folds must be 2 or more, got {self.folds}.")
        if self.steps < 0 or self.nulls < 0 or self.neighbours < 1:
            raise CuveeError(
                "expected steps and nulls of 0 or more, and neighbours of 1 or more, got "
                f"{self.steps}, {self.nulls}, {self.neighbours}."
            )
        if self.rows < LEAST:
            raise CuveeError(f"rows must be {LEAST} or more, got {self.rows}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows for the columns."""
        said = []
        dims = a.rows.shape[1] + (b or a).rows.shape[1]
        if len(a) < 500:
            said.append(f"{len(a)} rows: expected 500 or more.")
        elif len(a) < 20 * dims:
            said.append(f"{len(a)} rows for {dims} columns: expected {20 * dims} or more.")
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = varying(a, self.rows, rng), varying(b or a, self.rows, rng)
        if not x.size or not y.size:
            return no_dependence(self.unit)
        least = max(LEAST, 2 * (x.shape[1] + y.shape[1]))
        if len(x) < least:
            raise CuveeError(
                f"{len(x)} rows for {x.shape[1] + y.shape[1]} columns: expected {least} or more; "
                "give more rows, or fewer columns."
            )
        with one_thread():
            parts = self.parts(x, y, rng)
            null = [self._without(x, y[rng.permutation(len(y))], parts, rng)
                    for _ in range(self.nulls)]  # fmt: skip
        notes = [said(parts)]
        if len(a) > len(x):
            notes.append(f"{len(x)} of {len(a)} rows were looked at.")
        value, draws = concluded(parts, rng)
        return Estimate(draws, self.unit, "samples", np.asarray(value),
                        null=np.array(null) if null else None, notes=tuple(notes))  # fmt: skip

    def parts(self, x: np.ndarray, y: np.ndarray, rng: Generator) -> Parts:
        """All three estimates."""
        views, order = Views(x, y), rng.permutation(len(x))
        law = best_law(views, order)
        wide = law.whitened(*views.of(law.space, law.freedom))
        near, step, sd = self._near(*wide, rng)
        inputs = [_with_squares(w).astype(np.float32) for w in wide]
        closed, gains, optimism = np.empty(len(x)), np.zeros(len(x)), []
        for held in np.array_split(order, self.folds):
            rest = rng.permutation(np.setdiff1d(order, held))
            base = fitted(views, rest, law.space, law.freedom)
            closed[held], now = self._fold(base, views, inputs, held, rest, gains, rng)
            optimism.append(now - closed[held].mean())
        gap = max(float(np.mean(optimism)), 0.0)
        gain = max(float(gains.mean()), 0.0)
        total = closed + gains if gain else closed
        sds = (float(np.hypot(total.std() / np.sqrt(len(x)), 2 / len(x))), sd)
        # A law says as much too much of its own rows as it says too little of others.
        return Parts(law, float(closed.mean()) + gap / 2, gap, gain, near, step, sds)

    def _fold(
        self, law: Law, views: Views, inputs: list[np.ndarray], held: Int64[np.ndarray, "some"],
        rest: Int64[np.ndarray, "others"], gains: np.ndarray, rng: Generator,
    ) -> tuple[np.ndarray, float]:  # fmt: skip
        """What the law says of held-out rows, and of as many of its own; fills in the gains."""
        x, y = views.of(law.space, law.freedom)

        def base(i: np.ndarray, j: np.ndarray) -> np.ndarray:
            return law.table(x[i], y[j])

        terms = held_out(base, held, rest)
        own = held_out(base, rest[: len(held)], rest[len(held) :]).mean()
        if self.steps:
            how = Training(steps=self.steps)
            one, two = inputs
            found = learned(one[rest], two[rest], lambda i, j: base(rest[i], rest[j]), how, rng)
            if found is not None:
                sides, weights = found

                def score(i: np.ndarray, j: np.ndarray) -> np.ndarray:
                    return base(i, j) + sides.scores(weights, one[i], two[j])

                gains[held] = held_out(score, held, rest) - terms
        return terms, float(own)

    def _near(self, x: np.ndarray, y: np.ndarray, rng: Generator) -> tuple[float, float, float]:
        """By neighbours: the number, what the last doubling of the rows brought, standard error."""
        k = self.neighbours
        terms = local_information(x, y, k, "euclidean")
        value, sd = float(terms.mean()), float(terms.std() / np.sqrt(len(x)))
        quarters = np.array_split(rng.permutation(len(x)), 4)
        before = np.mean([local_information(x[i], y[i], k, "euclidean").mean() for i in quarters])
        return value, max(float(value - before) / 2 - sd / 2, 0.0), sd

    def _without(self, x: np.ndarray, y: np.ndarray, parts: Parts, rng: Generator) -> float:
        """The number of shuffled rows, without networks."""
        law, views = parts.law, Views(x, y)
        if _by_neighbours(parts):
            wide = law.whitened(*views.of(law.space, law.freedom))
            near, step, _ = self._near(*wide, rng)
            return near + ONWARD * step
        order = rng.permutation(len(x))
        held, rest = order[: len(x) // 2], order[len(x) // 2 :]
        base = fitted(views, rest, law.space, law.freedom)
        one, two = views.of(law.space, law.freedom)
        inner, outer = (
            bound(base.table(one[some], two[some]), np.arange(len(some))).mean()
            for some in (rest[:1000], held[:1000])
        )
        return float(inner + outer) / 2


def _with_squares(x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows inputs"]:
    if x.shape[1] > SQUARES:
        return x
    i, j = np.triu_indices(x.shape[1])
    return np.column_stack([x, np.clip(x[:, i] * x[:, j], -8, 8) / 2])


def _by_neighbours(parts: Parts) -> bool:
    """They say more than the law and the network, by more than chance.

    Where the network found something, the law is wrong, and what neighbours would still gain counts
    as well; else it is noise.
    """
    near = parts.near + ONWARD * parts.step * (parts.gain > 0.02)
    gap = near - max(parts.closed + parts.gain, 0.0)
    return gap > CHANCE * float(np.hypot(*parts.sds))


def concluded(parts: Parts, rng: Generator) -> tuple[float, Float[np.ndarray, "draws"]]:
    """The number, and draws of what it may be: chance, and evenly what the bias may be.

    How far the bias reaches was set on samples of known laws: upwards by what the law does not
    explain, as both the network and neighbours find a part of that only.
    """
    by_neighbours, sds = _by_neighbours(parts), (parts.sds[0], SPREAD * parts.sds[1])
    total, far = parts.closed + parts.gain, parts.near + ONWARD * parts.step
    if by_neighbours:
        value, low, high = far, ONWARD * parts.step, STEPS * parts.step
    elif far > total - CHANCE * float(np.hypot(*sds)):  # few columns, or nothing but the law
        more = STEPS * parts.step * (parts.gain > 0)
        value, low, high = total, more / 10, max(AGREED * parts.gain, more)
    else:
        value, low, high = total + MORE * parts.gain, MORE * parts.gain, GAINS * parts.gain
    rest = LEFT_OVER * parts.optimism + FORM * max(parts.closed, 0.0)
    high += TAILS * max(parts.closed, 0.0) * np.isfinite(parts.law.freedom)
    share = (np.arange(DRAWS) + 0.5) / DRAWS
    draws = value + sds[by_neighbours] * rng.permutation(stdtrit(10, share))
    draws += rng.permutation(share) * (low + high + 2 * rest) - low - rest
    return max(value, 0.0), np.maximum(draws, 0.0)


def said(parts: Parts) -> str:
    """Which of the three it was, in a sentence."""
    form = f"a Student law of {parts.law.freedom:g} degrees of freedom"
    form = form if np.isfinite(parts.law.freedom) else "a Gaussian law"
    of = "ranks" if parts.law.space == "ranks" else "columns"
    return (
        f"{form} of the {of} says {parts.closed:.3f}, a network adds {parts.gain:.3f}, neighbours "
        f"say {parts.near:.3f} nats: the largest was taken."
    )
