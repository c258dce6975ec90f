"""Discrete infomax codes: what a few digits that a network writes tell about classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from jaxtyping import Float, Int64
from numpy.random import Generator
from scipy.special import log_softmax

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.resampling import around
from cuvee.core.sample import Sample

if TYPE_CHECKING:
    from cuvee.measure.coders import Coder

FOLDS = 3
"""Rows that codes are learned from, rows that tell what codes mean, rows that judge."""
TEMPERS = np.linspace(0, 1, 21)
"""How far each digit is believed, as digits repeat each other."""
PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class HashCodes:
    """Nats that short codes tell about the classes of rows: digits learned by a network (DIMCO).

    The network turns a row into a few digits, trained so that each tells the most about the class.
    What digits mean is counted on other rows, and judged on others still: a bound from below of the
    information between rows and classes, and what a store of such codes can be searched for. The
    notes say how much that is of each digit. The paper's penalty on digits that repeat each other
    is left out: repeated digits are believed less instead.

    Args:
        digits: Of a code.
        ways: Values that a digit can have.
        hidden: Width of the network.
        batch: Rows in a step.
        steps: Of training.
        rows: That are looked at, at most.
        nulls: Codes learned from shuffled classes.

    Fails when: classes have few rows each: a third of them must say what codes mean.

    References: Lee, Kim, Park and Choi, "Discrete infomax codes for supervised representation
    learning", Entropy 24, 2022.
    """

    takes: ClassVar[tuple[str, str]] = ("points", "labels")
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale")
    digits: int = 8
    ways: int = 4
    hidden: int = 64
    batch: int = 128
    steps: int = 500
    rows: int = 20_000
    nulls: int = 1

    def __post_init__(self) -> None:
        if min(self.digits, self.hidden, self.batch, self.steps) < 1 or self.ways < 2:
            raise CuveeError("digits, hidden, batch and steps must be 1 or more, ways 2 or more.")
        if self.rows < 10 * FOLDS or self.nulls < 0:
            raise CuveeError(f"rows must be {10 * FOLDS} or more, nulls 0 or more.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows of each class."""
        kinds = len(np.unique((b or a).classes))
        if len(a) >= 60 * kinds:
            return ()
        return (f"{len(a)} rows of {kinds} classes: expected 60 of each, a third of which teach.",)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        points = np.asarray(a.rows[: self.rows], np.float64)
        labels = np.unique((b or a).classes[: self.rows], return_inverse=True)[1]
        if len(labels) < 10 * FOLDS:
            raise CuveeError(f"{a.name} has {len(labels)} rows: expected {10 * FOLDS} or more.")
        # Rows by their values, so that no shift or scale deals them otherwise.
        order = np.lexsort((labels, *points.T))
        points, labels = points[order], labels[order]
        terms = self._terms(points, labels, rng)
        null = [
            max(float(self._terms(points, rng.permutation(labels), rng).mean()), 0.0)
            for _ in range(self.nulls)
        ]
        value, sd = float(terms.mean()), float(terms.std() / np.sqrt(len(terms)))
        size = self.digits * np.log2(self.ways)
        note = (
            f"{max(value, 0) / self.digits:.3f} nats of each of {self.digits} digits; a code takes "
            f"{size:g} bits."
        )
        return around(
            value, sd, 0.0, rng=rng, unit=self.unit, floor=0.0, bound="lower",
            null=np.array(null) if null else None, notes=(note,),
        )  # fmt: skip

    def coder(
        self,
        points: Float[np.ndarray, "rows dims"],
        labels: Int64[np.ndarray, "rows"],
        folds: Sequence[Int64[np.ndarray, "some"]],
        rng: Generator,
    ) -> "Coder":
        """Networks that write codes, one learned from each of the given rows."""
        try:
            from cuvee.measure.coders import coder
        except ModuleNotFoundError as error:
            raise missing(error) from error
        return coder(
            points, labels, folds, digits=self.digits, ways=self.ways, hidden=self.hidden,
            batch=self.batch, steps=self.steps, rng=rng,
        )  # fmt: skip

    def _terms(
        self, points: np.ndarray, labels: np.ndarray, rng: Generator
    ) -> Float[np.ndarray, "rows"]:
        """Nats that each row's code tells about its class."""
        fold = rng.permutation(len(labels)) % FOLDS
        learns = [np.flatnonzero(fold == i) for i in range(FOLDS)]
        codes = self.coder(points, labels, learns, rng).codes(points)
        found = np.empty(len(labels))
        for i in range(FOLDS):
            tells, judges = (np.flatnonzero(fold == (i + j) % FOLDS) for j in (1, 2))
            found[judges] = information(
                codes[i][tells], labels[tells], codes[i][judges], labels[judges], self.ways
            )
        return found


def information(
    known: Int64[np.ndarray, "known digits"],
    kinds: Int64[np.ndarray, "known"],
    codes: Int64[np.ndarray, "rows digits"],
    labels: Int64[np.ndarray, "rows"],
    ways: int,
) -> Float[np.ndarray, "rows"]:
    """Nats that codes tell about labels, by what codes and labels of other rows say.

    How far digits are believed is chosen on the other rows, each left out of its own counts.

    Args:
        known: Codes of other rows.
        kinds: Their labels.
        codes: Of the rows.
        labels: Of the rows.
        ways: Values that a digit can have.
    """
    classes = int(max(kinds.max(), labels.max())) + 1
    odds = np.bincount(kinds, minlength=classes) + PRIOR
    counts = np.zeros((known.shape[1], ways, classes))
    for digit, column in enumerate(known.T):
        np.add.at(counts[digit], (column, kinds), 1)
    every = np.arange(known.shape[1])
    own = np.zeros((len(known), classes))
    own[np.arange(len(known)), kinds] = 1

    def scores(some: np.ndarray, less: np.ndarray) -> Float[np.ndarray, "rows classes"]:
        seen = counts[every, some] - less[:, None] + PRIOR  # rows, digits, classes
        total = counts.sum(axis=1)[None] - less[:, None] + PRIOR * ways
        return np.log(seen / total).sum(axis=1)

    def told(some: np.ndarray, right: np.ndarray, less: np.ndarray, far: float) -> np.ndarray:
        prior = np.log(np.maximum(odds - less, PRIOR))
        guess = log_softmax(prior + far * scores(some, less), axis=1)
        rows = np.arange(len(right))
        return guess[rows, right] - log_softmax(prior + 0 * guess, axis=1)[rows, right]

    best = max(TEMPERS, key=lambda far: told(known, kinds, own, far).mean())
    return told(codes, labels, np.zeros((len(codes), classes)), best)
