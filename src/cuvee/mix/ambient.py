"""Clean and noisy data: a law of how much a token of each source is worth beside the best one."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.random import Generator, default_rng

from cuvee.core import CuveeError, Estimate, Objective, Points, Study, Trial
from cuvee.core.fitting import fit_within
from cuvee.core.runs import unit_of
from cuvee.mix.search import candidates, lowest

DESIGN_SEED = 17
DRAWS = 100
STEPS = 60
"""Most steps of a fit."""
STEP = 1e-5
"""Of differences for derivatives."""
STEEPEST = 5.0
"""Largest exponent of the law."""
SCALES = (-3.0, 8.0)
"""Logarithm of the tokens, per clean one, at which noisy ones begin to say less."""


@dataclass(frozen=True, slots=True)
class Ambient:
    """Prices a token of each source in tokens of the target's clean source, by a fitted law.

    Target i's loss is `E_i + A_i D_i^-alpha_i`, with effective data
    `D_i = n_c + sum_j v_ij S log(1 + n_j / S)`: n tokens seen, c the source that is worth most to
    target i ("clean"), v the prices of the others (0 to 1) and `S = rho_i (n_c + floor n)`. Few
    noisy tokens count v each; beyond S the next one counts less and less, so that exponentially
    many are needed, unless there are more clean ones, too: that is what the paper proves of
    mixtures of Gaussians and sees in images. With rho without bound, `D_i = n_c + sum_j v_ij n_j`.

    Args:
        trials: Proxy runs: each source alone, equal and natural shares, random mixtures.
        floor: Part of all tokens that counts as clean for S, so that noisy data alone teach too.
        saturate: Whether noisy tokens saturate; False fits the law without S.

    Fails when: a source does harm (prices are not negative); two sources help only together; the
    clean source is another one at another budget. The spread of forecasts is that of the fitted
    law around its best parameters; of the shares no spread is stated.

    References: Daras, Cherapanamjeri and Daskalakis, "How much is a noisy image worth? Data
    Scaling Laws for Ambient Diffusion", arXiv 2411.02780, 2024. The paper proves rates and reads
    prices off curves; the formula above, which has both limits, is ours.
    """

    trials: int = 24
    floor: float = 0.02
    saturate: bool = True

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise CuveeError(f"ambient: trials must be at least 1, got {self.trials}.")
        if not 0 < self.floor < 1:
            raise CuveeError(f"ambient: floor must lie between 0 and 1, got {self.floor}.")

    def propose(self, study: Study, *, rng: Generator) -> tuple[Trial, ...]:
        """All runs at once, at one size."""
        if study.trials:
            return ()
        problem = study.problem
        count = max(self.trials, self._least(len(problem.sources)))
        design = candidates(problem, count, default_rng(DESIGN_SEED))[:count]
        return tuple(Trial(w, problem.per_trial(count)) for w in design)

    def fit(self, study: Study, *, rng: Generator) -> "Priced":
        """One law for each target, by least squares."""
        return self._fit(study, list(range(len(study.problem.targets))), rng)

    def recommend(self, study: Study, *, rng: Generator) -> Estimate:
        """The shares of the lowest forecast."""
        goal = study.problem.objective
        counted = np.flatnonzero(goal.weights > 0).tolist()
        law = self._fit(study, counted, rng)
        problem = replace(study.problem, objective=Objective(goal.weights[counted], goal.worst))
        shares = lowest(problem, lambda w: law.mean(problem.points(w)), rng=rng)
        return Estimate(shares[None], "share", "none")

    def _fit(self, study: Study, targets: list[int], rng: Generator) -> "Priced":
        least = self._least(len(study.problem.sources))
        if len(study.trials) < least:
            raise CuveeError(
                f"ambient: the law has {least - 1} parameters for each target and needs as many "
                f"runs and one, got {len(study.trials)}: run what it proposes, or give more rows."
            )
        at, whole = study.points, float(study.problem.tokens)
        seen, losses = at.shares * (at.tokens / whole)[:, None], study.losses[:, targets]
        laws = tuple(_law(seen, y, self.floor, self.saturate) for y in losses.T)
        return Priced(laws, whole, int(rng.integers(2**31)), unit_of(study))

    def _least(self, sources: int) -> int:
        return sources + 3 + self.saturate


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """One target's law; A is in the logarithms of the worths.

    Args:
        best: Irreducible loss E, exponent, log worth of each source (that of the clean one and,
            with S, the log prices of the others), log of S per clean token.
        cov: Of these parameters.
        noise: Standard deviation of a run around the law.
        clean: Index of the clean source.
        floor: Part of all tokens that counts as clean.
        saturate: Whether noisy tokens saturate.
    """

    best: Float[np.ndarray, "parameters"]
    cov: Float[np.ndarray, "parameters parameters"]
    noise: float
    clean: int
    floor: float
    saturate: bool

    @property
    def prices(self) -> Float[np.ndarray, "sources"]:
        """What the first token of each source is worth, in tokens of the clean one."""
        worth = self.worth(self.best)
        return worth / worth[self.clean]

    def worth(self, at: np.ndarray) -> Float[np.ndarray, "sources"]:
        """What the first token of each source is worth, in units that absorb A."""
        if not self.saturate:
            return np.exp(at[2:])
        others = np.arange(len(at) - 3) != self.clean
        return np.exp(at[2:-1] + others * at[2 + self.clean])

    def effective(
        self, seen: Float[np.ndarray, "points sources"], at: np.ndarray
    ) -> Float[np.ndarray, "points"]:
        """Effective data for parameters `at`, in units that absorb A."""
        scale = float(np.exp(at[-1])) if self.saturate else np.inf
        return effective(seen, self.worth(at), self.clean, scale, self.floor)

    def loss(
        self, seen: Float[np.ndarray, "points sources"], at: np.ndarray
    ) -> Float[np.ndarray, "points"]:
        """Losses for parameters `at`."""
        return at[0] + self.effective(seen, at) ** -at[1]


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The laws of all targets.

    Args:
        laws: By target.
        tokens: That the laws count as one.
        seed: Of the draws.
        unit: Of the losses.
    """

    laws: tuple[Law, ...]
    tokens: float
    seed: int
    unit: str

    @property
    def prices(self) -> Float[np.ndarray, "targets sources"]:
        """What the first token of each source is worth to each target, in clean ones."""
        return np.array([law.prices for law in self.laws])

    def effective(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """Tokens of the target's clean source alone that are worth as much as all that is seen."""
        seen = self._seen(points)
        found = [
            law.effective(seen, law.best) / law.worth(law.best)[law.clean] for law in self.laws
        ]
        return self.tokens * np.stack(found, axis=1)

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        seen = self._seen(points)
        return np.stack([law.loss(seen, law.best) for law in self.laws], axis=1)

    def predict(self, points: Points) -> Estimate:
        """The laws for parameters that could as well be true, and the noise of one more run."""
        seen, rng = self._seen(points), default_rng(self.seed)
        center = self.mean(points)
        draws = np.empty((DRAWS, *center.shape))
        for t, law in enumerate(self.laws):
            # Along the tangent: parameters trade off against each other far beyond it, losses not.
            moved = rng.multivariate_normal(np.zeros(len(law.best)), law.cov, DRAWS, method="eigh")
            noise = law.noise * rng.standard_normal((DRAWS, len(seen)))
            draws[:, :, t] = center[:, t] + moved @ _slopes(law, seen).T + noise
        return Estimate(draws, self.unit, "posterior", center)

    def _seen(self, points: Points) -> Float[np.ndarray, "points sources"]:
        return points.shares * (points.tokens / self.tokens)[:, None]


def effective(
    seen: Float[np.ndarray, "points sources"],
    worth: Float[np.ndarray, "sources"],
    clean: int,
    scale: float,
    floor: float,
) -> Float[np.ndarray, "points"]:
    """Effective data: clean tokens, and noisy ones that saturate unless there are clean ones.

    Args:
        seen: Tokens of each source.
        worth: Of the first token of each.
        clean: Index of the clean source.
        scale: Noisy tokens per clean one at which they begin to saturate; inf: never.
        floor: Part of all tokens that counts as clean here.
    """  # fmt: skip
    counted = seen
    if np.isfinite(scale):
        most = scale * (seen[:, [clean]] + floor * seen.sum(axis=1, keepdims=True))
        counted = most * np.log1p(seen / np.maximum(most, 1e-12))
        counted[:, clean] = seen[:, clean]
    return np.maximum(counted @ worth, 1e-12)


def _law(seen: np.ndarray, y: np.ndarray, floor: float, saturate: bool) -> Law:
    """First the law without saturation, which says which source is clean; then, from there, S."""
    k, span = seen.shape[1], max(float(np.ptp(y)), 1e-9)
    plain = Law(np.zeros(2 + k), np.zeros((2 + k, 2 + k)), 0.0, 0, floor, False)
    found = _squares(
        seen, y, plain, np.r_[y.min() - 0.3 * span, 0.5, np.full(k, -2 * np.log(span))]
    )
    at = found[0].copy()
    clean = int(at[2:].argmax())
    law = replace(plain, clean=clean)
    if saturate:
        at[2:] -= np.where(np.arange(k) == clean, 0, at[2 + clean])
        law = replace(law, saturate=True)
        found = _squares(seen, y, law, *(np.r_[at, start] for start in (1.0, 5.0)))
    at, cost, slope = found
    noise = np.sqrt(2 * cost / max(len(y) - len(at), 1))
    return replace(law, best=at, cov=_spread(slope, float(noise)), noise=float(noise))


def _squares(
    seen: np.ndarray, y: np.ndarray, law: Law, *starts: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Parameters, half the sum of squares, and derivatives there."""
    more = len(starts[0]) - 2
    low = np.r_[-np.inf, 0.02, np.full(more, -15.0)]
    high = np.r_[y.min() - 1e-9, STEEPEST, np.full(more, 15.0)]
    if law.saturate:
        high[2:] = np.where(np.arange(more) == law.clean, 15, 0)  # prices are at most 1
        low[-1], high[-1] = SCALES
    found = fit_within(
        lambda at: law.loss(seen, at) - y, starts, low, high, scaled=True, steps=STEPS
    )
    return found.x, float(found.cost), np.asarray(found.jac)


def _spread(slope: np.ndarray, noise: float) -> Float[np.ndarray, "parameters parameters"]:
    """Covariance of the parameters; directions that the runs say nothing of do not vary."""
    values, vectors = np.linalg.eigh(slope.T @ slope)
    told = values > 1e-8 * max(values.max(), 1e-300)
    return noise**2 * (vectors[:, told] / values[told]) @ vectors[:, told].T


def _slopes(law: Law, seen: np.ndarray) -> Float[np.ndarray, "points parameters"]:
    """Derivatives of the losses by the parameters."""
    steps = STEP * np.eye(len(law.best))
    both = [law.loss(seen, law.best + s) - law.loss(seen, law.best - s) for s in steps]
    return np.stack(both, axis=1) / (2 * STEP)
