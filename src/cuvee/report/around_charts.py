"""Charts of what lies around an answer: worth of sources, lines, surfaces of pairs."""

import math
from collections.abc import Sequence

from cuvee.report import numbers, svg
from cuvee.report.around_facts import Around, SourceView, Surface
from cuvee.report.charts import NARROW, WIDE, Frame
from cuvee.report.matrix import square
from cuvee.report.svg import Axis

PANELS = 24
"""Sources that get a panel of their own."""


def by_worth(around: Around) -> list[SourceView]:
    """Sources, those that buy most first; then those with the largest gain of one step more."""
    return sorted(
        around.sources, key=lambda s: (-(s.without.mean or 0.0), -(s.more.mean or -1e9), s.name)
    )


def worth_chart(around: Around, width: int = WIDE) -> str:
    """What the objective rises by without each source, and what one step more of it gives."""
    rows, narrow = by_worth(around), width < 500
    frame = Frame(
        width, 6 if narrow else 250, width - (6 if narrow else 96), 42 if narrow else 25,
        40,
    )  # fmt: skip
    ends = [x for s in rows for x in (s.without.mean, *(s.without.interval or ())) if x is not None]
    high, low = max([0.0, *ends]), min([0.0, *ends])
    axis = Axis(low, (high * 1.04) or 1.0, frame.start, frame.end)
    bottom, parts = frame.bottom(len(rows)), []
    for tick in axis.ticks(4 if narrow else 5):
        x = axis.at(tick)
        parts.append(svg.line(x, frame.top - 4, x, bottom, "zero" if tick == 0 else "grid"))
        label = numbers.fixed(tick, axis.digits(4 if narrow else 5))
        parts.append(svg.text(x, frame.top - 10, label, "tick", "middle"))
    step = numbers.percent(around.step, 0)
    if not narrow:
        parts += [svg.text(232, frame.top - 10, "share", "tick", "end"),
                  svg.text(width - 4, frame.top - 10, f"{step} more", "tick", "end")]  # fmt: skip
    for i, row in enumerate(rows):
        parts += _worth_row(frame, axis, i, row, step)
    return svg.drawing(
        parts, width, bottom + 8, f"worth-{width}",
        "What the objective rises by without each source",
    )  # fmt: skip


def _worth_row(frame: Frame, axis: Axis, i: int, row: SourceView, step: str) -> list[str]:
    y, words = frame.middle(i), frame.words(i)
    share, more = numbers.percent(row.share), numbers.signed(row.more.mean, 4)
    if row.more.mean is None:
        more = ""
    if frame.narrow:
        told = f"{step} more: {more}" if more else ""
        parts = [svg.name(0, words, row.name, frame.width - 210),
                 svg.text(frame.width - 138, words, share, "strong", "end"),
                 svg.text(frame.width - 4, words, told, "quiet", "end")]  # fmt: skip
    else:
        parts = [svg.name(0, words, row.name, 178), svg.text(232, words, share, "strong", "end"),
                 svg.text(frame.width - 4, words, more, "", "end")]  # fmt: skip
    if row.without.mean is None:
        parts.append(svg.text(axis.at(0.0) + 6, y + 4, "not used", "quiet"))
        return parts
    parts.append(svg.line(axis.at(0.0), y, axis.at(row.without.mean), y, "bar"))
    if row.without.interval is not None:
        low, high = row.without.interval
        parts.append(svg.line(axis.at(low), y, axis.at(high), y, "whisker"))
    parts.append(svg.dot(axis.at(row.without.mean), y, "blend"))
    if not frame.narrow:
        high = axis.at(max(row.without.mean, (row.without.interval or (0, 0))[1]))
        label = numbers.spread(row.without.mean)
        room = high + 10 + svg.LETTER * len(label) < frame.end
        x = high + 9 if room else axis.at(min(row.without.mean, (row.without.interval or
                                                                  (1e9, 0))[0])) - 9  # fmt: skip
        parts.append(svg.text(x, y + 4, label, "quiet", "start" if room else "end"))
    return parts


