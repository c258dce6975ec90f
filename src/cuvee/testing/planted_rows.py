"""Planted tables: kinds of rows whose labels depend on features of their own.

Rows of a kind lie in a place of their own, too, so that a model which can tell places apart is not
led astray by other kinds; a linear one is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.random import default_rng

from cuvee.core.data import Data, Engine
from cuvee.core.rows import Rows, RowUnits, encode
from cuvee.testing.planted_texts import Texts, serial

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


@dataclass(frozen=True, slots=True)
class PlantedRows:
    """Sources of known kinds, and targets of some of them.

    Args:
        sources: Kind of each source.
        targets: Kinds of each target, in equal parts.
        classes: 2, 3 or, for quantities, 0.
        documents: Rows of each source.
        target_documents: Rows of each target.
    """

    reads: ClassVar[str] = "rows"
    tokens_each: ClassVar[int] = 1
    sources: Mapping[str, int]
    targets: Mapping[str, tuple[int, ...]]
    classes: int = 2
    documents: int = 400
    target_documents: int = 200

    @property
    def unit(self) -> str:
        """Of the losses."""
        return "nats per row" if self.classes else "squared error per variance of y"

    def data(
        self,
        *,
        target_seed: int = 1,
        piece: int = 10**9,
        batch: int = 10**9,
        engine: Engine = serial,
        fewer: Mapping[str, int] | None = None,
    ) -> Data:
        """The problem as a proxy gets it; `fewer` rows of some sources where asked."""
        sources = []
        for name, kind in self.sources.items():
            rows = table(kind, self.documents, self.classes, 0)
            some = rows[: (fewer or {}).get(name, self.documents)]
            sources.append(Texts(name, some, piece, batch))
        targets = []
        for name, kinds in self.targets.items():
            each = self.target_documents // len(kinds)
            rows = [row for k in kinds for row in table(k, each, self.classes, target_seed)]
            targets.append(Texts(name, tuple(rows)))
        return Data(tuple(sources), tuple(targets), RowUnits(), engine)

    def own(self, target: str) -> str | None:
        """The source of the only kind of a target."""
        kinds = self.targets[target]
        names = [name for name, kind in self.sources.items() if (kind,) == kinds]
        return names[0] if names else None


TABLES = {
    "two_classes": PlantedRows({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tb": (2,)}),
    "missing_classes": PlantedRows(
        {"a": 1, "b": 2, "c": 3, "d": LAZY}, {"tab": (1, 2), "tc": (3,)}, classes=3
    ),
    "quantities": PlantedRows({"a": 1, "b": 2, "c": 3}, {"ta": (1,), "tbc": (2, 3)}, classes=0),
    "few_rows": PlantedRows({"a": 1, "b": 2}, {"ta": (1,)}, classes=0, target_documents=30),
}
