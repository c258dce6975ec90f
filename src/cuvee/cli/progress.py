"""A progress bar on long work, on stderr, only where a person watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cuvee.engine.local import Progress as Report
from cuvee.engine.local import silent


class Rate(ProgressColumn):
    """How many a second, or a minute if that is slow; the time left stands beside it."""

    def render(self, task: Task) -> Text:
        """A fixed width, so that the bar does not jump."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text(f"{'':>9}")
        number, unit = (speed, "s") if speed >= 1 else (speed * 60, "min")
        return Text(f"{number:,.0f}/{unit}".rjust(9), "progress.data.speed")


def columns() -> tuple[ProgressColumn, ...]:
    """What a line of progress says: what, how far, how fast, and how long still."""
    return (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )


def _waits() -> Report:
    """For the log of a batch job: only for whom it waits, once each."""
    said: set[str] = set()

    def report(label: str, done: int, total: int) -> None:
        if ", waiting for" in label and label not in said:
            said.add(label)
            print(f"cuvee: {label}", file=sys.stderr, flush=True)

    return report


@contextmanager
def progress(quiet: bool) -> Iterator[Report]:
    """A callback that shows each stage as one bar; silent when piped or asked to be.

    A stage is what stands before the comma of its label; what follows may change.
    """
    console = Console(stderr=True)
    if quiet:
        yield silent
        return
    if not console.is_terminal:
        yield _waits()
        return
    with Progress(*columns(), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(label: str, done: int, total: int) -> None:
            stage = label.partition(",")[0]
            if stage not in tasks:
                tasks[stage] = bars.add_task(label, total=total)
            bars.update(tasks[stage], completed=done, total=total, description=label)

        yield report
