"""Entropy of words, or of classes, from counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core.errors import unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.count_groups import few_documents, grouped, of_tables, unseen
from cuvee.measure.counted import ENTROPIES, Tally


@dataclass(frozen=True, slots=True)
class Entropy:
    """Shannon entropy of a sample's words, or of its classes, less the bias of what was not seen.

    How the number grows from a quarter of the documents to all of them says where it is going; half
    of the way there is taken, and the whole of it is in the interval.

    Args:
        by: "chao_wang_jost" (from how many symbols occur once and twice), "grassberger",
            "chao_shen" (coverage), "jackknife", "miller_madow", or "plugin", the entropy of the
            shares, which is too small.

    Fails when: a large part of the law was not seen: of words, text is never enough. Words of one
    document are alike; what the interval says is about more such documents.

    References: Miller, "Note on the bias of information estimates", 1955; Zahl, "Jackknifing an
    index of diversity", Ecology 58, 1977; Grassberger, "Entropy estimates from insufficient
    samplings", arXiv:physics/0307138, 2003; Chao and Shen, "Nonparametric estimation of Shannon's
    index of diversity when there are unseen species in sample", Environmental and Ecological
    Statistics 10, 2003; Chao, Wang and Jost, "Entropy and the species accumulation curve", Methods
    in Ecology and Evolution 4, 2013.
    """

    takes: ClassVar[str] = "symbols"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("rename",)
    by: str = "chao_wang_jost"

    def __post_init__(self) -> None:
        if self.by not in ENTROPIES:
            raise unknown("by", self.by, ENTROPIES)

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Much was not seen; words share columns; few documents."""
        return unseen(a)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        entropy = ENTROPIES[self.by]

        def number(counts: np.ndarray) -> float:
            return entropy(Tally.of(counts)) if counts.any() else 0.0

        return of_tables(
            number, grouped(a, rng), rng=rng, unit=self.unit, low=0.0, notes=few_documents(a)
        )
