"""Methods side by side on the same question: a table for a terminal, a page with a chart."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers, svg
from cuvee.report.facts import Value, value, visible
from cuvee.report.style import STYLE
from cuvee.report.svg import Axis
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console

ROW, TOP = 24.0, 34.0


def note(said: dict[str, Any]) -> str:
    """How the figures came about."""
    seeds = said["seeds"]
    return (
        "Loss on the half of the target documents that no method chose with; gain over equal "
        f"shares on paired draws, + is better; ± and intervals contain {seeds} seed"
        f"{'s' * (seeds != 1)} and the target documents, not the proxy's own bias. Spent: proxy "
        f"tokens that trials trained on, in budgets; {said['spend'] / said['tokens']:.4g} were "
        "allowed. Worse: targets whose 90% interval lies below 0." + _luck(said)
    )


def _luck(said: dict[str, Any]) -> str:
    """What is not in the spread where every blend was really trained."""
    if not said.get("trained"):
        return ""
    if said["seeds"] > 1:
        return " Every blend was trained once for each seed."
    return " Every blend was trained once: the luck of that run is not in ±; ask for more seeds."


def comparison_text(said: dict[str, Any], width: int = 100) -> str:
    """The comparison as text."""
    return plain(print_comparison, said, width)


def print_comparison(said: dict[str, Any], console: "Console | None" = None) -> None:
    """Print what `cuvee compare` found.

    Args:
        said: Content of `comparison.json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    rows = ranked(said)
    line(console, said["verdict"], "bold")
    gains = [value(r["objective_gain"]) for r in rows]
    columns = [
        Column("loss", [numbers.fixed(value(r["objective"]).mean) for r in rows], style="bold"),
        Column("gain", [numbers.signed(g.mean) for g in gains], style="bold"),
        Column("±", [numbers.spread(g.sd, 3) for g in gains], 1, "dim"),
        Column("", ["*" if r["method"] in said["winners"] else "" for r in rows]),
        Column("best target", [_extreme(r, max) for r in rows], 3, "dim"),
        Column("worst target", [_extreme(r, min) for r in rows], 2, "dim"),
        Column("worse", [f"{len(r['worse'])} of {len(said['targets'])}" for r in rows]),
        Column("spent", [_spent(r, said) for r in rows], 4, "dim"),
        Column("seconds", [f"{r['seconds']:.1f}" for r in rows], 5, "dim"),
    ]
    table(console, f"Loss after {numbers.tokens(said['tokens'])} tokens, {visible(said['unit'])}",
          "method", [visible(r["method"]) for r in rows], columns, 40)  # fmt: skip
    console.print()
    line(
        console, "* beats uniform by more than noise and 0.001, allowing for the number of methods."
    )
    line(console, note(said))
    for row in said["methods"]:
        if "trouble" in row:
            line(console, f"{row['method']} could not be run: {row['trouble']}", "yellow")


def ranked(said: dict[str, Any]) -> list[dict[str, Any]]:
    """Methods that ran, the best first."""
    rows = [r for r in said["methods"] if "trouble" not in r]
    return sorted(rows, key=lambda r: -(value(r["objective_gain"]).mean or 0.0))


def _extreme(row: dict[str, Any], pick: Any) -> str:
    gains = {name: value(g).mean or 0.0 for name, g in row["gains"].items()}
    name = pick(gains, key=lambda n: gains[n])
    return f"{numbers.middle(visible(name), 12)} {numbers.signed(gains[name])}"


def _spent(row: dict[str, Any], said: dict[str, Any]) -> str:
    return f"{row['spent'] / said['tokens']:.4g}"


def comparison_page(said: dict[str, Any]) -> str:
    """One self-contained page: verdict, chart of gains, losses of every target."""
    rows = ranked(said)
    troubles = "".join(
        f"<li>{escape(visible(r['method']))}: {escape(visible(r['trouble']))}</li>"
        for r in said["methods"] if "trouble" in r
    )  # fmt: skip
    extra = f"<h2>Could not be run</h2><ul>{troubles}</ul>" if troubles else ""
    title = "Methods of mixing, side by side"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}\n{MORE}</style>'
        f"</head>\n<body><main>\n<h1>{title}</h1>\n"
        f'<p class="answer">{escape(visible(said["verdict"]))}</p>\n'
        f'<p class="note">{escape(note(said))}</p>\n'
        f"<h2>Gain over equal shares, {escape(visible(said['unit']))}</h2>\n"
        f"{gain_chart(rows, said)}{gain_chart(rows, said, 400)}\n"
        f"<h2>Gain by target</h2>\n{_heat(rows, said)}\n"
        '<p class="note">Open a target for its losses and 90% intervals.</p>\n'
        f"{_by_target(rows, said)}\n"
        f"<h2>Shares</h2>\n{_grid(rows, said['sources'], 'shares')}\n{extra}"
        "</main></body></html>\n"
    )


MORE = """
main { max-width: 60rem; }
.heat { width: auto; font-size: 0.75rem; }
.heat th, .heat td { padding: 0.15rem 0.35rem; }
.heat tbody th { min-width: 0; white-space: nowrap; }
.heat th.up { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
"""


def gain_chart(
    rows: Sequence[dict[str, Any]], said: dict[str, Any], width: int = 720, target: str = ""
) -> str:
    """One row a method: loss, gain and 90% interval; what lies far out is an arrow at the edge.

    Args:
        rows: Methods.
        said: Content of `comparison.json`.
        width: Pixels.
        target: Of one target; of the objective by default.
    """
    if target:
        rows = sorted(rows, key=lambda r: -(value(r["gains"][target]).mean or 0.0))
    gains = [value(r["gains"][target] if target else r["objective_gain"]) for r in rows]
    losses = [value(r["losses"][target] if target else r["objective"]) for r in rows]
    low, high = _reach(gains)
    name = 110 if width < 500 else 170
    axis = Axis(low, high, name + 14, width - 160)
    height = TOP + ROW * len(rows) + 30
    parts = []
    for tick in axis.ticks():
        x = axis.at(tick)
        kind = "zero" if abs(tick) < 1e-12 else "grid"
        label = f"{tick:.{axis.digits()}f}"
        parts += [
            svg.line(x, TOP - 8, x, height - 26, kind),
            svg.text(x, height - 8, label, "tick", "middle"),
        ]
    for i, (row, gain, loss) in enumerate(zip(rows, gains, losses)):
        clear = gain.interval is not None and round(gain.interval[0], 3) > 0
        wins = clear if target else row["method"] in said["winners"]
        y = TOP + ROW * i + ROW / 2
        parts += _row(axis, y, row, gain, wins, (name, width))
        parts.append(svg.text(width - 112, y + 4, numbers.fixed(loss.mean), "", "end"))
    parts.append(svg.text(axis.at(0.0), TOP - 16, "equal shares", "quiet", "middle"))
    parts.append(svg.text(width - 112, TOP - 16, "loss", "quiet", "end"))
    parts.append(svg.text(width - 52, TOP - 16, "gain", "quiet", "end"))
    title = f"Gain of each method over equal shares{target and ' on '}{visible(target)}"
    place = said["targets"].index(target) if target else "all"
    return svg.drawing(parts, width, height, f"methods-{place}-{width}", title)


def _by_target(rows: Sequence[dict[str, Any]], said: dict[str, Any]) -> str:
    """A chart of each target, folded away: many of them make a long page."""
    return "\n".join(
        f"<details><summary>{escape(visible(target))}</summary>"
        f"{gain_chart(rows, said, 720, target)}{gain_chart(rows, said, 400, target)}</details>"
        for target in said["targets"]
    )


def _row(
    axis: Axis, y: float, row: dict[str, Any], gain: Value, wins: bool, room: tuple[int, int]
) -> list[str]:
    name, width = room
    bad = gain.interval is not None and round(gain.interval[1], 3) < 0
    parts = [svg.name(0, y + 4, visible(row["method"]), name, "strong" if wins else "")]
    parts.append(svg.text(width - 52, y + 4, numbers.signed(gain.mean), "strong bad" if bad
                          else "strong" if wins else "quiet", "end"))  # fmt: skip
    parts.append(svg.text(width - 46, y + 4, "worse" if bad else "better" if wins else "",
                          "bad" if bad else "quiet"))  # fmt: skip
    if gain.mean is None:
        return parts
    if gain.interval is not None:
        ends = [axis.at(x) for x in gain.interval]
        parts.append(svg.line(ends[0], y, ends[1], y, "whisker worse" if bad else "whisker"))
    if axis.holds(gain.mean):
        parts.append(svg.dot(axis.at(gain.mean), y, "blend worse" if bad else "blend"))
    else:
        parts.append(svg.beyond(gain.mean > 0, axis.at(gain.mean), y))
    return parts


def _reach(gains: Sequence[Value]) -> tuple[float, float]:
    """Room for every gain, and for losses up to three times as far."""
    ends = [x for g in gains for x in (g.mean, *(g.interval or ())) if x is not None]
    high = max([0.0, *ends])
    low = max(min([0.0, *ends]), -3 * high) if high > 0 else min([0.0, *ends])
    pad = 0.05 * (high - low) or 0.05
    return low - pad, high + pad


def _heat(rows: Sequence[dict[str, Any]], said: dict[str, Any]) -> str:
    """Gains by method and target, green to red: an average cannot hide a target that lost."""
    targets = said["targets"]
    every = [abs(value(r["gains"][t]).mean or 0.0) for r in rows for t in targets]
    scale = sorted(every)[int(0.95 * (len(every) - 1))] or 1.0
    head = "".join(f'<th class="up">{escape(visible(t))}</th>' for t in targets)
    body = []
    for row in rows:
        cells = []
        for t in targets:
            x = value(row["gains"][t]).mean or 0.0
            strength = min(abs(x) / scale, 1.0) * 0.45
            colour = "30,140,90" if x > 0 else "200,60,50"
            cells.append(f'<td style="background:rgba({colour},{strength:.2f})">'
                         f"{numbers.signed(x)}</td>")  # fmt: skip
        body.append(f"<tr><th>{escape(visible(row['method']))}</th>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table class="heat"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _grid(rows: Sequence[dict[str, Any]], names: Sequence[str], key: str) -> str:
    head = "".join(f'<th class="up">{escape(visible(n))}</th>' for n in names)
    body = []
    for row in rows:
        cells = "".join(
            f'<td style="background:rgba(70,110,200,{min(row[key][n], 1) * 0.6:.2f})">'
            f"{numbers.percent(row[key][n])}</td>" for n in names
        )  # fmt: skip
        body.append(f"<tr><th>{escape(visible(row['method']))}</th>{cells}</tr>")
    return (
        f'<div class="scroll"><table class="heat"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
