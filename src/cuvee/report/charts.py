"""The charts, each from facts to a drawing. Wide ones for a page, narrow ones for a telephone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cuvee.report import numbers, say, svg
from cuvee.report.facts import Facts, SourceRow, TargetRow, Value
from cuvee.report.svg import Axis

WIDE, NARROW = 720, 340


@dataclass(frozen=True, slots=True)
class Frame:
    """Where things stand in a chart of rows.

    Args:
        width: Of the drawing.
        start: Left edge of the plot.
        end: Its right edge.
        row: Height of a row.
        top: Above the first row.
    """

    width: int
    start: float
    end: float
    row: float
    top: float = 56

    @property
    def narrow(self) -> bool:
        """Whether names stand above the plot, not beside it."""
        return self.width < 500

    def words(self, i: int) -> float:
        """Base line of the text in row i."""
        return self.top + i * self.row + (13 if self.narrow else self.row / 2 + 4)

    def middle(self, i: int) -> float:
        """Height of the marks in row i."""
        return self.top + i * self.row + (27 if self.narrow else self.row / 2)

    def bottom(self, rows: int) -> float:
        """Lower edge of the plot."""
        return self.top + rows * self.row


def shares_chart(facts: Facts, width: int = WIDE) -> str:
    """Share of each source with its interval, the rivals' shares, tokens and epochs."""
    rows = say.by_share(facts)
    narrow = width < 500
    frame = Frame(
        width, 6 if narrow else 306, width - (112 if narrow else 150), 42 if narrow else 25
    )
    shapes = {n: i for i, n in enumerate(facts.rivals) if n in ("uniform", "natural")}
    ends = [x for s in rows for x in (s.share.mean, s.share.high, *map(s.rivals.get, shapes)) if x]
    axis = Axis(0.0, min(max(ends, default=1.0) * 1.04, 1.0), frame.start, frame.end)
    axis = axis if axis.high > 0 else Axis(0.0, 1.0, frame.start, frame.end)
    bottom = frame.bottom(len(rows))
    parts = _key(narrow, any(s.share.interval for s in rows), shapes)
    for tick in axis.ticks(4 if narrow else 5):
        x = axis.at(tick)
        parts.append(svg.line(x, frame.top - 4, x, bottom, "grid"))
        label = numbers.percent(tick, max(axis.digits() - 2, 0))
        parts.append(svg.text(x, frame.top - 10, label, "tick", "middle"))
    if not narrow:
        parts += [svg.text(width - 74, frame.top - 10, facts.counted, "tick", "end"),
                  svg.text(width - 4, frame.top - 10, "epochs", "tick", "end")]  # fmt: skip
    for i, row in enumerate(rows):
        parts += _share_row(frame, axis, i, row, shapes)
    return svg.drawing(
        parts, width, bottom + 8, f"shares-{width}", f"Shares of the {facts.counted} by source"
    )


def gains_chart(facts: Facts, width: int = WIDE) -> str:
    """Gain of the blend over the baseline, target by target, with the other rivals' gains."""
    rows = say.with_objective(facts)
    narrow = width < 500
    frame = Frame(width, 6 if narrow else 250, width - (6 if narrow else 150), 42 if narrow else 25)
    shapes = {n: i for i, n in enumerate(facts.rivals) if n != facts.baseline}
    low, high = _reach(rows, facts, shapes)
    axis = Axis(low, high, frame.start, frame.end)
    bottom = frame.bottom(len(rows))
    far = any(not axis.holds(x) for t in rows for x in _rival_gains(t, facts, shapes).values())
    parts = _key(narrow, any(t.gain.interval for t in rows), shapes, far and not narrow)
    for tick in axis.ticks(4 if narrow else 6):
        x = axis.at(tick)
        parts.append(svg.line(x, frame.top - 4, x, bottom, "grid"))
        label = numbers.signed(tick, axis.digits(4 if narrow else 6))
        parts.append(svg.text(x, frame.top - 10, label, "tick", "middle"))
    zero = axis.at(0.0)
    parts.append(svg.line(zero, frame.top - 4, zero, bottom, "zero"))
    if not narrow:
        parts += [svg.text(232, frame.top - 10, "loss", "tick", "end"),
                  svg.text(width - 72, frame.top - 10, "gain", "tick", "end")]  # fmt: skip
    for i, row in enumerate(rows):
        parts += _gain_row(frame, axis, i, row, facts, shapes)
    if zero - frame.start > 60:
        parts.append(svg.text(zero - 8, bottom + 18, "← worse", "tick", "end"))
    label = f"better than {numbers.middle(facts.baseline, 20)} →"
    parts.append(svg.text(zero + 8, bottom + 18, label, "tick"))
    if narrow and far:
        parts += [
            svg.beyond(False, 6, bottom + 36),
            svg.text(14, bottom + 40, "further out", "quiet"),
        ]
    title = f"Gain over {facts.baseline} by target, {facts.unit}"
    return svg.drawing(parts, width, bottom + (48 if narrow else 28), f"gains-{width}", title)


