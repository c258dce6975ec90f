"""Lines that fit the terminal; unbroken where another program reads them."""

import re
import shutil
import sys
from textwrap import wrap

WIDEST = 100
"""Longer lines are hard to read, however wide the terminal."""
ITEM = re.compile(r"\w+: |- |\d+\. |\| ")
"""What begins a line of its own in a docstring: an argument, a list, a table."""


def width() -> int | None:
    """Columns to fill; None where no person watches: `grep` wants whole lines."""
    if not sys.stdout.isatty():
        return None
    return min(shutil.get_terminal_size().columns, WIDEST)


def hanging(first: str, text: str, columns: int | None) -> str:
    """`first` and then `text`, further lines of it below its beginning."""
    if columns is None:
        return first + text
    rest = " " * min(len(first), columns // 2)
    return _filled(first + text, columns, "", rest)


def reflow(docstring: str, columns: int | None) -> str:
    """A docstring with its paragraphs filled anew, its sections and lists as they are."""
    if columns is None:
        return docstring
    whole: list[tuple[int, str]] = []
    for line in docstring.splitlines():
        indent, text = len(line) - len(line.lstrip()), line.strip()
        if whole and _continues(*whole[-1], indent, text):
            start, before = whole[-1]
            whole[-1] = (start, f"{before} {text}")
        else:
            whole.append((indent, text))
    return "\n".join(_paragraph(indent, text, columns) for indent, text in whole)


def _paragraph(indent: int, text: str, columns: int) -> str:
    """A paragraph at its indent; an item's further lines stand a step to the right of it."""
    deeper = indent + 4 * bool(indent and ITEM.match(text))
    return _filled(text, columns, " " * indent, " " * deeper)


def _filled(text: str, columns: int, first: str, rest: str) -> str:
    """Broken at blanks alone: a path or a flag stays whole, to be copied."""
    return "\n".join(
        wrap(
            text, max(columns, 20), initial_indent=first, subsequent_indent=rest,
            break_on_hyphens=False, break_long_words=False,
        )
    )  # fmt: skip


def _continues(start: int, before: str, indent: int, text: str) -> bool:
    """Whether a line goes on with the one before it."""
    if not before or not text or before.endswith(":"):
        return False
    if ITEM.match(before) and indent > start:
        return True
    return indent == start and not (ITEM.match(text) and indent)
