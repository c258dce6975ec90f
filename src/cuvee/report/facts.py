"""The content of `blend.json` as checked values: what text, page and card all start from."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REACH = 1e100
"""Numbers beyond it are unknown: no chart can hold them."""

_BIDI = frozenset(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its spread; None where it was not measured.

    Args:
        mean: The point estimate.
        sd: Standard deviation.
        low: Lower end of the 90% interval.
        high: Upper end.
    """

    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, if both are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What the answer says of a source.

    Args:
        name: Safe to print.
        share: Of the tokens.
        tokens: Share times budget.
        epochs: How often the source is gone through.
        available: Tokens that it holds.
        rivals: Its share under each rival.
        quarantined: Records that could not be read.
    """

    name: str
    share: Value
    tokens: float | None
    epochs: float | None
    available: float | None
    rivals: Mapping[str, float | None]
    quarantined: int


@dataclass(frozen=True, slots=True)
class TargetRow:
    """What the answer says of a target, or of the objective.

    Args:
        name: Safe to print.
        weight: In the objective.
        loss: Predicted for the blend.
        rivals: Predicted for each rival.
        gain: The baseline's loss minus the blend's: above 0 is better.
    """

    name: str
    weight: float | None
    loss: Value
    rivals: Mapping[str, Value]
    gain: Value

    @property
    def verdict(self) -> str:
        """`worse`, `unclear` if the 90% interval of the gain holds 0, or nothing."""
        ends = self.gain.interval
        if ends is not None and ends[0] <= 0 <= ends[1] and ends[0] < ends[1]:
            return "unclear"
        return "worse" if self.gain.mean is not None and self.gain.mean <= -0.0005 else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The whole answer. `baseline` is the rival that gains are counted from, "" for none.

    `from_runs`: losses come from a law fitted to runs; `reached`: they are those of one run each.
    """

    method: str
    tokens: float | None
    token: str
    unit: str
    spread: str
    kind: str
    sources: tuple[SourceRow, ...]
    targets: tuple[TargetRow, ...]
    objective: TargetRow
    rivals: tuple[str, ...]
    baseline: str
    chance: Mapping[str, float | None]
    curve: tuple[tuple[float, Value], ...]
    trials: int | None
    warnings: tuple[str, ...]
    seed: Any
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    can_rerun: bool
    from_runs: bool
    reached: bool

    @property
    def counted(self) -> str:
        """What budgets and shares are counted in, in a word."""
        return "rows" if self.token == "rows" else "tokens"

    @property
    def samples(self) -> str:
        """What sources and targets consist of; a row is a sample of one token."""
        return "rows" if self.token == "rows" else "documents"


def visible(text: object) -> str:
    """Text that cannot steer a terminal, a table or the direction of writing.

    Control characters, line ends, direction overrides and lone surrogates become `\\x1b` and the
    like; letters of every script and emoji stay.
    """
    return "".join(_escape(c) if _steers(c) else c for c in str(text))


def finite(number: object) -> float | None:
    """A float, or None for what is missing, NaN or out of reach."""
    if isinstance(number, (int, float)) and abs(number) < REACH and math.isfinite(number):
        return float(number)
    return None


def value(row: object) -> Value:
    """A `{"mean": ..., "sd": ..., "low": ..., "high": ...}` of the answer."""
    if not isinstance(row, Mapping):
        return Value(finite(row))
    return Value(*(finite(row.get(key)) for key in ("mean", "sd", "low", "high")))


