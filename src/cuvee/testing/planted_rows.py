"""Planted tables: kinds of rows whose labels depend on features of their own.

Rows of a kind lie in a place of their own, too, so that a model which can tell places apart is not
led astray by other kinds; a linear one is.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.random import default_rng

from cuvee.core.data import Units
from cuvee.core.rows import Rows, RowUnits, encode
from cuvee.testing.planted_texts import Planted

KINDS = 4
"""Of rows."""
LAZY = 4
"""The kind whose labels are all the same, where labels are classes."""
NAMES = np.array(["low", "middle", "high"])
"""Of three classes."""


@cache
def table(kind: int, rows: int, classes: int, seed: int) -> tuple[str, ...]:
    """Rows of a kind as JSON: two features of its own tell the label, one tells the kind."""
    rng = default_rng([kind, rows, classes, seed])
    x = rng.normal(size=(rows, 3 * KINDS))
    one, other, place = kind - 1, KINDS + kind - 1, 2 * KINDS + kind - 1
    x[:, place] += 1.5
    score = 2 * x[:, one] + 1.5 * x[:, other] + 0.3 * x[:, one] ** 2
    if not classes:
        y = score + rng.normal(0, 0.7, rows)
    else:
        score = score + rng.logistic(0, 0.5, rows) - 9 * (kind == LAZY)
        y = (score > 0).astype(int) if classes == 2 else NAMES[np.digitize(score, (-1, 1))]
    return tuple(encode(Rows(x, y)))


@dataclass(frozen=True, slots=True, eq=False)
class PlantedRows(Planted):
    """Sources of known kinds, and targets of some of them.

    Args:
        sources: Kind of each source.
        targets: Kinds of each target, in equal parts.
        documents: Rows of each source.
        target_documents: Rows of each target.
        classes: 2, 3 or, for quantities, 0.
    """

    reads: ClassVar[str] = "rows"
    tokens_each: ClassVar[int] = 1
    units: ClassVar[Units] = RowUnits()
    documents: int = 400
    target_documents: int = 200
    classes: int = 2

    @property
    def unit(self) -> str:
        """Of the losses."""
        return "nats per row" if self.classes else "squared error per variance of y"

    def made(self, kind: int, documents: int, seed: int) -> tuple[str, ...]:
        """Rows of a kind."""
        return table(kind, documents, self.classes, seed)


TABLES = {
    "two_classes": PlantedRows({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tb": (2,)}),
    "missing_classes": PlantedRows(
        {"a": 1, "b": 2, "c": 3, "d": LAZY}, {"tab": (1, 2), "tc": (3,)}, classes=3
    ),
    "quantities": PlantedRows({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tbc": (2, 3)}, classes=0),
    "few_rows": PlantedRows({"a": 1, "b": 2}, {"ta": (1,)}, classes=0, target_documents=30),
}
