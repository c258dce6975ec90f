"""Whole sources, the one most like the target first."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Float32, Int64
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota

BLOCK = 1 << 16
"""Rows worked on at a time."""


@dataclass(frozen=True, slots=True)
class Csi:
    """Rows of the source whose features are spread most like the target's, then of the next.

    The index is the Frechet distance between normal distributions with each side's mean and
    covariance. From the nearest source rows are taken at random, as many as the budget allows;
    only if it has too few, the next one is begun. Features squared times rows, in blocks.

    Args:
        ridge: Added to the diagonal of all covariances; not published, 0 there. Above 0, sources of
            fewer rows than features are told apart less sharply by what they happen to lack.

    Fails when: the sources are mixtures themselves, as only whole sources are ranked; a source is
    so small that its covariance says little; what matters does not show in mean and covariance.

    References: Ghunaim, Hammoud and Ghanem, "Towards Data-Efficient Pretraining for Atomic Property
    Prediction", 2025, https://arxiv.org/abs/2502.11085; Heusel et al., "GANs Trained by a Two
    Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017,
    https://arxiv.org/abs/1706.08500
    """

    ridge: float = 0.0

    needs: ClassVar[tuple[str, ...]] = ("points", "groups")
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def __post_init__(self) -> None:
        if not self.ridge >= 0:
            raise CuveeError(f"csi: ridge must be 0 or more, got {self.ridge}.")

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Random rows of the nearest source, then of the next; scores are minus the distances."""
        if target is None:
            raise CuveeError("csi: there is no target: give --target.")
        points, groups = pool.need("points"), pool.need("groups")
        wanted = self._moments(target.need("points"), np.arange(len(target)))
        known = np.unique(groups)
        found = (self._moments(points, np.flatnonzero(groups == g)) for g in known)
        index = np.array([frechet(moments, wanted) for moments in found])
        rank = np.empty(len(known), np.int64)
        rank[np.argsort(index, kind="stable")] = np.arange(len(known))
        source = np.searchsorted(known, groups)
        order = np.lexsort((rng.permutation(len(pool)), rank[source]))
        rows, scores = k.fill(order, pool.sizes), -index[source]
        name = dict(enumerate(pool.names))
        said = ", ".join(
            f"{name.get(int(known[i]), int(known[i]))} {index[i]:.3g}"
            for i in np.argsort(index, kind="stable")[:10]
        )
        note = f"Distances of the sources from the target, nearest first: {said}."
        return Choice(
            rows, scores[rows], "minus the Frechet distance of its source", groups[rows], "source",
            scores=scores, notes=(note,),
        )  # fmt: skip

    def _moments(
        self, points: Float32[np.ndarray, "rows dims"], rows: Int64[np.ndarray, "some"]
    ) -> tuple[Float[np.ndarray, "dims"], Float[np.ndarray, "dims dims"]]:
        blocks = [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]
        total = np.zeros(points.shape[1])
        for block in blocks:
            total += points[block].sum(axis=0, dtype=np.float64)
        middle, spread = total / len(rows), self.ridge * np.eye(points.shape[1])
        for block in blocks:
            apart = points[block] - middle
            spread += apart.T @ apart / max(len(rows) - 1, 1)
        return middle, spread


def frechet(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared distance of two normal distributions, each given as mean and covariance.

    |m - n|^2 + tr(A + B - 2 (A B)^(1/2)); the root's trace is that of the symmetric
    (A^(1/2) B A^(1/2))^(1/2).
    """
    values, axes = np.linalg.eigh(a[1])
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b[1] @ root), 0)).sum()
    apart = np.sum((a[0] - b[0]) ** 2)
    return float(max(apart + np.trace(a[1]) + np.trace(b[1]) - 2 * both, 0.0))
