"""Planted mixing problems: the best mixture is known, the mixer sees a noisy view of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

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
        sizes = len(self.theta), self.planted.draws, self.planted.documents
        weights = _resamples(self.seed + 10_000, *sizes)
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


@lru_cache(maxsize=64)
def _resamples(
    seed: int, targets: int, draws: int, documents: int
) -> Float[np.ndarray, "targets draws documents"]:
    """How much each resample of each target's documents counts each document."""
    pick, equal = default_rng(seed), np.full(documents, 1 / documents)
    return np.stack([pick.multinomial(documents, equal, draws) / documents for _ in range(targets)])


CLOUD = 24
"""Documents of each source and of each target whose content can be looked at."""
SYMBOLS = 200
"""Words of a source's language."""


@cache
def _facts(planted: Planted) -> dict[str, object]:
    """What a look at the sources' content would tell; never read off the best shares.

    A source is a cloud of documents of its own in space. A target is made of documents like
    those of the sources, each in proportion to the square of what the source alone gains over
    the worst source alone. Content and worth agree, then, but not exactly: as in life, what is
    alike helps, and nobody knows the exchange rate.
    """
    gain = _gain(planted)
    gain = np.vstack([gain, np.eye(gain.shape[1])])  # the targets of each source's own text
    like = gain**2 / (gain**2).sum(axis=1, keepdims=True)
    k, rng = gain.shape[1], default_rng(5)

    def cloud(sources: np.ndarray) -> np.ndarray:
        return np.eye(k, k + 3)[sources] + 0.15 * rng.standard_normal((len(sources), k + 3))

    points = {
        "sources": tuple(cloud(np.full(CLOUD, j)) for j in range(k)),
        "targets": tuple(cloud(rng.choice(k, size=CLOUD, p=row)) for row in like),
    }
    return {"points": points, "entropy": _entropies(_gain(planted).mean(axis=0), rng)}


def _gain(planted: Planted) -> Float[np.ndarray, "targets sources"]:
    """How far each source alone lowers each target's loss below the worst, as parts of 1."""
    alone = np.stack(
        [planted.law(planted.worth, corner)[0] for corner in np.eye(planted.worth.shape[1])], axis=1
    )
    gain = alone.max(axis=1, keepdims=True) - alone
    return gain / gain.sum(axis=1, keepdims=True)


def _entropies(worth: np.ndarray, rng: Generator) -> dict[str, np.ndarray]:
    """Entropies of the sources' languages in nats; the more a source is worth, the richer.

    A word is repeated with a probability of 1/2 less what the source is worth (at most 1/2), or
    drawn by Zipf's law, whose exponent is 2 less that worth. The von Neumann entropy is that of
    the mean outer product of documents that spread over more directions in a richer language.
    """
    found: dict[str, list[float]] = {m: [] for m in ("shannon", "conditional", "von_neumann")}
    for value in worth:
        often = np.arange(1.0, SYMBOLS + 1) ** (value - 2)
        often /= often.sum()
        again = max(0.5 - value / 2, 0.0)
        after = (1 - again) * np.tile(often, (SYMBOLS, 1)) + again * np.eye(SYMBOLS)
        found["shannon"].append(-float(often @ np.log(often)))
        found["conditional"].append(-float(often @ (after * np.log(after)).sum(axis=1)))
        documents = rng.standard_normal((CLOUD, 8)) * np.arange(1.0, 9) ** (value - 1)
        documents /= np.linalg.norm(documents, axis=1, keepdims=True)
        spectrum = np.linalg.eigvalsh(documents.T @ documents / CLOUD)
        found["von_neumann"].append(-float(spectrum @ np.log(spectrum)))
    arrays = {measure: np.array(values) for measure, values in found.items()}
    return {**arrays, "joint": arrays["shannon"] + arrays["conditional"]}


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
