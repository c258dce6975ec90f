"""What was measured: a number of one or two data sets, a list of them, or a table of all pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import report
from cuvee.core import CuveeError, Estimate
from cuvee.core.files import write_whole

LEVEL = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A number about data: print it, or take its `value`, `interval` and `notes`.

    Args:
        method: By which.
        names: Of the data sets.
        sizes: Their rows, or documents.
        asks: The question that it answers.
        estimate: The number.
    """

    method: str
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    asks: str
    estimate: Estimate

    @property
    def value(self) -> float:
        """The point estimate."""
        return float(self.estimate.mean)

    @property
    def interval(self) -> tuple[float, float]:
        """In which the true value lies nine times out of ten, the bias of few rows included."""
        low, high = self.estimate.interval(LEVEL)
        return float(low), float(high)

    @property
    def null(self) -> tuple[float, float] | None:
        """Where nine of ten values lie if there is no difference, or no dependence."""
        if self.estimate.null is None:
            return None
        low, high = np.quantile(self.estimate.null, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    @property
    def notes(self) -> tuple[str, ...]:
        """Why the number may lie."""
        return self.estimate.notes

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return report.measured_text(self.to_dict())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee measure --json` prints it."""
        low, high = self.interval
        null = self.null
        return {
            "method": self.method, "asks": self.asks, "names": list(self.names),
            "sizes": list(self.sizes), "value": self.value, "low": low, "high": high,
            "level": LEVEL, "unit": self.estimate.unit, "bound": self.estimate.bound,
            "spread": self.estimate.spread,
            "null": None if null is None else {"low": null[0], "high": null[1]},
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """Several numbers about the same data.

    Args:
        found: By the methods' order.
        left: Methods that do not suit these data, and why.
    """

    found: tuple[Measured, ...]
    left: Mapping[str, str]

    def __getitem__(self, method: str) -> Measured:
        for one in self.found:
            if one.method == method:
                return one
        why = self.left.get(method, "it is no measure")
        raise CuveeError(f"{method} was not measured: {why}")

    def __str__(self) -> str:
        return report.measurements_text(self.to_dict())

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee measure --methods --json` prints it."""
        return {"measured": [one.to_dict() for one in self.found], "left_out": dict(self.left)}


@dataclass(frozen=True)
class Pairs:
    """A number for each pair of data sets.

    Args:
        method: By which.
        names: Of the data sets.
        found: The number of names i and j, by (i, j); where it is the same both ways, i < j only.
    """

    method: str
    names: tuple[str, ...]
    found: Mapping[tuple[int, int], Measured]

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers: names x names; NaN on the diagonal."""
        n = len(self.names)
        table = np.full((n, n), np.nan)
        for (i, j), one in self.found.items():
            table[i, j] = one.value
            if (j, i) not in self.found:
                table[j, i] = one.value
        return table

    def __str__(self) -> str:
        return report.pairs_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.heatmap(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee measure --pairs --json` prints it."""
        cells = [{"a": i, "b": j, **one.to_dict()} for (i, j), one in self.found.items()]
        return {"method": self.method, "names": list(self.names), "pairs": cells}

    def report(self, out: str | Path) -> None:
        """Write the heatmap as a page of its own.

        Args:
            out: File that ends with `.html`.

        Raises:
            CuveeError: It cannot be written.
        """
        path = Path(out)
        if path.suffix != ".html":
            raise CuveeError(f"{out}: expected a file that ends with .html.")
        page = report.pairs_page(self.to_dict()).encode()
        write_whole(path, lambda p: p.write_bytes(page))
