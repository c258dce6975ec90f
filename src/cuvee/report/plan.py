"""What a command will read, need and take, as text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cuvee.core.capacity import readable
from cuvee.report import numbers, say
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console

BUSY = 1.5
"""How much longer something takes than its own work on a machine that does much else."""
HALF_A_MINUTE = 30.0
"""Seconds below which tenths are shown."""


def plan_text(plan: Mapping[str, Any]) -> str:
    """A plan as text."""
    return plain(print_plan, plan, 80)


def print_plan(plan: Mapping[str, Any], console: "Console | None" = None) -> None:
    """Print a plan, as `--dry-run` does.

    Args:
        plan: What `Plan.to_dict` gives.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    line(console, _sentence(plan), "bold")
    sources = plan["sources"]
    table(console, f"Sources, {plan['unit']}", "source", [s["name"] for s in sources], [
        Column("tokens", [numbers.tokens(s["tokens"]["mid"]) for s in sources], style="bold"),
        Column("±", [_half(s["tokens"]) for s in sources], 1, "dim"),
        Column("documents", [numbers.tokens(s["documents"]["mid"]) for s in sources], 3),
        Column("text", [readable(s["text"]["mid"]) for s in sources], 2),
        Column("on disk", [readable(s["disk"]) for s in sources], 2),
        Column("looked at", [_looked(s) for s in sources], 4, "dim"),
    ])  # fmt: skip
    steps = [step for step in plan["steps"] if step["seconds"] >= 0.05 or step["reads"]]
    table(console, f"Steps, with {say.amount(plan['workers'], 'worker')}", "step",
          [step["what"] for step in steps], [
        Column("time", [duration(step["seconds"]) for step in steps], style="bold"),
        Column("reads", [readable(s["reads"]) if s["reads"] else "" for s in steps], 1),
    ])  # fmt: skip
    console.print()
    line(console, f"Memory: {_range(plan['memory'])}{_of(plan['free_memory'])}.")
    if plan["disk"] is not None:
        line(console, f"Disk: {_range(plan['disk'])} at the peak{_of(plan['free_disk'])}; "
                      f"{_range(plan['kept'])} stay.")  # fmt: skip
    line(console, "Nothing was written. " + _busy(plan))
    for note in plan["notes"]:
        line(console, "Note: " + note, "yellow")


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `2.5 h`."""
    if seconds < HALF_A_MINUTE:
        return f"{seconds:.1f} s"
    if seconds < 3 * 60:
        return f"{seconds:.0f} s"
    if seconds < 3 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _sentence(plan: Mapping[str, Any]) -> str:
    seconds, sources = plan["seconds"], plan["sources"]
    tokens = sum(s["tokens"]["mid"] for s in sources)
    return (
        f"cuvee {plan['command']} would take about {duration(seconds['mid'])} "
        f"({duration(seconds['low'])} to {duration(seconds['high'])}), reading "
        f"{readable(plan['reads'])} in all, for {numbers.tokens(plan['budget'])} of the "
        f"{numbers.tokens(tokens)} {plan['unit']} that {say.amount(len(sources), 'source')} "
        f"{'holds' if len(sources) == 1 else 'hold'}."
    )


def _busy(plan: Mapping[str, Any]) -> str:
    """What the times hold for."""
    work = sum(step["work"] for step in plan["steps"])
    if plan["seconds"]["mid"] < BUSY * work:
        return "Times are for this machine if it stays as quiet as it is."
    return (
        "Times are for this machine as busy as it is, or with a disk as slow; if it did nothing "
        f"else, and the files lay in memory, they would sum to {duration(work)}."
    )


def _half(number: Mapping[str, float]) -> str:
    """`3%`: half the width of a range."""
    if number["low"] == number["high"]:
        return "exact"
    return numbers.percent((number["high"] - number["low"]) / 2 / max(number["mid"], 1e-300), 0)


def _range(number: Mapping[str, float]) -> str:
    return (
        f"about {readable(number['mid'])} ({readable(number['low'])} to {readable(number['high'])})"
    )


def _looked(source: Mapping[str, Any]) -> str:
    return "all" if source["whole"] else readable(source["looked"])


def _of(free: int | None) -> str:
    return "" if free is None else f" of {readable(free)} that are free"
