"""What methods of choice got on tasks with planted faults, as text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cuvee.report import numbers, say
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console


def boards_text(boards: Mapping[str, Any]) -> str:
    """Boards as text."""
    return plain(print_boards, boards, 80)


def print_boards(boards: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print boards, as `cuvee board` does.

    Args:
        boards: What `Boards.to_dict` gives.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    for task in boards["tasks"]:
        _print_task(task, boards["level"], console)
    console.print()
    for note in boards["notes"]:
        line(console, "Note: " + note, "yellow")
    line(console, f"Hash of the boards: {boards['hash']}", "dim")


def _print_task(task: Mapping[str, Any], level: float, console: "Console") -> None:
    entries, measures = task["entries"], task["measures"]
    seeds = say.amount(len(task["seeds"]), "seed")
    title = f"{task['task']}: {task['about']} ({seeds}, higher is better)"
    several = sum(m["main"] for m in measures) > 1
    columns = [
        Column("score", [f"{e['score']['mean']:.3f}" for e in entries], style="bold"),
        Column(f"± {level:.0%}", [_half(e["score"]) for e in entries], 1, "dim"),
        Column("beside random", [_signed(e["gain"]) for e in entries]),
    ]
    for i, measure in enumerate(measures):
        if several or not measure["main"]:
            shown = [f"{e['measures'][i]['mean']:.3f}" for e in entries]
            columns.append(Column(measure["name"], shown, 2 + i, "dim"))
    table(console, title, "method", [e["name"] for e in entries], columns)
    line(console, task["sentence"], "bold")
    for measure in measures:
        if not measure["main"]:
            line(console, f"{measure['name']}: {measure['unit']}; lower is better.", "dim")


def _half(number: Mapping[str, Any]) -> str:
    if number["low"] is None:
        return numbers.UNMEASURED
    return f"{(number['high'] - number['low']) / 2:.3f}"


def _signed(number: Mapping[str, Any] | None) -> str:
    if number is None:
        return ""
    half = "" if number["low"] is None else f" ± {_half(number)}"
    return f"{number['mean']:+.3f}{half}"
