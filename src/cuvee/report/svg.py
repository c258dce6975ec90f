"""Small parts of a drawing. Colours and fonts are classes of the page's style sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cuvee.report import numbers

LETTER = 6.7
"""Pixels of an average letter at the charts' font size."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch of numbers laid along a stretch of pixels.

    Args:
        low: First number.
        high: Last number.
        start: Where the first lies.
        end: Where the last lies.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, number: float) -> float:
        """Where a number lies; numbers outside lie at the edge."""
        span = self.high / 2 - self.low / 2
        if not span > 0:
            return (self.start + self.end) / 2
        part = (number / 2 - self.low / 2) / span
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def holds(self, number: float) -> bool:
        """Whether a number lies on it."""
        return self.low <= number <= self.high

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers, about so many."""
        span = self.high - self.low
        if not 0 < span < math.inf:
            return [self.low]
        rough = span / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next((m * power for m in (1, 2, 5) if m * power >= rough * 0.999), 10 * power)
        if not step > 0 or abs(self.low) / step > 1e9:
            return [self.low]
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def digits(self, wanted: int = 5) -> int:
        """Decimals that tell its ticks apart."""
        places = self.ticks(wanted)
        if len(places) < 2:
            return 3
        return max(0, min(6, -math.floor(math.log10(places[1] - places[0]) + 1e-9)))


def drawing(parts: Sequence[str], width: int, height: float, name: str, title: str) -> str:
    """A whole drawing; `name` is unique on the page, `title` is what a screen reader says."""
    return (
        f'<svg class="{"narrow" if width < 500 else "wide"}" viewBox="0 0 {width} {height:.0f}" '
        f'role="img" aria-labelledby="{name}">'
        f'<title id="{name}">{escape(title)}</title>{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text, escaped."""
    shown = escape(content)
    return f'<text x="{x:.1f}" y="{y:.1f}"{_kind(kind)} text-anchor="{anchor}">{shown}</text>'


def name(x: float, y: float, content: str, room: float, kind: str = "") -> str:
    """A name cut to the room in pixels; the whole of it shows on hover, also where all is seen."""
    short = numbers.middle(content, int(room / LETTER))
    hover = f"<title>{escape(numbers.middle(content, 120))}</title>"
    return f'<text x="{x:.1f}" y="{y:.1f}"{_kind("name " + kind)}>{hover}{escape(short)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<path{_kind(kind)} d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def path(points: Sequence[tuple[float, float]], kind: str, closed: bool = False) -> str:
    """A line through points, or the area within."""
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path{_kind(kind)} d="M{way}{"Z" if closed else ""}"/>'


def dot(x: float, y: float, kind: str, radius: float = 4.5) -> str:
    """A filled circle."""
    return f'<circle{_kind(kind)} cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def mark(shape: int, x: float, y: float) -> str:
    """The sign of a rival: upright stroke, diamond, square, then triangles."""
    if shape == 0:
        return line(x, y - 7, x, y + 7, "stroke")
    if shape == 1:
        return path([(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)], "mark", closed=True)
    if shape == 2:
        corners = [(x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4)]
        return path(corners, "mark", closed=True)
    return path([(x - 5, y + 4), (x, y - 5), (x + 5, y + 4)], "mark", closed=True)


def beyond(right: bool, x: float, y: float) -> str:
    """An arrow head at the edge: the mark lies further out."""
    tip = x + 3 if right else x - 3
    back = tip - 5 if right else tip + 5
    return path([(back, y - 4), (tip, y), (back, y + 4)], "beyond")


def _kind(kind: str) -> str:
    return f' class="{kind.strip()}"' if kind.strip() else ""
