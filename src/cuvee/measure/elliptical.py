"""Gaussian and Student dependence of two groups of columns: log ratios in closed form.

The log ratio of a pair (x, y) is log p(x, y) - log p(x) - log p(y); its mean over pairs that belong
together is the mutual information, and any function in its place gives a lower bound (`bound`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.special import gammaln, ndtri, stdtrit

from cuvee.measure.columns import ranks

FREEDOMS = (np.inf, 20.0, 9.0, 5.0, 3.2, 2.2, 1.5, 1.0)
"""Degrees of freedom that are tried; infinitely many are a Gaussian's."""
ROUNDS = 5
"""Of reweighting, by which the correlations of a Student law are found."""
JUDGES = 800
"""Rows by which laws are compared."""
OTHERS = 2500
"""Rows besides the held-out ones among which partners are drawn."""


class Views:
    """Both groups of columns as they are, and with the margins of a Gaussian or Student law.

    Mutual information is the same in all of them; what differs is which law fits.
    """

    def __init__(self, x: Float[np.ndarray, "rows dx"], y: Float[np.ndarray, "rows dy"]) -> None:
        self.raw = (_standard(x), _standard(y))
        self.places = (ranks(x), ranks(y))
        self.levels = (np.arange(len(x)) + 0.5) / len(x)
        self.quantiles: dict[float, np.ndarray] = {}

    def of(self, space: str, freedom: float) -> tuple[np.ndarray, np.ndarray]:
        """The columns of "raw" numbers, or of "ranks" with the quantiles of a law."""
        if space == "raw":
            return self.raw
        if freedom not in self.quantiles:
            finite = np.isfinite(freedom)
            self.quantiles[freedom] = (
                stdtrit(freedom, self.levels) if finite else ndtri(self.levels)
            )
        table = self.quantiles[freedom]
        return table[self.places[0]], table[self.places[1]]


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """An elliptical law of both groups of columns.

    Args:
        space: Of the columns, "raw" or "ranks".
        freedom: Degrees of freedom of a Student law; infinity for a Gaussian.
        center: Of the columns.
        scale: Of the columns.
        corr: Their correlations.
        dims: Columns of the first group.
    """

    space: str
    freedom: float
    center: Float[np.ndarray, "columns"]
    scale: Float[np.ndarray, "columns"]
    corr: Float[np.ndarray, "columns columns"]
    dims: int

    def table(
        self, x: Float[np.ndarray, "rows dx"], y: Float[np.ndarray, "others dy"]
    ) -> Float[np.ndarray, "rows others"]:
        """Log ratio of every row of x with every row of y."""
        d, nu = self.dims, self.freedom
        x = (x - self.center[:d]) / self.scale[:d]
        y = (y - self.center[d:]) / self.scale[d:]
        joint = np.linalg.inv(self.corr)
        alone = np.linalg.inv(self.corr[:d, :d]), np.linalg.inv(self.corr[d:, d:])
        far_x, far_y = (((z @ weight) * z).sum(axis=1) for z, weight in zip((x, y), alone))
        both_x = ((x @ joint[:d, :d]) * x).sum(axis=1).astype(np.float32)
        both_y = ((y @ joint[d:, d:]) * y).sum(axis=1).astype(np.float32)
        # Of the joint law; single precision, as the table is large.
        far = (2 * x @ joint[:d, d:]).astype(np.float32) @ y.T.astype(np.float32)
        far += both_x[:, None]
        far += both_y
        parts = (self.corr[:d, :d], self.corr[d:, d:], self.corr)
        level = 0.5 * (np.array([1, 1, -1]) @ [np.linalg.slogdet(c)[1] for c in parts])
        if np.isinf(nu):
            found = -0.5 * far
            rows, columns = 0.5 * far_x + level, 0.5 * far_y
        else:
            e = len(self.corr) - d
            gammas = gammaln((nu + np.array([d + e, 0, d, e])) / 2)
            level += gammas @ [1, 1, -1, -1]
            np.maximum(far, 0, out=far)
            found = np.float32(-(nu + d + e) / 2) * np.log1p(far / np.float32(nu))
            rows = (nu + d) / 2 * np.log1p(far_x / nu) + level
            columns = (nu + e) / 2 * np.log1p(far_y / nu)
        found += rows.astype(np.float32)[:, None]
        found += columns.astype(np.float32)
        return found

    def whitened(
        self, x: Float[np.ndarray, "rows dx"], y: Float[np.ndarray, "rows dy"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each group turned to the identity; what lies far out is drawn in."""
        d = self.dims
        x = (x - self.center[:d]) / self.scale[:d]
        y = (y - self.center[d:]) / self.scale[d:]
        return (_drawn_in(x @ _inverse_root(self.corr[:d, :d])),
                _drawn_in(y @ _inverse_root(self.corr[d:, d:])))  # fmt: skip


def fitted(views: Views, rows: Int64[np.ndarray, "some"], space: str, freedom: float) -> Law:
    """The law of some of the rows: expectation and maximization of a Student law's likelihood."""
    x, y = views.of(space, freedom)
    z = np.column_stack([x[rows], y[rows]])
    weight = np.ones(len(z))
    center, scale, corr = z.mean(axis=0), np.ones(z.shape[1]), np.eye(z.shape[1])
    if np.isfinite(freedom):
        center = np.median(z, axis=0)
        weight = _weights(((z - center) ** 2).sum(axis=1), z.shape[1], freedom)
    for turn in range(ROUNDS if np.isfinite(freedom) else 1):
        if turn:
            gap = (z - center) / scale
            weight = _weights(((gap @ np.linalg.inv(corr)) * gap).sum(axis=1), z.shape[1], freedom)
        center = weight @ z / weight.sum()
        gap = z - center
        cov = (gap * weight[:, None]).T @ gap / len(z)
        scale = np.sqrt(np.diag(cov))
        corr = cov / np.outer(scale, scale) + 1e-6 * np.eye(len(cov))
    return Law(space, freedom, center, scale, corr, x.shape[1])


def best_law(
    views: Views, rows: Int64[np.ndarray, "some"], freedoms: Iterable[float] = FREEDOMS
) -> Law:
    """The law with the largest bound on some of the rows that it was fitted to."""
    found = []
    some = rows[:JUDGES]
    for space in ("ranks", "raw"):
        for freedom in freedoms:
            law = fitted(views, rows, space, freedom)
            x, y = views.of(space, freedom)
            found.append((bound(law.table(x[some], y[some]), np.arange(len(some))).mean(), law))
    return max(found, key=lambda pair: pair[0])[1]


def bound(
    table: Float[np.ndarray, "rows others"], own: Int64[np.ndarray, "rows"]
) -> Float[np.ndarray, "rows"]:
    """What each row adds to the InfoNCE bound, the mean of both directions.

    Args:
        table: Scores of pairs.
        own: Column of the partner of each row.

    References: van den Oord, Li and Vinyals, "Representation learning with contrastive predictive
    coding", 2018.
    """
    score = table[np.arange(len(table)), own].astype(np.float64)
    lines = _log_mean(table, 1)
    return score - 0.5 * (lines + _log_mean(table, 0)[own])


def held_out(
    score: Callable[[np.ndarray, np.ndarray], np.ndarray], held: Int64[np.ndarray, "some"],
    rest: Int64[np.ndarray, "others"],
) -> Float[np.ndarray, "some"]:  # fmt: skip
    """What each held-out row adds to the bound, beside partners from all rows."""
    among = np.concatenate([held, rest[:OTHERS]])
    lines = score(held, among)
    own = lines[np.arange(len(held)), np.arange(len(held))].astype(np.float64)
    return own - 0.5 * (_log_mean(lines, 1) + _log_mean(score(among, held), 0))


def _log_mean(table: np.ndarray, axis: int) -> np.ndarray:
    top = table.max(axis=axis, keepdims=True)
    mean = np.exp(table - top).mean(axis=axis, dtype=np.float64)
    return np.log(np.maximum(mean, 1e-300)) + np.squeeze(top, axis)


def _weights(far: np.ndarray, dims: int, freedom: float) -> np.ndarray:
    return (freedom + dims) / (freedom + far)


def _standard(x: np.ndarray) -> np.ndarray:
    """By median and quartiles, which heavy tails do not move."""
    low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    wide = (high - low) / 1.349
    return (x - middle) / np.where(wide > 0, wide, x.std(axis=0))


def _inverse_root(corr: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(corr)
    return (vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T


def _drawn_in(x: np.ndarray) -> np.ndarray:
    """Beyond 2 like a logarithm."""
    size = np.abs(x)
    return np.sign(x) * np.where(size < 2, size, 2 + 2 * np.log(np.maximum(size, 2) / 2))