def lines_chart(around: Around, width: int = WIDE) -> str:
    """A panel a source: the objective along its share, all others in proportion."""
    rows = sorted(around.sources, key=lambda s: -s.share)[:PANELS]
    columns, tall = (2, 128) if width < 500 else (3, 142)
    across, up = reach(rows)
    parts = []
    for n, row in enumerate(rows):
        left, top = (n % columns) * width / columns, (n // columns) * tall
        parts += _panel(row, across, up, left, top, width / columns, tall)
    height = math.ceil(len(rows) / columns) * tall
    title = "The objective along the share of each source"
    return svg.drawing(parts, width, height, f"lines-{width}", title)


def reach(rows: Sequence[SourceView]) -> tuple[float, tuple[float, float]]:
    """Largest share, and changes of the objective, that all panels show.

    What a source buys at all stands in another chart; here it is what too much of one costs.
    """
    most = min(1.0, max([2.5 * max((s.share for s in rows), default=0.0), 0.2]))
    known = [[(x.share, x.change.mean) for x in s.line if x.change.mean is not None] for s in rows]
    last = [max((p for p in line if p[0] <= most), default=(0.0, 0.0))[1] for line in known]
    every = [change for line in known for _, change in line]
    high = max([0.0, *last]) or max([0.0, *every]) or 1.0
    low = min([0.0, *every])
    return most, (low - 0.08 * (high - low), 1.05 * high)


def _panel(
    row: SourceView, most: float, ends: tuple[float, float], left: float, top: float, wide: float,
    tall: float,
) -> list[str]:  # fmt: skip
    narrow = wide < 200
    across = Axis(0.0, most, left + (32 if narrow else 38), left + wide - 14)
    up = Axis(*ends, top + tall - 32, top + 26)
    share = numbers.percent(row.share)
    parts = [
        svg.name(across.start, top + 14, row.name, wide - 112),
        svg.text(across.end, top + 14, share, "strong", "end"),
    ]
    for tick in up.ticks(2):
        y = up.at(tick)
        parts.append(svg.line(across.start, y, across.end, y, "zero" if tick == 0 else "grid"))
        label = numbers.fixed(tick, up.digits(2))
        parts.append(svg.text(across.start - 5, y + 4, label, "tick", "end"))
    for tick in across.ticks(3):
        label = numbers.percent(tick, max(across.digits(3) - 2, 0))
        parts.append(svg.text(across.at(tick), up.start + 15, label, "tick", "middle"))
    if row.flat is not None and row.flat[0] < most:
        start, end = across.at(row.flat[0]), across.at(min(row.flat[1], most))
        parts.append(svg.line(start, up.start, max(end, start + 3), up.start, "flat"))
    if row.cap is not None and row.cap < most:
        x = across.at(row.cap)
        parts.append(svg.line(x, up.start, x, up.end, "drop"))
    stops = [(s.share, s.change) for s in row.line if s.change.mean is not None]
    lower = [(x, (c.interval or (c.mean, c.mean))[0]) for x, c in stops]
    upper = [(x, (c.interval or (c.mean, c.mean))[1]) for x, c in stops]
    if any(c.interval for _, c in stops):
        edge = _within(lower, most, ends[1])
        back = _within(upper, most, ends[1])
        area = [(across.at(x), up.at(y)) for x, y in [*edge, *reversed(back)]]
        parts += [svg.path(area, "band", closed=True)] if len(area) > 2 else []
    way = [(across.at(x), up.at(y)) for x, y in _within([(x, c.mean) for x, c in stops],
                                                         most, ends[1])]  # fmt: skip
    parts += [svg.path(way, "curve")] if len(way) > 1 else []
    return [*parts, svg.dot(across.at(min(row.share, most)), up.at(0.0), "blend")]


def _within(
    line: Sequence[tuple[float, float | None]], most: float, high: float
) -> list[tuple[float, float]]:
    """The stretch around the lowest point that lies within the panel, cut where it leaves."""
    known = [(x, y) for x, y in line if y is not None]
    if not known:
        return []
    low = min(range(len(known)), key=lambda i: known[i][1])
    if known[low][1] > high or known[low][0] > most:
        return []
    found = [known[low]]
    for side in (known[low + 1 :], known[:low][::-1]):
        here, part = known[low], []
        for there in side:
            t = 1.0
            if there[1] > high:
                t = min(t, (high - here[1]) / (there[1] - here[1]))
            if there[0] > most:
                t = min(t, (most - here[0]) / (there[0] - here[0]))
            if t < 1.0:
                part.append(tuple(h + t * (o - h) for h, o in zip(here, there)))
                break
            part.append(there)
            here = there
        found = [*found, *part] if side and side[0][0] > known[low][0] else [*part[::-1], *found]
    return found


def surfaces_chart(around: Around, width: int = WIDE) -> str:
    """Squares over the shares of two sources: the stronger the colour, the lower the objective."""
    shown = [s for s in around.surfaces if s.points]
    columns = 1 if width < 500 else 3
    wide = width / columns
    tall = wide + 10
    shares = {s.name: s.share for s in around.sources}
    high = max([p[2].mean or 0.0 for s in shown for p in s.points], default=0.0)
    parts: list[str] = []
    for n, one in enumerate(shown):
        left, top = (n % columns) * wide, (n // columns) * tall
        parts += _surface(one, shares, high, left, top, wide)
    height = max(1, math.ceil(len(shown) / columns)) * tall
    title = "The objective over the shares of two sources"
    return svg.drawing(parts, width, height, f"surfaces-{width}", title)


def _surface(
    one: Surface, shares: dict[str, float], high: float, left: float, top: float, wide: float
) -> list[str]:
    x0, y0, size = left + 46, top + 18, wide - 66
    (a, b), across = one.sources, sorted({p[0] for p in one.points})
    up = sorted({p[1] for p in one.points})
    edge = size / max(len(across), len(up))
    bottom = y0 + edge * len(up)
    parts = []
    for p, q, change, allowed in one.points:
        i, j = across.index(p), up.index(q)
        # Steps near the best are told apart although far ones are hundreds of times as large.
        dark = 1 - math.sqrt(max(change.mean or 0.0, 0.0) / high) if high > 0 else 0.0
        about = f"{numbers.percent(p)} {a}, {numbers.percent(q)} {b}: {numbers.signed(change.mean)}"
        about += "" if allowed else ", beyond the limits"
        parts.append(square(x0 + i * edge, bottom - (j + 1) * edge, edge, dark, about))
    for i, p in enumerate(across[::2]):
        x = x0 + (2 * i + 0.5) * edge
        parts.append(svg.text(x, bottom + 15, numbers.percent(p, 0), "tick", "middle"))
    for j, q in enumerate(up[::2]):
        y = bottom - (2 * j + 0.5) * edge
        parts.append(svg.text(x0 - 5, y + 4, numbers.percent(q, 0), "tick", "end"))
    parts.append(svg.name(x0, bottom + 32, a + " →", size))
    parts.append(svg.name(x0, y0 - 6, "↑ " + b, size))
    if a in shares and b in shares and len(across) > 1 and len(up) > 1:
        x = x0 + (shares[a] / (across[-1] or 1.0) * (len(across) - 1) + 0.5) * edge
        y = bottom - (shares[b] / (up[-1] or 1.0) * (len(up) - 1) + 0.5) * edge
        parts += [svg.dot(x, y, "here", 6), svg.dot(x, y, "blend", 3.5)]
    return parts


__all__ = ["NARROW", "WIDE", "by_worth", "lines_chart", "reach", "surfaces_chart", "worth_chart"]
