"""Tables of plain columns that survive a pipe, and sentences, for a terminal."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers
from cuvee.report.notebook import Sheet

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
LEAST_NAME = 12
"""Columns that a name keeps; before it gets fewer, whole columns are left out."""

_ASCII = str.maketrans({"±": "+-", "…": "~", "−": "-"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        title: Its head.
        cells: Its text, row by row.
        order: The column of the highest order is left out first; 0 always stays.
        style: For `rich`.
    """

    title: str
    cells: Sequence[str]
    order: int = 0
    style: str = ""


def plain(show: Callable[[Any, "Console"], None], content: Any, width: int = 100) -> str:
    """What a printer shows, as text without colours."""
    from rich.console import Console

    file = io.StringIO()
    show(content, Console(file=file, width=width, _environ={}))
    return "\n".join(row.rstrip() for row in file.getvalue().splitlines())


def table(
    console: "Console | Sheet", title: str, head: str, names: Sequence[str],
    columns: Sequence[Column], least: int = LEAST_NAME,
) -> None:  # fmt: skip
    """A table: names at the left, cut so that the line never breaks; figures at the right."""
    if isinstance(console, Sheet):
        console.grid(title, head, names, [(c.title, list(c.cells)) for c in columns])
        return
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    sign = _signs(console)
    columns = [replace(c, title=sign(c.title), cells=[*map(sign, c.cells)]) for c in columns]
    longest = max([LEAST_NAME, *(cell_len(sign(name)) for name in names)])
    while True:
        taken = [max(map(cell_len, [c.title, *c.cells])) + GAP for c in columns]
        room = console.width - sum(taken)
        most = max(columns, key=lambda c: c.order)
        if room >= min(least, longest) or not most.order:
            break
        columns.remove(most)
    short = [sign(numbers.middle(sign(name), max(room, 4), cell_len)) for name in names]
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    grid.add_column(head, no_wrap=True)
    for column in columns:
        grid.add_column(column.title, justify="right", no_wrap=True)
    for name, *cells in zip(short, *(c.cells for c in columns)):
        grid.add_row(Text(name), *(Text(x, c.style) for x, c in zip(cells, columns)))
    console.print()
    line(console, title, "bold")
    console.print(grid)


def line(console: "Console | Sheet", text: str, style: str = "") -> None:
    """A sentence, broken where the terminal ends."""
    if isinstance(console, Sheet):
        console.sentence(text, style)
        return
    from rich.text import Text

    console.print(Text(_signs(console)(text), style), overflow="fold", highlight=False)


def _signs(console: "Console") -> Callable[[str], str]:
    """Text as the output can hold it: a terminal without Unicode gets plain letters."""
    encoding = console.encoding
    if encoding.lower().startswith("utf"):
        return lambda text: text
    return lambda text: text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
