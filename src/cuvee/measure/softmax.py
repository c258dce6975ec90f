"""Class probabilities as smooth functions of columns, and their gradients."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

WIDE = 24
"""Columns from which on products of two columns are left out."""
STEPS = 200
"""Of the optimiser."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Columns, and their squares and products.

    Args:
        degree: 1: columns alone; 2: squares, and products if columns are few.
        dims: Columns that there are.
    """

    degree: int
    dims: int

    @property
    def pairs(self) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
        """Columns that are multiplied."""
        if self.degree < 2:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        every = np.arange(self.dims)
        return np.triu_indices(self.dims) if self.dims < WIDE else (every, every)

    def of(self, x: Float[np.ndarray, "rows dims"]) -> Float[np.ndarray, "rows terms"]:
        """A constant first; products are near mean 0 for columns of variance 1."""
        one, two = self.pairs
        square = (x[:, one] * x[:, two] - (one == two)) / np.where(one == two, np.sqrt(2), 1)
        return np.column_stack([np.ones(len(x)), x, square])

    def slope(
        self, x: Float[np.ndarray, "rows dims"], column: int
    ) -> Float[np.ndarray, "rows terms"]:
        """Derivative of each term by one column."""
        one, two = self.pairs
        square = (one == column) * x[:, two] + (two == column) * x[:, one]
        plain = np.zeros((len(x), 1 + self.dims))
        plain[:, 1 + column] = 1
        return np.column_stack([plain, square / np.where(one == two, np.sqrt(2), 1)])


def fitted(
    terms: Float[np.ndarray, "rows terms"], y: Int64[np.ndarray, "rows"], kinds: int, ridge: float
) -> Float[np.ndarray, "terms kinds"]:
    """Multinomial logistic regression; the ridge is on all weights but the constants."""
    rows, wide = terms.shape
    hit = np.eye(kinds)[y]
    mask = np.ones((wide, 1))
    mask[0] = 1e-6

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(wide, kinds)
        logs = log_softmax(terms @ weights, axis=1)
        gradient = terms.T @ (np.exp(logs) - hit) / rows + ridge * mask * weights
        lost = -(logs * hit).sum() / rows + 0.5 * ridge * (mask * weights**2).sum()
        return float(lost), gradient.ravel()

    start = np.zeros((wide, kinds))
    start[0] = np.log(np.bincount(y, minlength=kinds) + 0.5)
    start[0] -= start[0].mean()
    end = minimize(cost, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return end.x.reshape(wide, kinds)


def fisher(
    terms: Terms, x: Float[np.ndarray, "rows dims"], weights: Float[np.ndarray, "terms kinds"]
) -> Float[np.ndarray, "dims dims"]:
    """Half the mean of the products of the log probabilities' slopes, weighted by probability."""
    odds = softmax(terms.of(x) @ weights, axis=1)
    slopes = []
    for column in range(terms.dims):
        rise = terms.slope(x, column) @ weights
        slopes.append((rise - (odds * rise).sum(axis=1, keepdims=True)) * np.sqrt(odds))
    flat = np.stack(slopes).reshape(terms.dims, -1)
    return flat @ flat.T / (2 * len(x))
