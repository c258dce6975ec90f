"""Plain text as Markdown that looks the same."""

import re

CODE = re.compile(r"(`[^`]*`)")
SPECIAL = re.compile(r"([*<\[\]$~^])")


def plain(text: str) -> str:
    """Marks of Markdown are characters here; code between backticks stays code."""
    parts = CODE.split(text)
    return "".join(p if i % 2 else SPECIAL.sub(r"\\\1", p) for i, p in enumerate(parts))


def cell(text: str) -> str:
    """The same in one cell of a table."""
    return plain(" ".join(text.split())).replace("|", "\\|")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of finished cells."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
