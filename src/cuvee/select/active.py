"""Which rows should be labelled next?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy.random import Generator

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.difficulty import Classifier, learn

BY = ("least_confident", "margin", "entropy", "badge")


class Looks:
    """What a method reads, by its setting `rounds`: works on the class and on its instances."""

    def __get__(self, method: object, kind: type) -> tuple[str, ...]:
        once = getattr(method, "rounds", 0) == 1
        return ("points",) if once else ("points", "labels")


@dataclass(frozen=True, slots=True)
class Active:
    """Active learning: rows of which a model that was trained on few labels is unsure.

    The target is the labelled start. A classifier is trained on it and chooses the first part of
    the rows; their labels are looked up in the pool, it is trained again with them, and so on. With
    `rounds=1` no label of the pool matters, and the choice is what to have labelled.

    Args:
        by: `least_confident` (1 - highest probability), `margin` (1 - difference of the two
            highest), `entropy`, or `badge`: diverse rows of large gradients, drawn by the distance
            of their last-layer gradients from those drawn before (k-means++).
        rounds: Parts in which rows are chosen.
        epochs: Of each training.
        hidden: Units of the hidden layer; 0: linear.

    Fails when: the start lacks a class; labels are wrong where classes meet; or, for all but
    `badge`, many rows that are nearly the same are all unsure. `badge` costs
    rows * (features + classes) for each row that it draws.

    References: Settles, "Active learning literature survey", 2009,
    https://minds.wisconsin.edu/handle/1793/60660; Ash, Zhang, Krishnamurthy, Langford and Agarwal,
    "Deep batch active learning by diverse, uncertain gradient lower bounds", 2020,
    https://arxiv.org/abs/1906.03671.
    """

    by: str = "margin"
    rounds: int = 4
    epochs: int = 20
    hidden: int = 0

    needs = Looks()
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise unknown("active: by", self.by, BY)
        if self.rounds < 1 or self.epochs < 1 or self.hidden < 0:
            raise CuveeError(
                "active: expected 1 round and 1 epoch or more, and 0 hidden units or more, got "
                f"{self.rounds}, {self.epochs} and {self.hidden}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None, rng: Generator) -> Choice:
        """Round by round; the group of a row is its round."""
        if target is None:
            raise CuveeError("active: there is no labelled start: give one as --target.")
        points = pool.need("points")
        labels = pool.need("labels") if self.rounds > 1 else None
        start = target.need("points"), target.need("labels")
        taken, score, group = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64)
        left = np.ones(len(pool), bool)
        for turn in range(self.rounds):
            part = upto(k, (turn + 1) / self.rounds, pool, taken)
            if part is None:
                continue
            known = start
            if labels is not None:
                known = np.r_[start[0], points[taken]], np.r_[start[1], labels[taken]]
            model = learn(*known, rng=rng, epochs=self.epochs, hidden=self.hidden)
            rest = np.flatnonzero(left)
            order, value = self._ranked(model, points[rest], part.most(pool.sizes[rest]), rng)
            new = part.fill(rest[order], pool.sizes)
            unsure = np.zeros(len(pool))
            unsure[rest] = value
            left[new] = False
            taken, score = np.r_[taken, new], np.r_[score, unsure[new]]
            group = np.r_[group, np.full(len(new), turn)]
        return Choice(taken, score, f"unsureness ({self.by})", group, "round")

    def _ranked(
        self, model: Classifier, points: Float[np.ndarray, "rows features"], count: int,
        rng: Generator,
    ) -> tuple[Int[np.ndarray, "rows"], Float[np.ndarray, "rows"]]:  # fmt: skip
        """Rows, the most wanted first, and the value of each."""
        chances = model.chances(points).astype(np.float64)
        if self.by != "badge":
            value = unsureness(chances, self.by)
            return np.argsort(-value, kind="stable"), value
        inner, off = model.inner(points).astype(np.float64), -chances
        off[np.arange(len(off)), chances.argmax(axis=1)] += 1
        long = np.sqrt(np.square(inner).sum(axis=1) * np.square(off).sum(axis=1))
        first = spread_out(inner, off, count, rng)
        rest = np.setdiff1d(np.argsort(-long, kind="stable"), first, assume_unique=True)
        return np.r_[first, rest[np.argsort(-long[rest], kind="stable")]], long


def unsureness(chances: Float[np.ndarray, "rows classes"], by: str) -> Float[np.ndarray, "rows"]:
    """How unsure a model is of each row."""
    if by == "entropy":
        return -(chances * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
    ranked = np.sort(chances, axis=1)
    if by == "least_confident" or ranked.shape[1] == 1:
        return 1 - ranked[:, -1]
    return 1 - (ranked[:, -1] - ranked[:, -2])


def spread_out(
    inner: Float[np.ndarray, "rows size"], off: Float[np.ndarray, "rows classes"], count: int,
    rng: Generator,
) -> Int[np.ndarray, "count"]:  # fmt: skip
    """Rows drawn by k-means++ among the products `off_i inner_i^T`, which are never made.

    Starts with the longest; stops early when all others lie on one that was drawn.
    """
    inner_square, off_square = np.square(inner).sum(axis=1), np.square(off).sum(axis=1)
    long = inner_square * off_square
    chosen = [int(long.argmax())]
    away = np.full(len(long), np.inf)
    while len(chosen) < count:
        last = chosen[-1]
        inside = (inner @ inner[last]) * (off @ off[last])
        away = np.minimum(away, np.maximum(long + long[last] - 2 * inside, 0))
        away[chosen] = 0
        sums = np.cumsum(away)
        if sums[-1] <= 1e-12:
            break
        chosen.append(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")))
    return np.array(chosen[:count], np.int64)


def upto(k: Quota, part: float, pool: Pool, taken: Int[np.ndarray, "some"]) -> Quota | None:
    """What may be chosen now so that so much of the quota is used; None: nothing that fits."""
    if k.rows is not None:
        more = round(part * k.rows) - len(taken)
        return Quota(rows=more) if more >= 1 else None
    more = round(part * (k.tokens or 0)) - int(pool.sizes[taken].sum())
    return Quota(tokens=more) if more >= 1 else None
