"""Tables of methods side by side: how they forecast runs, and what they reach."""

from typing import TYPE_CHECKING, Any

from cuvee.report import numbers
from cuvee.report.facts import finite, visible
from cuvee.report.terminal import Column, line, plain, table

if TYPE_CHECKING:
    from rich.console import Console

NOTE = (
    "Rank correlation among test runs of one scale; error in nats per token; regret of the test "
    "run that the method would choose, in nats; coverage of 90% intervals; - where the method "
    "states none. The spread (±, one standard deviation) comes from resampling the test runs."
)


def scores_text(scores: dict[str, Any], width: int = 100) -> str:
    """What `cuvee score` found, as text."""
    return plain(print_scores, scores, width)


def print_scores(scores: dict[str, Any], console: "Console | None" = None) -> None:
    """Print what `cuvee score` found.

    Args:
        scores: Content of `cuvee score --json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    rows = [row for row in scores["methods"] if "trouble" not in row]
    spread = [row.get("spread") or {} for row in rows]
    several = any("mean_loss" in row["spearman"] for row in rows)
    columns = [
        Column("Spearman", [_fixed(r["spearman"]["mean"]) for r in rows], style="bold"),
        Column("±", [_fixed(s.get("spearman")) for s in spread], 1, "dim"),
    ]
    if several:
        columns.append(
            Column("of the mean", [_fixed(r["spearman"].get("mean_loss")) for r in rows])
        )
    for order, (key, title) in enumerate(
        (("rmse", "RMSE"), ("regret", "regret"), ("coverage", "coverage")), start=2
    ):
        columns.append(Column(title, [_fixed(r[key]) for r in rows], 0))
        columns.append(Column("±", [_fixed(s.get(key)) for s in spread], order, "dim"))
    columns.append(Column("seconds", [f"{r['seconds']:.1f}" for r in rows], 6))
    tests, fitted = scores["tests"], scores["runs"]
    scales = f" at {scores['scales']} scales" if scores["scales"] > 1 else ""
    title = f"Forecasts of {tests} runs{scales}, from {fitted} others"
    table(console, title, "method", [visible(r["method"]) for r in rows], columns, 40)
    console.print()
    if scores["verdict"]:
        line(console, scores["verdict"], "bold")
    line(console, NOTE)
    for row in scores["methods"]:
        if "trouble" in row:
            line(console, f"{row['method']} has no row: {row['trouble']}", "yellow")
    if any(scores.get("left_out") or ()):
        fitted, tests = scores["left_out"]
        line(console, f"Left out for lack of a loss: {fitted} runs to fit to, {tests} test runs.",
             "yellow")  # fmt: skip


def _fixed(number: object) -> str:
    value = finite(number)
    return "-" if value is None else numbers.fixed(value)


def print_next(answer: dict[str, Any], console: "Console | None" = None) -> None:
    """Print the best run so far, and the runs to make next, if any were asked for.

    Args:
        answer: Content of `cuvee blend --runs --json`.
        console: Where to; standard output by default.
    """
    from rich.console import Console

    console = console or Console()
    best, following = answer["best_run"], answer["next_runs"]
    console.print()
    line(console, f"Best run so far: run {visible(best['run'])} with {_fixed(best['objective'])}.")
    if following:
        names = list(best["shares"])
        columns = [
            Column(str(i), [numbers.percent(row[n]) for n in names])
            for i, row in enumerate(following, start=1)
        ]
        table(console, "Runs to make next", "source", [visible(n) for n in names], columns)
