"""Compression of labels: how many bits a label needs, given the points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.optimize import minimize
from scipy.spatial import KDTree
from scipy.special import log_softmax, logsumexp, softmax

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.resampling import around
from cuvee.core.sample import Sample

BEGIN = 8
"""Labels after which points are first learned from."""
NEAREST = (3, 15)
RIDGES = (0.3, 30.0)
FLOOR = 1e-4
"""Of a probability: a label that was thought impossible must still be told."""


@dataclass(frozen=True, slots=True)
class LabelCompression:
    """Bits a label when each is foretold from its point and from all labels before it.

    Predictors are learned again whenever the rows have doubled: counts of labels, shares among
    nearest neighbours, linear softmax regression. The code is that of their mixture, so that the
    best of them is reached but for 3 bits in all: a bound of complexity from above, with nothing
    learned that was not paid for.

    Args:
        orders: In which labels are told; the number is their mean.
        rows: That are looked at, at most.
        nulls: Shuffles of the labels behind the value of labels without rule.

    Fails when: the rule is one that neither neighbours nor a plane can learn: the bound is then
    loose. More rows need fewer bits a label: compare data of one size.

    References: Goldblum, Finzi, Rowan and Wilson, "The no free lunch theorem, Kolmogorov
    complexity, and the role of inductive biases in machine learning", ICML 2024; Dawid, "Present
    position and potential developments: the prequential approach", J. R. Stat. Soc. A 147, 1984.
    """

    takes: ClassVar[tuple[str, str]] = ("points", "labels")
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "complexity"
    unit: ClassVar[str] = "bits per label"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rename")
    orders: int = 4
    rows: int = 5000
    nulls: int = 4

    def __post_init__(self) -> None:
        if self.orders < 2 or self.nulls < 0 or self.rows < 2 * BEGIN:
            raise CuveeError(
                f"orders must be 2 or more, nulls 0 or more, rows {2 * BEGIN} or more, got "
                f"{self.orders}, {self.nulls}, {self.rows}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few labels of each class."""
        kinds = len(np.unique((b or a).classes))
        if len(a) >= 50 * kinds:
            return ()
        return (f"{len(a)} labels of {kinds} classes: most bits are spent on learning; give more.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        points = np.asarray(a.rows[: self.rows], np.float64)
        labels = np.unique((b or a).classes[: self.rows], return_inverse=True)[1]
        wide = points.std(axis=0)
        points = (points - points.mean(axis=0))[:, wide > 0] / wide[wide > 0]
        # Rows by their values, so that no shift or scale, and no name, orders them otherwise.
        sort = np.lexsort(points.T) if points.shape[1] else np.argsort(labels)
        points, labels = points[sort], labels[sort]
        orders = [rng.permutation(len(labels)) for _ in range(self.orders)]
        told = np.array([code_lengths(points[o], labels[o])[np.argsort(o)] for o in orders])
        null = [
            code_lengths(points[o], labels[rng.permutation(len(labels))]).mean()
            for o in rng.permuted(np.tile(orders[0], (self.nulls, 1)), axis=1)
        ]
        rows = told.mean(axis=0).std() / np.sqrt(len(labels))
        sd = float(np.hypot(rows, told.mean(axis=1).std(ddof=1) / np.sqrt(self.orders)))
        return around(
            float(told.mean()), sd, 0.0, rng=rng, unit=self.unit, floor=0.0, bound="upper",
            null=np.array(null) if null else None,
        )  # fmt: skip


def code_lengths(
    points: Float[np.ndarray, "rows dims"], labels: Int64[np.ndarray, "rows"]
) -> Float[np.ndarray, "rows"]:
    """Bits of each label, told one after another; how many classes there are is known.

    Args:
        points: Columns of one scale; there may be none.
        labels: Counted from 0.
    """
    kinds = int(labels.max()) + 1
    own = np.arange(len(labels))
    before = np.zeros((len(labels), kinds))
    np.put_along_axis(before, labels[:, None], 1.0, axis=1)
    before = np.cumsum(before, axis=0) - before + 0.5
    counts = before / before.sum(axis=1, keepdims=True)
    experts = np.tile(counts[own, labels], (1 + len(NEAREST) + len(RIDGES), 1))
    start = BEGIN
    while points.shape[1] and start < len(labels):
        stop = min(2 * start, len(labels))
        here, past = slice(start, stop), slice(0, start)
        guesses = _guesses(points[past], labels[past], points[here], counts[start])
        for i, guess in enumerate(guesses, 1):
            experts[i, here] = guess[np.arange(stop - start), labels[here]]
        start = stop
    # The mixture of whole codes: what each has told so far weighs it.
    logs = np.cumsum(np.log(experts), axis=1)
    total = logsumexp(logs, axis=0) - np.log(len(experts))
    return -np.diff(total, prepend=0.0) / np.log(2)


def _guesses(
    points: np.ndarray, labels: np.ndarray, ask: np.ndarray, prior: Float[np.ndarray, "kinds"]
) -> list[Float[np.ndarray, "asked kinds"]]:
    """Probabilities of each predictor."""
    found, tree, kinds = [], KDTree(points), len(prior)
    for near in NEAREST:
        near = min(near, len(points))
        at = tree.query(ask, near)[1].reshape(len(ask), near)
        hits = (labels[at][..., None] == np.arange(kinds)).sum(axis=1)
        found.append((hits + prior) / (near + 1))
    design, query = (np.column_stack([np.ones(len(z)), z]) for z in (points, ask))
    found += [softmax(query @ _linear(design, labels, kinds, ridge), axis=1) for ridge in RIDGES]
    return [(1 - FLOOR) * guess + FLOOR * prior for guess in found]


def _linear(
    design: np.ndarray, labels: np.ndarray, kinds: int, ridge: float
) -> Float[np.ndarray, "columns kinds"]:
    """Softmax regression; the constant is not shrunk."""
    hot = (labels[:, None] == np.arange(kinds)).astype(float)
    shape = (design.shape[1], kinds)
    shrink = np.full((len(design.T), 1), ridge)
    shrink[0] = 0.01

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        logs = log_softmax(design @ weights, axis=1)
        slope = design.T @ (np.exp(logs) - hot) + shrink * weights
        return float(0.5 * (shrink * weights**2).sum() - (hot * logs).sum()), slope.ravel()

    found = minimize(loss, np.zeros(shape[0] * kinds), jac=True, method="L-BFGS-B",
                     options={"maxiter": 50})  # fmt: skip
    return found.x.reshape(shape)