def curve_chart(facts: Facts, width: int = WIDE, again: tuple[float, float] | None = None) -> str:
    """The objective against the budget, on a logarithmic axis, with its 90% band.

    Args:
        facts: Of the answer.
        width: Of the drawing.
        again: Another budget, and the objective of shares chosen for it.
    """
    points = sorted(facts.curve, key=lambda p: p[0])
    height, left, right = (240, 44, width - 24) if width < 500 else (300, 52, width - 40)
    logs = [math.log(tokens) for tokens, _ in points]
    across = Axis(logs[0], logs[-1], left + 16, right)
    rival = facts.objective.rivals.get(facts.baseline, Value()).mean
    heights = [x for _, v in points for x in (v.mean, *(v.interval or ())) if x is not None]
    heights += [x for x in (rival, again and again[1]) if x is not None]
    pad = (max(heights) - min(heights)) * 0.08 or 0.05
    up = Axis(min(heights) - pad, max(heights) + pad, height - 30, 20)
    parts = []
    for tick in up.ticks(4):
        y = up.at(tick)
        parts.append(svg.line(left, y, right + 12, y, "grid"))
        parts.append(svg.text(left - 8, y + 4, numbers.fixed(tick, up.digits(4)), "tick", "end"))
    places = [(across.at(x), up.at(v.mean or 0.0)) for x, (_, v) in zip(logs, points)]
    parts += _band(points, logs, across, up)
    parts.append(svg.path(places, "curve"))
    for (x, y), (tokens, v) in zip(places, points):
        parts += _point(x, y, up, tokens, v, tokens == facts.tokens, height)
        if tokens == facts.tokens and rival is not None:
            parts += _rival_at(x, up.at(rival), y, rival, facts.baseline)
    if again is not None:
        parts.append(svg.mark(1, across.at(math.log(again[0])), up.at(again[1])))
    title = f"Predicted against {facts.counted}: {say.goal(facts)}, {facts.unit}"
    return svg.drawing(parts, width, height, f"curve-{width}", title)


def _share_row(
    frame: Frame, axis: Axis, i: int, row: SourceRow, shapes: Mapping[str, int]
) -> list[str]:
    y, words, share = frame.middle(i), frame.words(i), row.share
    bold = numbers.percent(share.mean)
    spread = "" if share.sd is None else "± " + numbers.spread(share.sd, 1, 100)
    amounts = numbers.tokens(row.tokens), numbers.epochs(row.epochs)
    parts = []
    if frame.narrow:
        parts += [svg.name(0, words, row.name, frame.width - 110),
                  svg.text(frame.width - 4, words, f"{bold} {spread}".strip(), "strong", "end"),
                  svg.text(frame.width - 4, y + 4, f"{amounts[0]} · {amounts[1]} ep.", "quiet",
                           "end")]  # fmt: skip
    else:
        parts += [svg.name(0, words, row.name, 178), svg.text(238, words, bold, "strong", "end"),
                  svg.text(246, words, spread, "quiet"),
                  svg.text(frame.width - 74, words, amounts[0], "", "end"),
                  svg.text(frame.width - 4, words, amounts[1], "", "end")]  # fmt: skip
    for name in shapes:
        if (other := row.rivals.get(name)) is not None:
            parts.append(svg.mark(shapes[name], axis.at(other), y))
    if share.mean is not None:
        parts.append(svg.line(axis.at(0.0), y, axis.at(share.mean), y, "bar"))
        parts += _whisker(axis, share, y)
        parts.append(svg.dot(axis.at(share.mean), y, "blend"))
    return parts


