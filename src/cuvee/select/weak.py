"""Rows of which a surrogate model is unsure."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.difficulty import drawn, inclusion, learn

LEAST = 5e-5
"""Of a row's hardness: a surrogate that is surer than this is taken to be as sure as this."""
LEAST_PILOT = 30
"""Rows whose labels train the surrogate, if there are so many."""


@dataclass(frozen=True, slots=True)
class Weak:
    """Selection under weak supervision: random rows, drawn by how unsure a surrogate model is.

    The surrogate is a linear classifier that was trained on few labels: those of the target if
    there is one, else those of a small random part of the pool. Row i is drawn with a chance of
    min(1, c h_i^alpha), where h_i = 1 - sum_y p_i(y)^2 is how unsure it is (for two classes 2 p (1
    - p)) and c makes the chances sum to the number of rows wanted.

    Args:
        alpha: Exponent of the hardness; above 0: unsure rows, below: sure ones, 0: any.
        unbiased: Weigh each row by 1 / its chance, so that sums over the choice estimate sums over
            the pool. The paper finds this worse than counting all rows the same.
        pilot: Part of the pool whose labels train the surrogate if there is no target; at least
            30 rows.
        epochs: Of its training.

    Fails when: the surrogate is no better than a guess; or labels are noisy where it is unsure.

    References: Kolossov, Montanari and Tandon, "Towards a statistical theory of data selection
    under weak supervision", 2024, https://arxiv.org/abs/2309.14563.
    """

    alpha: float = 1.0
    unbiased: bool = False
    pilot: float = 0.05
    epochs: int = 20

    needs: ClassVar[tuple[str, ...]] = ("points", "labels")
    targeted: ClassVar[bool] = False
    seeks: ClassVar[str] = "learning"

    def __post_init__(self) -> None:
        if not np.isfinite(self.alpha):
            raise CuveeError(f"weak: alpha: expected a finite exponent, got {self.alpha}.")
        if not 0 < self.pilot <= 1 or self.epochs < 1:
            raise CuveeError(
                "weak: expected a pilot of above 0 to 1 of the pool and 1 epoch or more, got "
                f"{self.pilot} and {self.epochs}."
            )

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """A draw by the surrogate's hardness."""
        points, labels = pool.need("points"), pool.need("labels")
        if target is None:
            size = min(len(pool), max(LEAST_PILOT, round(self.pilot * len(pool))))
            some = rng.permutation(len(pool))[:size]
            known = points[some], labels[some]
        else:
            known = target.need("points"), target.need("labels")
        surrogate = learn(*known, rng=rng, epochs=self.epochs)
        hard = hardness(surrogate.chances(points))
        chances = inclusion(hard**self.alpha, k.about(pool.sizes))
        rows = k.fill(drawn(chances, rng), pool.sizes)
        weight = 1 / chances[rows] if self.unbiased else None
        note = f"the surrogate was trained on {len(known[1])} labelled rows"
        return Choice(
            rows, hard[rows], "hardness to the surrogate", weight=weight, scores=hard, notes=(note,)
        )


def hardness(chances: Float[np.ndarray, "rows classes"]) -> Float[np.ndarray, "rows"]:
    """1 - sum of p^2: 0 for a model that is sure."""
    unsure = 1 - np.square(chances.astype(np.float64)).sum(axis=1)
    return np.maximum(unsure, LEAST)
