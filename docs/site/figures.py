"""A figure of the numbers behind a piece of evidence: one row a case, one dot a repetition.

Numbers of one name have one unit. So rows are drawn together if they are cases of one name, and
not if they are names of different things; single numbers are left for a list.
"""

import math
from collections.abc import Iterator
from html import escape
from typing import Any

ROWS = 14
"""More cases than this are not read from a figure."""
REPETITIONS, DOTS = 4, 60
CLOSE, FAR = 8, 50
"""Rows whose sizes differ by more are of several things; by more than `FAR` not even readable."""
AXES = {"temperatures", "sizes", "widths", "params", "tokens", "updates", "samples_seen"}
"""Where the measurements lie, not what came out."""
WIDTH, LEFT, RIGHT, STEP, TOP = 620, 210, 70, 20, 8
Rows = dict[str, list[float]]


def figure(numbers: dict[str, Any]) -> str:
    """The first group of cases that can be drawn, as an SVG in a figure; else nothing."""
    for title, rows in groups(numbers):
        return draw(title, rows)
    return ""


def single(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    """Numbers that stand alone, by name."""
    return [(words(k), show(float(v))) for k, v in numbers.items() if _numbers(v) == [v]]


def groups(numbers: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    """(what it is, case -> numbers), the tellingest first."""
    if rows := _alike(numbers):
        yield "", rows
    for name, value in numbers.items():
        if isinstance(value, dict) and value:
            yield from _cases(name, value)
    for name, value in numbers.items():
        if name not in AXES and len(found := _numbers(value)) >= REPETITIONS:
            yield name, {name: found}


def _cases(name: str, value: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    inner = list(value.values())
    if len(inner) > 1 and all(isinstance(v, dict) for v in inner):
        yield from _nested(name, value)
        return
    rows = {case: _numbers(v) for case, v in value.items()}
    if _drawn(rows) and not _counts(rows):
        yield name, rows


def _nested(name: str, value: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Two names for each number: both in one figure if they may share an axis, else the one way
    to hold one of the names fixed that leaves numbers of the same size."""
    flat = {f"{a}, {b}": _numbers(x) for a, below in value.items() for b, x in below.items()}
    if _drawn(flat) and _ratio(flat) <= CLOSE and not _counts(flat):
        yield name, flat
        return
    ways = [
        (f"{name}: {a}", {b: _numbers(x) for b, x in below.items()}) for a, below in value.items()
    ]
    first = next(iter(value.values()))
    ways += [
        (f"{name}: {b}", {a: _numbers(below.get(b)) for a, below in value.items()}) for b in first
    ]
    fit = [way for way in ways if _drawn(way[1]) and not _counts(way[1])]
    yield from sorted(fit, key=lambda way: _ratio(way[1]) > CLOSE)[:1]


def _alike(numbers: dict[str, Any]) -> Rows:
    """The whole as rows, if all of it are equally many numbers of one size: cases of one thing."""
    rows = {name: _numbers(value) for name, value in numbers.items()}
    several = all(len(v) > 1 for v in rows.values())
    return rows if several and _drawn(rows) else {}


def _drawn(rows: Rows) -> bool:
    """Equally many in each row: single numbers, or so many that they are repetitions, no tuple."""
    counts = {len(v) for v in rows.values()}
    few = len(counts) != 1 or not counts & {1, *range(REPETITIONS, DOTS + 1)}
    return 2 <= len(rows) <= ROWS and not few and _of_one_size(rows)


def _of_one_size(rows: Rows) -> bool:
    """Whether the largest row is not far above the smallest: then they may share an axis."""
    return _ratio(rows) <= FAR


def _ratio(rows: Rows) -> float:
    """Largest row over smallest, those that are 0 aside."""
    sizes = [s for v in rows.values() if (s := max(map(abs, v), default=0.0))]
    return max(sizes) / min(sizes) if sizes else 1.0


def _counts(rows: Rows) -> bool:
    """Whether these are whole numbers, of runs or documents, say: they tell how, not what."""
    every = [v for row in rows.values() for v in row]
    return all(v == round(v) for v in every) and max(map(abs, every), default=0) > 1


def _numbers(value: Any) -> list[float]:
    """Finite numbers of a value or a list of them; none of anything else."""
    values = value if isinstance(value, list) else [value]
    good = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    return [float(v) for v in values if math.isfinite(v)] if values and all(good) else []


def draw(title: str, rows: Rows) -> str:
    """Dots of each row, and a line at their mean."""
    every = [v for row in rows.values() for v in row]
    ticks = _ticks(min(every), max(every))
    low, high = min(ticks[0], min(every)), max(ticks[-1], max(every))
    height = TOP + STEP * len(rows) + 24

    def at(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / ((high - low) or 1)

    bottom = height - 20
    parts = [
        f'<path class="{"grid" if t else "zero"}" d="M{at(t):.1f} {TOP}V{bottom}"/>'
        f'<text class="tick" x="{at(t):.1f}" y="{height - 5}" text-anchor="middle">{show(t)}</text>'
        for t in ticks
    ]
    for i, (name, values) in enumerate(rows.items()):
        parts.append(_row(name, values, TOP + STEP * (i + 0.5), at))
    told = ", ".join(f"{n} {show(sum(v) / len(v))}" for n, v in rows.items())
    several = max(map(len, rows.values())) > 1
    caption = (f"{words(title)}: " if title and len(rows) > 1 else "") + (
        "one dot a repetition or case, a line at the mean" if several else "one dot a case"
    )  # fmt: skip
    return (
        f'<figure class="numbers"><figcaption>{escape(caption)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(told)}">'
        f"{''.join(parts)}</svg></figure>"
    )


def _row(name: str, values: list[float], y: float, at: Any) -> str:
    mean = sum(values) / len(values)
    dots = "".join(f'<circle class="dot" cx="{at(v):.1f}" cy="{y}" r="4"/>' for v in values)
    line = f'<line class="mean" x1="{at(mean):.1f}" x2="{at(mean):.1f}" y1="{y - 7}" y2="{y + 7}"/>'
    label = words(name)
    label = label if len(label) <= 32 else label[:31] + "…"
    return (
        f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(label)}</text>{dots}'
        f'{line if len(values) > 1 else ""}<text class="tick" x="{WIDTH - RIGHT + 12}" '
        f'y="{y + 4}">{show(mean)}</text>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Four or so round numbers around the values; 0 among them if it is near."""
    if low > 0 and low < 0.6 * high:
        low = 0.0
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / 3))
    step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 4.5)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def show(value: float) -> str:
    """Three digits."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        return text.replace("-", "−")
    return f"{value:.1e}".replace("-", "−")


def words(name: str) -> str:
    """`held_out_mse` as words."""
    return name.replace("_", " ")