def _gain_row(
    frame: Frame, axis: Axis, i: int, row: TargetRow, facts: Facts, shapes: Mapping[str, int]
) -> list[str]:
    y, words = frame.middle(i), frame.words(i)
    gain, bad = numbers.signed(row.gain.mean), row.verdict == "worse"
    loud = "strong bad" if bad else "strong"
    kind = "whole" if row is facts.objective else ""
    parts = []
    if kind and not frame.narrow:
        parts.append(svg.line(0, frame.top + frame.row, frame.width, frame.top + frame.row, "rule"))
    if frame.narrow:
        parts += [svg.name(0, words, row.name, frame.width - 130, kind),
                  svg.text(frame.width - 4, words, f"{row.verdict} {gain}".strip(), loud,
                           "end")]  # fmt: skip
    else:
        parts += [svg.name(0, words, row.name, 178, kind),
                  svg.text(232, words, numbers.fixed(row.loss.mean), kind, "end"),
                  svg.text(frame.width - 72, words, gain, loud, "end"),
                  svg.text(frame.width - 62, words, row.verdict,
                           "bad" if bad else "quiet")]  # fmt: skip
    for name, other in _rival_gains(row, facts, shapes).items():
        x = axis.at(other)
        shown = svg.mark(shapes[name], x, y) if axis.holds(other) else svg.beyond(other > 0, x, y)
        parts.append(shown)
    if row.gain.mean is not None:
        parts += _whisker(axis, row.gain, y, "whisker worse" if bad else "whisker")
        parts.append(svg.dot(axis.at(row.gain.mean), y, "blend worse" if bad else "blend"))
    return parts


def _whisker(axis: Axis, number: Value, y: float, kind: str = "whisker") -> list[str]:
    if number.interval is None:
        return []
    return [svg.line(axis.at(number.interval[0]), y, axis.at(number.interval[1]), y, kind)]


def _reach(rows: Sequence[TargetRow], facts: Facts, shapes: Iterable[str]) -> tuple[float, float]:
    """Room for all gains of the blend; rivals far out do not squeeze them."""
    own = [x for t in rows for x in (t.gain.mean, *(t.gain.interval or ())) if x is not None]
    low, high = min([0.0, *own]), max([0.0, *own])
    room = 0.5 * (high - low) or 0.05
    marks = [x for t in rows for x in _rival_gains(t, facts, shapes).values()]
    near = [x for x in marks if low - room <= x <= high + room]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.05 * (high - low) or 0.05
    return low - pad, high + pad


def _rival_gains(row: TargetRow, facts: Facts, names: Iterable[str]) -> dict[str, float]:
    """How much the other rivals gain over the baseline."""
    base = row.rivals.get(facts.baseline, Value()).mean
    losses = {name: row.rivals.get(name, Value()).mean for name in names}
    return {n: base - x for n, x in losses.items() if base is not None and x is not None}


def _key(narrow: bool, interval: bool, shapes: Mapping[str, int], far: bool = False) -> list[str]:
    """What the marks mean, in one line at the top."""
    label = "90% interval" if interval else "spread not measured"
    label = f"blend, {label}" if not narrow else "blend, 90%" if interval else "blend"
    letter, gap = 6.6, 14 if narrow else 20
    parts = [svg.line(0, 12, 16, 12, "whisker")] if interval else []
    parts += [svg.dot(8, 12, "blend"), svg.text(22, 16, label, "quiet")]
    x = 22 + len(label) * letter + gap
    for name, shape in shapes.items():
        short = numbers.middle(name, 12)
        parts += [svg.mark(shape, x, 12), svg.text(x + 10, 16, short, "quiet")]
        x += 10 + len(short) * letter + gap
    if far:
        parts += [svg.beyond(False, x, 12), svg.text(x + 7, 16, "further out", "quiet")]
    return parts


def _band(
    points: Sequence[tuple[float, Value]], logs: Sequence[float], across: Axis, up: Axis
) -> list[str]:
    known = [(across.at(x), v.interval) for x, (_, v) in zip(logs, points) if v.interval]
    if len(known) < 2:
        return []
    lower = [(x, up.at(ends[0])) for x, ends in known]
    upper = [(x, up.at(ends[1])) for x, ends in known]
    return [svg.path([*lower, *reversed(upper)], "band", closed=True)]


def _point(
    x: float, y: float, up: Axis, tokens: float, loss: Value, now: bool, height: float
) -> list[str]:
    """A loss with its number above the band, and its budget below the plot."""
    above = y if loss.interval is None else min(y, up.at(loss.interval[1]))
    return [
        svg.dot(x, y, "blend", 5.5 if now else 3.5),
        svg.text(x, above - 10, numbers.fixed(loss.mean), "now" if now else "quiet", "middle"),
        svg.text(x, height - 8, numbers.tokens(tokens), "tick now" if now else "tick", "middle"),
    ]


def _rival_at(x: float, y: float, own: float, loss: float, name: str) -> list[str]:
    """The baseline's loss at the budget, beside the blend's."""
    label = f"{numbers.middle(name, 14)} {numbers.fixed(loss)}"
    parts = [] if abs(y - own) < 12 else [svg.line(x, y, x, own, "drop")]
    return [*parts, svg.line(x - 6, y, x + 6, y, "stroke"), svg.text(x + 10, y + 4, label, "quiet")]
