"""Numbers about data, as text; of all pairs of sources, as a heatmap."""

import math
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cuvee.report.numbers import MINUS
from cuvee.report.style import STYLE
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
CELL, LABEL, LETTER = 58, 150, 7.2
BOUNDS = {"": "", "lower": "at least ", "upper": "at most "}


def measured_text(one: Mapping[str, Any]) -> str:
    """A number as text."""
    return plain(print_measured, one, 80)


def measurements_text(many: Mapping[str, Any]) -> str:
    """Several numbers as text."""
    return plain(print_measurements, many, 100)


def pairs_text(pairs: Mapping[str, Any]) -> str:
    """All pairs as text."""
    return plain(print_pairs, pairs, 100)


def print_measured(one: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print a number, as `cuvee measure` does.

    Args:
        one: What `Measured.to_dict` gives.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    of = " and ".join(f"{n} ({size:,})" for n, size in zip(one["names"], one["sizes"]))
    said = f"{BOUNDS[one['bound']]}{number(one['value'])} {one['unit']}"
    line(console, f"{one['method']} of {of}: {said}", "bold")
    line(console, f"{one['level']:.0%} interval: {between(one)}" + _how(one))
    if one["null"] is not None:
        what = "independence" if one["asks"] == "dependence" else "no difference"
        line(console, f"Under {what} it would be {between(one['null'])} at these sizes.", "dim")
    for note in one["notes"]:
        line(console, "Note: " + note, "yellow")


def print_measurements(many: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print several numbers, as `cuvee measure --methods` does."""
    from rich.console import Console

    console = console or Console()
    rows = many["measured"]
    of = " and ".join(f"{n} ({s:,})" for n, s in zip(rows[0]["names"], rows[0]["sizes"]))
    table(console, f"Of {of}", "method", [r["method"] for r in rows], [
        Column("value", [BOUNDS[r["bound"]] + number(r["value"]) for r in rows], style="bold"),
        Column(f"{rows[0]['level']:.0%} interval", [between(r) for r in rows]),
        Column("if none", [_null(r) for r in rows], 3, "dim"),
        Column("unit", [r["unit"] for r in rows], 2, "dim"),
        Column("asks", [r["asks"] for r in rows], 1, "dim"),
    ])  # fmt: skip
    for row in rows:
        for note in row["notes"]:
            line(console, f"Note: {row['method']}: {note}", "yellow")
    for name, why in many["left_out"].items():
        line(console, f"Left out: {name}: {why}", "dim")


def print_pairs(pairs: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print a number for each pair, as `cuvee measure --pairs` does."""
    from rich.console import Console

    console = console or Console()
    names, cells = pairs["names"], _cells(pairs)
    unit = pairs["pairs"][0]["unit"]
    columns = [
        Column(name, ["" if i == j else _cell(cells, i, j) for i in range(len(names))], j)
        for j, name in enumerate(names)
    ]
    table(console, f"{pairs['method']}, {unit}", "", names, columns)
    unsure = [c for c in pairs["pairs"] if c["low"] <= 0 <= c["high"]]
    if unsure:
        said = ", ".join(f"{c['names'][0]} and {c['names'][1]}" for c in unsure[:5])
        more = f" and {len(unsure) - 5} more" if len(unsure) > 5 else ""
        line(console, f"No difference can be told: {said}{more}.", "dim")
    for note in _notes(pairs):
        line(console, "Note: " + note, "yellow")


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}".replace("-", MINUS)


def between(ends: Mapping[str, Any]) -> str:
    """`0.31 to 0.52`."""
    if math.isnan(ends["low"]):
        return "not measured"
    return f"{ends['low']:.3g} to {ends['high']:.3g}".replace("-", MINUS)


def _null(one: Mapping[str, Any]) -> str:
    return "" if one["null"] is None else between(one["null"])


def _how(one: Mapping[str, Any]) -> str:
    if one["spread"] == "exact":
        return " (exact)"
    return "" if one["spread"] == "samples" else f" ({one['spread']})"


def _notes(pairs: Mapping[str, Any]) -> list[str]:
    """Each note once, with the first pair that it is of; only its numbers differ for others."""
    kinds: dict[str, list[str]] = {}
    for cell in pairs["pairs"]:
        for note in cell["notes"]:
            said = f"{' and '.join(cell['names'])}: {note}"
            kinds.setdefault(re.sub(r"[\d.,]+", "0", note), []).append(said)
    more = (f" (And {len(said) - 1} other pairs.)" if said[1:] else "" for said in kinds.values())
    return [said[0] + others for said, others in zip(kinds.values(), more)]


def _cells(pairs: Mapping[str, Any]) -> dict[tuple[int, int], Mapping[str, Any]]:
    found = {(cell["a"], cell["b"]): cell for cell in pairs["pairs"]}
    return {(j, i): cell for (i, j), cell in found.items()} | found


def _cell(cells: Mapping[tuple[int, int], Mapping[str, Any]], i: int, j: int) -> str:
    return number(cells[i, j]["value"])


def heatmap(pairs: Mapping[str, Any]) -> str:
    """All pairs as a drawing: the darker, the more; each cell says its interval.

    Args:
        pairs: What `Pairs.to_dict` gives.
    """
    names, cells = pairs["names"], _cells(pairs)
    values = [cell["value"] for cell in cells.values()]
    low, high = min(values), max(values)
    left = min(LABEL, 12 + LETTER * max(map(len, map(_short, names))))
    size, top = left + CELL * len(names), 14 + 0.72 * LETTER * max(map(len, map(_short, names)))
    parts = []
    for i, name in enumerate(names):
        at = CELL * (i + 0.5)
        parts.append(
            f'<text class="name" x="{left - 8:g}" y="{top + at + 4:g}" text-anchor="end">'
            f"{escape(_short(name))}</text>"
            f'<text class="name" transform="translate({left + at - 4:g} {top - 8:g}) rotate(-40)">'
            f"{escape(_short(name))}</text>"
        )
        parts += [
            _square(cells[i, j], left + CELL * j, top + at - CELL / 2, low, high)
            for j in range(len(names))
            if i != j
        ]
    wide, tall = size + 0.7 * top, top + CELL * len(names) + 4
    label = escape(f"{pairs['method']} of each pair of sources")
    return (
        f'<svg class="heat" viewBox="0 0 {wide:g} {tall:g}" width="{wide:g}" role="img" '
        f'style="max-width:{wide:g}px;width:100%;height:auto" '
        f'aria-label="{label}" font-family="system-ui, sans-serif" font-size="13" '
        f'fill="currentColor">{"".join(parts)}</svg>'
    )


def _square(cell: Mapping[str, Any], x: float, y: float, low: float, high: float) -> str:
    """One pair; a number that may as well be none is put in brackets."""
    part = (cell["value"] - low) / (high - low) if high > low else 0.5
    ink = "#fff" if part > 0.55 else "currentColor"
    told = number(cell["value"]) if abs(cell["value"]) < 1e4 else f"{cell['value']:.1e}"
    told = f"({told})" if cell["low"] <= 0 <= cell["high"] else told
    about = escape(f"{' and '.join(cell['names'])}: {number(cell['value'])} ({between(cell)})")
    return (
        f'<g><title>{about}</title><rect x="{x + 1:g}" y="{y + 1:g}" width="{CELL - 2}" '
        f'height="{CELL - 2}" rx="3" fill="#0b6b62" fill-opacity="{0.06 + 0.9 * part:.3f}"/>'
        f'<text x="{x + CELL / 2:g}" y="{y + CELL / 2 + 4:g}" text-anchor="middle" font-size="12" '
        f'style="fill:{ink}">{escape(told)}</text></g>'
    )


def _short(name: str) -> str:
    most = int((LABEL - 12) / LETTER)
    return name if len(name) <= most else name[: most - 1] + "…"


def pairs_table(pairs: Mapping[str, Any]) -> str:
    """All pairs as a table, for a page."""
    rows = "".join(
        f"<tr><th scope=row>{escape(c['names'][0])}</th><td>{escape(c['names'][1])}</td>"
        f"<td>{number(c['value'])}</td><td>{between(c)}</td>"
        f"<td>{'' if c['null'] is None else between(c['null'])}</td></tr>"
        for c in pairs["pairs"]
    )
    return (
        "<table><thead><tr><th>a</th><th>b</th><th>value</th><th>interval</th>"
        f"<th>if they were alike</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def pairs_page(pairs: Mapping[str, Any]) -> str:
    """The heatmap as a page of its own: offline, no script."""
    title = f"How {len(pairs['names'])} sources differ"
    notes: Sequence[str] = _notes(pairs)
    warned = "".join(f"<li>{escape(note)}</li>" for note in notes)
    if warned:
        warned = f'<section class="warnings"><h2>Notes</h2><ul>{warned}</ul></section>'
    unit = escape(pairs["pairs"][0]["unit"])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}</style></head>\n'
        f"<body><main><h1>{title}</h1><p>{escape(pairs['method'])}, in {unit}. Numbers in brackets "
        "may as well be 0; point at a cell for its interval.</p>"
        f"<figure>{heatmap(pairs)}</figure>"
        f"<details><summary>The numbers</summary><div class=scroll>{pairs_table(pairs)}</div>"
        f"</details>{warned}</main></body></html>\n"
    )
