"""A number for each pair of sources, as shaded squares: the stronger the colour, the more."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from cuvee.report import numbers, svg

LEAST, MOST = 10.0, 46.0
"""Edges of a square, in pixels."""
ROOM = 26.0
"""Edge from which on a square holds its number."""
PALE, DARK = 0.5, 0.9
"""How dark the darkest square is: pale ones leave their numbers readable, in light and in dark."""

Pairs = Mapping[tuple[str, str], float]
"""A number by names of row and column; pairs that were not measured are missing."""


def matrix(
    names: Sequence[str], pairs: Pairs, write: Callable[[float], str], width: int, name: str,
    title: str,
) -> str:  # fmt: skip
    """All pairs as a drawing; each square says its number on hover.

    Args:
        names: Of rows and columns, in order.
        pairs: The numbers, 0 or more.
        write: A number in a few letters.
        width: Of the drawing.
        name: Unique on the page.
        title: What a screen reader says.
    """
    label = 92 if width < 500 else 150
    edge = min(MOST, max(LEAST, (width - label - 60) / max(len(names), 1)))
    upright = edge < ROOM
    if upright:
        edge = max(LEAST, (width - label - 6) / max(len(names), 1))
    longest = min(label, 8 + svg.LETTER * max(map(len, names), default=0))
    top = longest + 8 if upright else 0.72 * longest + 16
    high = max([*pairs.values(), 0.0])
    parts = []
    for i, row in enumerate(names):
        y = top + i * edge
        short = numbers.middle(row, int((label - 8) / svg.LETTER))
        hover = f"<title>{escape(numbers.middle(row, 120))}</title>"
        parts.append(
            f'<text class="name" x="{label - 8:.1f}" y="{y + edge / 2 + 4:.1f}" text-anchor="end">'
            f"{hover}{escape(short)}</text>"
        )
        x, turn = label + i * edge + edge / 2, -90 if upright else -42
        parts.append(
            f'<text class="name" transform="translate({x + 4:.1f} {top - 6:.1f}) rotate({turn})">'
            f"{escape(short)}</text>"
        )
        for j, column in enumerate(names):
            number = pairs.get((row, column))
            if number is not None:
                part = number / high if high > 0 else 0.0
                shown = write(number) if edge >= ROOM else ""
                about = f"{row}, {column}: {write(number) or 0}"
                part *= PALE if edge >= ROOM else DARK
                parts.append(square(label + j * edge, y, edge, part, about, shown))
    height = top + len(names) * edge + 4
    return svg.drawing(parts, width, height, f"{name}-{width}", title)


def square(x: float, y: float, edge: float, part: float, about: str, shown: str = "") -> str:
    """A square, from 0 for pale to 1 for dark."""
    words = (
        f'<text class="cell" x="{x + edge / 2:.1f}" y="{y + edge / 2 + 4:.1f}" '
        f'text-anchor="middle">{escape(shown)}</text>'
        if shown
        else ""
    )
    return (
        f"<g><title>{escape(numbers.middle(about, 200))}</title>"
        f'<rect class="cell" x="{x + 0.75:.1f}" y="{y + 0.75:.1f}" width="{edge - 1.5:.1f}" '
        f'height="{edge - 1.5:.1f}" fill-opacity="{0.05 + 0.95 * min(max(part, 0.0), 1.0):.2f}"/>'
        f"{words}</g>"
    )
