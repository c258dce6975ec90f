"""What a fitted law says: text for a terminal, a page with a chart for a browser."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cuvee.core import format_tokens
from cuvee.report import numbers, svg
from cuvee.report.facts import visible
from cuvee.report.style import STYLE
from cuvee.report.svg import Axis
from cuvee.report.tables import table as html_table
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console

WIDE, NARROW = 720, 340
PARAMETERS = "Parameters of the law"
MANY = 8
"""Parameters that a terminal shows."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
WORDS = {"flops": "compute, FLOPs", "tokens": "tokens", "params": "parameters"}
Ends = Mapping[str, float | None]


def prediction_text(answer: Mapping[str, Any], width: int = 100) -> str:
    """What `cuvee predict` prints."""
    return plain(print_prediction, answer, width)


def print_prediction(answer: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print what `cuvee predict` found.

    Args:
        answer: Content of `cuvee predict --json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    line(console, title(answer), "bold")
    interval = f"{answer['level']:.0%} interval"
    for heading, head, rows in _tables(answer):
        if heading == PARAMETERS and len(rows) > MANY:
            heading, rows = f"{heading}, the first {MANY} of {len(rows)}", rows[:MANY]
        names = [name for name, *_ in rows]
        columns = [
            Column("value", [short(ends["mean"]) for _, ends, *_ in rows], style="bold"),
            Column(interval, [between(ends) for _, ends, *_ in rows]),
        ]
        if any(len(row) > 2 for row in rows):
            columns.append(Column("of the law alone", [between(row[2]) for row in rows], 1, "dim"))
        table(console, heading, head, names, columns, 24)
    notes = answer["notes"]
    if notes:
        console.print()
    for note in notes:
        line(console, visible(note), "yellow")


def law_scores_text(scores: Mapping[str, Any], width: int = 100) -> str:
    """What `cuvee predict --methods` prints."""
    return plain(print_law_scores, scores, width)


def print_law_scores(scores: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print laws side by side.

    Args:
        scores: Content of `cuvee predict --methods --json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    rows = [row for row in scores["methods"] if "trouble" not in row]
    columns = [
        Column("median error", [f"{r['error']:.2%}" for r in rows], style="bold"),
        Column("bias", [numbers.signed(100 * r["bias"], 2) + "%" for r in rows]),
        Column("coverage", [_part(r["coverage"]) for r in rows]),
        Column("width", [_part(r["width"], 1) for r in rows], 2, "dim"),
        Column("seconds", [f"{r['seconds']:.1f}" for r in rows], 3, "dim"),
    ]
    axis = WORDS.get(scores["axis"], visible(scores["axis"])).partition(",")[0]
    heading = (
        f"Forecasts of the {scores['tests']} largest runs, from {scores['fitted']} smaller ones; "
        f"{axis} x {scores['beyond']:.3g} beyond"
    )
    table(console, heading, "law", [visible(r["method"]) for r in rows], columns, 40)
    console.print()
    line(console, scores["verdict"], "bold")
    line(console, f"Error: |forecast / loss - 1|; coverage of the {scores['level']:.0%} intervals.")
    for row in scores["methods"]:
        if "trouble" in row:
            line(console, f"{visible(row['method'])} has no row: {row['trouble']}", "yellow")
    for note in scores["notes"]:
        line(console, visible(note), "yellow")


def contrast_text(answer: Mapping[str, Any], width: int = 100) -> str:
    """What `cuvee predict --against` prints."""
    return plain(print_contrast, answer, width)


def print_contrast(answer: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print two procedures compared.

    Args:
        answer: Content of `cuvee predict --against --json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    sides = [f"{visible(n)} ({count} runs)" for n, count in answer["procedures"].items()]
    line(console, f"{answer['method']}: {' against '.join(sides)}", "bold")
    rows = answer["differences"]
    columns = [
        Column("difference", [short(r["mean"]) for r in rows], style="bold"),
        Column("90% interval", [between(r) for r in rows]),
        Column("first better", [numbers.chance(r["first_better"]) for r in rows]),
    ]
    skip = ("first_better", "verdict")
    names = [point({n: v for n, v in r.items() if n not in skip}) for r in rows]
    table(console, "Loss of the first less that of the second", "at", names, columns, 40)
    console.print()
    for row in rows:
        line(console, visible(row["verdict"]) + ".")
    where = WORDS.get(answer["crossing"]["axis"], visible(answer["crossing"]["axis"]))
    line(console, f"Along {where}: {visible(answer['crossing']['verdict'])}", "bold")
    for note in answer["notes"]:
        line(console, visible(note), "yellow")


def _part(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}%}"


def title(answer: Mapping[str, Any]) -> str:
    """`chinchilla, fitted to 240 runs: losses on massivetext`."""
    runs = f"{answer['runs']} run" + ("" if answer["runs"] == 1 else "s")
    return f"{answer['method']}, fitted to {runs}: losses on {visible(answer['target'])}"


def _tables(answer: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[Any, ...]]]]:
    """Heading, head of the names, and rows of name and interval, or two of them."""
    found = []
    if answer["predictions"]:
        rows = [(point(p), p, p["law"]) for p in answer["predictions"]]
        what = "Score" if answer["unit"] == "score" else "Loss"
        found.append((f"{what} of one more run, {answer['unit']}", "at", rows))
    if "optimum" in answer:
        best = answer["optimum"]
        rows = [(name, best[name]) for name in ("params", "tokens", "loss")]
        found.append((f"Compute-optimal for {best['flops']:.3g} FLOPs", "", rows))
    if answer["parameters"]:
        rows = [(visible(n), ends) for n, ends in answer["parameters"].items()]
        found.append((PARAMETERS, "", rows))
    return found


def point(row: Mapping[str, Any]) -> str:
    """`7B params, 140B tokens`."""
    skip = ("mean", "low", "high", "law")
    words = [f"{amount(v)} {visible(n)}" for n, v in row.items() if n not in skip]
    return ", ".join(words)


def amount(value: float) -> str:
    """`7B`; small numbers as they are."""
    return format_tokens(value) if 1e3 <= value < 1e16 else f"{value:.4g}"


def short(value: float | None) -> str:
    """Four digits; large ones with a suffix."""
    if value is None:
        return "-"
    return amount(value) if abs(value) >= 1e6 else f"{value:.4g}".replace("-", numbers.MINUS)


def between(ends: Ends) -> str:
    """`2.142 to 2.203`."""
    if ends["low"] is None or ends["high"] is None:
        return "not measured"
    return f"{short(ends['low'])} to {short(ends['high'])}"


def prediction_page(answer: Mapping[str, Any], drawing: Mapping[str, Any]) -> str:
    """The chart with its tables, as one self-contained page.

    Args:
        answer: Content of `cuvee predict --json`.
        drawing: Places and losses of the runs, the law along its axis.
    """
    heading = escape(title(answer))
    notes = "".join(f"<li>{escape(visible(note))}</li>" for note in answer["notes"])
    interval = f"{answer['level']:.0%} interval"
    tables = ""
    for caption, head, rows in _tables(answer):
        more = ["of the law alone"] if any(len(row) > 2 for row in rows) else []
        cells = [
            [row[0], short(row[1]["mean"]), between(row[1]), *(between(e) for e in row[2:])]
            for row in rows
        ]
        tables += html_table(caption, [head, "value", interval, *more], cells)
    charts = "".join(_losses(answer, drawing, w) + _left(drawing, w) for w in (WIDE, NARROW))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{heading}</title><style>{STYLE}</style></head>\n<body><main>\n<h1>{heading}</h1>\n"
        f"<figure><figcaption>{escape(_caption(drawing, interval))}</figcaption>{charts}</figure>\n"
        f"{tables}\n"
        + (f'<section class="warnings"><h2>Notes</h2><ul>{notes}</ul></section>' if notes else "")
        + "</main></body></html>\n"
    )


def _caption(drawing: Mapping[str, Any], interval: str) -> str:
    along = {
        "optimal": "The curve is the law at the compute-optimal size of each budget",
        "axis": "The curve is the law",
        "none": "No curve is drawn, as the law has further axes",
    }[drawing["along"]]
    band = f", with its {interval}" if drawing["along"] != "none" else ""
    return (
        f"Each dot is a run. {along}{band}; large dots are the forecasts. Below: by how much each "
        f"run lies above or below the law; what lies further out stands at the edge."
    )


def _losses(answer: Mapping[str, Any], drawing: Mapping[str, Any], width: int) -> str:
    """Losses against the main axis, both logarithmic."""
    height, left, right = (260, 44, width - 12) if width < 500 else (360, 52, width - 16)
    asked = list(zip(drawing["asked"], answer["predictions"]))
    curve = drawing["curve"]
    logs = [math.log10(x) for x in (*drawing["x"], *drawing["asked"], *(c["x"] for c in curve))]
    heights = [*drawing["loss"], *(c["mean"] for c in curve)]
    heights += [v for _, p in asked for v in (p["mean"], p["low"], p["high"]) if v is not None]
    heights = sorted(heights)
    low, high = heights[0], heights[-1]
    across = _padded(min(logs), max(logs), left + 8, right)
    level = math.log if low > 0 else float  # scores may be 0
    up = _padded(level(low), level(high), height - 44, 16)
    parts = [
        *_decades(across, 16, height - 44),
        svg.text(
            right,
            height - 6,
            WORDS.get(drawing["axis"], visible(drawing["axis"])),
            "tick",
            "end",
        ),
    ]
    for tick in _levels(low, high):
        y = up.at(level(tick))
        parts.append(svg.line(left, y, right, y, "grid"))
        parts.append(svg.text(left - 8, y + 4, f"{tick:.3g}", "tick", "end"))
    banded = [c for c in curve if c["low"] is not None and c["high"] is not None]
    if len(banded) > 1:
        edge = [(across.at(math.log10(c["x"])), c) for c in banded]
        lower = [(x, up.at(level(c["low"]))) for x, c in edge]
        upper = [(x, up.at(level(c["high"]))) for x, c in edge]
        parts.append(svg.path([*lower, *reversed(upper)], "band", closed=True))
    for x, y in zip(drawing["x"], drawing["loss"]):
        parts.append(svg.dot(across.at(math.log10(x)), up.at(level(y)), "run", 2.4))
    if len(curve) > 1:
        way = [(across.at(math.log10(c["x"])), up.at(level(c["mean"]))) for c in curve]
        parts.append(svg.path(way, "curve"))
    for x, row in asked:
        at, y = across.at(math.log10(x)), up.at(level(row["mean"]))
        top = y
        if row["low"] is not None and row["high"] is not None:
            ends = up.at(level(row["low"])), up.at(level(row["high"]))
            parts.append(svg.line(at, ends[0], at, ends[1], "whisker"))
            top = min(ends)
        label = svg.text(at, top - 9, f"{row['mean']:.4g}", "now", "middle")
        parts += [svg.dot(at, y, "blend"), label]
    return svg.drawing(parts, width, height, f"losses-{width}", "Losses of the runs and of the law")


def _left(drawing: Mapping[str, Any], width: int) -> str:
    """By how many percent each run lies above or below the law."""
    height, left, right = (150, 44, width - 12) if width < 500 else (180, 52, width - 16)
    off = [100 * (y / f - 1) if f else 0.0 for y, f in zip(drawing["loss"], drawing["fit"])]
    logs = [math.log10(x) for x in drawing["x"]]
    ends = [math.log10(x) for x in (*drawing["asked"], *(c["x"] for c in drawing["curve"]))]
    across = _padded(min([*logs, *ends]), max([*logs, *ends]), left + 8, right)
    most = max(1e-3, max(map(abs, off)))
    usual = sorted(map(abs, off))[int(0.9 * (len(off) - 1))]
    most = min(most, max(4 * usual, 1e-3))  # those further out stand at the edge
    up = Axis(-1.08 * most, 1.08 * most, height - 30, 14)
    parts = [*_decades(across, 14, height - 30)]
    for tick in up.ticks(6):
        y = up.at(tick)
        parts.append(svg.line(left, y, right, y, "zero" if tick == 0 else "grid"))
        label = numbers.signed(tick, up.digits(6)) + "%"
        parts.append(svg.text(left - 8, y + 4, label, "tick", "end"))
    for x, y in zip(logs, off):
        parts.append(svg.dot(across.at(x), up.at(y), "run", 2.4))
    return svg.drawing(parts, width, height, f"left-{width}", "Residuals of the runs, in percent")


def _padded(low: float, high: float, start: float, end: float) -> Axis:
    pad = 0.04 * (high - low) or 0.05
    return Axis(low - pad, high + pad, start, end)


def _decades(across: Axis, top: float, bottom: float) -> list[str]:
    """Lines at powers of ten, with at most eight labels."""
    first, last = math.ceil(across.low), math.floor(across.high)
    step = max(1, math.ceil((last - first + 1) / 8))
    parts = []
    for power in range(first, last + 1):
        x = across.at(power)
        parts.append(svg.line(x, top, x, bottom, "grid"))
        if (power - first) % step == 0:
            parts.append(svg.text(x, bottom + 16, f"1e{power}", "tick", "middle"))
    return parts


def _levels(low: float, high: float) -> Sequence[float]:
    """Round losses, for a logarithmic axis where all are above 0."""
    if low <= 0 or high / low < 1.6:
        return Axis(low, high, 0, 1).ticks(5)
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    power = 10.0 ** math.floor(math.log10(low))
    return [s * p for p in (power, 10 * power, 100 * power) for s in steps if low <= s * p <= high]
