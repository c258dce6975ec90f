"""From runs at some scales to what others would give: fit a law, ask it, say how sure it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cuvee import report
from cuvee.contracts import Fitted, Law
from cuvee.core import CuveeError, Estimate, Points, stream
from cuvee.core.cleaning import cleaned
from cuvee.core.fitting import Noise
from cuvee.core.points import FLOPS
from cuvee.core.runs import UNIT, Runs
from cuvee.core.scale_files import read_scales
from cuvee.core.scales import (
    SHARE,
    At,
    check_units,
    mixtures,
    numbers,
    points_at,
    several,
    shares_at,
    stated,
    words,
)
from cuvee.core.strata import check_one_law, chosen, told
from cuvee.core.threads import one_thread
from cuvee.laws import MixingLaw, axes_of, load_law
from cuvee.predict.bimodal import describe, hides_two_modes
from cuvee.predict.law import DELTA
from cuvee.predict.optimum import Optimum, compute_optimal

DEFAULT = "aggregate"
SEEDS = 4
"""Runs at one scale that can show two modes."""
ALARM = 0.05
"""Chance of a false alarm, of one scale and of all together."""
CURVE = 25
"""Places at which the chart asks the law."""
FAR = 100.0
"""Compute beyond that of the runs, as a factor, at which a forecast is called far."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A law fitted to runs, and what it says.

    Args:
        method: Name of the law.
        fitted: The law.
        runs: That it was fitted to, of one target.
        points: That were asked for.
        losses: Forecast of one more run at each: draws, points, 1.
        law: The law's own value at each, without the noise of a run.
        optimum: Of a compute budget, if one was given.
        level: Of all intervals.
        notes: What was left out, what the runs cannot tell, what lies far beyond them.
        needs: Axes of the law.
    """

    method: str
    fitted: Fitted
    runs: Runs
    points: Points
    losses: Estimate | None
    law: Estimate | None
    optimum: Optimum | None
    level: float
    notes: tuple[str, ...]
    needs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return report.prediction_text(self.to_dict())

    def _repr_html_(self) -> str:
        return report.fragment(report.print_prediction, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As `cuvee predict --json` prints it."""
        fitted = self.fitted
        answer: dict[str, Any] = {
            "method": self.method,
            "target": self.runs.targets[0],
            "unit": self.unit,
            "runs": len(self.runs),
            "level": self.level,
            "parameters": {n: _ends(e, self.level) for n, e in fitted.parameters.items()},
            "objective": dict(objective(fitted, self.runs)),
            "predictions": self._rows(),
            "notes": list(self.notes),
        }
        if self.optimum is not None:
            best = self.optimum
            answer["optimum"] = {
                "flops": best.flops,
                **{
                    name: _ends(getattr(best, name), self.level)
                    for name in ("params", "tokens", "loss")
                },
                "identified": best.open < (1 - self.level) / 2,
            }
        return answer

    @property
    def unit(self) -> str:
        """Of losses, or scores."""
        return UNIT if self.losses is None else self.losses.unit

    def _rows(self) -> list[dict[str, Any]]:
        if self.losses is None or self.law is None:
            return []
        return [
            {
                **stated(self.points, i),
                **_ends(_at(self.losses, i), self.level),
                "law": _ends(_at(self.law, i), self.level),
            }
            for i in range(len(self.points))
        ]

    def chart(self, path: str | Path) -> Path:
        """Write the chart: runs, law and forecasts, as one page that needs no network."""
        from cuvee.core.files import write_whole

        page = report.prediction_page(self.to_dict(), self.drawing())
        write_whole(path, lambda p: p.write_text(page, "utf-8"))
        return Path(path)

    def drawing(self) -> dict[str, Any]:
        """What the chart shows: the runs, and what the law says of each and in between."""
        points, axis = self.runs.points, main_axis(self.runs.points, self.points)
        asked = self.points.axis(axis).tolist() if len(self.points) else []
        ends = [*points.axis(axis), *asked, *([self.optimum.flops] if self.optimum else [])]
        try:
            along, curve = self._curve(axis, min(ends), max(ends))
        except CuveeError:  # the law has axes that the chart cannot know
            along, curve = "none", []
        return {
            "axis": axis, "along": along, "curve": curve, "asked": asked,
            "x": points.axis(axis).tolist(), "loss": self.runs.losses[:, 0].tolist(),
            "fit": self.fitted.mean(points)[:, 0].tolist(),
        }  # fmt: skip

    def _curve(self, axis: str, low: float, high: float) -> tuple[str, list[dict[str, Any]]]:
        """The law along the axis of the chart, where the axis decides it."""
        x = np.geomspace(low, high, CURVE)
        needs = set(self.needs)
        if axis == "flops" and needs == {"params", "tokens"}:
            best = [compute_optimal(self.fitted, c, shares=shares_at(self.runs, {})) for c in x]
            rows = [_ends(b.loss, self.level) for b in best]
            return "optimal", [{"x": float(c), **row} for c, row in zip(x, rows)]
        if not needs <= {axis}:
            return "none", []
        law = self.fitted.expected(Points.of(**{axis: x}))
        rows = [_ends(_at(law, i), self.level) for i in range(len(x))]
        return "axis", [{"x": float(v), **row} for v, row in zip(x, rows)]


