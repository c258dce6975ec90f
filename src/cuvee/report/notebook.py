"""What a notebook shows of a value: the tables of the terminal as HTML, everything escaped."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, cast

from cuvee.report import numbers
from cuvee.report.facts import visible

ROWS = 60
"""Rows of a table; a notebook is no place for more."""
NAME = 80


class Sheet:
    """Takes what is printed to a terminal, as HTML."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def print(self, *_: object, **__: object) -> None:
        """Blank lines between tables are left to the browser."""

    def sentence(self, text: str, style: str) -> None:
        """A sentence."""
        content = escape(visible(text))
        inner = f"<strong>{content}</strong>" if "bold" in style else content
        self.parts.append(f'<p style="margin:0.3em 0;max-width:60em">{inner}</p>')

    def grid(
        self, title: str, head: str, names: Sequence[str], columns: Sequence[tuple[str, list[str]]]
    ) -> None:
        """A table: names at the left, figures at the right."""
        heads = "".join(_cell("th", text, "right") for text, _ in columns)
        rows = []
        for i, name in enumerate(names[:ROWS]):
            cells = "".join(_cell("td", column[i], "right") for _, column in columns)
            short = numbers.middle(visible(name), NAME)
            rows.append(f"<tr>{_cell('th', short, 'left')}{cells}</tr>")
        hidden = len(names) - ROWS
        more = f"<p>{hidden:,} more rows are not shown.</p>" if hidden > 0 else ""
        self.parts.append(
            f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
            f'<caption style="text-align:left;font-weight:600">{escape(visible(title))}</caption>'
            f"<thead><tr>{_cell('th', head, 'left')}{heads}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>{more}"
        )


def fragment(show: Callable[..., None], content: Any) -> str:
    """What a printer of this room shows, as a piece of a page.

    Args:
        show: A `print_...` of this room.
        content: What it prints.
    """
    sheet = Sheet()
    show(content, cast(Any, sheet))
    return f'<div class="cuvee">{"".join(sheet.parts)}</div>'


def _cell(tag: str, text: str, side: str) -> str:
    style = f"text-align:{side};padding:0.15em 0.6em;font-weight:{400 if tag == 'td' else 500}"
    return f'<{tag} style="{style}"><bdi>{escape(visible(text))}</bdi></{tag}>'
