"""Two recipes or data sets by their laws: which is better at a scale that nobody has run?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cuvee import report
from cuvee.core import CuveeError, Points, stream
from cuvee.core.runs import Runs
from cuvee.core.scales import SHARE, At, numbers, points_at, several, shares_at, stated
from cuvee.core.threads import one_thread
from cuvee.forecasting import DEFAULT, check_asked, main_axis, prepared
from cuvee.laws import axes_of, load_law
from cuvee.predict.crossing import (
    Along,
    Crossing,
    Verdict,
    along,
    along_optimum,
    compare_procedures,
    find_crossing,
)

BEYOND = (10.0,)
"""Times the largest scale of the runs at which procedures are compared if nothing is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Two procedures compared.

    Args:
        method: The law fitted to the runs of each.
        names: Of the procedures.
        runs: How many of each.
        axis: Along which the crossing was looked for.
        points: Where they are compared.
        verdict: There.
        crossing: Where the better becomes the worse.
        notes: What was left out, what the runs cannot tell.
    """

    method: str
    names: tuple[str, str]
    runs: tuple[int, int]
    axis: str
    points: Points
    verdict: Verdict
    crossing: Crossing
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return report.contrast_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_contrast, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee predict --against --json` prints it."""
        low, high = self.verdict.difference.interval(0.9)
        rows = zip(self.verdict.difference.mean, low, high, self.verdict.first_better)
        names = ("mean", "low", "high", "first_better")
        cross = self.crossing
        return {
            "method": self.method,
            "procedures": dict(zip(self.names, self.runs)),
            "differences": [
                {**stated(self.points, i), **dict(zip(names, map(_finite, row))), "verdict": said}
                for i, (row, said) in enumerate(zip(rows, self.verdict.said))
            ],
            "crossing": {
                "axis": self.axis,
                "outcome": cross.outcome,
                "mean": _finite(cross.value),
                "low": _finite(cross.low),
                "high": _finite(cross.high),
                "share": _finite(cross.share),
                "verdict": cross.said,
            },
            "notes": list(self.notes),
        }


def contrast(
    first: Runs | str | Path | Sequence[str | Path],
    second: Runs | str | Path | Sequence[str | Path],
    *,
    names: tuple[str, str] = ("first", "second"),
    method: str = DEFAULT,
    at: At | str | Sequence[At | str] = (),
    given: At | None = None,
    target: str | None = None,
    where: Sequence[str] | str = (),
    columns: Mapping[str, str] | None = None,
    pool: bool = False,
    outliers: Literal["keep", "drop"] = "keep",
    seed: int = 0,
) -> Contrast:
    """Fit the same law to the runs of two procedures, and compare the laws.

    The laws are compared, without the noise of single runs. A law of params and tokens is compared
    along compute, each procedure at its own best size of model.

    Args:
        first, second: Tables of the two procedures, or their files.
        names: Of the procedures.
        method: The law.
        at: Scales at which to compare; ten times beyond the largest run by default.
        given: Axes that are the same everywhere.
        target, where, columns, pool, outliers, seed: As for `predict`.

    Raises:
        CuveeError: A table that does not fit, or a law of axes that cannot be laid along one.
    """
    law = load_law(method)
    signed = getattr(law, "signed", False)
    laws, tables, notes = [], [], []
    for name, table in zip(names, (first, second)):
        used, said = prepared(table, target, where, columns, pool, outliers, given, signed)
        check_asked(law, used, Points.of(tokens=np.zeros(0)))
        if tables and used.targets != tables[0].targets:
            raise CuveeError(
                f"{names[0]} has losses on {tables[0].targets[0]!r} and {name} on "
                f"{used.targets[0]!r}: procedures are compared on one target, give --target."
            )
        with one_thread():
            laws.append(law.fit(used, rng=stream(seed, "predict", method)))
        tables.append(used)
        notes += [f"{name}: {note}" for note in (*said, *laws[-1].notes)]
    axis, ways = _ways(axes_of(law, tables[0].points), laws, tables, given or {})
    largest = [t.points.axis(axis) for t in tables]
    measured = float(min(x.min() for x in largest)), float(max(x.max() for x in largest))
    asked = several(at)
    if asked:
        points, _ = points_at(tables[0], asked, given or {})
        check_asked(law, tables[0], points)
        verdict = compare_procedures(laws[0], laws[1], points, names=names)
    else:
        points, verdict = _at_optima(laws, ways, axis, measured[1], names)
    crossing = find_crossing(laws[0], laws[1], ways[0], measured, along_second=ways[1], names=names)
    return Contrast(
        method, names, (len(tables[0]), len(tables[1])), axis, points, verdict, crossing,
        tuple(notes),
    )  # fmt: skip


def _ways(
    needs: tuple[str, ...], laws: list[Any], tables: list[Runs], given: At
) -> tuple[str, list[Along]]:
    """The axis along which laws can be compared, and the points of each law along it."""
    fixed = {n: v for n, v in numbers(given).items() if not n.startswith(SHARE)}
    shares = [shares_at(table, given) for table in tables]
    free = [name for name in needs if name not in fixed]
    if set(free) == {"params", "tokens"}:
        return "flops", [along_optimum(law, w, **fixed) for law, w in zip(laws, shares)]
    if len(free) == 1:
        return free[0], [along(free[0], shares=w, **fixed) for w in shares]
    if not free:
        axis = main_axis(tables[0].points)
        return axis, [along(axis, shares=w, **fixed) for w in shares]
    raise CuveeError(
        f"a law of {', '.join(free)} cannot be laid along one axis: fix all but one, or all but "
        f"params and tokens, with --given."
    )


def _at_optima(
    laws: list[Any], ways: list[Along], axis: str, largest: float, names: tuple[str, str]
) -> tuple[Points, Verdict]:
    """Beyond the largest run, each procedure at its own best size."""
    values = largest * np.array(BEYOND)
    here, there = (way(values) for way in ways)
    places = [f"{v:.3g} {'FLOPs' if axis == 'flops' else axis}" for v in values]
    verdict = compare_procedures(laws[0], laws[1], here, names=names, places=places, there=there)
    return Points.of(**{axis: values}), verdict


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
