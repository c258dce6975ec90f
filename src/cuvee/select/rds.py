"""Similarity of representations, every target row in its turn (RDS+)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from cuvee.core import CuveeError
from cuvee.core.pool import Choice, Pool, Quota
from cuvee.select.nearest import Turns, unit


@dataclass(frozen=True, slots=True)
class Rds:
    """Target rows in turn take the row nearest to them by cosine, until there are enough.

    Every target row has as much to say as any other, so that a target of several kinds is covered,
    which the mean similarity would not do. The published features are last hidden states of a
    language model, pooled with weights that grow with the position (i / sum of i); that is a
    property of the points, which are taken here as they come. Rows x target rows x features
    multiplications, in blocks.

    Args:
        centred: Take the mean of the pool's points from all points first; not published. Useful
            where all points lie in one direction and cosines are all near 1.

    Fails when: the points do not tell what matters about a text; the target has rows that are
    unlike what is wanted, as each of them gets its share.

    References: Ivison, Zhang, Brahman, Koh and Dasigi, "Large-Scale Data Selection for Instruction
    Tuning", 2025, https://arxiv.org/abs/2503.01807; Hanawa, Yokoi, Hara and Inui, "Evaluation of
    Similarity-based Explanations", ICLR 2021, https://arxiv.org/abs/2006.04528
    """

    centred: bool = False

    needs: ClassVar[tuple[str, ...]] = ("points",)
    targeted: ClassVar[bool] = True
    seeks: ClassVar[str] = "target"

    def choose(self, pool: Pool, k: Quota, *, target: Pool | None = None, rng: Generator) -> Choice:
        """Rows in the order in which target rows took them."""
        if target is None:
            raise CuveeError("rds: there is no target: give --target.")
        points, wanted = pool.need("points"), target.need("points")
        middle = np.zeros(points.shape[1], np.float32)
        if self.centred:
            middle = points.mean(axis=0, dtype=np.float64).astype(np.float32)
        found = Turns.of(
            points, unit(wanted - middle), pool.sizes, k, view=lambda block: unit(block - middle)
        )
        return found.choice(pool, k, "cosine to the target row whose turn it was")