def predict(
    runs: Runs | str | Path | Sequence[str | Path],
    *,
    method: str = DEFAULT,
    target: str | None = None,
    at: At | str | Sequence[At | str] = (),
    budget_flops: float | str | None = None,
    given: At | None = None,
    where: Sequence[str] | str = (),
    columns: Mapping[str, str] | None = None,
    pool: bool = False,
    outliers: Literal["keep", "drop"] = "keep",
    level: float = 0.9,
    seed: int = 0,
) -> Prediction:
    """Fit a law to runs at several scales, and ask it about others.

    Args:
        runs: A table with `params`, `tokens` and `loss/<target>`, or its file; other columns of
            numbers are axes that a law may use.
        method: Name of a law; a mixing law that learns from runs will do, too.
        target: The losses to fit; needed where the table has several.
        at: Scales to forecast: `{"params": 7e9, "tokens": "140B"}`, or several; as text, too:
            `"params=7e9,tokens=140B"`.
        budget_flops: Compute whose best size and tokens are wanted.
        given: Axes that are the same wherever the law is asked, such as `unique_tokens`.
        where: Choices of runs, such as `"experiment=llama"` or `"tokens>=1e9"`.
        columns: Name here -> column of the file.
        pool: Fit runs together although a column of words tells their losses apart.
        outliers: What to do with runs far from any smooth law, and with unfinished ones.
        level: Of the intervals.
        seed: Of everything random.

    Raises:
        CuveeError: A table, law or scale that does not fit the others; it says what to do.
    """
    if not 0 < level < 1:
        raise CuveeError(f"level must lie between 0 and 1, got {level}.")
    if seed < 0:
        raise CuveeError(f"seed must be 0 or more, got {seed}.")
    law = load_law(method)
    signed = getattr(law, "signed", False)
    used, notes = prepared(runs, target, where, columns, pool, outliers, given, signed)
    asked = several(at)
    points, more = points_at(used, asked, given or {})
    axes = axes_of(law, used.points)
    check_asked(law, used, points)
    if budget_flops is not None and not {"params", "tokens"} <= set(axes):
        raise CuveeError(
            f"{method} is a law of {', '.join(axes) or 'nothing'}: a budget has a best size under "
            f"a law of params and tokens alone, such as chinchilla."
        )
    with one_thread():
        fitted = law.fit(used, rng=stream(seed, "predict", method))
        losses = fitted.predict(points) if asked else None
        own = fitted.expected(points) if asked else None
        best = None
        if budget_flops is not None:
            fixed = {n: v for n, v in numbers(given or {}).items() if not n.startswith(SHARE)}
            flops = numbers({"budget_flops": budget_flops})["budget_flops"]
            best = compute_optimal(fitted, flops, fixed, shares_at(used, given or {}))
    notes = (*notes, *more, *fitted.notes, *_blind(law, used), *_far(used.points, points, best))
    return Prediction(method, fitted, used, points, losses, own, best, level, notes, axes)


def prepared(
    runs: Runs | str | Path | Sequence[str | Path], target: str | None,
    where: Sequence[str] | str, columns: Mapping[str, str] | None, pool: bool,
    outliers: Literal["keep", "drop"], given: At | None = None, signed: bool = False,
) -> tuple[Runs, tuple[str, ...]]:  # fmt: skip
    """The runs of one law, and what was done to the table.

    Scores that may have any sign are taken as they are: they need not lie near a smooth law.
    """
    table = runs if isinstance(runs, Runs) else _read(runs, columns)
    runs = chosen(table, [where] if isinstance(where, str) else where)
    if target is not None:
        runs = runs.only([target.removeprefix("loss/")])
    elif len(runs.targets) > 1:
        names = ", ".join(runs.targets[:6]) + (", ..." if len(runs.targets) > 6 else "")
        raise CuveeError(
            f"the table has {len(runs.targets)} targets ({names}), and a law is of one: choose "
            f"with --target."
        )
    check_units(runs.points, [f"run {name!r}" for name in runs.names])
    missing = {n: v for n, v in numbers(given or {}).items() if not n.startswith(SHARE)}
    runs = told(runs, {n: v for n, v in missing.items() if not runs.points.states(n)})
    many = len(runs)
    runs = runs.complete()
    lost = [f"Left out for lack of a loss: {many - len(runs)} of {many} rows."]
    lost = lost if len(runs) < many else []
    if signed:
        return runs, tuple(lost)
    wrong = runs.losses[:, 0] <= 0
    if wrong.any():
        i = int(np.argmax(wrong))
        raise CuveeError(
            f"run {runs.names[i]!r} has the loss {runs.losses[i, 0]:.6g}: a law needs losses above "
            f"0; is this an accuracy, or a log-probability whose sign is to be changed?"
        )
    if not pool:
        check_one_law(runs)
    runs, notes = cleaned(runs, drop=outliers == "drop")
    return runs, (*lost, *notes, *_two_modes(runs))