def read(answer: Mapping[str, Any]) -> Facts:
    """The facts in an answer, as `Blend.to_dict` gives it; parts that are missing stay unknown."""
    rivals = dict(answer.get("rivals") or {})
    baseline = "uniform" if "uniform" in rivals else next(iter(rivals), "")
    goal = answer.get("objective") or {}
    curve = [(finite(row.get("tokens")), value(row)) for row in answer.get("curve") or ()]
    return Facts(
        method=visible(answer.get("method", "")),
        tokens=finite(answer.get("tokens")),
        token=visible(answer.get("token", "tokens")),
        unit=visible(answer.get("unit", "nats per token")),
        spread=visible(answer.get("spread", "none")),
        kind=_kind(goal),
        sources=_sources(answer, rivals),
        targets=_targets(answer, rivals, baseline),
        objective=_objective(goal, rivals, baseline),
        rivals=tuple(map(visible, rivals)),
        baseline=visible(baseline),
        chance={
            visible(n): finite(r.get("probability_blend_is_better")) for n, r in rivals.items()
        },
        curve=tuple((t, v) for t, v in curve if t is not None and t > 0 and v.mean is not None),
        trials=answer.get("trials"),
        warnings=tuple(map(visible, answer.get("warnings") or ())),
        seed=answer.get("seed"),
        versions={visible(k): visible(v) for k, v in (answer.get("versions") or {}).items()},
        settings=dict(answer.get("settings") or {}),
        can_rerun=bool(answer.get("can_rerun", True)),
        from_runs=_from_runs(answer),
        reached=(answer.get("trained") or {}).get("losses_from") == "runs",
    )


def _from_runs(answer: Mapping[str, Any]) -> bool:
    tables = (answer.get("settings") or {}).get("runs")
    by_law = (answer.get("trained") or {}).get("losses_from") == "law"
    return "best_run" in answer or by_law or (isinstance(tables, list) and bool(tables))


def _sources(answer: Mapping[str, Any], rivals: Mapping[str, Any]) -> tuple[SourceRow, ...]:
    tokens = finite(answer.get("tokens"))
    rows = []
    for name, row in (answer.get("shares") or {}).items():
        share = value(row)
        known = tokens is not None and share.mean is not None
        rows.append(
            SourceRow(
                visible(name),
                share,
                tokens * share.mean if known else None,  # type: ignore[operator]
                finite((answer.get("epochs") or {}).get(name)),
                finite((answer.get("available") or {}).get(name)),
                {visible(r): finite((x.get("shares") or {}).get(name)) for r, x in rivals.items()},
                int((answer.get("quarantined") or {}).get(name) or 0),
            )
        )
    return tuple(rows)


def _targets(
    answer: Mapping[str, Any], rivals: Mapping[str, Any], baseline: str
) -> tuple[TargetRow, ...]:
    weights = (answer.get("objective") or {}).get("weights") or {}
    rows = []
    for name, row in (answer.get("losses") or {}).items():
        others = {visible(r): value((x.get("losses") or {}).get(name)) for r, x in rivals.items()}
        stated = (rivals.get(baseline, {}).get("gains") or {}).get(name)
        gain = _gain(value(row), others.get(visible(baseline), Value()), stated)
        rows.append(TargetRow(visible(name), finite(weights.get(name)), value(row), others, gain))
    return tuple(rows)


def _objective(goal: Mapping[str, Any], rivals: Mapping[str, Any], baseline: str) -> TargetRow:
    others = {visible(name): value(row.get("objective")) for name, row in rivals.items()}
    stated = rivals.get(baseline, {}).get("objective_gain")
    gain = _gain(value(goal), others.get(visible(baseline), Value()), stated)
    return TargetRow("objective", None, value(goal), others, gain)


def _kind(goal: Mapping[str, Any]) -> str:
    """`worst`, `mean` or `weighted mean`."""
    if goal.get("kind") == "worst":
        return "worst"
    weights = {round(float(w), 9) for w in (goal.get("weights") or {}).values() if w}
    return "mean" if len(weights) <= 1 else "weighted mean"


def _gain(loss: Value, rival: Value, stated: object) -> Value:
    """The stated gain, from paired draws; else the difference, whose spread nobody knows."""
    if isinstance(stated, Mapping):
        return value(stated)
    if loss.mean is None or rival.mean is None:
        return Value()
    return Value(rival.mean - loss.mean)


def _steers(c: str) -> bool:
    return c in _BIDI or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")


def _escape(c: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(
        c, f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
    )
