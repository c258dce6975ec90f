"""Softmax and ridge regression on rows of tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression, Ridge

from cuvee.core import CuveeError
from cuvee.core.data import Data, Survey
from cuvee.proxies.rows import RowTrainer, Taken, check_common, prepare_rows, smoothed

STEPS = 10_000
"""Of the optimiser, at most: many more than it takes."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Trains a linear model on rows: softmax regression for classes, ridge for quantities.

    The loss is the log loss in nats per row; of quantities the squared error, where 1 is the
    variance of y over all sources. Merged runs are the mean of their parameters.

    Args:
        l2: Weight of the squared coefficients beside the sum of the rows' losses.
        smoothing: Rows of each class that are supposed besides: in training, at the mean of all
            features; and in every probability (Laplace's rule).
        draws: Resamples of the target rows behind the stated spread.

    Fails when: labels depend on features in a way that is far from linear, so that the best
    mixture for a linear model is not the best for the model that is meant.

    References: Hoerl and Kennard, "Ridge Regression", Technometrics 12, 1970; Pedregosa et al.,
    "Scikit-learn: Machine Learning in Python", JMLR 12, 2011 (the solvers); Wortsman et al.,
    "Model soups", arXiv 2203.05482, 2022 (the mean of parameters).
    """

    reads: ClassVar[str] = "rows"
    real: ClassVar[bool] = True
    l2: float = 1.0
    smoothing: float = 1.0
    draws: int = 40

    def __post_init__(self) -> None:
        if not self.l2 > 0:
            raise CuveeError(f"linear: l2 must be above 0, got {self.l2}.")
        check_common("linear", self.smoothing, self.draws)

    def prepare(self, data: Data, *, rng: Generator) -> tuple[RowTrainer, Survey]:
        """One pass over the sources."""
        return prepare_rows(self, data, rng=rng)

    def fit(self, taken: Taken, seed: int) -> "Plane":
        """The one best model; nothing is random."""
        if not taken.classes:
            ridge = Ridge(alpha=self.l2).fit(taken.x, taken.y, sample_weight=taken.weight)
            level = np.atleast_1d(np.asarray(ridge.intercept_))
            return Plane(np.asarray(ridge.coef_)[:, None], level, 0.0, 0.0)
        k = taken.classes
        x = np.concatenate([taken.x, np.zeros((k, taken.x.shape[1]))])
        y = np.concatenate([taken.y, np.arange(k)])
        weight = np.concatenate([taken.weight, np.full(k, self.smoothing)])
        found = LogisticRegression(C=1 / self.l2, max_iter=STEPS)
        found.fit(x, y, sample_weight=weight)
        slopes, level = found.coef_.T, np.atleast_1d(np.asarray(found.intercept_))
        if k == 2:  # of the second class against the first
            slopes, level = np.hstack([0 * slopes, slopes]), np.r_[0.0, level]
        return Plane(slopes, level, taken.effective, self.smoothing)

    def average(self, models: Sequence[tuple[float, "Plane"]]) -> "Plane":
        """The mean of parameters."""
        return Plane(
            np.sum([weight * model.slopes for weight, model in models], axis=0),
            np.sum([weight * model.level for weight, model in models], axis=0),
            sum(weight * model.effective for weight, model in models),
            models[0][1].smoothing,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A linear model.

    Args:
        slopes: Coefficients.
        level: Intercepts.
        effective: Number of rows it was trained on.
        smoothing: Rows of each class that are supposed besides; 0 for quantities.
    """

    slopes: Float[np.ndarray, "features outputs"]
    level: Float[np.ndarray, "outputs"]
    effective: float
    smoothing: float

    def predict(self, x: Float[np.ndarray, "rows features"]) -> np.ndarray:
        """Probabilities of the classes, or quantities."""
        found = x @ self.slopes + self.level
        if not self.smoothing:
            return found[:, 0]
        return smoothed(softmax(found, axis=1), self.effective, self.smoothing)