def _two_modes(runs: Runs) -> tuple[str, ...]:
    """A warning where the mean over seeds hides two modes at more scales than chance would."""
    from scipy.stats import binom

    at = runs.points
    columns = [at.params, at.tokens, *at.axes.values()]
    known = np.nan_to_num(np.stack(columns, axis=1), nan=-1.0)
    scales = np.unique(known, axis=0, return_inverse=True)[1].ravel()
    several = [np.flatnonzero(scales == s) for s in np.flatnonzero(np.bincount(scales) >= SEEDS)]
    found = [(rows, hides_two_modes(runs.losses[rows, 0])) for rows in several]
    odd = [(rows, modes) for rows, modes in found if modes.two]
    if not odd or binom.sf(len(odd) - 1, len(found), ALARM) > ALARM:
        return ()
    rows, modes = max(odd, key=lambda pair: pair[1].bic)
    more = f" So it is at {len(odd)} of {len(found)} scales." if len(odd) > 1 else ""
    where = f"At {words(stated(at, int(rows[0])))}"
    return (describe(modes, where) + more + " The law seeds says how likely each is.",)


def _read(paths: str | Path | Sequence[str | Path], columns: Mapping[str, str] | None) -> Runs:
    return read_scales(*([paths] if isinstance(paths, str | Path) else paths), columns=columns)


def check_asked(law: Law, runs: Runs, points: Points) -> None:
    """Refuse runs, or a forecast, without an axis of the law."""
    for name in law.needs:
        if not runs.points.states(name):
            known = [n for n in ("params", "tokens", *runs.points.axes) if runs.points.states(n)]
            column = {"params": runs.points.params, "tokens": runs.points.tokens}
            values = column.get(name, runs.points.axes.get(name, np.full(len(runs), np.nan)))
            if np.isnan(values).all():
                raise CuveeError(
                    f"this law needs a column {name}, and the table states "
                    f"{', '.join(known) or 'no axis'}: name it with --columns {name}=COLUMN, or "
                    f"choose another law."
                )
            first = runs.names[int(np.argmax(np.isnan(values)))]
            raise CuveeError(
                f"run {first!r} does not state {name}, which this law needs: fill it in, or leave "
                f"the run out with --where."
            )
        if len(points) and not points.states(name):
            raise CuveeError(
                f"the law needs {name}: expected --at ...,{name}=NUMBER in every forecast."
            )


def objective(fitted: Fitted, runs: Runs) -> dict[str, float]:
    """What the fit made small; the sum of Huber losses is always there, to compare laws by."""
    known = dict(fitted.objective)
    if "sum_huber" not in known and (runs.losses > 0).all():
        r = np.log(np.maximum(fitted.mean(runs.points)[:, 0], 1e-300) / runs.losses[:, 0])
        known["sum_huber"] = float(Noise(DELTA, log=True).cost(r))
    return known


def main_axis(runs: Points, asked: Points | None = None) -> str:
    """The axis that a chart is drawn along: compute where it is known."""
    for name in ("flops", "tokens", "params", *runs.axes):
        if runs.states(name) and (asked is None or not len(asked) or asked.states(name)):
            return name
    raise CuveeError("no axis is stated by every run: expected params, tokens or another column.")


def _blind(law: Law, runs: Runs) -> tuple[str, ...]:
    count = mixtures(runs)
    if count < 2 or isinstance(law, MixingLaw) or getattr(law, "mixtures", False):
        return ()
    return (
        f"The runs have {count} mixtures, and this law does not see them: joint_law does, or "
        f"choose one mixture with --where.",
    )


def _far(runs: Points, points: Points, best: Optimum | None) -> tuple[str, ...]:
    if not (runs.states("params") and runs.states("tokens")):
        return ()
    most = float((FLOPS * runs.params * runs.tokens).max())
    asked = list(FLOPS * points.params * points.tokens) if len(points) else []
    factor = np.nanmax([best.flops if best else 0.0, *asked, 0.0]) / most
    notes = []
    if factor > FAR:
        times = f"{factor:,.0f}" if factor < 1e6 else f"{factor:.1e}"
        notes.append(
            f"The forecast lies {times} times beyond the compute of the largest run: the "
            f"interval holds if the law goes on holding, which nobody has seen."
        )
    if best is not None and best.open > 0.05:
        notes.append(
            f"The optimum is not identified: in {best.open:.0%} of the draws it lies more than a "
            f"factor of 100 away."
        )
    return tuple(notes)


def _at(estimate: Estimate, i: int) -> Estimate:
    return Estimate(estimate.draws[:, i, 0], estimate.unit, estimate.spread, estimate.mean[i, 0])


def _ends(estimate: Estimate, level: float) -> dict[str, float | None]:
    low, high = estimate.interval(level)
    ends = {"mean": estimate.mean, "low": low, "high": high}
    return {n: float(v) if np.isfinite(v) else None for n, v in ends.items()}
