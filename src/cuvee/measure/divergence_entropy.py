"""Entropy as a distance from determinism: one definition, an entropy for each divergence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator
from scipy.special import rel_entr

from cuvee.core.errors import CuveeError, unknown
from cuvee.core.estimate import Estimate
from cuvee.core.sample import Sample
from cuvee.measure.count_groups import few_documents, grouped, of_tables, unseen
from cuvee.measure.counted import SHANNON, Tally, entropy_of_order, power_sum

UNITS = {"tv": "of pairs", "kl": "nats", "renyi": "nats"}
RARE = 1.5
"""Higher orders see little else than the number of symbols."""
Law = Float[np.ndarray, "..."]


@dataclass(frozen=True, slots=True)
class DivergenceEntropy:
    """How far one draw, copied, is from two draws of the same law: which is 0 if all draws agree.

    Total variation gives the odds that two draws differ (Gini and Simpson), Kullback and Leibler's
    divergence gives Shannon's entropy, and Rényi's of an order gives his entropy of 2 - order. The
    bias of counts is taken off, as for `entropy`.

    Args:
        by: "tv" (total variation), "kl", or "renyi".
        order: Of Rényi's divergence, from 0 to 2.

    Fails when: as `entropy`, the more so the higher the order: at 2 it is the logarithm of the
    number of symbols that there are. Total variation has no such trouble: the rare adds nothing.

    References: Perrone, "Markov categories and entropy", IEEE Transactions on Information Theory
    70, 2024; Simpson, "Measurement of diversity", Nature 163, 1949; Chao and Jost, "Estimating
    diversity and entropy profiles via discovery rates of new species", Methods in Ecology and
    Evolution 6, 2015.
    """

    takes: ClassVar[str] = "symbols"
    of: ClassVar[str] = "one"
    asks: ClassVar[str] = "entropy"
    keeps: ClassVar[tuple[str, ...]] = ("rename",)
    by: str = "tv"
    order: float = 0.5

    def __post_init__(self) -> None:
        if self.by not in UNITS:
            raise unknown("by", self.by, UNITS)
        if not 0 <= self.order <= 2:
            raise CuveeError(f"order must lie between 0 and 2, got {self.order}.")

    @property
    def unit(self) -> str:
        """Of pairs of draws, those that differ; or nats."""
        return UNITS[self.by]

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Much was not seen, and what is rare counts."""
        if self.by == "tv":
            return ()
        if self.by == "renyi" and self.order > RARE:
            return (
                *unseen(a),
                f"order {self.order:g} counts each symbol, however rare: the number is a bound "
                f"from below; set an order up to {RARE:g}.",
            )
        return unseen(a)

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        order = 2 - self.order if self.by == "renyi" else 1.0

        def number(counts: np.ndarray) -> float:
            tally = Tally.of(counts)
            if tally.total < 2:
                return 0.0
            return 1 - power_sum(tally, 2.0) if self.by == "tv" else entropy_of_order(tally, order)

        high = 1.0 if self.by == "tv" else np.inf
        return of_tables(
            number, grouped(a, rng), rng=rng, unit=self.unit, low=0.0, high=high,
            notes=few_documents(a),
        )  # fmt: skip


def divergence(p: Law, q: Law, by: str = "kl", order: float = 0.5) -> float:
    """Of one law from another: both of the same shape, their entries add up to 1.

    Args:
        p: The first law.
        q: The second.
        by: As of `DivergenceEntropy`.
        order: Likewise.
    """
    if by == "tv":
        return float(np.abs(p - q).sum() / 2)
    if by == "kl" or abs(order - 1) < SHANNON:
        return float(rel_entr(p, q).sum())
    both = (p > 0) & (q > 0)
    mean = np.sum(p[both] ** order * q[both] ** (1 - order))
    if order > 1 and np.any((p > 0) & (q == 0)):
        return float("inf")
    return float(np.log(mean) / (order - 1)) if mean > 0 else float("inf")


def distance_from_determinism(
    channel: Float[np.ndarray, "inputs outputs"], by: str = "kl", order: float = 0.5
) -> Float[np.ndarray, "inputs"]:
    """The entropy of each row of a channel, as it is defined: one draw copied, beside two draws.

    Args:
        channel: A law of outputs for each input.
        by: As of `DivergenceEntropy`.
        order: Likewise.
    """
    return np.array([divergence(np.diag(p), np.outer(p, p), by, order) for p in channel])


def shared(joint: Float[np.ndarray, "x y"], by: str = "kl", order: float = 0.5) -> float:
    """The divergence of a joint law from the product of its margins.

    Args:
        joint: Of two symbols.
        by: As of `DivergenceEntropy`.
        order: Likewise.
    """
    return divergence(joint, np.outer(joint.sum(axis=1), joint.sum(axis=0)), by, order)
