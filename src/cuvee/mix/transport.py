"""Optimal transport between a mixture of sources and a target, both seen as points."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linprog
from scipy.sparse import block_diag, csr_array, eye_array, hstack, kron, vstack

from cuvee.core import CuveeError, Problem, Shares

STEEPEST = 500.0
"""Largest exponent: keeps the kernel within what a float can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Clouds:
    """Costs of moving each source's documents to a target's.

    Args:
        cost: Squared distance of each source document from each target document.
        source: Of each row of `cost`.
        weight: Of each row within its source.
    """

    cost: Float[np.ndarray, "documents targets"]
    source: Int[np.ndarray, "documents"]
    weight: Float[np.ndarray, "documents"]

    @staticmethod
    def of(sources: tuple[np.ndarray, ...], target: np.ndarray) -> "Clouds":
        """From the points themselves."""
        points = np.concatenate(sources)
        cost = (points**2).sum(axis=1)[:, None] + (target**2).sum(axis=1) - 2 * points @ target.T
        sizes = np.array([len(some) for some in sources])
        source = np.repeat(np.arange(len(sources)), sizes)
        return Clouds(np.maximum(cost, 0), source, 1 / sizes[source])

    def sinkhorn(
        self, shares: Float[np.ndarray, "points sources"], blur: float, rounds: int
    ) -> tuple[Float[np.ndarray, "points"], Float[np.ndarray, "points sources"]]:
        """Entropic distances of many mixtures, and their derivatives by the shares.

        The derivative by a source's share is the mean of the dual potential over its documents,
        known up to the same constant for all sources (their shares sum to 1).

        Args:
            shares: Mixtures; a share may be 0, its derivative is still there.
            blur: Strength of the entropy, in units of the mean cost.
            rounds: Of matching both sides in turn.
        """
        strength = max(blur * self.cost.mean(), self.cost.max() / STEEPEST, 1e-12)
        kernel = np.exp(-self.cost / strength)
        mass = shares[:, self.source] * self.weight
        there = 1 / self.cost.shape[1]
        v = np.ones((len(shares), self.cost.shape[1]))
        for _ in range(rounds):
            u = 1 / (v @ kernel.T * there)
            v = 1 / ((u * mass) @ kernel)
        f = -strength * np.log(v @ kernel.T * there)
        g = strength * np.log(v)
        each = np.zeros((len(self.source), shares.shape[1]))
        each[np.arange(len(self.source)), self.source] = self.weight
        return (mass * f).sum(axis=1) + g.mean(axis=1), f @ each

    def exact(self, shares: Shares) -> float:
        """The distance without entropy, by a linear program."""
        n, m = self.cost.shape
        sides = np.r_[shares[self.source] * self.weight, np.full(m, 1 / m)]
        found = linprog(self.cost.ravel(), A_eq=_plan((n, m)), b_eq=sides, method="highs")
        return float(found.fun)


def closest(problem: Problem, clouds: list[Clouds], targets: list[int]) -> Shares:
    """The allowed shares closest to all targets together, or to the worst of them.

    Targets are pooled by their weights: the mean of the distances from each would be least at
    whatever lies between them. For the worst target, each has a distance of its own. One linear
    program finds the shares and the transport plans at once, so it is exact.

    Args:
        problem: Limits and objective.
        clouds: Of the targets that count.
        targets: Index of each of them.
    """
    k, worst = len(problem.sources), problem.objective.worst
    parts = [(c.cost, np.full(c.cost.shape[1], 1 / c.cost.shape[1])) for c in clouds]
    if not worst:
        weights = problem.objective.weights[targets]
        masses = [weight * mass for weight, (_, mass) in zip(weights / weights.sum(), parts)]
        parts = [(np.hstack([cost for cost, _ in parts]), np.concatenate(masses))]
    first, n = clouds[0], len(clouds[0].source)
    shares = csr_array((-first.weight, (np.arange(n), first.source)), shape=(n, k + 1))
    plans = [_plan(cost.shape) for cost, _ in parts]
    ahead = [vstack([shares, csr_array((len(mass), k + 1))]) for _, mass in parts]
    rows = csr_array(hstack([vstack(ahead), block_diag(plans)]))
    width = k + 1 + sum(cost.size for cost, _ in parts)  # shares, largest distance, plans
    total = csr_array(np.r_[np.ones(k), np.zeros(width - k)][None])
    below = np.zeros((len(parts), width))
    start = k + 1
    for row, (cost, _) in zip(below, parts):
        row[start : start + cost.size], row[k] = cost.ravel(), -1
        start += cost.size
    found = linprog(
        (np.arange(width) == k).astype(float), A_eq=csr_array(vstack([total, rows])),
        b_eq=np.concatenate([[1.0], *(np.r_[np.zeros(n), mass] for _, mass in parts)]),
        A_ub=csr_array(below), b_ub=np.zeros(len(parts)),
        bounds=[*zip(problem.low, problem.high), *[(0, None)] * (width - k)], method="highs",
    )  # fmt: skip
    if found.x is None:
        raise CuveeError(f"the nearest mixture could not be found: {found.message}")
    return problem.fit(np.maximum(found.x[:k], 0))


def _plan(shape: tuple[int, ...]) -> csr_array:
    """Sums of a plan's rows, then of its columns."""
    n, m = shape
    rows = kron(eye_array(n), np.ones((1, m)))
    return csr_array(vstack([rows, kron(np.ones((1, n)), eye_array(m))]))
