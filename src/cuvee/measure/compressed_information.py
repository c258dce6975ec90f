"""Mutual information of wide data, compressed first: what is lost makes the number smaller only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from cuvee.core.errors import CuveeError
from cuvee.core.estimate import Estimate
from cuvee.core.methods import missing
from cuvee.core.sample import Sample
from cuvee.measure.columns import no_dependence, whitened
from cuvee.measure.groups import around, some_rows
from cuvee.measure.knn_entropy import local_entropy
from cuvee.measure.ksg import local_information

WAYS, NUMBERS = ("pca", "autoencoder"), ("ksg", "entropies")
PARTS = 4
RISING = 0.15
"""Share of the number that the second half of the kept numbers may add."""


@dataclass(frozen=True, slots=True)
class CompressedInformation:
    """Mutual information of images, states or other wide rows, after each side is compressed.

    No map of one side alone adds information, so that the information of what is kept is a bound
    from below. A network's layers can be followed so as it learns: input against layer, layer
    against label.

    Args:
        dims: Numbers that are kept of each side; the fewer, the surer they are and the more is
            lost.
        compress: "pca", or "autoencoder" for what is bent (needs torch).
        by: "ksg", or "entropies": those of both sides less that of the whole.
        neighbours: Which neighbour sets the scale.
        rows: That are looked at, at most.
        hidden: Width of the autoencoder's hidden layers.
        steps: Of the autoencoder's training.
        nulls: Shuffles of the rows behind the value under independence.

    Fails when: what both sides share is small against the noise, as it then is not what is kept;
    or more than some eight numbers carry it.

    References: Butakov et al., "Information bottleneck analysis of deep neural networks via lossy
    compression", ICLR 2024.
    """

    takes: ClassVar[str] = "points"
    of: ClassVar[str] = "rows"
    asks: ClassVar[str] = "dependence"
    unit: ClassVar[str] = "nats"
    keeps: ClassVar[tuple[str, ...]] = ("shift", "scale", "rotation", "swap")
    dims: int = 4
    compress: str = "pca"
    by: str = "ksg"
    neighbours: int = 5
    rows: int = 10_000
    hidden: int = 64
    steps: int = 1500
    nulls: int = 10

    def __post_init__(self) -> None:
        if self.compress not in WAYS:
            raise CuveeError(f"compress must be one of {', '.join(WAYS)}, got {self.compress!r}.")
        if self.by not in NUMBERS:
            raise CuveeError(f"by must be one of {', '.join(NUMBERS)}, got {self.by!r}.")
        for name in ("dims", "neighbours", "hidden", "steps"):
            if getattr(self, name) < 1:
                raise CuveeError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        if self.rows < 64 or self.nulls < 0:
            raise CuveeError(f"rows must be 64 or more, nulls 0 or more, got {self.rows}.")

    def outside(self, a: Sample, b: Sample | None = None) -> Sequence[str]:
        """Few rows, or as many numbers kept as neighbours cannot cope with."""
        said = []
        if len(a) < 40 * self.neighbours:
            said.append(f"{len(a)} rows: expected {40 * self.neighbours} or more.")
        if self.dims > 8:
            said.append(f"{self.dims} numbers are kept: neighbours are far away; keep 8 or fewer.")
        return said

    def measure(self, a: Sample, b: Sample | None = None, *, rng: Generator) -> Estimate:
        """See the class."""
        if len(a) < 8 * (self.neighbours + 1):
            raise CuveeError(f"{len(a)} rows: expected {8 * (self.neighbours + 1)} or more.")
        both = [some_rows(s.rows[: self.rows], self.rows, rng) for s in (a, b or a)]
        if any(not np.ptp(z, axis=0).any() for z in both):
            return no_dependence(self.unit)
        x, y = (self._compressed(z, rng) for z in both)
        if self.by == "entropies":  # those of directions of unlike width do not cancel
            x, y = whitened(x), whitened(y)
        terms = self._terms(x, y)
        half, quarter = (self._of_parts(x, y, parts, rng) for parts in (2, 4))
        value, sd = float(terms.mean()), float(terms.std() / np.sqrt(len(x)))
        missed = max(abs(value - half), abs(half - quarter) / 2)
        found = around(value, sd, missed, rng=rng, unit=self.unit)
        null = [self._terms(x, y[rng.permutation(len(y))]).mean() for _ in range(self.nulls)]
        notes = self._lost(x, y, value) if self.compress == "pca" else ()
        return replace(found, bound="lower", null=np.array(null) if null else None, notes=notes)

    def _compressed(self, z: np.ndarray, rng: Generator) -> Float[np.ndarray, "rows dims"]:
        """What is kept, the whole of unit variance."""
        if self.compress == "pca" or z.shape[1] <= self.dims:
            kept = components(z, self.dims)
        else:
            try:
                from cuvee.measure.autoencoder import codes
            except ModuleNotFoundError as error:
                raise missing(error) from error
            kept = codes(z, self.dims, self.hidden, self.steps, rng)
        return kept / np.sqrt((kept**2).mean())

    def _terms(self, x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "rows"]:
        if self.by == "ksg":
            return local_information(x, y, self.neighbours, "euclidean")
        one, two, joint = (
            local_entropy(z, self.neighbours) for z in (x, y, np.column_stack([x, y]))
        )
        return one + two - joint

    def _of_parts(self, x: np.ndarray, y: np.ndarray, parts: int, rng: Generator) -> float:
        deals = [np.array_split(rng.permutation(len(x)), parts) for _ in range(PARTS // parts)]
        return float(np.mean([self._terms(x[s], y[s]).mean() for deal in deals for s in deal]))

    def _lost(self, x: np.ndarray, y: np.ndarray, value: float) -> tuple[str, ...]:
        """Whether keeping more would still show more."""
        fewer = max(self.dims // 2, 1)
        if min(x.shape[1], y.shape[1]) <= fewer:
            return ()
        half = float(self._terms(x[:, :fewer], y[:, :fewer]).mean())
        if value - half <= RISING * value + 0.02:
            return ()
        return (
            f"{fewer} numbers of each side show {half:.2f}, {self.dims} show {value:.2f}: more is "
            "lost still; keep more, if there are rows for it.",
        )


def components(z: Float[np.ndarray, "rows columns"], dims: int) -> Float[np.ndarray, "rows dims"]:
    """Principal components, each as wide as it is."""
    centred = z - z.mean(axis=0)
    if len(z) < z.shape[1]:
        left, size, _ = np.linalg.svd(centred, full_matrices=False)
        return left[:, :dims] * size[:dims]
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, ::-1][:, :dims]
