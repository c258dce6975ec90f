"""Generative distribution embedding: sets as points in a space from which sets can be drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.resampling import contrasted
from cuvee.core.sample import Sample

if TYPE_CHECKING:
    from cuvee.measure.embedded_sets import Embedding

LEAST, DIMS = 16, 4
LOOSE = 0.9
"""Correlation with the distance of known laws below which the number is not to be trusted."""


@dataclass(frozen=True, slots=True)
class DistributionEmbedding:
    """Squared distance of two samples in a learned space of laws, on the scale of squared W2.

    An encoder turns a set into a few numbers, and a generator draws from them a set that must look
    like another sample of the same law (sliced Wasserstein distance). Both learn from random
    mixtures, not from the data: the embedding itself is not what is tested. Its scale is set on
    pairs of laws that it had not seen, and their correlation is in the notes where it is poor.

    Args:
        codes: Numbers that a set is turned into.
        rows: Of a set that it learns from.
        hidden: Width of its layers.
        steps: Of training.
        splits: Pairs of halves behind the interval.

    Fails when: there are many columns, or samples are no mixtures of a few pieces: the space then
    does not know what tells them apart.

    References: Fishman et al., "Generative distribution embeddings", 2025; Zaheer et al., "Deep
    sets", NeurIPS 2017.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "two"
    asks: ClassVar[str] = "difference"
    unit: ClassVar[str] = "squared units of the features"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "swap")
    codes: int = 8
    rows: int = 100
    hidden: int = 48
    steps: int = 1000
    splits: int = 20

    def __post_init__(self) -> None:
        if self.rows < LEAST or min(self.codes, self.hidden, self.steps) < 1 or self.splits < 4:
            raise CuveeError(
                f"expected rows from {LEAST}, splits from 4, codes, hidden and steps from 1 on, "
                f"got {self.rows}, {self.splits}, {self.codes}, {self.hidden}, {self.steps}."
            )

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Many dimensions."""
        if a.rows.shape[1] <= DIMS:
            return ()
        return (
            f"{a.rows.shape[1]} columns: random laws of more than {DIMS} teach the embedding "
            "little; use sliced_wasserstein, or compress the columns first.",
        )

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        x, y = (np.asarray(z.rows, np.float64) for z in (a, b or a))
        middle = (x.mean(axis=0) + y.mean(axis=0)) / 2
        wide = float(np.sqrt((((x - middle) ** 2).mean() + ((y - middle) ** 2).mean()) / 2)) or 1.0
        learned = self.learned(x.shape[1], rng)
        one, two = (learned.of_rows((z - middle) / wide) for z in (x, y))

        def distance(p: np.ndarray, q: np.ndarray) -> float:
            codes = learned.of_means(np.stack([p.mean(axis=0), q.mean(axis=0)]))
            return float(((codes[0] - codes[1]) ** 2).sum()) * (learned.scale * wide) ** 2

        found = contrasted(distance, one, two, rng=rng, unit=self.unit, splits=self.splits)
        if learned.correlation >= LOOSE:
            return found
        why = (
            f"on laws that it had not seen, the embedding's distance and W2 correlate by "
            f"{learned.correlation:.2f}: more steps may help, or fewer columns."
        )
        return replace(found, notes=(why,))

    def learned(self, dims: int, rng: Generator) -> "Embedding":
        """The embedding of sets of so many columns, about centred and of unit variance."""
        try:
            from cuvee.measure.embedded_sets import embedding
        except ModuleNotFoundError as error:
            raise missing(error) from error
        return embedding(
            dims, codes=self.codes, rows=self.rows, hidden=self.hidden, steps=self.steps, rng=rng
        )
