"""What the terminal shows of an answer."""

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers, say, trained
from cuvee.report.facts import Facts, TargetRow, Value, read
from cuvee.report.terminal import Column, line, table

if TYPE_CHECKING:
    from rich.console import Console


def as_text(answer: dict[str, Any], width: int | None = None, color: bool = False) -> str:
    """The answer as text.

    Args:
        answer: Content of `blend.json`.
        width: Columns; 80 by default, so that the same answer gives the same text.
        color: Write colour codes, unless the environment has NO_COLOR.
    """
    from rich.console import Console

    colored = color and not os.environ.get("NO_COLOR")
    console = Console(
        file=io.StringIO(),
        width=width or 80,
        force_terminal=colored,
        color_system="standard" if colored else None,
        legacy_windows=False,
        _environ={},
    )
    print_answer(answer, console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def print_answer(answer: dict[str, Any], console: "Console | None" = None) -> None:
    """Print the answer, as `cuvee blend` does.

    Args:
        answer: Content of `blend.json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    facts = read(answer)
    line(console, say.sentence(facts), "bold")
    table(console, f"Shares of the {facts.counted}" + _unmeasured(s.share for s in facts.sources),
           "source", [s.name for s in say.by_share(facts)], _share_columns(facts))  # fmt: skip
    rows = say.with_objective(facts)
    gain = f"; gain over {facts.baseline}, + is better" if facts.baseline else ""
    what = "Loss that one run reached" if facts.reached else "Predicted loss"
    table(console, f"{what}, {facts.unit}{gain}" + _unmeasured(t.loss for t in rows),
           "target", [t.name for t in rows], _loss_columns(facts, rows))  # fmt: skip
    console.print()
    for text in (say.chances(facts), say.losers(facts), say.spread(facts)):
        if text:
            line(console, text)
    trained.print_runs(answer, facts, console)
    for warning in facts.warnings:
        line(console, "Warning: " + warning, "yellow")


def _share_columns(facts: Facts) -> list[Column]:
    rows = say.by_share(facts)
    return [
        Column("share", [numbers.percent(s.share.mean) for s in rows], style="bold"),
        *_spreads([s.share for s in rows], "± %", 1, 100),
        Column(facts.counted, [numbers.tokens(s.tokens) for s in rows]),
        Column("of available", [numbers.tokens(s.available) for s in rows], 2, "dim"),
        Column("epochs", [numbers.epochs(s.epochs) for s in rows]),
    ]


def _loss_columns(facts: Facts, rows: Sequence[TargetRow]) -> list[Column]:
    columns = [
        Column("blend", [numbers.fixed(t.loss.mean) for t in rows], style="bold"),
        *_spreads([t.loss for t in rows], "±", 3, 1),
    ]
    for order, name in enumerate(facts.rivals):
        cells = [numbers.fixed(t.rivals[name].mean) for t in rows]
        columns.append(Column(name, cells, 3 + order, "dim"))
    if facts.baseline:
        columns.append(Column("gain", [numbers.signed(t.gain.mean) for t in rows], style="bold"))
        columns += _spreads([t.gain for t in rows], "±", 3, 1)
        columns.append(Column("", [t.verdict for t in rows], style="yellow"))
    return [c for c in columns if any(c.cells)]


def _spreads(values: Sequence[Value], title: str, digits: int, scale: float) -> list[Column]:
    """The column of spreads; none at all if no spread was measured."""
    if all(v.sd is None for v in values):
        return []
    return [Column(title, [numbers.spread(v.sd, digits, scale) for v in values], 1, "dim")]


def _unmeasured(values: Any) -> str:
    return " (spread not measured)" if all(v.sd is None for v in values) else ""
