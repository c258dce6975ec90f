"""Which law extrapolates best? Each is fitted to the smaller runs, and judged on the largest."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from cuvee import report
from cuvee.core import CuveeError, stream
from cuvee.core.cleaning import cleaned
from cuvee.core.runs import Runs
from cuvee.core.scales import mixtures
from cuvee.core.threads import one_thread
from cuvee.forecasting import main_axis, prepared
from cuvee.laws import MIXING, load_law
from cuvee.predict import METHODS

BASELINE = "constant"
FEW = 8
"""Runs to judge on below which chance decides."""
LEAST = 3
"""Runs to judge on."""
RESAMPLES = 500


@dataclass(frozen=True, slots=True, eq=False)
class LawScore:
    """How one law did on runs larger than those it saw.

    Args:
        method: Name.
        errors: Forecast over loss, less 1, of each run judged on.
        coverage: Share of them inside the law's intervals; NaN if it states none.
        width: Median width of the intervals over loss; NaN likewise.
        seconds: To fit and to forecast.
    """

    method: str
    errors: Float[np.ndarray, "runs"]
    coverage: float
    width: float
    seconds: float

    @property
    def error(self) -> float:
        """Median of the absolute relative errors."""
        return float(np.median(np.abs(self.errors)))

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee predict --methods --json` prints it."""
        figures = {"coverage": self.coverage, "width": self.width}
        return {
            "method": self.method,
            "error": self.error,
            "bias": float(np.median(self.errors)),
            **{n: float(v) if np.isfinite(v) else None for n, v in figures.items()},
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, eq=False)
class LawScores:
    """Several laws on the same runs.

    Args:
        rows: The best first.
        axis: Along which the largest runs were kept back.
        fitted: Runs that laws were fitted to.
        beyond: The middle run judged on over the largest fitted to, along the axis.
        level: Of the intervals.
        notes: What was left out of the table.
        trouble: Why a law has no row.
    """

    rows: tuple[LawScore, ...]
    axis: str
    fitted: int
    beyond: float
    level: float
    notes: tuple[str, ...]
    trouble: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return report.law_scores_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_law_scores, self.to_dict())

    def verdict(self) -> str:
        """Who extrapolates best, and whether by more than the choice of runs, in a sentence."""
        if not self.rows:
            return "No law could be fitted."
        best, rest = self.rows[0], self.rows[1:]
        rng = stream(0, "law scores")
        picks = rng.integers(len(best.errors), size=(RESAMPLES, len(best.errors)))
        mine = np.median(np.abs(best.errors)[picks], axis=1)
        behind = [
            row.method
            for row in rest
            if np.mean(np.median(np.abs(row.errors)[picks], axis=1) > mine) < 0.95
        ]
        if len(best.errors) < FEW:
            return f"{len(best.errors)} runs to judge on are too few to tell laws apart."
        if not rest:
            return f"{best.method} errs by {best.error:.2%} at the median."
        if not behind:
            return f"{best.method} extrapolates best, ahead of every other by more than chance."
        names = ", ".join(behind[:4]) + (" and more" if len(behind) > 4 else "")
        return f"{best.method} extrapolates best; {names} not behind by more than chance."

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee predict --methods --json` prints it."""
        return {
            "methods": [
                *(row.to_dict() for row in self.rows),
                *({"method": name, "trouble": why} for name, why in self.trouble.items()),
            ],
            "axis": self.axis,
            "fitted": self.fitted,
            "tests": len(self.rows[0].errors) if self.rows else 0,
            "beyond": self.beyond,
            "level": self.level,
            "verdict": self.verdict(),
            "notes": list(self.notes),
        }


def score_laws(
    runs: Runs | str | Path | Sequence[str | Path],
    methods: Sequence[str] | str = "all",
    *,
    holdout: float = 0.1,
    fit_part: float | None = None,
    target: str | None = None,
    where: Sequence[str] | str = (),
    columns: Mapping[str, str] | None = None,
    pool: bool = False,
    outliers: Literal["keep", "drop"] = "keep",
    level: float = 0.9,
    seed: int = 0,
) -> LawScores:
    """Fit laws to the smaller runs, and judge them on the largest.

    Args:
        runs: A table, or its file, as for `predict`.
        methods: Names, or `"all"` for every law that the table can feed; `constant` is added.
        holdout: Part of the runs, those of the most compute, to judge on.
        fit_part: Part of the runs, the smallest, to fit to; all that are not judged on by default.
        target, where, columns, pool, outliers, level, seed: As for `predict`.

    Raises:
        CuveeError: A table that does not fit, unknown names, or too few runs to judge on.
    """
    if not 0 < holdout < 1:
        raise CuveeError(f"holdout must lie between 0 and 1, got {holdout}.")
    used, notes = prepared(runs, target, where, columns, pool, "keep")
    axis = main_axis(used.points)
    size = used.points.axis(axis)
    train, test = _split(size, holdout, fit_part)
    # What is judged on is not looked at: outliers are those of the runs fitted to.
    fitted_to, said = cleaned(used.rows(train), drop=outliers == "drop")
    notes = (*notes, *said) if outliers == "drop" else notes
    rows, trouble = [], {}
    names = _named(methods, used)
    for name in names:
        start = time.perf_counter()
        try:
            with one_thread():
                rng = stream(seed, "predict", name)
                fitted = load_law(name).fit(fitted_to, rng=rng)
                forecast = fitted.predict(used.points[test])
        except (ValueError, ArithmeticError) as error:  # one law does not end the others
            if len(names) == 1 + (BASELINE not in (methods,)) and isinstance(error, CuveeError):
                raise
            trouble[name] = str(error)
            continue
        rows.append(_scored(name, forecast, used.losses[test, 0], level, start))
    rows.sort(key=lambda row: row.error)
    beyond = float(np.median(size[test]) / size[train].max())
    return LawScores(tuple(rows), axis, len(fitted_to), beyond, level, notes, trouble)


def _named(methods: Sequence[str] | str, runs: Runs) -> list[str]:
    asked = methods.split(",") if isinstance(methods, str) else list(methods)
    names: list[str] = []
    for name in [*filter(None, map(str.strip, asked)), BASELINE]:
        if name != "all":
            load_law(name)
            names.append(name)
            continue
        names += [m for m in METHODS if all(map(runs.points.states, load_law(m).needs))]
        names += MIXING if mixtures(runs) > len(runs.sources) else ()
    return list(dict.fromkeys(names))


def _split(
    size: np.ndarray, holdout: float, fit_part: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit to, and rows to judge on; runs of one size stay together."""
    n = len(size)
    edge = np.sort(size)[::-1][min(max(LEAST, round(holdout * n)), n) - 1]
    test = size >= edge * (1 - 1e-9)
    train = ~test
    if fit_part is not None:
        if not 0 < fit_part <= 1 - holdout + 1e-9:
            raise CuveeError(f"fit_part must lie between 0 and 1 - holdout, got {fit_part}.")
        train &= size <= np.sort(size)[min(max(1, round(fit_part * n)), n) - 1]
    if not train.any():
        raise CuveeError(
            f"nothing is left to fit to: {int(test.sum())} of {n} runs are of the largest scale; "
            f"runs at several scales are needed."
        )
    return train, test


def _scored(name: str, forecast: Any, losses: np.ndarray, level: float, start: float) -> LawScore:
    low, high = (end[:, 0] for end in forecast.interval(level))
    known = np.isfinite(low).all()
    inside = np.mean((losses >= low) & (losses <= high)) if known else np.nan
    width = np.median((high - low) / losses) if known else np.nan
    errors = forecast.mean[:, 0] / losses - 1
    return LawScore(name, errors, float(inside), float(width), time.perf_counter() - start)
