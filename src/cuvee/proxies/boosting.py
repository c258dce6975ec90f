"""Gradient-boosted trees on rows of tables."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from cuvee.core import CuveeError
from cuvee.core.data import Data, Survey
from cuvee.proxies.rows import Model, RowTrainer, Taken, check_common, prepare_rows, smoothed


@dataclass(frozen=True, slots=True)
class Boosting:
    """Trains gradient-boosted trees on rows: log loss for classes, squared error for quantities.

    The loss is the log loss in nats per row; of quantities the squared error, where 1 is the
    variance of y over all sources.

    Args:
        trees: Rounds of boosting; with more than two classes, each grows a tree for every class.
        learning_rate: What each tree counts.
        leaves: Of a tree, at most.
        least: Rows of a leaf, at least.
        bins: Values that are told apart of each feature, at most.
        l2: Penalty of the squared values of leaves.
        smoothing: Rows of each class that are supposed besides in every probability (Laplace's
            rule), so that a class that a mixture lacks is not impossible.
        draws: Resamples of the target rows behind the stated spread.

    Fails when: a mixture has fewer than twice `least` rows: no tree can split, and all such
    mixtures of the same classes look alike.

    References: Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 29, 2001; Ke et al., "LightGBM", NeurIPS 2017 (trees on binned features);
    Pedregosa et al., "Scikit-learn: Machine Learning in Python", JMLR 12, 2011.
    """

    reads: ClassVar[str] = "rows"
    real: ClassVar[bool] = True
    trees: int = 40
    learning_rate: float = 0.1
    leaves: int = 8
    least: int = 10
    bins: int = 64
    l2: float = 1.0
    smoothing: float = 1.0
    draws: int = 40

    def __post_init__(self) -> None:
        if self.trees < 1 or self.leaves < 2 or self.least < 1 or not 2 <= self.bins <= 255:
            raise CuveeError(
                "boosting: expected trees >= 1, leaves >= 2, least >= 1 and bins from 2 to 255, "
                f"got {self.trees}, {self.leaves}, {self.least} and {self.bins}."
            )
        if not 0 < self.learning_rate <= 1 or not self.l2 >= 0:
            raise CuveeError(
                "boosting: expected a learning_rate above 0, 1 at most, and l2 from 0 on, got "
                f"{self.learning_rate} and {self.l2}."
            )
        check_common("boosting", self.smoothing, self.draws)

    def prepare(self, data: Data, *, rng: Generator) -> tuple[RowTrainer, Survey]:
        """One pass over the sources."""
        return prepare_rows(self, data, rng=rng)

    def fit(self, taken: Taken, seed: int) -> Model:
        """Trees; the seed chooses the rows by which features are binned, where rows are many."""
        settings: dict[str, Any] = {
            "max_iter": self.trees, "learning_rate": self.learning_rate,
            "max_leaf_nodes": self.leaves, "min_samples_leaf": self.least, "max_bins": self.bins,
            "l2_regularization": self.l2, "early_stopping": False, "random_state": seed,
        }  # fmt: skip
        # Weighted bins are slow to find, and equal weights are none.
        weight = taken.weight if np.ptp(taken.weight) else None
        if not taken.classes:
            trees = HistGradientBoostingRegressor(**settings)
            return Quantities(trees.fit(taken.x, taken.y, sample_weight=weight))
        known = np.unique(taken.y)
        trees = None
        if len(known) > 1:
            trees = HistGradientBoostingClassifier(**settings)
            trees.fit(taken.x, taken.y, sample_weight=weight)
        return Classes(trees, known, taken.classes, taken.effective, self.smoothing)


@dataclass(frozen=True, slots=True, eq=False)
class Quantities:
    """Trees of a regression."""

    trees: Any

    def predict(self, x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows"]:
        """Quantities."""
        return self.trees.predict(x)


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """Trees of a classification.

    Args:
        trees: None if there was but one class.
        known: Classes that there were.
        classes: How many there are at all.
        effective: Number of rows trained on.
        smoothing: Rows of each class that are supposed besides.
    """

    trees: Any
    known: np.ndarray
    classes: int
    effective: float
    smoothing: float

    def predict(self, x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows classes"]:
        """Probabilities of all classes."""
        found = np.zeros((len(x), self.classes))
        found[:, self.known] = 1.0 if self.trees is None else self.trees.predict_proba(x)
        return smoothed(found, self.effective, self.smoothing)
