"""Nearest neighbours on rows of tables."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from sklearn.neighbors import NearestNeighbors

from cuvee.core import CuveeError
from cuvee.core.data import Data, Survey
from cuvee.proxies.rows import RowTrainer, Taken, check_common, prepare_rows, smoothed


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Predicts a row from the mixture's rows nearest to it: their classes, or their mean.

    Nearness is that of features scaled to variance 1. The loss is the log loss in nats per row;
    of quantities the squared error, where 1 is the variance of y over all sources. A row that
    the mixture takes several times is one neighbour whose vote counts as often.

    Args:
        k: Neighbours asked.
        weights: "uniform", or "distance": votes fall with the distance, as 1 over it.
        smoothing: Votes for each class that are supposed besides (Laplace's rule), so that no
            class is impossible.
        draws: Resamples of the target rows behind the stated spread.

    Fails when: many features say nothing of the label: distances are then about them.

    References: Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on
    Information Theory 13, 1967; Pedregosa et al., "Scikit-learn: Machine Learning in Python",
    JMLR 12, 2011 (the search).
    """

    reads: ClassVar[str] = "rows"
    real: ClassVar[bool] = True
    k: int = 15
    weights: Literal["uniform", "distance"] = "uniform"
    smoothing: float = 1.0
    draws: int = 40

    def __post_init__(self) -> None:
        if self.k < 1 or self.weights not in ("uniform", "distance"):
            raise CuveeError(
                "neighbours: expected k of at least 1 and weights uniform or distance, got "
                f"{self.k} and {self.weights!r}."
            )
        check_common("neighbours", self.smoothing, self.draws)

    def prepare(self, data: Data, *, rng: Generator) -> tuple[RowTrainer, Survey]:
        """One pass over the sources."""
        return prepare_rows(self, data, rng=rng)

    def fit(self, taken: Taken, seed: int) -> "Near":
        """An index of the rows; nothing is random."""
        found = NearestNeighbors(n_neighbors=min(self.k, len(taken.x))).fit(taken.x)
        return Near(found, taken, self.weights == "distance", self.smoothing)


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Rows that can be searched.

    Args:
        index: For the search.
        taken: The rows.
        by_distance: Whether nearer ones count more.
        smoothing: Votes for each class that are supposed besides.
    """

    index: Any
    taken: Taken
    by_distance: bool
    smoothing: float

    def predict(self, x: Float[np.ndarray, "rows features"]) -> np.ndarray:
        """Probabilities of the classes, or quantities."""
        distance, rows = self.index.kneighbors(x)
        vote = self.taken.weight[rows]
        if self.by_distance:
            vote = vote / np.maximum(distance, 1e-12)
        vote = vote / vote.sum(axis=1, keepdims=True)
        near = self.taken.y[rows]
        if not self.taken.classes:
            return (vote * near).sum(axis=1)
        found = np.stack([(vote * (near == c)).sum(axis=1) for c in range(self.taken.classes)], 1)
        return smoothed(found, rows.shape[1], self.smoothing)
