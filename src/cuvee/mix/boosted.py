"""Boosted trees on shares: the regression that RegMix and CLIMB share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.random import Generator

from cuvee.core import CuveeError, Estimate, Points, Study
from cuvee.core.methods import missing
from cuvee.core.runs import unit_of

Predict = Callable[[Float[np.ndarray, "points features"]], Float[np.ndarray, "points"]]
"""One number for each of many points."""
Fit = Callable[[Float[np.ndarray, "runs features"], Float[np.ndarray, "runs"], Generator], Predict]
"""Learns such a prediction from runs."""
MOST_DRAWS = 200
ZERO = 1e-35
"""LightGBM keeps values up to this in a bin of their own."""


@dataclass(frozen=True, slots=True)
class Boosting:
    """LightGBM's settings, as far as the two papers name them.

    Args:
        rate: Learning rate.
        rounds: Trees.
        depth: Of a tree; -1 for no limit.
        leaf: Fewest runs in a leaf, but never more than a 25th of all runs, as are RegMix's 20 of
            512 and CLIMB's 5 of 112. With a fixed 20, trees on fewer than 40 runs could not split.
        l1: Penalty on leaves, of losses scaled to spread 1.
        l2: Penalty on squared leaves.
        validation: Fraction of the runs held out to stop early; 0 to do all rounds.
        patience: Rounds without improvement on them before stopping.
    """

    rate: float = 0.01
    rounds: int = 1000
    depth: int = -1
    leaf: int = 20
    l1: float = 0.0
    l2: float = 0.0
    validation: float = 0.0
    patience: int = 3

    def __call__(
        self, x: Float[np.ndarray, "runs features"], y: Float[np.ndarray, "runs"], rng: Generator
    ) -> Predict:
        """Fitted trees; one thread and one seed, so the same runs give the same trees."""
        lightgbm = library()
        least = min(self.leaf, max(1, len(x) // 25))
        held = np.zeros(len(x), bool)
        held[rng.permutation(len(x))[: round(self.validation * len(x))]] = True
        settings = {
            "objective": "regression", "learning_rate": self.rate, "max_depth": self.depth,
            "min_data_in_leaf": least, "min_data_in_bin": min(3, least), "lambda_l1": self.l1,
            "lambda_l2": self.l2, "num_threads": 1, "deterministic": True, "seed": 0,
            "force_row_wise": True, "verbosity": -1,
        }  # fmt: skip
        center, scale = y.mean(), max(float(y.std()), 1e-12)  # penalties are in units of spread
        y = (y - center) / scale
        train = lightgbm.Dataset(x[~held], y[~held])
        judges, stops = [], []
        if held.any():
            judges = [lightgbm.Dataset(x[held], y[held], reference=train)]
            stops = [lightgbm.early_stopping(self.patience, verbose=False)]
        trees = lightgbm.train(
            settings, train, self.rounds, valid_sets=judges, callbacks=stops,
            keep_training_booster=True,  # else it is written as text and read again: as long
        )  # fmt: skip
        edges = [_edges(column) for column in x[~held].T]
        return lambda points: center + scale * _once_each(trees, edges, np.asarray(points))


def library() -> Any:
    """The optional library.

    Raises:
        CuveeError: It is not installed.
    """
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise missing(error) from error
    return lightgbm


def _edges(column: Float[np.ndarray, "runs"]) -> Float[np.ndarray, "edges"]:
    """All places where a tree may split: midway between values that were seen."""
    values = np.unique(column)
    return np.concatenate([[-ZERO, ZERO], (values[1:] + values[:-1]) / 2])


def _once_each(trees: Any, edges: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Predictions; points that no split can tell apart are predicted once: 20 times as fast."""
    cells = np.stack(
        [np.searchsorted(np.sort(e), column) for e, column in zip(edges, x.T)], axis=1
    ).astype(np.uint16)
    _, first, back = np.unique(
        np.ascontiguousarray(cells).view(f"V{cells.shape[1] * 2}").ravel(),
        return_index=True, return_inverse=True,
    )  # fmt: skip
    return trees.predict(x[first], num_threads=1)[back.ravel()]


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A forecast from one regression per target.

    Args:
        models: By target.
        wide: Whether tokens and size of the model are features, too.
        misses: Losses of runs less what models that had not seen them said.
        unit: Of the losses.
    """

    models: tuple[Predict, ...]
    wide: Bool[np.ndarray, "2"]
    misses: Float[np.ndarray, "draws targets"]
    unit: str

    def mean(self, points: Points) -> Float[np.ndarray, "points targets"]:
        """The point forecast."""
        x = features(points, self.wide)
        return np.stack([model(x) for model in self.models], axis=1)

    def predict(self, points: Points) -> Estimate:
        """The point forecast, missed as runs that had been left out were missed."""
        center = self.mean(points)
        draws = center + self.misses[:, None, :]
        return Estimate(draws, self.unit, "bootstrap", center)


def regress(study: Study, fit: Fit, *, folds: int, rng: Generator) -> Regression:
    """Fit every target of a study, and find out how far off that is for runs not seen.

    Args:
        study: Runs to learn from.
        fit: The regression.
        folds: Parts that are left out in turn.
        rng: Of the folds.
    """
    wide = varying(study.points)
    x, losses = features(study.points, wide), study.losses
    fold = rng.permutation(len(x)) % folds
    misses = np.empty_like(losses)
    for i in range(folds):
        away = fold == i
        for j, y in enumerate(losses.T):
            misses[away, j] = y[away] - fit(x[~away], y[~away], rng)(x[away])
    models = tuple(fit(x, y, rng) for y in losses.T)
    some = misses[rng.permutation(len(misses))[:MOST_DRAWS]]
    return Regression(models, wide, some, unit_of(study))


def objective(study: Study, fit: Fit, *, rng: Generator) -> Predict:
    """The objective itself, at the scale that the answer is for, as a function of the shares."""
    wide, problem = varying(study.points), study.problem
    model = fit(features(study.points, wide), study.scores, rng)
    return lambda shares: model(features(problem.points(shares), wide))


def varying(points: Points) -> Bool[np.ndarray, "2"]:
    """Whether runs differ in tokens, and in size of the model: only then do they teach anything."""
    return np.array([
        len(np.unique(points.tokens)) > 1,
        bool(np.isfinite(points.params).all()) and len(np.unique(points.params)) > 1,
    ])  # fmt: skip


def features(
    points: Points, wide: Bool[np.ndarray, "2"] | Sequence[bool]
) -> Float[np.ndarray, "points features"]:
    """Shares, and where wanted the logarithms of tokens and size."""
    more = [np.log(v) for v, use in zip((points.tokens, points.params), wide) if use]
    return np.column_stack([points.shares, *more])


def enough(study: Study, least: int, method: str) -> None:
    """Refuse too few runs.

    Raises:
        CuveeError: With both numbers.
    """
    if len(study.trials) < least:
        raise CuveeError(
            f"{method} learns from at least {least} runs here, got {len(study.trials)}: "
            f"run what it proposes, or give more rows."
        )
