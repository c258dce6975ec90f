"""Planted mixing problems: the best mixture is known, the mixer sees a noisy view of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng
from scipy.optimize import minimize

from cuvee.core import Estimate, Objective, Outcome, Problem, Trial

Law = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(documents' parameters, shares) -> (losses by document, gradients by document)."""


def exponential(theta: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`1 + exp(1 - a.shares)`: the data mixing law; convex."""
    loss = np.exp(1 - theta @ shares)
    return 1 + loss, -loss[:, None] * theta


def mixed_probability(theta: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`-log(p.shares)`: a mixture of experts; convex."""
    p = np.exp(-theta) + 1e-3
    mixed = p @ shares
    return -np.log(mixed), -p / mixed[:, None]


def power(theta: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`2 + (0.05 + b.shares) ** -0.4` with useless and harmful sources; steep near 0."""
    b = theta / 3
    base = 0.05 + np.maximum(b @ shares, 0)
    return 2 + base**-0.4, -0.4 * base[:, None] ** -1.4 * b * (b @ shares > 0)[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A trainer whose losses follow a law, over a sample of target documents.

    Args:
        law: Loss of a document as a function of the shares.
        worth: Mean worth of each source for each target.
        scatter: How much documents of one target differ.
        documents: In the sample of each target that a trainer sees.
        worst: Judge by the worst target instead of the mean.
        draws: Resamples of the documents.
    """

    law: Law
    worth: Float[np.ndarray, "targets sources"]
    scatter: float = 0.3
    documents: int = 300
    worst: bool = False
    draws: int = 40

    def problem(self) -> Problem:
        """The numbers that a mixer gets.

        Beside the targets that count there is one of each source's own text, of weight 0.
        """
        targets, k = self.worth.shape
        names = [f"s{i}" for i in range(k)]
        weights = np.r_[np.full(targets, 1 / targets), np.zeros(k)]
        return replace(
            Problem.of(
                names, [f"t{i}" for i in range(targets)] + names, np.full(k, 1e6), 10**6,
                Objective(weights, self.worst),
            ),
            facts=_facts(self),
        )  # fmt: skip

    def trainer(self, seed: int) -> "PlantedTrainer":
        """A trainer on a sample of documents."""
        return PlantedTrainer(self, self._sample(self.documents, seed), seed)

    @property
    def own(self) -> Float[np.ndarray, "sources sources"]:
        """Worth of each source for the text of each source: itself most of all."""
        k = self.worth.shape[1]
        return np.full((k, k), 0.3) + 1.7 * np.eye(k)

    def loss(self, shares: np.ndarray) -> float:
        """The objective over the whole population of documents."""
        losses = np.array([self.law(theta, shares)[0].mean() for theta in _population(self)])
        return float(self.problem().objective.score(losses))

    def optimum(self) -> np.ndarray:
        """The best shares, by a search that knows nothing of mixers."""
        return _optimum(self)

    def _sample(self, documents: int, seed: int) -> list[np.ndarray]:
        rng = default_rng(seed + 2)
        return [np.maximum(row + self.scatter * rng.standard_normal((documents, len(row))), -1)
                for row in np.vstack([self.worth, self.own])]  # fmt: skip


@cache
def _population(planted: Planted) -> list[np.ndarray]:
    return planted._sample(4000, seed=-1)


@cache
def _optimum(planted: Planted) -> np.ndarray:
    k = planted.worth.shape[1]
    ends = []
    for start in [np.zeros(k), *(2 * np.eye(k))]:
        found = minimize(
            lambda z: planted.loss(np.exp(z) / np.exp(z).sum()), start, method="Nelder-Mead",
            options={"maxiter": 600, "fatol": 1e-10, "xatol": 1e-6},
        )  # fmt: skip
        ends.append((found.fun, np.exp(found.x) / np.exp(found.x).sum()))
    return min(ends, key=lambda end: end[0])[1]


@dataclass(frozen=True, slots=True, eq=False)
class PlantedTrainer:
    """What `Planted.trainer` returns."""

    planted: Planted
    theta: list[np.ndarray]
    seed: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Names."""
        return self.planted.problem().sources

    @property
    def targets(self) -> tuple[str, ...]:
        """Names."""
        return self.planted.problem().targets

    @property
    def available(self) -> np.ndarray:
        """Tokens that each source holds."""
        return self.planted.problem().available

    def run(self, trial: Trial, *, rng: Generator) -> Outcome:
        """Losses and gradients on the sample, and on resamples of its documents.

        The law sees the shares of all that the run's chain, or the merged runs, have seen.
        """
        seen = trial.seen()
        shares = seen / seen.sum()
        pick = default_rng(self.seed + 10_000)
        n, draws = self.planted.documents, self.planted.draws
        weights = np.stack([pick.multinomial(n, np.full(n, 1 / n), draws) / n for _ in self.theta])
        both = [self.planted.law(theta, shares) for theta in self.theta]
        losses = np.stack([w @ loss for w, (loss, _) in zip(weights, both)], axis=1)
        slopes = np.stack([w @ slope for w, (_, slope) in zip(weights, both)], axis=1)
        center = np.array([loss.mean() for loss, _ in both])
        return Outcome(
            Estimate(losses, "nats per token", "target documents", center),
            cost=trial.cost(),
            gradient=np.stack([slope.mean(axis=0) for _, slope in both]),
            gradient_draws=slopes,
            log_probs=tuple(-loss for loss, _ in both) if trial.per_token else None,
        )


def _facts(planted: Planted) -> dict[str, np.ndarray]:
    """What a look at the sources' content would tell."""
    return {}


MIXING = {
    "exponential": Planted(
        exponential, np.array([[2.0, 0.5, 0.2], [0.3, 1.5, 0.4], [0.5, 0.2, 1.0]])
    ),
    "experts": Planted(
        mixed_probability, np.array([[1.0, 3.0, 4.0], [3.5, 1.0, 3.0]]), scatter=0.5
    ),
    "useless_source": Planted(power, np.array([[3.0, 0.5, -1.0], [0.5, 2.0, -1.0]]), scatter=0.2),
    "one_good_source": Planted(exponential, np.array([[2.5, 0.2, 0.1, 0.0]]), scatter=0.2),
    "worst_target": Planted(exponential, np.array([[2.0, 0.5, 0.2], [0.3, 1.5, 0.4]]), worst=True),
}
